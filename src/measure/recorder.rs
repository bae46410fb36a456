//! What one worker measures. It belongs to that worker alone, so recording takes no lock; it is
//! emptied once a second, so its size does not grow with the length of the run.

use std::{collections::BTreeMap, time::Duration};

use super::{BinCell, BinDelta, Cell, Injected, JourneyCell, Outcome};
use crate::{plan::SeriesId, time::Offset};

/// One ended attempt.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What it is counted under.
    pub series: SeriesId,
    /// When it should have been sent.
    pub intended: Offset,
    /// How it ended.
    pub outcome: Outcome,
    /// The first attempt of its request, not a retry.
    pub first: bool,
    /// What is known of our faults' part in it.
    pub injected: Injected,
    /// From the intended start to the end.
    pub response: Duration,
    /// From the actual send to the end; `None` when it was never sent.
    pub service: Option<Duration>,
}

/// The measurements of one worker since it was last emptied.
#[derive(Debug)]
pub struct Recorder {
    width: Duration,
    series: usize,
    /// Rows in order of their bins; few are alive at a time.
    rows: Vec<Row>,
    journeys: BTreeMap<(u32, u16), JourneyCell>,
}

#[derive(Debug)]
struct Row {
    bin: u32,
    cells: Vec<Cell>,
}

impl Recorder {
    /// A recorder for bins of `width` and so many series.
    #[must_use]
    pub const fn new(width: Duration, series: usize) -> Self {
        Self {
            width,
            series,
            rows: Vec::new(),
            journeys: BTreeMap::new(),
        }
    }

    /// Counts an ended attempt in the bin of its intended start.
    ///
    /// What the harness itself failed to send has no times: it leaves the offered load
    /// (definition 2). Neither has what the guard or a circuit breaker refused: it took no time, and
    /// would make a target that is shunned look quick.
    pub fn record(&mut self, sample: &Sample) {
        let cell = self.cell(sample.intended.bin(self.width), sample.series);
        cell.counts.add(sample.outcome, 1);
        cell.first_attempts += u64::from(sample.first);
        cell.injected += u64::from(sample.injected != Injected::No);
        let ours = sample.injected == Injected::Made && !sample.outcome.is_good();
        cell.injected_bad += u64::from(ours);
        let refused = matches!(sample.outcome, Outcome::Blocked | Outcome::NotSentBreaker);
        if !sample.outcome.is_unsent_by_harness() && !refused {
            cell.response.record(sample.response);
        }
        if let Some(service) = sample.service.filter(|_| sample.outcome.is_sent()) {
            cell.service.record(service);
        }
    }

    /// Counts an arrival.
    pub fn journey_began(&mut self, population: u16, arrival: Offset) {
        self.journey(population, arrival).began += 1;
    }

    /// Counts the end of a journey in the bin of its arrival.
    pub fn journey_ended(&mut self, population: u16, arrival: Offset, good: bool) {
        let cell = self.journey(population, arrival);
        if good {
            cell.good += 1;
        } else {
            cell.failed += 1;
        }
    }

    /// Takes out everything measured so far.
    pub fn take(&mut self) -> BinDelta {
        let mut delta = BinDelta::default();
        for row in self.rows.drain(..) {
            for (series, cell) in (0u16..).zip(row.cells) {
                if cell.counts.total() > 0 {
                    delta
                        .cells
                        .push(BinCell::new(row.bin, SeriesId(series), cell));
                }
            }
        }
        delta.journeys = std::mem::take(&mut self.journeys).into_values().collect();
        delta
    }

    fn cell(&mut self, bin: u32, series: SeriesId) -> &mut Cell {
        let at = match self.rows.binary_search_by_key(&bin, |row| row.bin) {
            Ok(at) => at,
            Err(at) => {
                let cells = std::iter::repeat_with(Cell::default)
                    .take(self.series)
                    .collect();
                self.rows.insert(at, Row { bin, cells });
                at
            }
        };
        &mut self.rows[at].cells[usize::from(series.0)]
    }

    fn journey(&mut self, population: u16, arrival: Offset) -> &mut JourneyCell {
        let bin = arrival.bin(self.width);
        self.journeys
            .entry((bin, population))
            .or_insert_with(|| JourneyCell {
                bin,
                population,
                ..JourneyCell::default()
            })
    }
}

impl BinCell {
    /// A cell at its place.
    #[must_use]
    pub fn new(bin: u32, series: SeriesId, cell: Cell) -> Self {
        Self {
            bin,
            series,
            counts: cell.counts,
            first_attempts: cell.first_attempts,
            injected: cell.injected,
            injected_bad: cell.injected_bad,
            response: cell.response,
            service: cell.service,
        }
    }

    /// The cell without its place.
    #[must_use]
    pub fn into_cell(self) -> Cell {
        Cell {
            counts: self.counts,
            first_attempts: self.first_attempts,
            injected: self.injected,
            injected_bad: self.injected_bad,
            response: self.response,
            service: self.service,
        }
    }
}

impl BinDelta {
    /// Several deltas as one, in which each bin of each series stands once.
    #[must_use]
    pub fn merged(deltas: impl IntoIterator<Item = Self>) -> Self {
        let mut cells: BTreeMap<(u32, SeriesId), Cell> = BTreeMap::new();
        let mut journeys: BTreeMap<(u32, u16), JourneyCell> = BTreeMap::new();
        for delta in deltas {
            for cell in delta.cells {
                let key = (cell.bin, cell.series);
                cells.entry(key).or_default().merge(&cell.into_cell());
            }
            for theirs in delta.journeys {
                let mine = journeys
                    .entry((theirs.bin, theirs.population))
                    .or_insert_with(|| JourneyCell {
                        bin: theirs.bin,
                        population: theirs.population,
                        ..JourneyCell::default()
                    });
                mine.began += theirs.began;
                mine.good += theirs.good;
                mine.failed += theirs.failed;
            }
        }
        Self {
            cells: cells
                .into_iter()
                .map(|((bin, series), cell)| BinCell::new(bin, series, cell))
                .collect(),
            journeys: journeys.into_values().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(series: u16, at_ms: u64, outcome: Outcome) -> Sample {
        Sample {
            series: SeriesId(series),
            intended: Offset(Duration::from_millis(at_ms)),
            outcome,
            first: true,
            injected: Injected::No,
            response: Duration::from_millis(7),
            service: Some(Duration::from_millis(5)),
        }
    }

    #[test]
    fn samples_land_in_the_bin_of_their_intended_start() {
        let mut recorder = Recorder::new(Duration::from_secs(1), 3);
        recorder.record(&sample(2, 2500, Outcome::Ok));
        recorder.record(&sample(0, 999, Outcome::Refused));
        recorder.record(&sample(2, 2999, Outcome::NotSentLag));
        recorder.record(&sample(2, 2100, Outcome::NotSentLimit));
        recorder.journey_began(0, Offset(Duration::from_millis(999)));
        recorder.journey_ended(0, Offset(Duration::from_millis(999)), false);
        let delta = recorder.take();
        assert!(recorder.take().cells.is_empty(), "taken out");

        let places: Vec<_> = delta.cells.iter().map(|c| (c.bin, c.series.0)).collect();
        assert_eq!(places, [(0, 0), (2, 2)]);
        let late = &delta.cells[1];
        assert_eq!(late.counts.total(), 3);
        assert_eq!(late.counts.offered(), 2, "lag leaves the offered load");
        assert_eq!(late.response.len(), 2, "an unsent one has no time");
        assert_eq!(late.service.len(), 1, "only what was sent");
        assert_eq!(
            delta.journeys,
            [JourneyCell {
                bin: 0,
                population: 0,
                began: 1,
                good: 0,
                failed: 1
            }]
        );
    }

    #[test]
    fn merging_adds_what_belongs_together() {
        let mut recorder = Recorder::new(Duration::from_secs(1), 1);
        let mut deltas = Vec::new();
        for at in [100, 200, 1100] {
            recorder.record(&sample(0, at, Outcome::Ok));
            recorder.journey_began(3, Offset(Duration::from_millis(at)));
            deltas.push(recorder.take());
        }
        let merged = BinDelta::merged(deltas);
        let counts: Vec<_> = merged.cells.iter().map(|c| c.counts.total()).collect();
        assert_eq!(counts, [2, 1]);
        let began: Vec<_> = merged.journeys.iter().map(|j| j.began).collect();
        assert_eq!(began, [2, 1]);
    }
}
