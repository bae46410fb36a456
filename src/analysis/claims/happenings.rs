//! `portal never crashes`, `portal collapses within 5m of opening`.

use super::{
    finding::Finding,
    window::{self, Window},
};
use crate::{
    analysis::{
        State, text,
        world::{World, label},
    },
    plan::WindowPlan,
    scenario::model::{Happening, Subject},
};

/// Something that was seen to happen.
struct Seen {
    at_s: f64,
    observed: String,
    detail: String,
}

/// Judges that something never happens.
pub(crate) fn never(
    world: &World<'_>,
    subject: &Subject,
    what: Happening,
    window: &WindowPlan,
) -> Finding {
    let required = format!("never {}", verb(what));
    let found = look(world, subject, what, window);
    match found {
        Err(finding) => *finding,
        Ok((Some(seen), _)) => Finding::decided(false, seen.observed)
            .at(seen.at_s)
            .because(seen.detail),
        Ok((None, window)) => absent(world, subject, what, &window, true),
    }
    .requiring(required)
}

/// Judges that something happens.
pub(crate) fn happens(
    world: &World<'_>,
    subject: &Subject,
    what: Happening,
    window: &WindowPlan,
) -> Finding {
    let required = verb(what);
    match look(world, subject, what, window) {
        Err(finding) => *finding,
        Ok((Some(seen), _)) => Finding::decided(true, seen.observed)
            .at(seen.at_s)
            .because(seen.detail),
        Ok((None, window)) => absent(world, subject, what, &window, false),
    }
    .requiring(required)
}

type Look = Result<(Option<Seen>, Window), Box<Finding>>;

fn look(world: &World<'_>, subject: &Subject, what: Happening, window: &WindowPlan) -> Look {
    let window = window::resolve(world, window)?;
    let seen = match what {
        Happening::Crash => crash(world, subject, &window),
        Happening::Collapse
        | Happening::Outage
        | Happening::Unhealthy
        | Happening::Shedding
        | Happening::Graceful => state(world, subject, what, &window),
    };
    Ok((seen, window))
}

/// It was not seen: was there anything to see it by?
fn absent(
    world: &World<'_>,
    subject: &Subject,
    what: Happening,
    window: &Window,
    holds: bool,
) -> Finding {
    if !window.whole {
        return Finding::unfinished(world, "the window was not observed to its end");
    }
    let Some(judged) = world.judged(subject) else {
        return Finding::unclear(format!("{} is not known", label(subject)));
    };
    let states = &judged.states[window.bins.clone()];
    let worst = states.iter().min().copied().unwrap_or(State::Unknown);
    let silent = worst == State::Unknown;
    if silent && what != Happening::Crash {
        return Finding::unclear(format!("{} was not heard of in the window", label(subject)));
    }
    let observed = match (what, silent) {
        (Happening::Crash, _) | (_, true) => "no crash".to_owned(),
        (_, false) => format!("at worst {}", state_name(worst)),
    };
    Finding::decided(holds, observed).at(window.to.as_secs_f64())
}

fn crash(world: &World<'_>, subject: &Subject, window: &Window) -> Option<Seen> {
    let (Subject::Service(service) | Subject::Feature { service, .. }) = subject else {
        return None;
    };
    let crashes: Vec<_> = world
        .events
        .get(service)?
        .iter()
        .filter(|e| e.kind == "crash" && !e.injected && window.holds(e.at_s))
        .collect();
    let first = crashes.first()?;
    Some(Seen {
        at_s: first.at_s,
        observed: format!(
            "crashed {}, first at {}",
            text::times(crashes.len()),
            text::seconds(first.at_s)
        ),
        detail: first.detail.clone(),
    })
}

fn state(world: &World<'_>, subject: &Subject, what: Happening, window: &Window) -> Option<Seen> {
    let judged = world.judged(subject)?;
    let bins: Vec<usize> = window
        .bins
        .clone()
        .filter(|bin| means(what, judged.states[*bin]))
        .collect();
    let first = *bins.first()?;
    let at_s = world.grid.start(first);
    let counts = judged.samples.bins[first].counts;
    Some(Seen {
        at_s,
        observed: format!(
            "{} from {} on, for {} in all",
            state_name(judged.states[first]),
            text::seconds(at_s),
            text::seconds(world.grid.seconds(bins.len()))
        ),
        detail: format!(
            "{} offered, {} good and {} shed in its first bin",
            text::count(counts.offered),
            text::count(counts.good),
            text::count(counts.shed)
        ),
    })
}

const fn means(what: Happening, state: State) -> bool {
    match what {
        Happening::Crash => false,
        Happening::Collapse => matches!(state, State::Collapse),
        Happening::Outage => matches!(state, State::Collapse | State::Outage),
        Happening::Unhealthy => matches!(
            state,
            State::Collapse | State::Outage | State::Brownout | State::Shedding
        ),
        Happening::Shedding => matches!(state, State::Shedding),
        Happening::Graceful => matches!(state, State::Graceful),
    }
}

const fn verb(what: Happening) -> &'static str {
    match what {
        Happening::Crash => "crashes",
        Happening::Collapse => "collapses",
        Happening::Outage => "fails",
        Happening::Unhealthy => "degrades",
        Happening::Shedding => "sheds",
        Happening::Graceful => "degrades gracefully",
    }
}

/// A state, as prose has it.
pub(crate) const fn state_name(state: State) -> &'static str {
    match state {
        State::Collapse => "collapse",
        State::Outage => "outage",
        State::Brownout => "brownout",
        State::Shedding => "shedding",
        State::Graceful => "graceful degradation",
        State::Healthy => "healthy",
        State::Unknown => "unknown",
    }
}
