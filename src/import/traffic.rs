//! What was read: traffic as rates over time.

use std::time::Duration;

use super::{format::Format, stamp::Stamp};

/// Traffic that somebody recorded.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// The files, for people.
    pub name: String,
    /// What they were read as.
    pub format: Format,
    /// Good lines, or points.
    pub good: u64,
    /// Lines of no use.
    pub bad: u64,
    /// The first of them.
    pub shown: Vec<BadLine>,
    /// Good lines outside the wanted time.
    pub outside: u64,
    /// The first instant.
    pub from: Stamp,
    /// The last one.
    pub to: Stamp,
    /// When the first bin begins.
    pub begin: Stamp,
    /// Width of a bin.
    pub bin: Duration,
    /// How many bins there are.
    pub bins: usize,
    /// The busiest second and its requests, where each request is known.
    pub peak: Option<(Stamp, u64)>,
    /// The routes or populations, the largest first, what is left over last.
    pub ways: Vec<Way>,
    /// How many smaller routes the last one holds.
    pub folded: usize,
}

/// A route or population.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// What it is: `GET /users/:id`, the name of a series, or `other`.
    pub label: String,
    /// Its method.
    pub method: Option<String>,
    /// Its path, with `:id` where ids stand.
    pub path: Option<String>,
    /// The path of one of its requests.
    pub example: Option<String>,
    /// Its requests in all.
    pub requests: f64,
    /// How many of them were answered with 5xx, where that is known.
    pub failed: Option<u64>,
    /// Requests a second, bin by bin.
    pub rates: Vec<f64>,
    /// Whether it is what belongs to no other.
    pub is_rest: bool,
}

/// A line of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The file.
    pub name: String,
    /// Its number, from 1.
    pub number: u64,
    /// What is wrong with it.
    pub reason: String,
    /// How it begins.
    pub text: String,
}

impl Traffic {
    /// How long all bins are together.
    #[must_use]
    pub fn length(&self) -> Duration {
        let bins = u32::try_from(self.bins).unwrap_or(u32::MAX);
        self.bin.saturating_mul(bins)
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> f64 {
        self.ways.iter().map(|way| way.requests).sum()
    }

    /// The busiest bin: its begin and its rate.
    #[must_use]
    pub fn busiest_bin(&self) -> Option<(Stamp, f64)> {
        let rate = |bin: usize| -> f64 { self.ways.iter().map(|w| w.rates[bin]).sum() };
        let busiest = (0..self.bins).max_by(|a, b| rate(*a).total_cmp(&rate(*b)))?;
        let micros = self.bin.as_micros() as i64 * busiest as i64;
        let begin = Stamp::from_micros(self.begin.micros() + micros);
        Some((begin, rate(busiest)))
    }
}

/// How a text begins, without what a terminal would obey.
pub(super) fn beginning(text: &[u8]) -> String {
    const SHOWN: usize = 100;
    let cut = &text[..text.len().min(4 * SHOWN)];
    let lossy = String::from_utf8_lossy(cut);
    let mut shown: String = lossy
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(SHOWN)
        .collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}
