//! What lists of places become, and what is said against wrong ones.

use std::time::Duration;

use super::*;
use crate::{
    diagnostic::Source,
    scenario::{
        model::{Edge, Fault, Scenario},
        parse,
    },
};

fn scenario(faults: &str, gate: &str) -> Result<Scenario, Vec<String>> {
    let text = format!(
        "brownout: 1\nscenario: s\nphases: [{{calm: 1h}}, {{back: 1h}}]\n\
         load: {{crowd: {{journey: j, requests: 5/s}}}}\n\
         journeys: {{j: [{{step: look, get: \"fb:/\"}}]}}\nfaults:\n{faults}\n\
         steady_state: [fb success >= 99%]\ngates: [\"{gate}\"]\n"
    );
    match parse(Source::new("s.yaml", text)) {
        Ok((scenario, _)) => Ok(scenario),
        Err(found) => Err(found.0.iter().map(|d| d.message.clone()).collect()),
    }
}

fn faults(faults: &str) -> Vec<Fault> {
    let read = scenario(faults, "fb never crashes");
    read.unwrap_or_else(|said| panic!("{said:?}")).faults
}

fn names(at: &str, rest: &str) -> Vec<String> {
    let list = format!("  x: {{at: [{at}], from: calm, {rest}}}");
    faults(&list).into_iter().map(|f| f.name.value).collect()
}

fn minutes(minutes: u64) -> Story {
    Story(Duration::from_secs(60 * minutes))
}

fn lengths(faults: &[Fault]) -> Vec<Story> {
    let length = |fault: &Fault| match fault.until.as_ref().map(|u| &u.value) {
        Some(Until::For(length)) => *length,
        other => panic!("{other:?}"),
    };
    faults.iter().map(length).collect()
}

#[test]
fn faults_are_called_after_their_places() {
    let hang = "for: 5m, http: hang";
    assert_eq!(names("service fb, service wa", hang), ["x.fb", "x.wa"]);
    assert_eq!(names("service fb, a -> b", hang), ["x.fb", "x.b"]);
    assert_eq!(names("c -> b, a -> b", hang), ["x.c-b", "x.a-b"]);
    assert_eq!(names("service b, a -> b", hang), ["x.b", "x.a-b"]);
    assert_eq!(
        names("feature fb/login, feature fb/feed", hang),
        ["x.login", "x.feed"]
    );
    assert_eq!(
        names("feature fb/start, feature wa/send", hang),
        ["x.fb-start", "x.wa-send"]
    );
    let drop = "for: 5m, dns: drop";
    assert_eq!(names("dns fb.test, dns wa.test", drop), ["x.fb", "x.wa"]);
    assert_eq!(
        names("dns www.fb.test, dns www.wa.test", drop),
        ["x.www-fb-test", "x.www-wa-test"]
    );
    assert_eq!(names("process fb", "process: kill"), ["x.fb"]);
}

#[test]
fn each_place_may_have_its_own_times() {
    let list = "  x: {at: [service fb, service wa], from: calm, for: {fb: 5m, wa: 9m}, http: hang}";
    assert_eq!(lengths(&faults(list)), [minutes(5), minutes(9)]);

    let list = "  x: {at: [service fb, service wa, service ig], from: calm + 1m, stagger: 2m, for: 5m, stagger_out: 3m, http: hang}";
    let staggered = faults(list);
    let starts: Vec<_> = staggered.iter().map(|f| f.from.value.plus).collect();
    assert_eq!(starts, [minutes(1), minutes(3), minutes(5)]);
    assert_eq!(lengths(&staggered), [minutes(5), minutes(8), minutes(11)]);

    let list = "  x: {at: [service fb, service wa], from: {wa: calm, fb: calm + 4m}, until: back, stagger_out: 7m, http: hang}";
    let staggered = faults(list);
    assert_eq!(staggered[0].from.value.plus, minutes(4));
    let Some(Until::At(end)) = staggered[1].until.as_ref().map(|u| &u.value) else {
        panic!("an anchor");
    };
    assert_eq!((end.of.value.as_str(), end.plus), ("back", minutes(7)));
}

#[test]
fn anchors_mean_one_place_or_all() {
    let list = "  x: {at: [service fb, service wa], from: calm, for: {fb: 5m, wa: 9m}, http: hang}\n  \
                y: {at: service fb, from: x.fb.end + 1m, until: x.end, http: hang}\n  \
                z: {at: service fb, from: x.wa, for: 1m, http: hang}";
    let all = faults(list);
    let anchor = &all[2].from.value;
    assert_eq!(
        (anchor.of.value.as_str(), anchor.edge, anchor.plus),
        ("x.fb", Edge::End, minutes(1))
    );
    let Some(Until::At(end)) = all[2].until.as_ref().map(|u| &u.value) else {
        panic!("an anchor");
    };
    assert_eq!((end.of.value.as_str(), end.edge), ("x", Edge::End));
    assert_eq!(all[3].from.value.of.value, "x.wa");
    for gate in [
        "fb recovers within 20s of x.fb.end",
        "fb tolerates x.wa",
        "fb tolerates x",
        "fb success >= 90% during x.fb",
        "fb success >= 90% from x.fb.end to x.end",
    ] {
        scenario(list, gate).unwrap_or_else(|said| panic!("{gate}: {said:?}"));
    }
    let said = scenario(list, "fb recovers within 20s of x.ig.end").expect_err("no such place");
    assert_eq!(said, ["`x` has no place that is called `ig`"]);
}

#[test]
fn wrong_lists_are_refused() {
    let list = "at: [service fb, service wa], from: calm";
    for (keys, said) in [
        (
            format!("{list}, for: {{fb: 5m, ig: 5m}}, http: hang"),
            vec![
                "`for` says nothing of `wa`",
                "no place of this fault is called `ig`",
            ],
        ),
        (
            format!("{list}, for: {{fb: 5m, wa: 6m}}, stagger_out: 1m, http: hang"),
            vec!["`stagger_out` and a `for` for each place exclude each other"],
        ),
        (
            "at: service fb, from: calm, for: 5m, stagger: 1m, http: hang".to_owned(),
            vec!["`stagger` is for a fault at several places"],
        ),
        (
            "at: service fb, from: {fb: calm}, for: 5m, http: hang".to_owned(),
            vec!["a fault at one place has one `from`"],
        ),
        (
            "at: [service fb, service fb], from: calm, for: 5m, http: hang".to_owned(),
            vec!["this place stands here twice"],
        ),
        (
            "at: [service fb, dns fb.test], from: calm, for: 5m, http: hang".to_owned(),
            vec!["this place takes `dns`"],
        ),
        (
            format!("{list}, until: x.end, http: hang"),
            vec![
                "the fault `x.fb` waits for itself",
                "the fault `x.wa` waits for itself",
            ],
        ),
    ] {
        let mut found = scenario(&format!("  x: {{{keys}}}"), "fb never crashes")
            .err()
            .unwrap_or_else(|| panic!("{keys}"));
        found.sort_unstable();
        let mut said = said;
        said.sort_unstable();
        assert_eq!(found, said, "{keys}");
    }
}
