//! Doubts about this machine: what brownout took of it, and what others left.

use std::time::Duration;

use super::warnings::warning;
use crate::{
    analysis::{Warning, load, text, world::World},
    event::HarnessTick,
    plan::Needs,
};

/// So much of the processors' time is saturation,
const SATURATED: f64 = 0.9;
/// and so much of it taken by the hypervisor is no longer noise,
const STOLEN: f64 = 0.05;
/// if it lasts for so many seconds in a row.
const LASTING: usize = 3;
/// So much of a limit is too much.
const USABLE: f64 = 0.8;
/// The two clocks may differ by this much in a second.
const CLOCK_GAP: Duration = Duration::from_millis(250);

pub(super) fn warnings(world: &World<'_>) -> Vec<Warning> {
    let ticks: Vec<&HarnessTick> = world.record.harness.iter().map(|(_, tick)| tick).collect();
    [
        own_cpu(&ticks),
        machine_cpu(&ticks),
        steal(&ticks),
        descriptors(world, &ticks),
        ports(world, &ticks),
        connections(&ticks),
        clock_gap(&ticks),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How many seconds belong to a stretch of at least three that are all so.
fn lasting(ticks: &[&HarnessTick], is: impl Fn(&HarnessTick) -> bool) -> usize {
    let stretches = ticks.chunk_by(|a, b| is(a) == is(b));
    let such = stretches.filter(|s| s.len() >= LASTING && s.first().is_some_and(|t| is(t)));
    such.map(<[_]>::len).sum()
}

fn highest(ticks: &[&HarnessTick], of: impl Fn(&HarnessTick) -> f64) -> f64 {
    ticks.iter().map(|t| of(t)).fold(0.0, f64::max)
}

fn most(ticks: &[&HarnessTick], of: impl Fn(&HarnessTick) -> u64) -> u64 {
    ticks.iter().map(|t| of(t)).max().unwrap_or(0)
}

fn is_own(tick: &HarnessTick) -> bool {
    tick.processors > 0 && tick.cpu >= f64::from(tick.processors) * SATURATED
}

fn own_cpu(ticks: &[&HarnessTick]) -> Option<Warning> {
    let seconds = lasting(ticks, is_own);
    (seconds > 0).then(|| {
        let peak = highest(ticks, |t| t.cpu);
        let processors = most(ticks, |t| t.processors.into());
        warning(
            "cpu",
            format!("brownout itself used all processors in {seconds} s, at most {peak:.1} of {processors}"),
            "lower --load-scale, or run it on a larger machine",
        )
    })
}

fn machine_cpu(ticks: &[&HarnessTick]) -> Option<Warning> {
    let busy = |t: &HarnessTick| {
        t.processors > 0 && t.machine_cpu >= f64::from(t.processors) * SATURATED && !is_own(t)
    };
    let seconds = lasting(ticks, busy);
    (seconds > 0).then(|| {
        let among: Vec<&HarnessTick> = ticks.iter().copied().filter(|t| busy(t)).collect();
        let own = highest(&among, |t| t.cpu);
        let processors = most(ticks, |t| t.processors.into());
        warning(
            "machine_cpu",
            format!(
                "the processors were all busy in {seconds} s, and brownout used at most {own:.1} of the {processors}"
            ),
            "the target or others share this machine: latencies may be the machine's, not the target's",
        )
    })
}

fn steal(ticks: &[&HarnessTick]) -> Option<Warning> {
    let share = |t: &HarnessTick| t.steal / f64::from(t.processors.max(1));
    let seconds = lasting(ticks, |t| share(t) >= STOLEN);
    (seconds > 0).then(|| {
        let worst = text::percent(highest(ticks, share).min(1.0));
        warning(
            "steal",
            format!("the hypervisor kept processor time for others in {seconds} s, at most {worst}"),
            "latencies hold pauses of the whole machine: run again when its host is quiet, or elsewhere",
        )
    })
}

/// Joins what was seen of one resource into one warning.
fn joined(kind: &str, parts: Vec<String>, hint: &str) -> Option<Warning> {
    (!parts.is_empty()).then(|| warning(kind, parts.join("; "), hint))
}

fn unsent(world: &World<'_>, reason: &str) -> Option<String> {
    let n = load::totals(world).not_sent.get(reason).copied()?;
    let n = text::count(n);
    Some(format!("{n} requests found no free {reason}"))
}

fn descriptors(world: &World<'_>, ticks: &[&HarnessTick]) -> Option<Warning> {
    let mut parts: Vec<String> = unsent(world, "descriptors").into_iter().collect();
    let above = |t: &HarnessTick, n: u64| n as f64 > t.descriptor_limit as f64 * USABLE;
    let limited = || ticks.iter().filter(|t| t.descriptor_limit > 0);
    let full = limited().filter(|t| above(t, t.descriptors)).count();
    if full > 0 {
        let peak = text::count(most(ticks, |t| t.descriptors));
        parts.push(format!(
            "up to {peak} were in use, more than 80% of them in {full} s"
        ));
    }
    let needed = Needs::of(world.plan).descriptors;
    if limited().any(|t| above(t, needed)) {
        let needed = text::count(needed);
        parts.push(format!("the plan may need {needed}"));
    }
    let limit = limited().map(|t| t.descriptor_limit).min().unwrap_or(0);
    if !parts.is_empty() {
        parts.push(format!("the limit was {}", text::count(limit)));
    }
    let hint = "raise the hard limit (`ulimit -Hn`), shorten `timeout`, or lower --load-scale";
    joined("descriptors", parts, hint)
}

fn ports(world: &World<'_>, ticks: &[&HarnessTick]) -> Option<Warning> {
    let mut parts: Vec<String> = unsent(world, "ports").into_iter().collect();
    let share = |t: &HarnessTick| t.ports as f64 / t.local_ports.max(1) as f64;
    let scarce = |t: &&&HarnessTick| t.local_ports > 0 && share(t) > USABLE;
    let full = ticks.iter().filter(scarce).count();
    if full > 0 {
        let peak = most(ticks, |t| t.ports);
        let (peak, all) = (
            text::count(peak),
            text::count(most(ticks, |t| t.local_ports)),
        );
        parts.push(format!(
            "up to {peak} local ports were in use or not yet free again (TIME_WAIT), more than 80% in {full} s, and there are {all}"
        ));
    }
    let sources = most(ticks, |t| t.sources.into());
    if sources > 1 {
        parts.push(format!(
            "the ports of one address ran out, so the target saw visitors from {sources}: 127.0.0.1 to 127.0.0.{sources}"
        ));
    }
    let hint = "keep connections (`reuse: shared`), or widen net.ipv4.ip_local_port_range";
    joined("ports", parts, hint)
}

fn connections(ticks: &[&HarnessTick]) -> Option<Warning> {
    let full = ticks.iter().filter(|t| t.waiting() > 0).count();
    (full > 0).then(|| {
        let waiting = text::count(most(ticks, HarnessTick::waiting));
        let limit = text::count(most(ticks, HarnessTick::connection_limit));
        warning(
            "connections",
            format!("requests waited in line for a connection in {full} s, up to {waiting} at once; the limit is {limit}"),
            "it is full of unanswered requests: shorten `timeout`, or raise the limit of descriptors",
        )
    })
}

fn clock_gap(ticks: &[&HarnessTick]) -> Option<Warning> {
    let gaps = || {
        ticks
            .iter()
            .map(|t| t.clock_gap)
            .filter(|gap| *gap > CLOCK_GAP)
    };
    let worst = text::latency(gaps().max()?.as_secs_f64());
    let times = text::times(gaps().count());
    Some(warning(
        "clock_gap",
        format!("the clocks moved apart within a second, {times}, at most by {worst}"),
        "the machine was suspended or paused: run again",
    ))
}
