//! Definition 8: bins are gathered into groups that hold enough samples to be judged.

use std::time::Duration;

use super::{samples::Samples, stats::Counts};
use crate::{
    plan::{Plan, Rule},
    scenario::model::{Comparison, Limit, Measure, Subject},
};

/// The share of samples that may be slower than the limit: the limit is a 99th percentile.
const SLOW_SHARE: f64 = 0.01;
/// The promise where nobody made one.
const DEFAULT_SLO: f64 = 0.99;
/// Rounding must not decide.
const HAIR: f64 = 1e-12;

/// What a bin must satisfy to be healthy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Criteria {
    /// Least success.
    pub(crate) slo: f64,
    /// At most 1% may be slower; `None` = any latency will do.
    pub(crate) slow: Option<Duration>,
    /// Samples that a judgement needs.
    pub(crate) min_samples: u64,
    /// Empty bins in a row that mean *unknown* rather than little traffic.
    pub(crate) gap: usize,
}

impl Criteria {
    /// The criteria of a subject from the steady state: its own claims, else those of `parent`.
    pub(crate) fn of(plan: &Plan, subject: &Subject, parent: Option<Self>) -> Self {
        let mut criteria = parent.unwrap_or(Self {
            slo: DEFAULT_SLO,
            slow: None,
            min_samples: u64::from(plan.measure.min_samples.max(1)),
            gap: plan.measure.bad_bins.max(1) as usize,
        });
        for claim in &plan.steady_state {
            let Rule::Measured {
                subject: who,
                measure,
                comparison,
                limit,
                ..
            } = &claim.rule
            else {
                continue;
            };
            if who != subject {
                continue;
            }
            match (measure, comparison, limit) {
                (
                    Measure::Success,
                    Comparison::AtLeast | Comparison::Above,
                    Limit::Ratio(least) | Limit::Number(least),
                ) => criteria.slo = *least,
                (
                    Measure::Latency(9_900),
                    Comparison::AtMost | Comparison::Below,
                    Limit::Time(most),
                ) => criteria.slow = Some(*most),
                _ => {}
            }
        }
        criteria
    }
}

/// What a group of bins says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Healthy.
    Good,
    /// Not healthy.
    Bad,
    /// Of a bin (never of a group): nothing failed in it, but it is part of a bad group. It is no
    /// further failure, and no step towards health.
    Quiet,
    /// No data, or too little.
    Unknown,
}

/// Bins that are judged together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// Its first bin.
    pub(crate) from: usize,
    /// One past its last bin.
    pub(crate) to: usize,
    /// What it holds.
    pub(crate) tally: Tally,
    /// Whether its samples are a probe's.
    pub(crate) probe: bool,
    /// The judgement.
    pub(crate) sign: Sign,
}

/// What health looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Requests.
    pub(crate) counts: Counts,
    /// Latency samples above the limit.
    pub(crate) slow: u64,
    /// All latency samples.
    pub(crate) timed: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.counts += other.counts;
        self.slow += other.slow;
        self.timed += other.timed;
    }

    /// Nothing failed and nothing was too slow.
    pub(crate) fn spotless(&self) -> bool {
        self.counts.bad() == 0 && self.slow == 0
    }

    /// Whether more than 1% was too slow, if all samples that are still missing to `least` were
    /// fast.
    pub(crate) fn too_slow(&self, least: u64) -> bool {
        let of = self.timed.max(least) as f64;
        self.slow > 0 && self.slow as f64 / of > SLOW_SHARE + HAIR
    }

    fn too_few_good(&self, slo: f64, least: u64) -> bool {
        let of = self.counts.offered.max(least);
        if of == 0 {
            return false;
        }
        let success = (of - self.counts.bad()) as f64 / of as f64;
        success < slo - HAIR
    }

    /// Whether this is bad, even if all samples that are still missing to `least` were good.
    fn bad(&self, slo: f64, least: u64) -> bool {
        self.too_few_good(slo, least) || self.too_slow(least)
    }
}

/// Gathers bins into groups that partition the run. A group ends when it holds enough samples, or
/// as soon as no further sample could make it good: so failure shows in its own bin also where
/// traffic is thin. No group reaches over a gap, or from the load to the probe, and none with a
/// failure reaches over an edge (a fault's or phase's): what failed before is not its doing.
pub(crate) fn groups(samples: &Samples<'_>, criteria: &Criteria, edges: &[usize]) -> Vec<Group> {
    let mut gather = Gather {
        tallies: (0..samples.bins.len())
            .map(|i| tally(samples, i, criteria))
            .collect(),
        probes: samples.bins.iter().map(|bin| bin.probe).collect(),
        criteria,
        done: Vec::new(),
        open: None,
    };
    let gaps = samples.gaps(criteria.gap);
    let mut bin = 0;
    while bin < samples.bins.len() {
        if edges.contains(&bin) {
            gather.edge();
        }
        if let Some(gap) = gaps.iter().find(|gap| gap.contains(&bin)) {
            gather.close();
            gather.push(bin..gap.end, Sign::Unknown);
            bin = gap.end;
            continue;
        }
        gather.take(bin);
        bin += 1;
    }
    gather.close();
    gather.done
}

pub(crate) fn tally(samples: &Samples<'_>, bin: usize, criteria: &Criteria) -> Tally {
    let (slow, timed) = criteria
        .slow
        .map_or((0, 0), |limit| samples.slower(bin, limit));
    Tally {
        counts: samples.bins[bin].counts,
        slow,
        timed,
    }
}

struct Gather<'c> {
    tallies: Vec<Tally>,
    probes: Vec<bool>,
    criteria: &'c Criteria,
    done: Vec<Group>,
    open: Option<std::ops::Range<usize>>,
}

impl Gather<'_> {
    /// A probe is slow but sure: each of its samples is judged by itself.
    fn least(&self, bin: usize) -> u64 {
        if self.probes[bin] {
            1
        } else {
            self.criteria.min_samples
        }
    }

    fn sum(&self, range: std::ops::Range<usize>) -> Tally {
        let mut sum = Tally::default();
        for tally in &self.tallies[range] {
            sum.add(*tally);
        }
        sum
    }

    fn push(&mut self, range: std::ops::Range<usize>, sign: Sign) {
        if range.is_empty() {
            return;
        }
        self.done.push(Group {
            from: range.start,
            to: range.end,
            tally: self.sum(range.clone()),
            probe: self.probes[range.start],
            sign,
        });
    }

    fn take(&mut self, bin: usize) {
        let empty = self.tallies[bin].counts.offered == 0;
        if empty && self.open.is_none() {
            // a short lull says nothing new
            match self.done.last_mut() {
                Some(group) if group.to == bin && group.sign != Sign::Unknown => group.to += 1,
                _ => self.push(bin..bin + 1, Sign::Unknown),
            }
            return;
        }
        if let Some(open) = &self.open
            && self.probes[open.start] != self.probes[bin]
            && !empty
        {
            self.close();
        }
        let from = self.open.as_ref().map_or(bin, |open| open.start);
        let range = from..bin + 1;
        self.open = Some(range.clone());
        let least = self.least(from);
        let sum = self.sum(range.clone());
        if sum.bad(self.criteria.slo, least) {
            // what came before the first failure is not part of it
            let first = range
                .clone()
                .find(|i| !self.tallies[*i].spotless())
                .unwrap_or(from);
            self.open = (from < first).then_some(from..first);
            self.close();
            self.push(first..bin + 1, Sign::Bad);
            self.open = None;
        } else if sum.counts.offered >= least {
            self.push(range, Sign::Good);
            self.open = None;
        }
    }

    /// At an edge, what failed before is kept apart from what fails after.
    fn edge(&mut self) {
        let spotless = |open: &std::ops::Range<usize>| self.sum(open.clone()).spotless();
        if !self.open.as_ref().is_some_and(spotless) {
            self.close();
        }
    }

    /// Ends the open group although it holds too few samples: what came just before it helps to
    /// judge it, or it is unknown.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let least = self.least(open.start);
        let mut sum = self.sum(open.clone());
        for group in self.done.iter().rev() {
            if sum.counts.offered >= least
                || group.sign == Sign::Unknown
                || group.probe != self.probes[open.start]
            {
                break;
            }
            for bin in (group.from..group.to).rev() {
                if sum.counts.offered >= least {
                    break;
                }
                sum.add(self.tallies[bin]);
            }
        }
        let sign = if sum.counts.offered < least {
            Sign::Unknown
        } else if sum.bad(self.criteria.slo, least) {
            Sign::Bad
        } else {
            Sign::Good
        };
        self.push(open, sign);
    }
}
