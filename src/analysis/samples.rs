//! What is known of one subject, bin by bin.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use super::{grid::Grid, stats::Counts};
use crate::{
    measure::{JourneyCell, Latencies, PackedCell, PackedLatencies},
    plan::{Origin, Plan, SeriesId},
};

/// Which way the counts are read. Doubt is what another reading would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// By the definitions.
    Measured,
    /// What the harness failed to send counts as offered and not good.
    UnsentCounted,
    /// It counts as offered and good: what fails so is the target's doing, whatever was not sent.
    UnsentGood,
    /// Latency is the service time, as if the harness had never been late.
    ServiceTime,
}

/// What a subject is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JudgedBy {
    /// The requests of the load; its probe fills long gaps.
    Requests,
    /// Its probe alone.
    Probe,
    /// The journeys of a population.
    Journeys,
    /// Nothing was measured.
    Nothing,
}

impl JudgedBy {
    /// Its name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Probe => "probe",
            Self::Journeys => "journeys",
            Self::Nothing => "nothing",
        }
    }
}

/// What one bin of a subject holds. Histograms stay packed in the record and are
/// opened when asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bin<'a> {
    /// Its counts.
    pub(crate) counts: Counts,
    /// Whether they are the probe's, since no load came this way.
    pub(crate) probe: bool,
    cells: Vec<&'a PackedCell>,
}

/// A subject's bins.
#[derive(Debug, Clone)]
pub(crate) struct Samples<'a> {
    /// What they are made of.
    pub(crate) by: JudgedBy,
    /// The bins of the run; what is not known yet is empty.
    pub(crate) bins: Vec<Bin<'a>>,
    /// Everything that was measured, also after the last bin (late retries).
    pub(crate) total: Counts,
    reading: Reading,
    all: Vec<&'a PackedCell>,
}

type Cells = BTreeMap<(u32, SeriesId), PackedCell>;

impl<'a> Samples<'a> {
    fn empty(by: JudgedBy, grid: Grid, reading: Reading) -> Self {
        Self {
            by,
            bins: vec![Bin::default(); grid.bins],
            total: Counts::default(),
            reading,
            all: Vec::new(),
        }
    }

    /// Adds up the series that `wanted` names.
    pub(crate) fn gather(
        cells: &'a Cells,
        by: JudgedBy,
        wanted: impl Fn(SeriesId) -> bool,
        grid: Grid,
        reading: Reading,
    ) -> Self {
        let mut samples = Self::empty(by, grid, reading);
        for ((bin, series), cell) in cells {
            if !wanted(*series) {
                continue;
            }
            let counts = read(cell, reading);
            samples.total += counts;
            samples.all.push(cell);
            let index = *bin as usize;
            if index < grid.known {
                let slot = &mut samples.bins[index];
                slot.counts += counts;
                slot.cells.push(cell);
            }
        }
        samples
    }

    /// A service or feature: its requests, else its probe; where requests stay away for `gap`
    /// bins or more, its probe speaks for it.
    pub(crate) fn of_place(
        cells: &'a Cells,
        plan: &Plan,
        here: impl Fn(u16, Option<&str>) -> bool,
        (grid, reading, gap): (Grid, Reading, usize),
    ) -> Self {
        let of = |probe: bool| {
            let by = if probe {
                JudgedBy::Probe
            } else {
                JudgedBy::Requests
            };
            let wanted = |id: SeriesId| {
                plan.series.get(usize::from(id.0)).is_some_and(|series| {
                    (series.origin == Origin::Probe) == probe
                        && here(series.service.0, series.feature.as_deref())
                })
            };
            Self::gather(cells, by, wanted, grid, reading)
        };
        let mut load = of(false);
        let mut probe = of(true);
        probe.bins.iter_mut().for_each(|bin| bin.probe = true);
        match (load.total.attempts, probe.total.attempts) {
            (0, 0) => load.by = JudgedBy::Nothing,
            (0, _) => return probe,
            (_, 0) => {}
            (..) => {
                for empty in load.gaps(gap) {
                    load.bins[empty.clone()].clone_from_slice(&probe.bins[empty]);
                }
            }
        }
        load
    }

    /// A population, by its journeys. In a whole run each journey has ended; in one that ended
    /// early, those that were still under way are left out: nobody knows how they would have gone.
    pub(crate) fn of_journeys(
        journeys: &BTreeMap<(u32, u16), JourneyCell>,
        population: u16,
        (grid, reading): (Grid, Reading),
        whole: bool,
    ) -> Self {
        let mut samples = Self::empty(JudgedBy::Journeys, grid, reading);
        for ((bin, who), cell) in journeys {
            if *who != population {
                continue;
            }
            let ended = cell.good + cell.failed;
            let offered = if whole { cell.began } else { ended };
            let counts = Counts {
                offered,
                good: cell.good,
                attempts: offered,
                first: offered,
                ..Counts::default()
            };
            samples.total += counts;
            let index = *bin as usize;
            if index < grid.known {
                samples.bins[index].counts += counts;
            }
        }
        samples
    }

    /// Stretches of at least `shortest` bins in which nothing was offered.
    pub(crate) fn gaps(&self, shortest: usize) -> Vec<Range<usize>> {
        let mut gaps = Vec::new();
        let mut from = None;
        for (i, bin) in self.bins.iter().enumerate() {
            match (bin.counts.offered == 0, from) {
                (true, None) => from = Some(i),
                (false, Some(begin)) => {
                    gaps.push(begin..i);
                    from = None;
                }
                (true, Some(_)) | (false, None) => {}
            }
        }
        if let Some(begin) = from {
            gaps.push(begin..self.bins.len());
        }
        gaps.retain(|gap| gap.len() >= shortest);
        gaps
    }

    fn counted(&self, range: Range<usize>) -> impl Iterator<Item = &Bin<'a>> {
        let end = range.end.min(self.bins.len());
        let own = !matches!(self.by, JudgedBy::Probe);
        self.bins[range.start.min(end)..end]
            .iter()
            .filter(move |bin| !(own && bin.probe))
    }

    /// The counts of some bins. The probe's samples are not mixed with those of the load.
    pub(crate) fn sum(&self, range: Range<usize>) -> Counts {
        let mut sum = Counts::default();
        for bin in self.counted(range) {
            sum += bin.counts;
        }
        sum
    }

    /// The counts of several stretches of bins, in order; a bin in two of them counts once.
    pub(crate) fn sum_of(&self, ranges: impl Iterator<Item = Range<usize>>) -> Counts {
        let mut sum = Counts::default();
        let mut counted = 0;
        for range in ranges {
            let from = range.start.max(counted);
            counted = range.end.max(from);
            sum += self.sum(from..counted);
        }
        sum
    }

    /// The latencies of some bins, merged.
    pub(crate) fn latencies(&self, range: Range<usize>) -> Latencies {
        let cells = self.counted(range).flat_map(|bin| bin.cells.iter());
        self.merge(cells)
    }

    /// The latencies of everything that was measured.
    pub(crate) fn all_latencies(&self) -> Latencies {
        self.merge(self.all.iter())
    }

    fn merge<'b>(&self, cells: impl Iterator<Item = &'b &'a PackedCell>) -> Latencies
    where
        'a: 'b,
    {
        let mut merged = Latencies::default();
        for cell in cells {
            merged.add(self.times(cell));
        }
        merged
    }

    fn times(&self, cell: &'a PackedCell) -> &'a PackedLatencies {
        match self.reading {
            Reading::Measured | Reading::UnsentCounted | Reading::UnsentGood => &cell.response,
            Reading::ServiceTime => &cell.service,
        }
    }

    /// How many samples of one bin took longer than `limit`, and how many there are.
    pub(crate) fn slower(&self, bin: usize, limit: Duration) -> (u64, u64) {
        self.bins[bin].cells.iter().fold((0, 0), |(above, all), c| {
            let times = self.times(c);
            (above + times.count_above(limit), all + times.len())
        })
    }
}

fn read(cell: &PackedCell, reading: Reading) -> Counts {
    let mut counts = Counts::from(cell);
    match reading {
        Reading::Measured | Reading::ServiceTime => {}
        Reading::UnsentCounted => counts.offered += counts.unsent,
        Reading::UnsentGood => {
            counts.offered += counts.unsent;
            counts.good += counts.unsent;
        }
    }
    counts
}
