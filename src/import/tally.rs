//! Entries become traffic: counted by route, bin and second.

use std::time::Duration;

use super::{
    bins::Bins,
    entry::{Bad, Entry, FAR},
    error::ImportError,
    format::Format,
    moments::Moments,
    routes::{OTHER, Routes, Seen},
    stamp::Stamp,
    traffic::{BadLine, Traffic, Way, beginning},
};

/// So many bad lines are shown.
const SHOWN: usize = 5;

/// The part of a log that is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) from: Option<Stamp>,
    pub(super) to: Option<Stamp>,
}

impl Within {
    pub(super) fn has(&self, at: Stamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// Counts entries.
#[derive(Debug)]
pub(super) struct Tally {
    within: Within,
    bins: Bins,
    moments: Moments,
    routes: Routes,
    anchor: Option<Stamp>,
    range: Option<(Stamp, Stamp)>,
    pub(super) good: u64,
    pub(super) outside: u64,
    pub(super) bad: u64,
    pub(super) shown: Vec<BadLine>,
}

impl Tally {
    pub(super) fn new(bin: Option<Duration>, most_bins: usize, within: Within) -> Self {
        Self {
            within,
            bins: Bins::new(bin, most_bins),
            moments: Moments::default(),
            routes: Routes::new(),
            anchor: None,
            range: None,
            good: 0,
            outside: 0,
            bad: 0,
            shown: Vec::new(),
        }
    }

    /// Counts an entry, unless its time cannot be.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Result<Result<(), Bad>, ImportError> {
        let at = entry.at;
        let anchor = *self.anchor.get_or_insert(at);
        if anchor.micros().abs_diff(at.micros()) > FAR {
            return Ok(Err(Bad::Far));
        }
        if !self.within.has(at) {
            self.outside += 1;
            return Ok(Ok(()));
        }
        let second = at.second();
        let route = self.routes.count(entry.method, entry.path, entry.status);
        self.bins.add(route, second)?;
        self.moments.add(second);
        self.good += 1;
        self.range = Some(match self.range {
            None => (at, at),
            Some((low, high)) => (low.min(at), high.max(at)),
        });
        Ok(Ok(()))
    }

    /// Counts a line of no use; the first few are kept to be shown.
    pub(super) fn bad(&mut self, name: &str, number: u64, text: &[u8], why: Bad) {
        self.bad += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(BadLine {
                name: name.to_owned(),
                number,
                reason: why.to_string(),
                text: beginning(text),
            });
        }
    }

    /// The traffic, in at most `most_routes` routes and a rest.
    pub(super) fn finish(
        self,
        name: String,
        format: Format,
        most_routes: usize,
    ) -> Result<Traffic, ImportError> {
        let Some((from, to)) = self.range else {
            return Err(self.nothing(name, format));
        };
        let begin = Stamp::from_micros(self.bins.first_second() * 1_000_000);
        let peak = self.moments.peak();
        let seen = self.routes.into_seen();
        let mut order: Vec<usize> = (1..seen.len()).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&seen[*a], &seen[*b]);
            b.requests.cmp(&a.requests).then(a.route.cmp(&b.route))
        });
        let rest = order.split_off(order.len().min(most_routes));
        let rates = |routes: &[usize]| rates(&self.bins, routes);
        let mut ways: Vec<Way> = order
            .iter()
            .map(|route| way(&seen[*route], rates(&[*route])))
            .collect();
        let left: Vec<usize> = std::iter::once(OTHER).chain(rest.iter().copied()).collect();
        let sum = |of: fn(&Seen) -> u64| left.iter().map(|at| of(&seen[*at])).sum::<u64>();
        if sum(|s| s.requests) > 0 {
            // the largest of the rest stands for it
            let stands = rest.first().copied().unwrap_or(OTHER);
            ways.push(Way {
                label: "other".to_owned(),
                requests: sum(|s| s.requests) as f64,
                failed: Some(sum(|s| s.failed)),
                is_rest: true,
                ..way(&seen[stands], rates(&left))
            });
        }
        Ok(Traffic {
            name,
            format,
            good: self.good,
            bad: self.bad,
            shown: self.shown,
            outside: self.outside,
            from,
            to,
            begin,
            bin: self.bins.width(),
            bins: self.bins.len(),
            peak,
            ways,
            folded: rest.len(),
        })
    }

    fn nothing(&self, name: String, format: Format) -> ImportError {
        if let (Some(first), true) = (self.anchor, self.outside > 0) {
            return ImportError::NothingThen {
                outside: self.outside,
                first: first.to_string(),
            };
        }
        match self.shown.first() {
            Some(line) => ImportError::NothingGood {
                format: format.name(),
                bad: self.bad,
                line: line.number,
                reason: line.reason.clone(),
            },
            None => ImportError::Empty(name),
        }
    }
}

fn way(seen: &Seen, rates: Vec<f64>) -> Way {
    let (method, path) = seen.route.split_once(' ').unzip();
    let example = Some(&seen.example).filter(|example| !example.is_empty());
    Way {
        label: seen.route.clone(),
        method: method.map(str::to_owned),
        path: path.map(str::to_owned),
        example: example.cloned(),
        requests: seen.requests as f64,
        failed: Some(seen.failed),
        rates,
        is_rest: false,
    }
}

/// Requests a second of some routes together, bin by bin.
fn rates(bins: &Bins, routes: &[usize]) -> Vec<f64> {
    let seconds = bins.width().as_secs_f64();
    (0..bins.len())
        .map(|bin| {
            let count = |route: &usize| u64::from(bins.of(*route).get(bin).copied().unwrap_or(0));
            routes.iter().map(count).sum::<u64>() as f64 / seconds
        })
        .collect()
}
