//! The files that brownout ships are good, and agree with the schemas that editors use.

use std::{fs, path::Path};

use crate::brownout;

/// The shipped files of a folder, as text and as JSON (for the schema).
fn shipped(folder: &str) -> Vec<(String, serde_json::Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(root.join(folder))
        .expect(folder)
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    files
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).expect("text");
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let kind = folder.trim_end_matches('s');
            let modeline =
                format!("# yaml-language-server: $schema=../schemas/{kind}.schema.json\n");
            assert!(text.starts_with(&modeline), "{name} has no modeline");
            let options = serde_yaml::options! {
                strict_booleans: true,
                underscored_numbers_as_strings: true,
                leading_zero_numbers_as_strings: true,
            };
            let value = serde_yaml::from_str_with_options(&text, options).expect("YAML");
            (name, value)
        })
        .collect()
}

pub(crate) fn validator(kind: &str) -> jsonschema::Validator {
    let output = brownout(&["schema", kind]).output().expect("runs");
    assert_eq!(output.status.code(), Some(0));
    let schema = serde_json::from_slice(&output.stdout).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("a schema of draft 2020-12");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn agree(kind: &str, folder: &str) {
    let validator = validator(kind);
    for (name, value) in shipped(folder) {
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn scenarios_agree_with_their_schema() {
    agree("scenario", "scenarios");
}

#[test]
fn targets_agree_with_their_schema() {
    agree("target", "targets");
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let validator = validator("scenario");
    let (_, good) = shipped("scenarios").swap_remove(0);
    assert!(validator.is_valid(&good));
    for (pointer, wrong) in [
        ("", serde_json::json!({"fautls": {}})),
        ("/scale/time", serde_json::json!("60%")),
        ("/phases/0", serde_json::json!({"calm": 20})),
        (
            "/faults/sms_late/http",
            serde_json::json!({"delay": "12s", "status": 503}),
        ),
        ("/load/citizens/client/timeout", serde_json::json!("5")),
    ] {
        let mut bad = good.clone();
        let place = bad.pointer_mut(pointer).expect(pointer);
        match (pointer, place.as_object_mut(), &wrong) {
            ("", Some(map), serde_json::Value::Object(more)) => map.extend(more.clone()),
            _ => *place = wrong,
        }
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

#[test]
fn the_schema_knows_users() {
    let validator = validator("scenario");
    let (_, good) = shipped("scenarios").swap_remove(0);
    let (journey, curve) = ("register", "10 -> 200 in 1m then 50");
    for (population, fits) in [
        (serde_json::json!({"journey": journey, "users": 50}), true),
        (
            serde_json::json!({"journey": journey, "users": {"calm": 5, "opening": curve}}),
            true,
        ),
        (
            serde_json::json!({"journey": journey, "users": 50, "pause": "1s..3s"}),
            true,
        ),
        (serde_json::json!({"journey": journey, "users": -1}), false),
        (
            serde_json::json!({"journey": journey, "users": 50, "arrivals": "5/s"}),
            false,
        ),
        (
            serde_json::json!({"journey": journey, "users": 50, "spacing": "poisson"}),
            false,
        ),
        (
            serde_json::json!({"journey": journey, "arrivals": "5/s", "pause": "1s"}),
            false,
        ),
    ] {
        let mut scenario = good.clone();
        scenario["load"]["clerks"] = population.clone();
        assert_eq!(validator.is_valid(&scenario), fits, "{population}");
    }
}

#[test]
fn shipped_files_are_good() {
    for file in [
        "scenarios/cowin-2021.yaml",
        "scenarios/cowin-drill.yaml",
        "scenarios/facebook-2021.yaml",
        "targets/cowin.yaml",
        "targets/cowin-hardened.yaml",
        "targets/social.yaml",
        "targets/social-hardened.yaml",
    ] {
        let output = brownout(&["check", file]).output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said, "", "{file} has no warnings");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(out.contains(&format!("ok: {file}: ")), "{out}");
    }
}

#[test]
fn the_https_example_is_good_beside_its_certificate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["scenarios", "targets"] {
        fs::create_dir(folder.path().join(part)).expect("a folder");
        let file = format!("{part}/example-https.yaml");
        fs::copy(root.join(&file), folder.path().join(&file)).expect("copied");
    }
    let scenario = folder.path().join("scenarios/example-https.yaml");
    let check = |token: Option<&str>| {
        let mut command = brownout(&["check", &scenario.to_string_lossy()]);
        command.env_remove("SHOP_TOKEN");
        command.envs(token.map(|token| ("SHOP_TOKEN", token)));
        command.output().expect("runs")
    };
    let output = check(None);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("`SHOP_TOKEN` is not set"), "{said}");
    assert!(said.contains("there is no file"), "{said}");

    let made = folder.path().join("target/example-https");
    fs::create_dir_all(&made).expect("a folder");
    fs::write(made.join("ca.pem"), "").expect("written");
    let output = check(Some("very-secret-token"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    for text in [&output.stderr, &output.stdout] {
        assert!(!String::from_utf8_lossy(text).contains("very-secret-token"));
    }
}

/// The smallest scenario is what people begin from, and these are the first slips they make.
#[test]
fn the_first_slips_of_a_newcomer_are_told() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let hello = std::fs::read_to_string(folder.join("scenarios/hello.yaml")).expect("shipped");
    let bench = crate::support::Bench::new();
    let target = folder.join("targets/hello.yaml");
    let here = hello.replace("../targets/hello.yaml", target.to_str().expect("utf-8"));
    let check = |text: &str| {
        let file = bench.write("mine.yaml", text);
        let output = bench.output(&["check", file.to_str().expect("utf-8")]);
        let told = String::from_utf8(output.stderr).expect("utf-8");
        (output.status.code(), told)
    };
    assert_eq!(check(&here), (Some(0), String::new()));
    let silent = here.replace("arrivals: 40/s", "arrivals: {calm: 40/s, after: 40/s}");
    let (code, told) = check(&silent);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("there is no load in phase `broken`"),
        "{told}"
    );
    let (code, told) = check(&hello);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("relative to the scenario's folder"), "{told}");
}

/// After a change of reports: make the example again from its record, as this test does, and look.
#[test]
fn the_committed_example_is_what_its_record_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = "reports/examples/cowin-2021-naive";
    let kinds = [
        ("terminal", "report.txt"),
        ("json", "report.json"),
        ("junit", "junit.xml"),
        ("html", "report.html"),
    ];
    for (format, file) in kinds {
        let mut report = brownout(&["report", example, "--format", format]);
        let output = report.env("COLUMNS", "100").output().expect("runs");
        let committed = std::fs::read(folder.join(example).join(file)).expect("committed");
        assert!(
            output.stdout == committed,
            "{file} is stale: brownout report {example} --format {format} > {example}/{file}"
        );
    }
}
