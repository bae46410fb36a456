//! Faults that commands put in and take out, and what is left of them when brownout is killed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use brownout::guardian::{FILE_NAME, leftovers};

use crate::support::{
    Bench, eventually, expect_exit,
    running::Running,
    server::{Reply, serve},
};

/// The folder `cut` is the fault.
const FAULT: &str = "do: [mkdir, cut], undo: [rm, -rf, cut], check: [sh, -c, '! test -e cut']";

/// A scenario with one fault that is a command.
fn case(exec: &str, broken: &str) -> Bench {
    let bench = Bench::new();
    let shop = serve(|_, _| Reply::Status(200));
    bench.write(
        "target.yaml",
        &format!(
            "brownout: 1\ntarget: shop\nenvironment: test\nservices: {{shop: {{url: \"http://{shop}\"}}}}\n"
        ),
    );
    bench.write(
        "outside.yaml",
        &format!(
            r#"
brownout: 1
scenario: outside
target: target.yaml
phases: [{{calm: 1s}}, {{broken: {broken}}}, {{after: 1s}}]
measure: {{baseline: optional, min_samples: 5, observe: 200ms, hold: 200ms}}
load: {{visitors: {{journey: look, arrivals: 20/s, client: {{timeout: 1s}}}}}}
journeys: {{look: [{{step: look, get: "shop:/"}}]}}
faults:
  cut: {{at: host, from: broken, until: broken.end, exec: {{{exec}}}}}
"#
        ),
    );
    bench
}

const RUN: [&str; 5] = ["run", "outside.yaml", "--live", "plain", "--allow-exec"];

fn run(bench: &Bench) -> Output {
    bench.output(&RUN)
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn data(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn gone(path: &Path) {
    eventually("the fault is taken out", || (!path.exists()).then_some(()));
}

fn journal(bench: &Bench) -> PathBuf {
    bench.run_folder().join(FILE_NAME)
}

#[test]
fn a_command_is_run_only_when_that_is_allowed() {
    let bench = case(FAULT, "1s");
    let output = bench.output(&["run", "outside.yaml", "--live", "plain"]);
    expect_exit(&output, 2);
    let said = talk(&output);
    assert!(
        said.contains("runs `mkdir cut`, undone by `rm -rf cut`"),
        "{said}"
    );
    assert!(said.contains("--allow-exec"), "{said}");
    assert!(!bench.path("reports").exists() && !bench.path("cut").exists());

    // who reads a stranger's file sees what it would run
    for command in ["check", "plan"] {
        let output = bench.output(&[command, "outside.yaml"]);
        expect_exit(&output, 0);
        let shown = data(&output);
        let wanted = "runs `mkdir cut`, undone by `rm -rf cut`, checked by `sh -c ! test -e cut`";
        assert!(shown.contains(wanted), "{shown}");
    }
}

#[test]
fn what_this_machine_cannot_do_is_said_beforehand() {
    let bench = case("do: [no-such-tool, add], undo: [no-such-tool, del]", "1s");
    let output = bench.output(&["check", "--here", "outside.yaml"]);
    expect_exit(&output, 2);
    let shown = data(&output);
    for wanted in [
        "yes  descriptors",
        "yes  signals",
        "cpu limits",
        "no   cut",
        "there is no program `no-such-tool`",
    ] {
        assert!(shown.contains(wanted), "{shown}");
    }
    let output = run(&bench);
    expect_exit(&output, 2);
    let said = talk(&output);
    assert!(
        said.contains("`cut` cannot be put in here") && said.contains("--here"),
        "{said}"
    );
    assert!(!bench.path("reports").exists());
    // the machine alone
    let output = bench.output(&["check", "--here"]);
    expect_exit(&output, 0);
    assert!(
        data(&output).starts_with("this machine\n"),
        "{}",
        data(&output)
    );
}

#[test]
fn a_command_puts_the_fault_in_and_another_takes_it_out() {
    let bench = case(FAULT, "1s");
    let output = run(&bench);
    expect_exit(&output, 0);
    assert!(!bench.path("cut").exists());
    let report = bench.report();
    let fault = &report["faults"][0];
    assert_eq!(fault["verified"], true, "{fault:#}");
    assert!(
        fault["injected_s"].is_number() && fault["removed_s"].is_number(),
        "{fault:#}"
    );
    let log = bench.run_folder().join("logs/fault-cut.log");
    let log = fs::read_to_string(log).expect("a log");
    assert_eq!(log, "+ mkdir cut\n+ rm -rf cut\n+ sh -c ! test -e cut\n");
    assert!(leftovers(&journal(&bench)).expect("reads").owed.is_empty());
}

#[test]
fn a_variable_is_filled_in_and_written_down_nowhere() {
    let exec = "do: [sh, -c, 'echo $0 > cut', '${env:BENCH_TOKEN}'], undo: [rm, -f, cut]";
    let bench = case(exec, "1s");
    let arguments = ["run", "outside.yaml", "--live", "plain", "--allow-exec"];
    let output = bench.output(&arguments);
    expect_exit(&output, 2);
    let said = talk(&output);
    assert!(said.contains("`BENCH_TOKEN` is not set"), "{said}");

    let token = "s3cret-of-the-bench";
    let mut child = Running(
        bench
            .brownout(&arguments)
            .env("BENCH_TOKEN", token)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts"),
    );
    eventually("the command has run", || {
        let cut = fs::read_to_string(bench.path("cut")).ok()?;
        (cut.trim() == token).then_some(())
    });
    let status = child.0.wait().expect("ends");
    assert_eq!(status.code(), Some(0));
    gone(&bench.path("cut"));
    let folder = bench.run_folder();
    let found = Command::new("grep")
        .args(["-rl", token])
        .arg(&folder)
        .output();
    assert_eq!(data(&found.expect("grep runs")), "");
}

#[test]
fn an_undo_that_fails_is_tried_again_and_told() {
    // the second try, by the guardian, succeeds
    let exec = "do: [mkdir, cut], undo: [sh, -c, 'mkdir once && exit 7; rm -rf cut']";
    let bench = case(exec, "1s");
    let output = run(&bench);
    assert!(!bench.path("cut").exists(), "{}", talk(&output));
    let report = bench.report();
    assert_eq!(report["faults"][0]["verified"], false, "{report:#}");
    assert!(leftovers(&journal(&bench)).expect("reads").owed.is_empty());

    // it never does
    let bench = case("do: [mkdir, cut], undo: [sh, -c, 'exit 7']", "1s");
    run(&bench);
    let record = fs::read_to_string(bench.run_folder().join("record.jsonl")).expect("a record");
    assert!(
        record.contains("left behind: fault cut: mkdir cut"),
        "{record}"
    );
    let output = bench.output(&["heal", "latest", "--dry-run"]);
    expect_exit(&output, 1);
    let shown = data(&output);
    assert!(
        shown.contains("its undo command ended with exit code 7"),
        "{shown}"
    );
    let output = bench.output(&["heal", "latest", "--yes"]);
    expect_exit(&output, 1);
    assert!(data(&output).contains("still left"), "{}", data(&output));
}

#[test]
fn the_guardian_takes_out_what_a_killed_brownout_put_in() {
    // killed while the fault is in force, and while it is being put in
    for exec in [
        FAULT,
        "do: [sh, -c, 'mkdir cut; sleep 60; mkdir cut'], undo: [rmdir, cut], timeout: 50s",
    ] {
        let bench = case(exec, "60s");
        let mut running = Running::start(&bench, &RUN);
        eventually("the fault", || bench.path("cut").exists().then_some(()));
        running.0.kill().expect("killed");
        gone(&bench.path("cut"));
        eventually("a clean journal", || {
            let left = leftovers(&journal(&bench)).ok()?;
            (left.origin.is_none()).then_some(())
        });
    }
}

#[test]
fn heal_takes_out_what_nobody_else_can() {
    let bench = case(FAULT, "60s");
    let mut running = Running::start(&bench, &RUN);
    eventually("the fault", || bench.path("cut").exists().then_some(()));
    let output = bench.output(&["heal", "latest"]);
    expect_exit(&output, 2);
    assert!(talk(&output).contains("still goes on"), "{}", talk(&output));
    running.kill_both();
    std::thread::sleep(Duration::from_millis(100));
    assert!(bench.path("cut").exists(), "nobody is left to take it out");

    let output = bench.output(&["heal", "latest", "--dry-run"]);
    expect_exit(&output, 1);
    let shown = data(&output);
    assert!(shown.contains("fault cut: mkdir cut"), "{shown}");
    assert!(
        shown.contains("run `rm -rf cut`, and look with `sh -c ! test -e cut`"),
        "{shown}"
    );
    // nobody can be asked here
    let output = bench.output(&["heal", "latest"]);
    expect_exit(&output, 2);
    assert!(talk(&output).contains("--yes"), "{}", talk(&output));
    assert!(bench.path("cut").exists());

    // a new run warns
    let output = bench.output(&["run", "outside.yaml", "--live", "plain"]);
    let said = talk(&output);
    assert!(
        said.contains("left 1 things behind") && said.contains("brownout heal"),
        "{said}"
    );

    // from another folder, without naming the run
    let mut command = bench.brownout(&["heal", "--yes", "--reports"]);
    let reports = bench.path("reports");
    let output = command
        .arg(reports)
        .current_dir("/")
        .output()
        .expect("runs");
    expect_exit(&output, 0);
    assert!(!bench.path("cut").exists());
    let output = bench.output(&["heal"]);
    expect_exit(&output, 0);
    assert_eq!(data(&output), "nothing is left behind\n");
}
