//! `brownout import`: from a log or a table of rates to a scenario that re-enacts it.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use brownout::{
    import::{
        FieldNames, Format, ImportError, Input, Settings, Skeleton, SkeletonFile, Stamp, Traffic,
        parse_stamp, read, skeleton,
    },
    units::parse_span,
};

use crate::cli::{exit::Exit, talk};

/// Turn recorded traffic into curves and a scenario that re-enacts it.
///
/// Reads access logs (common, combined, or of an AWS load balancer), JSON lines (nginx, Caddy,
/// Traefik, Envoy, ... or any with the fields named), a Prometheus range query's answer, a CSV
/// table of rates, or a list of times. Ids in paths become `:id`, so that requests fall into few
/// routes; each becomes a population with its own curve. Lines that cannot be read are counted and
/// the first few are shown.
///
/// Exit codes: 0 imported; 2 a file or flag is wrong, or no line is good.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  brownout import /var/log/nginx/access.log -o replay    # then fill in replay/scenario.yaml
  brownout import access.log.1 access.log --from 2021-04-28T16:00:00+05:30 --bin 10s -o replay
  zcat access.log.*.gz | brownout import - > replay.yaml
  brownout import app.jsonl --time req.at --path req.url --method req.verb -o replay
  curl -s 'localhost:9090/api/v1/query_range?query=sum by (route) (rate(http_requests_total[1m]))&start=...&end=...&step=60' |
    brownout import - -o replay")]
pub(crate) struct Args {
    /// Logs (several become one), or one table of rates; `-` reads stdin.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write scenario.yaml, target.yaml and curves/*.csv into this folder; without it one scenario
    /// goes to stdout, with coarser curves in itself.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What the files are, if their first lines do not tell.
    #[arg(long, value_enum)]
    format: Option<Kind>,
    /// Width of a bin in whole seconds; a rate is the count over it. By default it follows from the
    /// length of the log.
    #[arg(long, value_name = "SPAN", value_parser = bin)]
    bin: Option<Duration>,
    /// Only what came at this time or later: RFC 3339, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = stamp)]
    from: Option<Stamp>,
    /// Only what came before this time.
    #[arg(long, value_name = "TIME", value_parser = stamp)]
    to: Option<Stamp>,
    /// How many routes become populations; the rest is `other`.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    routes: u16,
    /// Name of the scenario.
    #[arg(long, value_name = "NAME", default_value = "replay", value_parser = name)]
    name: String,
    /// Name of the service that the requests go to.
    #[arg(long, value_name = "NAME", default_value = "web", value_parser = name)]
    service: String,
    #[command(flatten)]
    fields: Fields,
}

/// Fields of JSON lines; dots lead into objects.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fields of JSON lines (dots lead into objects: request.uri)")]
struct Fields {
    /// The request's time.
    #[arg(long, value_name = "FIELD")]
    time: Option<String>,
    /// Its method (GET if there is none).
    #[arg(long, value_name = "FIELD")]
    method: Option<String>,
    /// Its path or URL.
    #[arg(long, value_name = "FIELD")]
    path: Option<String>,
    /// Its first line (`GET /a HTTP/1.1`), in place of method and path.
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["path", "method"])]
    request: Option<String>,
    /// The status of its answer.
    #[arg(long, value_name = "FIELD")]
    status: Option<String>,
}

/// The formats by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Common or combined access log, or an AWS load balancer's.
    Access,
    /// JSON objects, one a line.
    Jsonl,
    /// The answer to a Prometheus range query.
    Prometheus,
    /// A table: time, and a column of rates for each kind of traffic.
    Csv,
    /// Times, one a line.
    Times,
}

/// Curves in a scenario's own words have to stay readable.
const MOST_INLINE: usize = 60;
/// A day in bins of a minute, and a little more.
const MOST_BINS: usize = 1_500;

pub(crate) fn main(args: &Args) -> Exit {
    if let Some(folder) = &args.output
        && folder.join("scenario.yaml").exists()
    {
        talk::error(
            &format!(
                "{} is there already",
                folder.join("scenario.yaml").display()
            ),
            Some("choose another folder: what you filled in is not overwritten"),
        );
        return Exit::BadInput;
    }
    let traffic = match inputs(&args.files).and_then(|inputs| read(inputs, &args.settings())) {
        Ok(traffic) => traffic,
        Err(error) => {
            talk::error(&error.to_string(), error.hint().as_deref());
            return Exit::BadInput;
        }
    };
    tell(&traffic);
    let files = skeleton(
        &traffic,
        &Skeleton {
            scenario: args.name.clone(),
            service: args.service.clone(),
            inline: args.output.is_none(),
        },
    );
    let Some(folder) = &args.output else {
        return files
            .first()
            .map_or(Exit::Internal, |file| talk::data(&file.text));
    };
    if let Err(error) = write(folder, &files) {
        talk::error(
            &format!("cannot write into {}: {error}", folder.display()),
            None,
        );
        return Exit::BadInput;
    }
    let scenario = folder.join("scenario.yaml");
    talk::note(&format!(
        "wrote {}, target.yaml and {} curves; fill in what is marked, then: brownout plan {}",
        scenario.display(),
        traffic.ways.len(),
        scenario.display()
    ));
    Exit::Pass
}

impl Args {
    fn settings(&self) -> Settings {
        let fields = &self.fields;
        Settings {
            format: self.format.map(|kind| match kind {
                Kind::Access => Format::Access,
                Kind::Jsonl => Format::JsonLines,
                Kind::Prometheus => Format::Prometheus,
                Kind::Csv => Format::Csv,
                Kind::Times => Format::Times,
            }),
            fields: FieldNames {
                time: fields.time.clone(),
                method: fields.method.clone(),
                path: fields.path.clone(),
                request: fields.request.clone(),
                status: fields.status.clone(),
            },
            bin: self.bin,
            most_bins: match self.output {
                Some(_) => MOST_BINS,
                None => MOST_INLINE,
            },
            most_routes: usize::from(self.routes),
            from: self.from,
            to: self.to,
        }
    }
}

fn inputs(files: &[PathBuf]) -> Result<Vec<Input>, ImportError> {
    files
        .iter()
        .map(|path| {
            if path.as_os_str() == "-" {
                return Ok(Input {
                    name: "stdin".to_owned(),
                    reader: Box::new(io::stdin()),
                });
            }
            let name = path.display().to_string();
            match File::open(path) {
                Ok(file) => Ok(Input {
                    name,
                    reader: Box::new(file),
                }),
                Err(source) => Err(ImportError::Read { name, source }),
            }
        })
        .collect()
}

/// What was read, and what was not.
fn tell(traffic: &Traffic) {
    for line in &traffic.shown {
        talk::note(&format!(
            "{}:{}: {}: {}",
            line.name, line.number, line.reason, line.text
        ));
    }
    let more = traffic.bad.saturating_sub(traffic.shown.len() as u64);
    if more > 0 && !traffic.shown.is_empty() {
        talk::note(&format!("and {more} more bad lines"));
    }
    let points = match traffic.format.is_log() {
        true => "lines",
        false => "points",
    };
    talk::note(&format!(
        "{}: {} good {points}, {} bad, {} outside the wanted time",
        traffic.format.name(),
        traffic.good,
        traffic.bad,
        traffic.outside
    ));
    if let Some((at, rate)) = traffic.busiest_bin() {
        talk::note(&format!(
            "{} to {}: {} bins of {}, the highest {:.1}/s at {at}",
            traffic.from,
            traffic.to,
            traffic.bins,
            brownout::units::Span(traffic.bin),
            rate
        ));
    }
    if let Some((at, count)) = traffic.peak {
        talk::note(&format!("the busiest second: {count} requests at {at}"));
    }
}

fn write(folder: &Path, files: &[SkeletonFile]) -> io::Result<()> {
    for file in files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, &file.text)?;
    }
    Ok(())
}

/// A span of whole seconds.
fn bin(text: &str) -> Result<Duration, String> {
    let bin = parse_span(text).map_err(|error| error.to_string())?;
    if bin.is_zero() || bin.subsec_nanos() > 0 {
        return Err("a bin is a whole number of seconds, at least one".to_owned());
    }
    Ok(bin)
}

fn stamp(text: &str) -> Result<Stamp, String> {
    parse_stamp(text).ok_or_else(|| {
        format!("`{text}` is not a time: write `2021-04-28T16:00:00+05:30` or seconds since 1970")
    })
}

/// A name as scenario files have them.
fn name(text: &str) -> Result<String, String> {
    let good = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    good.then(|| text.to_owned()).ok_or_else(|| {
        "a name has letters, digits, `_` and `-`, begins with a letter, and is at most 64 long"
            .to_owned()
    })
}
