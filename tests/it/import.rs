//! From a log to a scenario that can be planned.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::support::{Bench, expect_exit};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn committed_log() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/access.log")
}

/// Ten minutes: each second five `GET /` and five `PUT /users/N`.
fn steady_log() -> String {
    let mut log = String::new();
    for second in 0..600 {
        let at = format!("28/Apr/2021:16:{:02}:{:02} +0530", second / 60, second % 60);
        for n in 0..5 {
            writeln!(log, "::1 - - [{at}] \"GET / HTTP/1.1\" 200 5").expect("written");
            let path = format!("/users/{}", second * 5 + n);
            writeln!(log, "::1 - - [{at}] \"PUT {path} HTTP/1.1\" 200 5").expect("written");
        }
    }
    log
}

fn arrivals(plan: &[u8]) -> Vec<(String, u64)> {
    let plan: serde_json::Value = serde_json::from_slice(plan).expect("JSON");
    let populations = plan["needs"]["populations"].as_array().expect("a list");
    populations
        .iter()
        .map(|p| {
            let name = p["name"].as_str().expect("a name").to_owned();
            (name, p["arrivals"].as_u64().expect("a count"))
        })
        .collect()
}

#[test]
fn a_log_becomes_a_scenario_that_can_be_planned() {
    let bench = Bench::new();
    bench.write("access.log", &steady_log());
    let output = bench.output(&["import", "access.log", "-o", "made"]);
    expect_exit(&output, 0);
    assert_eq!(text(&output.stdout), "");
    let said = text(&output.stderr);
    assert!(said.contains("6000 good lines, 0 bad"), "{said}");
    assert!(said.contains("the busiest second: 10 requests"), "{said}");
    for command in ["check", "plan"] {
        let output = bench.output(&[command, "made/scenario.yaml"]);
        expect_exit(&output, 0);
        assert_eq!(text(&output.stderr), "", "{command} has nothing to say");
    }
    let output = bench.output(&["plan", "made/scenario.yaml", "--format", "json"]);
    // calm: 58 s before (550 requests and 3 s at 10/s) and 45 s after, at 5/s
    let each = 3000 + 5 * (58 + 45);
    let expected = [
        ("get_home".to_owned(), each),
        ("put_users_id".to_owned(), each),
    ];
    assert_eq!(arrivals(&output.stdout), expected);
    let made = std::fs::read_to_string(bench.path("made/scenario.yaml")).expect("written");
    let made: serde_json::Value = serde_yaml::from_str(&made).expect("YAML");
    let validator = crate::shipped_files::validator("scenario");
    let wrong: Vec<String> = validator
        .iter_errors(&made)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // what was filled in is not overwritten
    let output = bench.output(&["import", "access.log", "-o", "made"]);
    expect_exit(&output, 2);
}

#[test]
fn bad_lines_are_shown_and_the_rest_is_imported() {
    let bench = Bench::new();
    let log = committed_log();
    let output = bench.output(&["import", log.to_str().expect("utf-8"), "-o", "made"]);
    expect_exit(&output, 0);
    let said = text(&output.stderr);
    assert!(said.contains("access.log:8: no request in it"), "{said}");
    assert!(
        said.contains("access.log:21: no request in it: --- rotated"),
        "{said}"
    );
    assert!(said.contains("60 good lines, 2 bad"), "{said}");
    let scenario = std::fs::read_to_string(bench.path("made/scenario.yaml")).expect("written");
    for part in [
        "get: \"web:/slots/{{id}}\"",
        "get: \"web:/certificate/{{uuid}}\"",
        "answered with 5xx",
        "of 60 requests\"",
        "baseline: optional",
    ] {
        assert!(scenario.contains(part), "no {part} in\n{scenario}");
    }
    let output = bench.output(&["plan", "made/scenario.yaml", "--format", "json"]);
    expect_exit(&output, 0);
    let target = std::fs::read_to_string(bench.path("made/target.yaml")).expect("written");
    assert!(target.contains("GET /certificate/:id"), "{target}");
}

#[test]
fn a_stream_becomes_one_scenario_with_its_curves_in_it() {
    let bench = Bench::new();
    let mut brownout = bench.brownout(&["import", "-", "--routes", "1"]);
    let brownout = brownout.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = brownout.stderr(Stdio::piped()).spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(steady_log().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    expect_exit(&output, 0);
    bench.write("one.yaml", &text(&output.stdout));
    bench.write("access.log", &steady_log());
    expect_exit(&bench.output(&["import", "access.log", "-o", "made"]), 0);
    let plan = [
        "plan",
        "one.yaml",
        "--target",
        "made/target.yaml",
        "--format",
        "json",
    ];
    let output = bench.output(&plan);
    expect_exit(&output, 0);
    let names: Vec<String> = arrivals(&output.stdout)
        .into_iter()
        .map(|(n, _)| n)
        .collect();
    assert_eq!(names, ["get_home", "other"]);
}

#[test]
fn a_file_without_a_good_line_is_refused() {
    let bench = Bench::new();
    let file = bench.write("notes.txt", "dear diary,\nnothing happened\n");
    let file = file.to_str().expect("utf-8");
    for (arguments, says) in [
        (vec!["import", file], "in no format that is known"),
        (
            vec!["import", file, "--format", "access"],
            "no line could be read as access log",
        ),
        (vec!["import", "nowhere.log"], "cannot read nowhere.log"),
        (
            vec!["import", file, "--bin", "500ms"],
            "whole number of seconds",
        ),
    ] {
        let output = bench.output(&arguments);
        expect_exit(&output, 2);
        let said = text(&output.stderr);
        assert!(said.contains(says), "{said}");
    }
}

/// A log of 60 lines in 5 minutes, replayed twice as fast in a phase of its own.
fn replaying(bench: &Bench, speed: &str) -> String {
    std::fs::copy(committed_log(), bench.path("access.log")).expect("copied");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/hello.yaml");
    let text = format!(
        "brownout: 1\nscenario: again\ntarget: {}\nphases: [{{calm: 20s}}, {{replayed: 150s}}]\n\
         load:\n  visitors:\n    journey: look\n    \
         arrivals: {{calm: 40/s, replayed: {{replay: access.log, speed: {speed}}}}}\n\
         journeys:\n  look: [{{step: home, get: \"web:/\"}}]\n\
         steady_state: [web success >= 99%]\ngates: [web never collapses]\n",
        target.display()
    );
    bench.write("again.yaml", &text).display().to_string()
}

#[test]
fn a_replay_plans_each_line_once() {
    let bench = Bench::new();
    let scenario = replaying(&bench, "2x");
    let plan = |more: &[&str]| {
        let mut arguments = vec!["plan", &scenario, "--format", "json"];
        arguments.extend(more);
        let output = bench.output(&arguments);
        expect_exit(&output, 0);
        let said = text(&output.stderr);
        assert!(
            said.contains("2 lines of `access.log` could not be read"),
            "{said}"
        );
        arrivals(&output.stdout)[0].1
    };
    assert_eq!(plan(&[]), 800 + 60);
    // half of the load is half of the calm and some of the lines, the same ones each time
    let half = ["--load-scale", "75%"];
    let some = plan(&half) - 600;
    assert!((30..60).contains(&some), "{some}");
    assert_eq!(plan(&half) - 600, some);

    let output = bench.output(&["plan", &scenario, "--load-scale", "2x"]);
    expect_exit(&output, 2);
    assert!(text(&output.stderr).contains("cannot be multiplied"));

    let scenario = replaying(&bench, "1x");
    let output = bench.output(&["plan", &scenario]);
    expect_exit(&output, 2);
    let said = text(&output.stderr);
    assert!(
        said.contains("the log takes") && said.contains("speed: 2x"),
        "{said}"
    );
}
