//! `process:`.

use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::{model::ProcessEffect, parse::keys::PROCESS},
    units::{ByteSize, Ratio},
};

/// A process gets at least so much of a processor: the kernel's shortest quota.
const LEAST_CPU: f64 = 0.01;
/// And so much memory: less, and nothing can even be started.
const LEAST_MEMORY: ByteSize = ByteSize(1_000_000);

/// One of its words, or a mapping: limits, or `{disk: full}`.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<ProcessEffect> {
    if matches!(node.value, Node::Map(_)) {
        return limits(node, mistakes);
    }
    let words = [
        ProcessEffect::Kill,
        ProcessEffect::Pause,
        ProcessEffect::Stop,
        ProcessEffect::Restart,
        ProcessEffect::CrashLoop,
    ]
    .map(|effect| (effect.word(), effect));
    mistakes.choice(node, "a process effect", &words)
}

fn limits(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<ProcessEffect> {
    let fields = Fields::open(node, &PROCESS, mistakes)?;
    if let Some((key, node)) = fields.entry("disk") {
        if fields.has("cpu") || fields.has("memory") {
            mistakes
                .error(
                    key.place,
                    "a disk that fills up is a fault of its own",
                    "beside limits",
                )
                .hint = Some("write two faults that begin at the same time".to_owned());
        }
        return Some(ProcessEffect::Disk {
            used: disk(node, mistakes)?,
        });
    }
    let cpu = fields.get("cpu").and_then(|node| {
        let cpu: Ratio = mistakes.ratio(node)?;
        if cpu.get() < LEAST_CPU {
            mistakes.expected(node, "at least 1% of a processor");
        }
        Some(cpu)
    });
    let memory = fields.get("memory").and_then(|node| {
        let memory = mistakes.byte_size(node)?;
        if memory < LEAST_MEMORY {
            mistakes.expected(node, &format!("at least {LEAST_MEMORY}"));
        }
        Some(memory)
    });
    if !fields.has("cpu") && !fields.has("memory") {
        mistakes.expected(node, "`cpu`, `memory`, or both; or `disk`");
    }
    Some(ProcessEffect::Limit { cpu, memory })
}

/// `full`, or how much of it is.
fn disk(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Ratio> {
    if let Node::Scalar(scalar) = &node.value {
        if scalar.text == "full" {
            return Some(Ratio::ONE);
        }
        let used = scalar.text.parse().ok();
        if let Some(used) = used.filter(|used: &Ratio| used.get() > 0.0) {
            return Some(used);
        }
    }
    mistakes.expected(node, "`full`, or how much of it is in use, such as `95%`");
    None
}
