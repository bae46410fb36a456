//! How a fault comes and goes inside its window.

use crate::{time::Story, units::Ratio};

/// The shape of a fault beside its ramps. By default it is there from its start to its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape {
    /// It comes and goes.
    pub flap: Option<Flap>,
    /// `share: {0m: 90%, 15m: 40%}`: from so long after its start on, that share. The first is at
    /// zero, each later than the one before; empty where the share stays the same.
    pub steps: Vec<(Story, Ratio)>,
}

/// A fault that comes and goes, beginning with its coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flap {
    /// It is in force for so long, above zero.
    pub within: Story,
    /// Then it is out for so long, above zero.
    pub out: Story,
}
