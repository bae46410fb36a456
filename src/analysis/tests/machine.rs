//! What the machine and the harness's own limits give rise to, on scripted ticks.

use super::script::{END, LOGIN, Script, at};
use crate::{
    analysis::{Analysis, analyse},
    event::{HarnessTick, WorkerTick},
    measure::Outcome,
};

/// A calm run on a machine where nothing is wrong, but for what `spoil` does to some seconds.
fn ticks(spoil: impl Fn(u64, &mut HarnessTick)) -> Analysis {
    let mut script = Script::calm();
    watched(&mut script, spoil);
    analyse(&script.record)
}

fn watched(script: &mut Script, spoil: impl Fn(u64, &mut HarnessTick)) {
    for second in 0..END {
        let mut tick = HarnessTick {
            cpu: 0.3,
            machine_cpu: 0.9,
            processors: 2,
            descriptors: 300,
            descriptor_limit: 20_000,
            memory: 40 << 20,
            ports: 150,
            local_ports: 28_232,
            sources: 1,
            workers: vec![worker(60, 0), worker(70, 0)],
            ..HarnessTick::default()
        };
        spoil(second, &mut tick);
        script.record.harness.push((at(second as f64 + 1.0), tick));
    }
}

fn worker(connections: u64, waiting: u64) -> WorkerTick {
    WorkerTick {
        connections,
        waiting,
        connection_limit: 8_000,
        ..WorkerTick::default()
    }
}

/// The warnings, as kind and message.
fn told(analysis: &Analysis) -> Vec<(&str, &str)> {
    let warnings = analysis.warnings.iter();
    warnings
        .map(|w| (w.kind.as_str(), w.message.as_str()))
        .collect()
}

#[test]
fn nothing_is_said_of_a_quiet_machine() {
    let analysis = ticks(|_, _| {});
    assert_eq!(told(&analysis), []);
    let harness = &analysis.harness;
    assert_eq!((harness.seconds, harness.late_seconds), (END, 0));
    assert_eq!((harness.cpu, harness.machine_cpu), (Some(0.3), Some(0.9)));
    assert_eq!((harness.memory, harness.steal), (Some(40 << 20), Some(0.0)));
    assert_eq!((harness.connections, harness.waiting), (Some(130), Some(0)));
    assert_eq!(
        (harness.connection_limit, harness.ports),
        (Some(16_000), Some(150))
    );
}

#[test]
fn a_processor_is_busy_only_if_it_stays_so() {
    let busy = |second: u64| matches!(second, 20..=21 | 40..=42 | 50..=54);
    let own = ticks(|second, tick| {
        if busy(second) {
            (tick.cpu, tick.machine_cpu) = (1.9, 2.0);
        }
    });
    let expected = "brownout itself used all processors in 8 s, at most 1.9 of 2";
    assert_eq!(told(&own), [("cpu", expected)]);
    let others = ticks(|second, tick| {
        if busy(second) {
            (tick.cpu, tick.machine_cpu) = (0.5, 1.95);
        }
    });
    let expected = "the processors were all busy in 8 s, and brownout used at most 0.5 of the 2";
    assert_eq!(told(&others), [("machine_cpu", expected)]);
    let stolen = ticks(|second, tick| {
        if busy(second) {
            tick.steal = if second == 41 { 0.5 } else { 0.2 };
        }
    });
    let expected = "the hypervisor kept processor time for others in 8 s, at most 25.0%";
    assert_eq!(told(&stolen), [("steal", expected)]);
}

#[test]
fn what_is_said_of_one_resource_is_said_once() {
    let mut script = Script::calm();
    script.add(40, LOGIN, Outcome::NotSentDescriptors, 3);
    watched(&mut script, |second, tick| {
        if second == 40 {
            tick.descriptors = 16_500;
        }
    });
    let analysis = analyse(&script.record);
    let expected = [
        (
            "not_sent",
            "the harness failed to send 3 requests (0.01%; descriptors: 3)",
        ),
        (
            "descriptors",
            "3 requests found no free descriptors; up to 16,500 were in use, more than 80% of them \
             in 1 s; the limit was 20,000",
        ),
    ];
    assert_eq!(told(&analysis), expected);
}

#[test]
fn ports_are_told_of_before_they_run_out_and_afterwards() {
    let scarce = ticks(|second, tick| {
        if second < 7 {
            tick.ports = 25_000 + second;
        }
    });
    let expected = "up to 25,006 local ports were in use or not yet free again (TIME_WAIT), more \
                    than 80% in 7 s, and there are 28,232";
    assert_eq!(told(&scarce), [("ports", expected)]);
    let spread = ticks(|second, tick| {
        if second > 100 {
            (tick.sources, tick.local_ports) = (3, 3 * 28_232);
        }
    });
    let expected = "the ports of one address ran out, so the target saw visitors from 3: \
                    127.0.0.1 to 127.0.0.3";
    assert_eq!(told(&spread), [("ports", expected)]);
}

#[test]
fn a_line_for_connections_is_told_with_its_longest() {
    let analysis = ticks(|second, tick| {
        if (60..70).contains(&second) {
            tick.workers = vec![worker(8_000, second), worker(70, 0)];
        }
    });
    let expected =
        "requests waited in line for a connection in 10 s, up to 69 at once; the limit is 16,000";
    assert_eq!(told(&analysis), [("connections", expected)]);
    assert_eq!(analysis.harness.waiting, Some(69));
}

#[test]
fn what_an_older_record_does_not_know_is_not_zero() {
    let old = r#"{"lag_p50":{"secs":0,"nanos":0},"lag_p99":{"secs":0,"nanos":7000000},
        "lag_max":{"secs":0,"nanos":9000000},"cpu":0.1,"machine_cpu":0.4,"processors":2,
        "descriptors":40,"descriptor_limit":20000,"in_flight":3,"overdue":0,
        "clock_gap":{"secs":0,"nanos":0}}"#;
    let old: HarnessTick = serde_json::from_str(old).expect("it still reads");
    let mut script = Script::calm();
    watched(&mut script, |_, tick| tick.clone_from(&old));
    let analysis = analyse(&script.record);
    let harness = analysis.harness;
    assert_eq!((harness.seconds, harness.lag_max_s), (END, Some(0.009)));
    assert_eq!((harness.cpu, harness.descriptors), (Some(0.1), Some(40)));
    assert_eq!((harness.steal, harness.memory), (None, None));
    assert_eq!(
        (harness.connections, harness.waiting, harness.ports),
        (None, None, None)
    );
}
