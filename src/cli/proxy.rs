//! `brownout proxy`: TCP proxies with faults, driven by Toxiproxy's HTTP API.

use std::{
    ffi::OsString,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use brownout::{
    fault::toxiproxy::{Exposed, Gate, Server, Settings, Times, read_config},
    guard::Guard,
    seed::Seed,
};
use ipnet::IpNet;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{exit::Exit, stage::raise_descriptor_limit, talk};

/// Run TCP proxies that add faults, driven over HTTP as Toxiproxy is
///
/// It speaks Toxiproxy's API (2.12), reads its configuration file and takes its flags (also with
/// one dash), so its clients and tools work unchanged; docs/proxy.md says what it does better.
/// A target's link can lead through it (`via: toxiproxy http://127.0.0.1:8474`). Stop it with Ctrl-C.
///
/// Example: brownout proxy --config toxiproxy.json --proxy-metrics
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where the API listens, a name or an address
    #[arg(long, default_value = "localhost")]
    host: String,
    /// The API's port; 0 takes any free port
    #[arg(long, default_value_t = 8474)]
    port: u16,
    /// A JSON list of proxies: [{"name", "listen", "upstream", "enabled"}]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Decides which connections a toxicity below 1 meets, and all jitter
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Tell about proxies on /metrics
    #[arg(long)]
    proxy_metrics: bool,
    /// Tell about this process on /metrics
    #[arg(long)]
    runtime_metrics: bool,
    /// Networks that proxies may lead to, beside loopback and private ones (may be repeated)
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<IpNet>,
    /// Ask for `Authorization: Bearer TOKEN` with each request
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BROWNOUT_PROXY_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// Serve beyond loopback without a token: whoever reaches the API may use it
    #[arg(long, conflicts_with = "token")]
    without_token: bool,
}

/// Flags that Go's parser takes with one dash as well as with two.
const GO_FLAGS: [&str; 6] = [
    "host",
    "port",
    "config",
    "seed",
    "proxy-metrics",
    "runtime-metrics",
];

/// The arguments, with `-config FILE` read as `--config FILE` behind `brownout proxy`.
pub(crate) fn with_go_flags(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.collect();
    if all.get(1).is_none_or(|command| command != "proxy") {
        return all;
    }
    for argument in &mut all[2..] {
        let text = argument.to_string_lossy();
        let Some(rest) = text.strip_prefix('-') else {
            continue;
        };
        let name = rest.split('=').next().unwrap_or(rest);
        if GO_FLAGS.contains(&name) {
            *argument = format!("-{text}").into();
        }
    }
    all
}

/// Runs the server until it is told to stop.
pub(crate) fn main(args: Args) -> Exit {
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(serve(args));
            // a look-up of a name may still run; nobody waits for it
            runtime.shutdown_background();
            exit
        }
        Err(error) => Err((
            Exit::Internal,
            format!("cannot start the runtime: {error}"),
            "",
        )),
    };
    exit.map_or_else(
        |(exit, message, hint)| {
            talk::error(&message, (!hint.is_empty()).then_some(hint));
            exit
        },
        |()| Exit::Pass,
    )
}

type Failure = (Exit, String, &'static str);

async fn serve(args: Args) -> Result<(), Failure> {
    let listen = resolve(&args.host, args.port)?;
    let gate = Gate::new(listen, args.token, args.without_token).map_err(|Exposed(addr)| {
        (
            Exit::BadInput,
            Exposed(addr).to_string(),
            "give --token TOKEN, or --without-token if the network is trusted",
        )
    })?;
    let mut guard = Guard::private();
    guard.allow.extend(args.allow);
    let server = Server::bind(Settings {
        listen,
        gate,
        guard,
        seed: Seed(args.seed),
        proxy_metrics: args.proxy_metrics,
        runtime_metrics: args.runtime_metrics,
        times: Times::default(),
    });
    let server = server.await.map_err(|error| {
        let message = format!("cannot listen on {listen}: {error}");
        (Exit::BadInput, message, "another port: --port N")
    })?;
    if let Some(path) = &args.config {
        load(&server, path).await;
    }
    let started = |error: std::io::Error| (Exit::Internal, format!("cannot serve: {error}"), "");
    let mut interrupt = signal(SignalKind::interrupt()).map_err(started)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(started)?;
    talk::note(&format!("brownout proxy: API on http://{}", server.addr()));
    let stop = CancellationToken::new();
    let told = stop.clone();
    let listening = tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        told.cancel();
    });
    server.serve(stop, talk::note).await;
    listening.abort();
    Ok(())
}

/// As in Toxiproxy, what is wrong with the file is said and the server starts nevertheless.
async fn load(server: &Server, path: &std::path::Path) {
    let shown = path.display();
    match read_config(path) {
        Err(error) => talk::error(&format!("{shown} {error}"), None),
        Ok(list) => {
            let (count, wrong) = server.load(list).await;
            for error in wrong {
                talk::error(&format!("{shown}: {error}"), None);
            }
            talk::note(&format!("{shown}: {count} proxies"));
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    let failed = |detail: String| {
        let message = format!("--host {host}: {detail}");
        (Exit::BadInput, message, "such as --host 127.0.0.1")
    };
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let found = (host, port).to_socket_addrs();
    let mut found: Vec<SocketAddr> = found.map_err(|error| failed(error.to_string()))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found
        .first()
        .copied()
        .ok_or_else(|| failed("no such host".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_may_be_written_as_go_has_them() {
        let read = |text: &str| {
            let words = text.split(' ').map(OsString::from);
            let words = with_go_flags(words).into_iter();
            let words: Vec<_> = words
                .map(|word| word.into_string().expect("text"))
                .collect();
            words.join(" ")
        };
        assert_eq!(
            read("brownout proxy -host 0.0.0.0 -config=a.json --port 1 -proxy-metrics -h"),
            "brownout proxy --host 0.0.0.0 --config=a.json --port 1 --proxy-metrics -h"
        );
        assert_eq!(read("brownout run -host x"), "brownout run -host x");
    }
}
