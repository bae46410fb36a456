//! The chain of toxics of one direction of one connection: pure, so that it is tested on a clock
//! of its own.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use super::{
    posting::Posting,
    toxics::{Decision, End, Item, Toxic},
};

/// Bytes that a stage holds before it makes the one before it wait, where its toxic is one that
/// does so.
const STAGE_MOST: usize = 32 << 10;
/// Bytes that all stages may hold together: enough for 100 ms at 80 MB/s, so that latency does not
/// cap bandwidth (Toxiproxy holds 1024 chunks of at most 32 KiB).
const HELD_MOST: usize = 8 << 20;
/// Bytes that wait for a slow receiver before its sender is made to wait.
const READY_MOST: usize = 64 << 10;

/// Items flow through the stages in order of injection; each stage holds what is not yet due.
/// What leaves the last one can be popped. Bytes are never reordered, and lost or
/// changed only where a toxic says so.
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
    /// What waits, and until when; times never go down, and `None` is never.
    queue: VecDeque<(Option<Instant>, Item)>,
    /// Bytes in the queue.
    held: usize,
}

impl Stage {
    fn has_room(&self) -> bool {
        self.held < STAGE_MOST || self.toxic.has_endless_room()
    }

    fn hold(&mut self, due: Option<Instant>, item: Item) {
        let due = match self.queue.back() {
            Some((last, _)) => last.zip(due).map(|(last, due)| last.max(due)),
            None => due,
        };
        self.held += item.len();
        self.queue.push_back((due, item));
    }

    /// When the first of what waits may go on.
    fn due(&self) -> Option<Instant> {
        self.queue.front()?.0
    }

    fn release(&mut self) -> Option<Item> {
        let (_, item) = self.queue.pop_front()?;
        self.held -= item.len();
        Some(item)
    }
}

impl Chain {
    /// Makes the chain consist of `wanted`, in that order; `build` makes the toxic of a posting
    /// that is new here. Toxics that stay keep their state. Data that a removed or changed one
    /// held goes on at once.
    ///
    /// # Errors
    /// How the connection ends, when a removed toxic ends it.
    pub(super) fn settle(
        &mut self,
        wanted: &[Arc<Posting>],
        now: Instant,
        mut build: impl FnMut(&Posting) -> Option<Toxic>,
        mut change: impl FnMut(&Posting, &mut Toxic),
    ) -> Result<(), End> {
        // first let go of everything: the postings of removed toxics must not outlive this call
        let mut ended = None;
        let mut index = 0;
        while let Some(stage) = self.stages.get_mut(index) {
            let known = wanted
                .iter()
                .find(|posting| posting.is_same_fault(&stage.posting));
            match known {
                Some(posting) if Arc::ptr_eq(posting, &stage.posting) => index += 1,
                Some(posting) => {
                    stage.posting = Arc::clone(posting);
                    change(posting, &mut stage.toxic);
                    let queue = std::mem::take(&mut stage.queue);
                    let held = std::mem::take(&mut stage.held);
                    self.held -= held;
                    for (_, item) in queue {
                        // an end that was late is late by the new rule, data was late enough
                        let from = match item {
                            Item::Data(_) => index + 1,
                            Item::Eof | Item::Close => index,
                        };
                        self.feed(from, item, now)?;
                    }
                    index += 1;
                }
                None => {
                    let removed = self.stages.remove(index);
                    ended = ended.or_else(|| removed.toxic.on_removal());
                    self.held -= removed.held;
                    for (_, item) in removed.queue {
                        self.feed(index, item, now)?;
                    }
                }
            }
        }
        if let Some(end) = ended {
            return Err(end);
        }
        let mut place = 0;
        for posting in wanted {
            let stage = self.stages.get(place);
            if stage.is_none_or(|stage| !Arc::ptr_eq(&stage.posting, posting)) {
                let Some(toxic) = build(posting) else {
                    continue;
                };
                let stage = Stage {
                    posting: Arc::clone(posting),
                    toxic,
                    queue: VecDeque::new(),
                    held: 0,
                };
                self.stages.insert(place, stage);
            }
            place += 1;
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
        let mut moved = true;
        while moved {
            moved = false;
            // from behind, since each makes room for the one before it
            for index in (0..self.stages.len()).rev() {
                while let Some(due) = self.due(index).filter(|due| *due <= now) {
                    let Some(item) = self.stages[index].release() else {
                        break;
                    };
                    self.held -= item.len();
                    // it left when it was due, not when we came to look: delays add up exactly
                    self.feed(index + 1, item, due)?;
                    moved = true;
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
        (0..self.stages.len())
            .filter_map(|index| self.due(index))
            .chain(self.end().map(|(at, _)| at))
            .min()
    }

    /// Whether more may be pushed; if not, its sender has to wait.
    pub(super) fn has_room(&self) -> bool {
        self.has_room_at(0) && self.ready < READY_MOST && self.held < HELD_MOST
    }

    /// Whether what comes is lost.
    pub(super) fn loses(&self) -> bool {
        self.stages.iter().any(|stage| stage.toxic.loses())
    }

    /// Whether it has no toxic and holds nothing, so that bytes need not go through it.
    pub(super) fn is_idle(&self) -> bool {
        self.stages.is_empty() && self.out.is_empty()
    }

    /// Bytes that are in it.
    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// When a stage has something to pass on that the next one has room for.
    fn due(&self, index: usize) -> Option<Instant> {
        if self.has_room_at(index + 1) {
            self.stages[index].due()
        } else {
            None
        }
    }

    fn has_room_at(&self, index: usize) -> bool {
        self.stages.get(index).is_none_or(Stage::has_room)
    }

    /// The earliest end that a toxic has in mind.
    fn end(&self) -> Option<(Instant, End)> {
        self.stages
            .iter()
            .filter_map(|stage| stage.toxic.ends())
            .min_by_key(|(at, _)| *at)
    }

    /// Sends an item through the stages from `index` on, until one holds or loses it.
    fn feed(&mut self, index: usize, mut item: Item, now: Instant) -> Result<(), End> {
        loop {
            let Some(stage) = self.stages.get_mut(index) else {
                self.held += item.len();
                self.ready += item.len();
                self.out.push_back(item);
                return Ok(());
            };
            let level = stage.posting.level();
            match (stage.toxic.take(now, &item, level), &mut item) {
                (Decision::Lose, _) => return Ok(()),
                (Decision::End(end), _) => return Err(end),
                (Decision::Stall, _) => return self.leave(index, None, item, now),
                (Decision::SplitAt(first, at), Item::Data(bytes)) => {
                    let piece = Item::Data(bytes.split_to(first.min(bytes.len())));
                    self.leave(index, Some(at), piece, now)?;
                }
                (Decision::Cut(first), Item::Data(bytes)) => {
                    bytes.truncate(first);
                    self.leave(index, Some(now), item, now)?;
                    return self.leave(index, Some(now), Item::Close, now);
                }
                (Decision::Flip(bit), Item::Data(bytes)) => {
                    // a copy: others may hold what they share with it
                    let mut flipped = bytes.to_vec();
                    if let Some(byte) = flipped.get_mut(bit / 8) {
                        *byte ^= 1 << (bit % 8);
                    }
                    *bytes = flipped.into();
                    return self.leave(index, Some(now), item, now);
                }
                (
                    Decision::PassAt(at) | Decision::SplitAt(_, at),
                    Item::Data(_) | Item::Eof | Item::Close,
                ) => return self.leave(index, Some(at), item, now),
                (Decision::Cut(_) | Decision::Flip(_), Item::Eof | Item::Close) => {
                    return self.leave(index, Some(now), item, now);
                }
            }
        }
    }

    /// Lets an item leave a stage when it is due, behind what is there, and when the next has room.
    fn leave(
        &mut self,
        index: usize,
        due: Option<Instant>,
        item: Item,
        now: Instant,
    ) -> Result<(), End> {
        let at_once = due.is_some_and(|due| due <= now)
            && self.stages[index].queue.is_empty()
            && self.has_room_at(index + 1);
        if at_once {
            return self.feed(index + 1, item, now);
        }
        self.held += item.len();
        self.stages[index].hold(due, item);
        Ok(())
    }
}
