use super::render;
use crate::{
    analysis::{UNFINISHED, Verdict},
    report::fixture,
};

#[test]
fn snapshot_80_columns() {
    insta::assert_snapshot!(render(&fixture::cowin(), false, 80));
}

#[test]
fn snapshot_120_columns() {
    insta::assert_snapshot!(render(&fixture::cowin(), false, 120));
}

#[test]
fn snapshot_of_a_run_cut_off_at_once() {
    insta::assert_snapshot!(render(&fixture::empty(), false, 80));
}

#[test]
fn fits_every_width_and_never_shows_nan() {
    for (name, analysis) in fixture::all() {
        for width in [60, 80, 120, 200] {
            let text = render(&analysis, false, width);
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{name} at {width}: {line}");
            }
            assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
        }
    }
}

#[test]
fn says_every_gate_symptom_and_hint() {
    let analysis = fixture::cowin();
    // Wide enough that no cell is folded.
    let text = render(&analysis, false, 400);
    for claim in analysis.gates.iter().chain(&analysis.symptoms) {
        assert!(text.contains(&claim.text), "{}", claim.text);
        assert!(text.contains(&claim.observed), "{}", claim.observed);
    }
    for warning in &analysis.warnings {
        assert!(text.contains(&warning.hint), "{}", warning.hint);
    }
    assert!(text.contains("history repeated itself: 4 of 5"));
}

#[test]
fn users_are_not_measured_against_a_plan() {
    let mut analysis = fixture::cowin();
    let mut clerks = analysis.populations["citizens"].clone();
    (clerks.planned, clerks.users) = (None, Some(200));
    analysis.load.begun_by_users = 1_234;
    analysis.populations.insert("clerks".into(), clerks);
    let users = "users, who wait for their answers, began 1,234 journeys; 41,204 requests offered";
    let text = render(&analysis, false, 400);
    let both = format!("9,310 of 9,310 planned arrivals began; {users}");
    assert!(text.contains(&both), "{text}");
    analysis.populations.remove("citizens");
    let text = render(&analysis, false, 400);
    assert!(
        text.contains(users) && !text.contains("planned arrivals"),
        "{text}"
    );
}

#[test]
fn colour_changes_nothing_but_colour() {
    let analysis = fixture::cowin();
    let plain = render(&analysis, false, 80);
    let painted = render(&analysis, true, 80);
    assert!(!plain.contains('\x1b'));
    assert!(painted.contains("\x1b["));
    let mut stripped = String::new();
    let mut inside = false;
    for c in painted.chars() {
        match (inside, c) {
            (false, '\x1b') => inside = true,
            (true, 'm') => inside = false,
            (true, _) => {}
            (false, c) => stripped.push(c),
        }
    }
    assert_eq!(stripped, plain);
}

#[test]
fn names_cannot_drive_the_terminal() {
    let text = render(&fixture::hostile(), false, 80);
    assert!(!text.contains('\x1b'));
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn a_stopped_run_says_by_whom() {
    let text = render(&fixture::stopped(), false, 80);
    assert!(text.contains("STOPPED"));
    assert!(text.contains("stopped early: by the operator"));
    assert!(text.contains("exit code 3"));
    assert!(text.contains("> 5.00 s"));
}

#[test]
fn why_a_run_stopped_is_not_said_again_in_each_gate() {
    let mut analysis = fixture::stopped();
    for gate in &mut analysis.gates {
        gate.verdict = Verdict::Stopped;
        gate.observed = UNFINISHED.into();
        gate.detail = Some("the run was stopped: by the operator".into());
    }
    let text = render(&analysis, false, 200);
    assert_eq!(text.matches("by the operator").count(), 1);
    assert_eq!(text.matches(UNFINISHED).count(), analysis.gates.len());
}
