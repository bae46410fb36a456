//! Every file under `tests/bad` is refused, and what is said about it is kept beside it.
//!
//! After a change of wording: `BLESS=1 cargo test --test it bad_files`, then read the diff.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::brownout;

fn files(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/bad").join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder))
        .expect("the folder of bad files")
        .map(|entry| folder.join(entry.expect("an entry").file_name()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

fn check_all(kind: &str, at_least: usize) {
    let files = files(kind);
    assert!(files.len() >= at_least, "only {} files", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let output = brownout(&["check", &file.to_string_lossy()])
            .output()
            .expect("runs");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{}: {said}", file.display());
        assert_eq!(output.stdout, b"", "{}", file.display());
        assert!(!said.contains('\u{1b}'), "{}: {said:?}", file.display());
        let place = format!("{}:", file.display());
        assert!(
            said.lines().any(|line| {
                let numbers = line.strip_prefix(&place).unwrap_or_default();
                let mut parts = numbers.split(':');
                parts.next().is_some_and(|l| l.parse::<u32>().is_ok())
                    && parts.next().is_some_and(|c| c.parse::<u32>().is_ok())
            }),
            "{}: no place in {said}",
            file.display()
        );
        let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(file)
            .with_extension("stderr");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&kept, &said).expect("the kept text is written");
        } else if fs::read_to_string(&kept).unwrap_or_default() != said {
            wrong.push(format!("{}\n{said}", file.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "said otherwise than kept:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn bad_scenarios_are_explained() {
    check_all("scenario", 40);
}

#[test]
fn bad_targets_are_explained() {
    check_all("target", 20);
}

#[test]
fn hostile_files_are_refused_quickly() {
    let folder = tempfile::tempdir().expect("a folder");
    let bomb: String = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
        .chain((1..40).map(|i| {
            let last = format!("*a{}", i - 1);
            format!("a{i}: &a{i} [{}]\n", [last.as_str(); 10].join(", "))
        }))
        .collect();
    let files: [(&str, Vec<u8>); 8] = [
        (
            "ten_megabytes",
            format!("scenario: {}\n", "x".repeat(10_000_000)).into_bytes(),
        ),
        (
            "long_scalar",
            format!("scenario: {}\n", "x".repeat(1_900_000)).into_bytes(),
        ),
        (
            "long_key",
            format!("{}: 1\n", "x".repeat(1_900_000)).into_bytes(),
        ),
        ("alias_bomb", bomb.into_bytes()),
        ("deep_flow", "[".repeat(10_000).into_bytes()),
        (
            "deep_block",
            (0..1_500)
                .map(|i| " ".repeat(i) + "a:\n")
                .collect::<String>()
                .into_bytes(),
        ),
        (
            "many_keys",
            (0..9_000)
                .map(|i| format!("k{i}: 1\n{}", if i == 0 { "scenario: x\n" } else { "" }))
                .collect::<String>()
                .into_bytes(),
        ),
        ("zeros", vec![0; 100_000]),
    ];
    for (name, bytes) in files {
        let path = folder.path().join(format!("{name}.yaml"));
        fs::write(&path, bytes).expect("written");
        let before = Instant::now();
        let output = brownout(&["check", &path.to_string_lossy()])
            .output()
            .expect("runs");
        let took = before.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {said:.1000}");
        assert!(
            said.contains(&format!("{name}.yaml:")),
            "{name}: {said:.1000}"
        );
        assert!(said.len() < 100_000, "{name}: said {} bytes", said.len());
        // generous for a busy machine; without limits these take minutes or all memory
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    for (file, says) in [
        ("no/such/file.yaml", "cannot read"),
        ("tests/bad", "cannot read"),
    ] {
        let output = brownout(&["check", file]).output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(file) && said.contains(says), "{said}");
    }
}

#[test]
fn json_is_for_tools() {
    let file = "tests/bad/scenario/unknown_key.yaml";
    let output = brownout(&["check", "--format", "json", file])
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stderr, b"");
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["diagnostics"][0]["file"], file);
    assert_eq!(said["diagnostics"][0]["line"], 15);
    assert_eq!(said["diagnostics"][0]["column"], 1);
}

#[test]
fn nobody_listening_changes_no_exit_code() {
    for arguments in [["plan", "nowhere.yaml"], ["report", "nowhere"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = brownout(&arguments);
        let status = command.stderr(writer).status().expect("runs");
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}
