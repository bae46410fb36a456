//! Evenly spread masses in order, drawn block by block.
//!
//! The interval of all masses is halved again and again. How many of a node's points fall into its
//! left half is binomial with chance one half: the number of ones among as many random bits, so it
//! is exact. A node with few points draws them outright and sorts them. The random numbers of a
//! node depend on the seed and the node's number in the tree alone; hence every worker draws the
//! same points in whatever order it visits the nodes.

use crate::seed::{Seed, Stream};

/// A node with at most this many points is not halved any more.
const BLOCK: u64 = 64;
/// Halving ends here in any case: 2^-48 of the whole is far below a nanosecond of a run.
const DEEPEST: u32 = 48;

/// An interval of masses (as a part of the whole) and how many points lie in it.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Its number: the root is 1, the halves of `n` are `2n` and `2n + 1`.
    number: u64,
    depth: u32,
    low: f64,
    width: f64,
    count: u64,
}

impl Node {
    const fn root(count: u64) -> Self {
        Self {
            number: 1,
            depth: 0,
            low: 0.0,
            width: 1.0,
            count,
        }
    }

    const fn is_block(&self) -> bool {
        self.count <= BLOCK || self.depth >= DEEPEST
    }

    fn halves(&self, seed: Seed) -> (Self, Self) {
        let count = ones(&mut seed.indexed(self.number).stream(), self.count);
        let width = self.width / 2.0;
        let left = Self {
            number: self.number * 2,
            depth: self.depth + 1,
            low: self.low,
            width,
            count,
        };
        let right = Self {
            number: left.number + 1,
            low: self.low + width,
            count: self.count - count,
            ..left
        };
        (left, right)
    }

    /// Writes its points in order.
    fn draw(&self, seed: Seed, points: &mut Vec<f64>) {
        let mut stream = seed.indexed(self.number).stream();
        points.clear();
        points.extend((0..self.count).map(|_| self.low + self.width * stream.unit()));
        points.sort_unstable_by(f64::total_cmp);
    }
}

/// How many of `count` fair coins show heads.
fn ones(stream: &mut Stream, count: u64) -> u64 {
    let whole: u64 = (0..count / 64)
        .map(|_| u64::from(stream.bits().count_ones()))
        .sum();
    let rest = count % 64;
    let mask = (1u64 << rest) - 1;
    whole + u64::from((stream.bits() & mask).count_ones())
}

/// All points in order, from 0 to 1.
#[derive(Debug, Clone)]
pub(super) struct Points {
    seed: Seed,
    /// Nodes still to visit, the next one last; at most one a depth.
    ahead: Vec<Node>,
    block: Vec<f64>,
    used: usize,
}

impl Points {
    pub(super) fn new(seed: Seed, count: u64) -> Self {
        Self {
            seed,
            ahead: vec![Node::root(count)],
            block: Vec::new(),
            used: 0,
        }
    }
}

impl Iterator for Points {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        while self.used == self.block.len() {
            let node = self.ahead.pop()?;
            if node.is_block() {
                node.draw(self.seed, &mut self.block);
                self.used = 0;
            } else {
                let (left, right) = node.halves(self.seed);
                self.ahead.extend([right, left]);
            }
        }
        self.used += 1;
        self.block.get(self.used - 1).copied()
    }
}

/// The point numbered `index` of `count`, found by descending the tree: takes about `count / 32`
/// random numbers.
pub(super) fn point(seed: Seed, count: u64, mut index: u64) -> Option<f64> {
    if index >= count {
        return None;
    }
    let mut node = Node::root(count);
    while !node.is_block() {
        let (left, right) = node.halves(seed);
        if index < left.count {
            node = left;
        } else {
            index -= left.count;
            node = right;
        }
    }
    let mut block = Vec::new();
    node.draw(seed, &mut block);
    block.get(usize::try_from(index).ok()?).copied()
}
