//! The shapes of faults on the clock of the run.

use std::time::Duration;

use super::{
    mistakes::{File, Mistakes},
    model::{FlapPlan, ShapePlan},
};
use crate::{
    scenario::model::{Fault, Shape},
    time::Compression,
    units::Span,
};

/// A fault that comes and goes more often than this is a mistake: each is an event of the record.
const MOST_COMINGS: u64 = 1000;

/// A shape in real time.
pub(super) fn resolve(shape: &Shape, time: Compression) -> ShapePlan {
    let steps = shape.steps.iter();
    ShapePlan {
        flap: shape.flap.map(|flap| FlapPlan {
            within: time.real(flap.within),
            out: time.real(flap.out),
        }),
        steps: steps.map(|(at, share)| (time.real(*at), *share)).collect(),
    }
}

/// How long a fault lasts whose window is so long: one that comes and goes is over when it goes
/// for the last time.
pub(super) fn lasting(fault: &Fault, window: Duration, time: Compression) -> Duration {
    match resolve(&fault.shape, time).flap {
        Some(flap) => flap.last_going(window),
        None => window,
    }
}

/// That a fault comes and goes within its window, and not too often.
pub(super) fn check(fault: &Fault, lasts: Duration, time: Compression, out: &mut Mistakes<'_>) {
    let name = &fault.name.value;
    let shape = resolve(&fault.shape, time);
    let place = fault.until.as_ref().map_or(fault.name.place, |u| u.place);
    if let Some(flap) = shape.flap {
        let comings = flap.comings(lasts);
        if comings > MOST_COMINGS {
            out.error(
                File::Scenario,
                place,
                format!("{comings} times"),
                format!("fault `{name}` comes and goes more than {MOST_COMINGS} times"),
            )
            .hint("let it stay in and out for longer");
        } else if comings < 2 {
            out.warning(
                File::Scenario,
                place,
                "once",
                format!("fault `{name}` flaps, but comes only once in its window"),
            )
            .hint("lengthen its window, or shorten `in` and `out`");
        }
    }
    if let Some((late, _)) = shape.steps.iter().find(|(at, _)| *at >= lasts) {
        out.warning(
            File::Scenario,
            place,
            format!("{} long", Span(lasts)),
            format!(
                "fault `{name}` is over before its share changes {} after its start, real time",
                Span(*late)
            ),
        )
        .hint("lengthen its window, or take the step out");
    }
}
