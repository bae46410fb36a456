//! `brownout stage`: the sample staging systems, to be started by a target's `launch:` or by hand.

mod social;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use brownout::stage::cowin::{self, Database, Hardened, Mode};
use brownout::stage::{Limit, Naive, Server, StageError, Terms, sms};
use brownout::units::parse_span;
use clap::{Subcommand, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::exit::Exit;

/// Run one process of a sample staging system in the foreground.
///
/// A staging system is a real server that really breaks. It knows nothing of scenarios or faults:
/// what it does under a flood follows from its pools, its queues and its upstream. Stop it with
/// Ctrl-C or SIGTERM.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    system: System,
}

#[derive(Debug, Subcommand)]
enum System {
    Cowin(Cowin),
    CowinSms(CowinSms),
    Social(social::App),
    SocialAuth(social::Auth),
    SocialNeighbour(social::Neighbour),
}

/// A vaccination portal: login by OTP, registration, slots, certificates.
///
/// Each request holds one database connection for one round trip, so by Little's law the capacity is
/// connections / round trip: 5 / (15 ms + ~1.5 ms) = about 300 requests/s, by waiting and not by
/// CPU, in both modes.
///
/// naive: one pool of workers for all routes (also /healthz), an unbounded queue in front of it,
/// and POST /otp/generate waits for the SMS gateway while it holds a worker. With a gateway that
/// takes 12 s, 50 OTPs/s need 600 workers; there are 64.
///
/// hardened: a bulkhead per route (503 and Retry-After for what does not fit), deadlines, an outbox
/// for SMS with a retry budget, and a /healthz that waits for nothing.
///
/// GET /stats shows queues and workers of either. Data are kept in SQLite and survive a restart.
///
/// Example: brownout stage cowin --listen 127.0.0.1:8100 --sms http://127.0.0.1:8200
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Cowin {
    /// Where to listen; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8100")]
    listen: SocketAddr,
    /// The SMS gateway, http://host:port
    #[arg(long, value_name = "URL")]
    sms: String,
    /// The database file; without it, one in a private temporary folder named after the port, so
    /// that a portal started again finds its data
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// How it deals with more work than it can do
    #[arg(long, value_enum, default_value_t = Behaviour::Naive)]
    mode: Behaviour,
    /// Database connections
    #[arg(long, value_name = "N", default_value = "5", value_parser = count)]
    connections: usize,
    /// What a networked database would add to a query; slept while the connection is held, since
    /// SQLite has no network
    #[arg(long, value_name = "TIME", default_value = "15ms", value_parser = duration)]
    db_round_trip: Duration,
    /// How long an OTP can be confirmed
    #[arg(long, value_name = "TIME", default_value = "180s", value_parser = duration)]
    otp_validity: Duration,

    /// Worker slots, shared by all routes
    #[arg(long, value_name = "N", default_value = "64", value_parser = count)]
    #[arg(help_heading = "Naive mode")]
    workers: usize,
    /// Memory that each request holds while it waits or is worked on, in KiB
    #[arg(
        long,
        value_name = "KIB",
        default_value = "32",
        help_heading = "Naive mode"
    )]
    session_kib: u16,
    /// When the gateway in front answers 504, while the work goes on behind it
    #[arg(long, value_name = "TIME", default_value = "29s", value_parser = duration)]
    #[arg(help_heading = "Naive mode")]
    gateway_limit: Duration,

    /// POST /otp/generate: requests worked on at a time [default: 2/5 of the connections]
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Hardened mode")]
    front_door: Option<usize>,
    /// Confirm, register, slots, each: requests worked on at a time [default: the connections]
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Hardened mode")]
    bulkhead: Option<usize>,
    /// How long a request may wait for its bulkhead before it is shed
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    queue_deadline: Duration,
    /// How long a request may take in all before it is answered 503
    #[arg(long, value_name = "TIME", default_value = "800ms", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    deadline: Duration,
    /// What Retry-After says, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    retry_after: Duration,
    /// Messages that may wait for the SMS gateway; when it is full, /otp/generate is shed
    #[arg(long, value_name = "N", default_value = "4096", value_parser = count)]
    #[arg(help_heading = "Hardened mode")]
    outbox: usize,
    /// Calls to the SMS gateway at a time; each holds a file descriptor
    #[arg(long, value_name = "N", default_value = "1536", value_parser = count)]
    #[arg(help_heading = "Hardened mode")]
    senders: usize,
    /// How long one call to the SMS gateway may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    sms_deadline: Duration,
    /// Second attempts at a message, in percent of first attempts
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "10",
        help_heading = "Hardened mode"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=100))]
    retry_budget: u32,
}

/// What a process is made to withstand.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Behaviour {
    /// As in 2021: it takes everything and waits
    Naive,
    /// Admission control, bulkheads, deadlines
    Hardened,
}

/// The SMS gateway of cowin, which is the citizen's phone as well.
///
/// POST /send {"mobile", "otp"} is accepted (202) after the latency; GET /inbox/{mobile} shows the
/// newest message, or 404. It never slows down by itself: late messages are a fault put on the link
/// towards it. Memory is bounded: 8 messages a mobile, and --capacity in all.
///
/// Example: brownout stage cowin-sms --listen 127.0.0.1:8200
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct CowinSms {
    /// Where to listen; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8200")]
    listen: SocketAddr,
    /// How long it works on a message before it answers
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = duration)]
    latency: Duration,
    /// How long a message can be read
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    keep: Duration,
    /// Messages kept in all; the oldest is dropped for a new one
    #[arg(long, value_name = "N", default_value = "100000", value_parser = count)]
    capacity: usize,
}

/// Runs the process until it is told to stop.
pub(crate) fn main(args: Args) -> Exit {
    raise_descriptor_limit();
    match run(args.system) {
        Ok(()) => Exit::Pass,
        Err(error) => {
            say(&describe(&error));
            exit_for(&error)
        }
    }
}

fn run(system: System) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    let served = runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::Start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Start)?;
        let (server, name) = match system {
            System::Cowin(portal) => portal.bind()?,
            System::CowinSms(gateway) => (sms::bind(&gateway.config())?, "cowin-sms".to_owned()),
            System::Social(app) => app.bind()?,
            System::SocialAuth(auth) => auth.bind()?,
            System::SocialNeighbour(neighbour) => neighbour.bind()?,
        };
        say(&format!("{name} listens on http://{}", server.address()));
        let told = stop.clone();
        let listener = tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            told.cancel();
        });
        let served = server.serve(stop).await;
        listener.abort();
        served.map_err(Error::from)
    });
    // A query or a name look-up may still run; nobody waits for it.
    runtime.shutdown_background();
    served
}

impl Cowin {
    fn bind(self) -> Result<(Server, String), StageError> {
        let naive = Naive {
            workers: self.workers,
            session_bytes: usize::from(self.session_kib) * 1024,
            gateway_limit: self.gateway_limit,
        };
        let (mode, name) = match self.mode {
            Behaviour::Naive => (Mode::Naive(naive), "cowin (naive)"),
            Behaviour::Hardened => (Mode::Hardened(self.hardened()), "cowin (hardened)"),
        };
        let mut config = cowin::Config::new(self.listen, self.sms, mode);
        config.database = self.db.map_or(Database::OfPort, Database::File);
        config.connections = self.connections;
        config.round_trip = self.db_round_trip;
        config.otp_validity = self.otp_validity;
        Ok((cowin::bind(config)?, name.to_owned()))
    }

    fn hardened(&self) -> Hardened {
        let mut hardened = Hardened::for_pool(self.connections);
        if let Some(front_door) = self.front_door {
            hardened.generate = Limit::concurrent(front_door);
        }
        if let Some(bulkhead) = self.bulkhead {
            let limit = Limit::concurrent(bulkhead);
            (hardened.confirm, hardened.register, hardened.slots) = (limit, limit, limit);
        }
        hardened.terms = Terms {
            queue_deadline: self.queue_deadline,
            deadline: self.deadline,
            retry_after: self.retry_after,
        };
        hardened.outbox = self.outbox;
        hardened.senders = self.senders;
        hardened.sms_deadline = self.sms_deadline;
        hardened.retry_percent = self.retry_budget;
        hardened
    }
}

impl CowinSms {
    fn config(&self) -> sms::Config {
        let mut config = sms::Config::new(self.listen);
        config.latency = self.latency;
        config.keep = self.keep;
        config.capacity = self.capacity;
        config
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error("cannot start the runtime")]
    Start(#[source] std::io::Error),
}

/// What the operator can change with a flag is bad input; the rest is ours.
fn exit_for(error: &Error) -> Exit {
    use StageError as E;
    match error {
        Error::Stage(
            E::Listen { .. } | E::Folder { .. } | E::Database { .. } | E::PeerUrl { .. },
        ) => Exit::BadInput,
        Error::Stage(_) | Error::Start(_) => Exit::Internal,
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    text
}

/// A flood opens thousands of connections, and the customary soft limit is 1024; the hard limit is
/// what the system's owner allows. Without permission the process runs with what it has.
pub(crate) fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        );
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".into()),
        Ok(number) if number > 1_000_000 => Err("at most 1000000 makes sense".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number".into()),
    }
}

/// As scenarios have it, but nothing here takes longer than a day.
fn duration(text: &str) -> Result<Duration, String> {
    let span = parse_span(text).map_err(|error| error.to_string())?;
    if span > Duration::from_secs(86_400) {
        return Err("more than a day makes no sense here".into());
    }
    Ok(span)
}

#[expect(
    clippy::print_stderr,
    reason = "the command line alone talks to people"
)]
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("15ms"), Ok(Duration::from_millis(15)));
        assert_eq!(duration("29s"), Ok(Duration::from_secs(29)));
        assert_eq!(duration("3m"), Ok(Duration::from_secs(180)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        for text in ["", "15", "ms", "-1s", "25h", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
