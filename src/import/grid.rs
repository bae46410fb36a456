//! Series of rates at instants, brought onto common bins.

use std::time::Duration;

use super::{
    entry::FAR,
    error::ImportError,
    format::Format,
    stamp::Stamp,
    traffic::{BadLine, Traffic, Way},
};

/// A series is cut into at most so many bins.
const MOST: u64 = 100_000;
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A series: rates at instants.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// What it is called.
    pub(super) label: String,
    /// Its points, in any order.
    pub(super) points: Vec<(Stamp, f64)>,
}

impl Column {
    pub(super) const fn new(label: String) -> Self {
        Self {
            label,
            points: Vec::new(),
        }
    }
}

/// Series that are about to become traffic.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) good: u64,
    pub(super) bad: u64,
    pub(super) shown: Vec<BadLine>,
}

impl Grid {
    pub(super) const fn new(name: String, format: Format) -> Self {
        Self {
            name,
            format,
            good: 0,
            bad: 0,
            shown: Vec::new(),
        }
    }

    /// Cuts the time into bins as long as the shortest distance of two points. Bins without a
    /// point have the rate of the one before (`hold`), or none.
    pub(super) fn finish(
        self,
        mut columns: Vec<Column>,
        hold: bool,
    ) -> Result<Traffic, ImportError> {
        let mut times: Vec<i64> = columns
            .iter()
            .flat_map(|column| column.points.iter().map(|(at, _)| at.micros()))
            .collect();
        times.sort_unstable();
        times.dedup();
        let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
            return Err(self.nothing());
        };
        let covered = last.abs_diff(first);
        if covered > FAR {
            return Err(ImportError::Malformed {
                name: self.name,
                line: None,
                message: format!("it covers {} days, more than 400", covered / 86_400_000_000),
                hint: Some("is one of its times wrong? traffic is rehearsed in hours or days"),
            });
        }
        let step = times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).min();
        let step = step.unwrap_or(60_000_000);
        let bins = covered / step + 1;
        if bins > MOST {
            return Err(ImportError::Malformed {
                name: self.name,
                line: None,
                message: format!("{bins} bins of {} us, more than {MOST}", step),
                hint: Some("export a shorter time, or one with a longer step"),
            });
        }
        let bins = usize::try_from(bins).unwrap_or(0);
        columns.retain(|column| !column.points.is_empty());
        let bin = Duration::from_micros(step);
        let place = |at: Stamp| {
            let bin = at.micros().abs_diff(first) / step;
            usize::try_from(bin).unwrap_or(usize::MAX)
        };
        let mut ways: Vec<Way> = columns
            .into_iter()
            .map(|mut column| {
                column.points.sort_by_key(|(at, _)| *at);
                let mut rates = vec![None; bins];
                for (at, rate) in &column.points {
                    if let Some(bin) = rates.get_mut(place(*at)) {
                        *bin = Some(*rate);
                    }
                }
                let mut last = 0.0;
                let rates: Vec<f64> = rates
                    .into_iter()
                    .map(|rate| {
                        let rate = rate.unwrap_or(if hold { last } else { 0.0 });
                        last = rate;
                        rate
                    })
                    .collect();
                way(column.label, rates, bin)
            })
            .collect();
        ways.sort_by(|a, b| {
            let order = b.requests.total_cmp(&a.requests);
            order.then_with(|| a.label.cmp(&b.label))
        });
        Ok(Traffic {
            name: self.name,
            format: self.format,
            good: self.good,
            bad: self.bad,
            shown: self.shown,
            outside: 0,
            from: Stamp::from_micros(first),
            to: Stamp::from_micros(last),
            begin: Stamp::from_micros(first),
            bin,
            bins,
            peak: None,
            ways,
            folded: 0,
        })
    }

    fn nothing(self) -> ImportError {
        match self.shown.into_iter().next() {
            Some(line) => ImportError::NothingGood {
                format: self.format.name(),
                bad: self.bad,
                line: line.number,
                reason: line.reason,
            },
            None => ImportError::Empty(self.name),
        }
    }
}

/// A series; one that is called like a route is one.
fn way(label: String, rates: Vec<f64>, bin: Duration) -> Way {
    let (method, path) = match label.split_once(' ') {
        Some((method, path)) if METHODS.contains(&method) => (method, path),
        _ => ("GET", label.as_str()),
    };
    let path = Some(path).filter(|path| path.starts_with('/'));
    Way {
        method: path.map(|_| method.to_owned()),
        path: path.map(str::to_owned),
        example: path.map(str::to_owned),
        requests: rates.iter().sum::<f64>() * bin.as_secs_f64(),
        failed: None,
        rates,
        is_rest: false,
        label,
    }
}

impl Traffic {
    /// The same with at most `most` ways and a rest.
    pub(super) fn folded_to(mut self, most: usize) -> Self {
        if self.ways.len() <= most {
            return self;
        }
        let rest = self.ways.split_off(most);
        self.folded = rest.len();
        let mut rates = vec![0.0; self.bins];
        for way in &rest {
            for (sum, rate) in rates.iter_mut().zip(&way.rates) {
                *sum += rate;
            }
        }
        let stands = rest.into_iter().next();
        let mut left = way("other".to_owned(), rates, self.bin);
        left.is_rest = true;
        if let Some(stands) = stands {
            (left.method, left.path, left.example) = (stands.method, stands.path, stands.example);
        }
        self.ways.push(left);
        self
    }
}
