//! The chain of toxics of one direction of one connection: pure, so that it is tested on a clock
//! of its own.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use super::{
    posting::Posting,
    toxics::{Decision, End, Item, Toxic},
};

/// Items flow through the stages in order of injection; each stage holds what is not yet due.
/// What leaves the last one can be popped. Bytes are never reordered, and lost only where a toxic
/// says so.
#[derive(Debug, Default)]
pub(super) struct Chain {
    stages: Vec<Stage>,
    out: VecDeque<Item>,
    held: usize,
    ready: usize,
}

#[derive(Debug)]
struct Stage {
    posting: Arc<Posting>,
    toxic: Toxic,
    /// What waits, and until when; times never go down.
    queue: VecDeque<(Instant, Item)>,
}

impl Chain {
    /// Makes the chain consist of `wanted`, in that order; `build` makes the toxic of a posting
    /// that is new here. Toxics that stay keep their state. What a removed one held goes on at
    /// once.
    ///
    /// # Errors
    /// How the connection ends, when a removed toxic ends it.
    pub(super) fn settle(
        &mut self,
        wanted: &[Arc<Posting>],
        now: Instant,
        mut build: impl FnMut(&Posting) -> Option<Toxic>,
    ) -> Result<(), End> {
        // first let go of everything: the postings of removed toxics must not outlive this call
        let mut ended = None;
        let mut index = 0;
        while index < self.stages.len() {
            if wanted
                .iter()
                .any(|posting| Arc::ptr_eq(posting, &self.stages[index].posting))
            {
                index += 1;
                continue;
            }
            let removed = self.stages.remove(index);
            ended = ended.or_else(|| removed.toxic.on_removal());
            for (_, item) in removed.queue {
                self.held -= item.len();
                self.feed(index, item, now)?;
            }
        }
        if let Some(end) = ended {
            return Err(end);
        }
        for posting in wanted {
            let known = self
                .stages
                .iter()
                .any(|stage| Arc::ptr_eq(&stage.posting, posting));
            if known {
                continue;
            }
            if let Some(toxic) = build(posting) {
                self.stages.push(Stage {
                    posting: Arc::clone(posting),
                    toxic,
                    queue: VecDeque::new(),
                });
            }
        }
        Ok(())
    }

    /// Takes in what came at `now`.
    ///
    /// # Errors
    /// How the connection ends, when a toxic ends it.
    pub(super) fn push(&mut self, item: Item, now: Instant) -> Result<(), End> {
        self.feed(0, item, now)
    }

    /// Moves what is due by `now`.
    ///
    /// # Errors
    /// How the connection ends, when it is time for it.
    pub(super) fn advance(&mut self, now: Instant) -> Result<(), End> {
        for index in 0..self.stages.len() {
            while let Some(&(due, _)) = self.stages[index].queue.front() {
                if due > now {
                    break;
                }
                if let Some((due, item)) = self.stages[index].queue.pop_front() {
                    self.held -= item.len();
                    // it left when it was due, not when we came to look: delays add up exactly
                    self.feed(index + 1, item, due)?;
                }
            }
        }
        match self.end() {
            Some((at, end)) if at <= now => Err(end),
            _ => Ok(()),
        }
    }

    /// The next item that has passed every toxic.
    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.out.pop_front()?;
        self.held -= item.len();
        self.ready -= item.len();
        Some(item)
    }

    /// When [`Chain::advance`] has something to do again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.stages.iter().filter_map(|stage| {
            let (due, _) = stage.queue.front()?;
            Some(*due)
        });
        due.chain(self.end().map(|(at, _)| at)).min()
    }

    /// Bytes that are in it.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Bytes that have passed every toxic and wait to be popped.
    pub(super) const fn ready(&self) -> usize {
        self.ready
    }

    /// Whether what comes is lost.
    pub(super) fn loses(&self) -> bool {
        self.stages.iter().any(|stage| stage.toxic.loses())
    }

    /// The earliest end that a toxic has in mind.
    fn end(&self) -> Option<(Instant, End)> {
        self.stages
            .iter()
            .filter_map(|stage| stage.toxic.ends())
            .min_by_key(|(at, _)| *at)
    }

    /// Sends an item through the stages from `index` on, until one holds or loses it.
    fn feed(&mut self, index: usize, item: Item, now: Instant) -> Result<(), End> {
        for stage in &mut self.stages[index..] {
            match stage.toxic.take(now, &item, stage.posting.level()) {
                Decision::Lose => return Ok(()),
                Decision::End(end) => return Err(end),
                Decision::PassAt(at) => {
                    let last = stage.queue.back().map(|(due, _)| *due);
                    if last.is_some() || at > now {
                        self.held += item.len();
                        let due = last.map_or(at, |last| last.max(at));
                        stage.queue.push_back((due, item));
                        return Ok(());
                    }
                }
            }
        }
        self.held += item.len();
        self.ready += item.len();
        self.out.push_back(item);
        Ok(())
    }
}
