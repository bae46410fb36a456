//! Lines that pipe: `key=value`, always the same keys in the same order, described in the help of
//! `brownout run`.

use std::time::Duration;

use brownout::time::Offset;

use super::{Status, status::Journeys};

/// What `--help` says of the lines.
pub(crate) const HELP: &str = "\
How the run is shown while it goes on (on stderr).

`plain` prints `at_s=N event: TEXT` for each event, and a second's numbers in these columns, always all of them and in this order: \
at_s (since the start), left_s, span_s (the seconds that the counts are about: 1, or 10 where `auto` chose), phase, faults (in force, or -), \
planned (first attempts; what users do is not planned), journeys and journeys_ended (of users, or -), sent (attempts), not_sent, good, shed, errors, \
classes (the three most frequent of not_sent and errors, as CLASS:N, or -), \
p50_ms and p99_ms (of the response time from the intended start, or -), n (of how many), in_flight, lag_ms (99th percentile of how late requests were started), \
cpu (processors that brownout uses).";

pub(super) fn event(at: Offset, text: &str) -> String {
    format!(
        "at_s={:.1} event: {}",
        at.as_secs_f64(),
        text.replace('\n', " ")
    )
}

pub(super) fn line(status: &Status) -> String {
    let quantile = |q| status.response.quantile(q).map_or("-".into(), millis);
    let journeys =
        |which: fn(Journeys) -> u64| status.journeys.map_or("-".into(), |j| which(j).to_string());
    let classes = status.classes.iter().map(|(name, n)| format!("{name}:{n}"));
    format!(
        "at_s={:.0} left_s={} span_s={} phase={} faults={} planned={} journeys={} journeys_ended={} sent={} not_sent={} good={} \
         shed={} errors={} classes={} p50_ms={} p99_ms={} n={} in_flight={} lag_ms={} cpu={:.2}",
        status.at.as_secs_f64(),
        status.left().as_secs_f64().round(),
        status.seconds,
        status.phase,
        or_dash(status.faults.join(",")),
        status.planned,
        journeys(|journeys| journeys.began),
        journeys(|journeys| journeys.ended),
        status.sent,
        status.not_sent,
        status.good,
        status.shed,
        status.errors,
        or_dash(classes.collect::<Vec<_>>().join(",")),
        quantile(0.5),
        quantile(0.99),
        status.response.len(),
        status.in_flight,
        millis(status.lag),
        status.cpu,
    )
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::live::lines::tests::status;

    #[test]
    fn a_line_has_every_column() {
        let line = line(&status());
        assert_eq!(
            line,
            "at_s=23 left_s=52 span_s=1 phase=broken faults=lost,late planned=400 \
             journeys=- journeys_ended=- sent=431 not_sent=3 good=300 shed=20 errors=108 \
             classes=http_5xx:100,refused:8,not_sent_lag:3 p50_ms=2.0 p99_ms=1500.2 n=428 in_flight=12 lag_ms=1.2 cpu=0.31"
        );
        let told: Vec<&str> = line
            .split(' ')
            .filter_map(|p| p.split('=').next())
            .collect();
        for column in told {
            assert!(HELP.contains(column), "{column} is not in the help");
        }
    }

    #[test]
    fn nothing_measured_is_not_zero() {
        let mut status = status();
        (status.response, status.classes) = (Default::default(), Vec::new());
        status.faults.clear();
        let line = line(&status);
        for part in ["faults=- ", "classes=- ", "p50_ms=- ", "p99_ms=- ", "n=0 "] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let at = Offset::from_secs_f64(5.26);
        assert_eq!(event(at, "a\nb"), "at_s=5.3 event: a b");
    }
}
