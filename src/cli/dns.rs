//! `brownout dns`: the fault DNS server by itself.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use brownout::{
    diagnostic::Source,
    fault::{BindError, NameFault, NameServer},
    guard::Guard,
    plan, scenario,
    scenario::model::DnsEffect,
    target,
    units::Ratio,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{exit::Exit, files, talk};

/// Answer for the names of a target, with faults if you like, until Ctrl-C.
///
/// It answers over UDP and TCP for the zones under `dns:` in the target file, and asks the system's
/// resolver (and the hosts file) about every other name. Nothing else of the target is touched.
///
/// A fault is what may stand under `dns:` in a scenario, then the name that it is put in at (all
/// names below are meant too), then perhaps the share of questions that it meets:
///
///   --fault 'servfail cowin.test'
///   --fault 'drop portal.cowin.test 30%'
///   --fault '{delay: 1s..3s} sms.cowin.test'
///   --fault '{wrong: 192.0.2.1, ttl: 300s} portal.cowin.test'
///   --fault '{answer: drop, servers: 1} .'       with two --listen: the first of them is dead
///
/// Ask it:             dig @127.0.0.1 -p 5353 portal.cowin.test
/// See who lied:       dig shows `EDE: 0 (Other): (brownout fault ...)` where a fault answered.
/// Point a program at it: resolvers want port 53. As root, listen on a spare loopback address,
///   --listen 127.53.0.1:53, and say `nameserver 127.53.0.1` in the program's resolv.conf; a target
///   says `resolver: brownout` for a process that brownout launches, and has it done.
///
/// Exit codes: 0 ended by Ctrl-C or SIGTERM; 2 a file, a fault or an address is wrong.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The target file.
    target: PathBuf,
    /// Where to listen; given several times, several servers answer. Port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5353")]
    listen: Vec<SocketAddr>,
    /// A fault: WHAT NAME [SHARE].
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<String>,
    /// Print a line for each question.
    #[arg(long)]
    log: bool,
}

pub(crate) fn main(args: &Args) -> Exit {
    match prepare(args) {
        Ok(server) => serve(&server),
        Err(exit) => exit,
    }
}

fn prepare(args: &Args) -> Result<NameServer, Exit> {
    let target = match target::load(&args.target, &|name| std::env::var(name).ok()) {
        Ok((target, warnings)) => {
            files::tell(&warnings);
            target
        }
        Err(mistakes) => {
            files::tell(&mistakes);
            return Err(Exit::BadInput);
        }
    };
    let mut faults = Vec::new();
    for text in &args.faults {
        faults.push(fault(text, &target.guard)?);
    }
    for addr in &args.listen {
        if let Err(blocked) = target.guard.check(*addr) {
            let hint = "a resolver that others can reach is abused: listen on loopback";
            return Err(refuse(&format!("--listen {blocked}"), Some(hint)));
        }
    }
    let zones = plan::zones(&target.zones);
    let log = args.log.then_some(print_line);
    let server = NameServer::bind(&zones, &args.listen, &faults, log).map_err(|error| {
        let hint = match &error {
            BindError::Dns { addr, .. } if addr.port() < 1024 => {
                "ports below 1024 need root, or another port: --listen 127.0.0.1:5353"
            }
            _ => "another program may have it (`ss -lunp` shows which); --listen takes another",
        };
        refuse(&error.to_string(), Some(hint))
    })?;
    for zone in &zones {
        let names = zone.records.len();
        talk::note(&format!("answers for {}: {names} names", zone.name));
    }
    for addr in server.addrs() {
        talk::note(&format!("listens on {addr}, UDP and TCP"));
    }
    for fault in &faults {
        talk::note(&format!(
            "fault {}: {} at {}",
            fault.name, fault.effect, fault.at
        ));
    }
    talk::note("asks the system's resolver about other names; Ctrl-C ends it");
    Ok(server)
}

/// Prints a line of the log. Whether anybody reads it is nothing to those who ask.
fn print_line(line: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn refuse(message: &str, hint: Option<&str>) -> Exit {
    talk::error(message, hint);
    Exit::BadInput
}

/// Reads `WHAT NAME [SHARE]`.
fn fault(text: &str, guard: &Guard) -> Result<NameFault, Exit> {
    const FORM: &str = "a fault is WHAT NAME [SHARE]: --fault 'servfail cowin.test 30%'";
    let wrong = |message: &str| refuse(&format!("--fault '{text}': {message}"), Some(FORM));
    let mut rest = text.trim();
    let mut last = || {
        let (before, word) = rest.rsplit_once(char::is_whitespace)?;
        rest = before.trim_end();
        Some(word.to_owned())
    };
    let mut word = last().ok_or_else(|| wrong("a name is missing"))?;
    let mut share = Ratio::ONE;
    if word.ends_with('%') {
        share = word.parse().map_err(|error| wrong(&format!("{error}")))?;
        word = last().ok_or_else(|| wrong("a name is missing"))?;
    }
    let effect = effect(rest)?;
    if let Some(stranger) = plan::strangers(&effect, guard).first() {
        let message = format!("--fault '{text}': {stranger} lies outside `guard.allow`");
        return Err(refuse(&message, Some(plan::NOBODY)));
    }
    Ok(NameFault {
        name: text.trim().to_owned(),
        at: word,
        share,
        effect,
    })
}

fn effect(text: &str) -> Result<DnsEffect, Exit> {
    scenario::dns_effect(Source::new(Path::new("--fault"), text)).map_err(|mistakes| {
        files::tell(&mistakes);
        Exit::BadInput
    })
}

fn serve(server: &NameServer) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            server.shut_down().await;
            Ok(())
        })
    });
    for (fault, hits) in server.hits() {
        talk::note(&format!("fault {fault} met {hits} questions"));
    }
    match served {
        Ok(()) => Exit::Pass,
        Err(error) => {
            talk::error(&format!("cannot wait for signals: {error}"), None);
            Exit::Internal
        }
    }
}
