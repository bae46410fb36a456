//! Who may import whom. ARCHITECTURE.md explains the rules; this table is the rule.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A module and what it may name after `crate::`, beside itself.
const ALLOWED: &[(&str, &[&str])] = &[
    // leaves: nothing of ours but other leaves
    ("units", &[]),
    ("seed", &["units"]),
    ("time", &["units"]),
    ("fine_timer", &[]),
    ("guard", &[]),
    ("marks", &["seed"]),
    ("diagnostic", &[]),
    // what others recorded: it knows nothing of what is made of it
    ("import", &["units"]),
    // what people write: `document` reads YAML into a tree with places, the others give it meaning
    ("document", &["diagnostic", "units"]),
    (
        "scenario",
        &["diagnostic", "document", "import", "seed", "time", "units"],
    ),
    (
        "target",
        &[
            "diagnostic",
            "document",
            "guard",
            "scenario",
            "time",
            "units",
        ],
    ),
    (
        "plan",
        &[
            "diagnostic",
            "guard",
            "scenario",
            "seed",
            "target",
            "time",
            "units",
        ],
    ),
    // what is measured and told
    ("measure", &["plan", "time", "units"]),
    // `scenario` for the word for an edge of a fault
    ("event", &["measure", "scenario", "time"]),
    // both ends of TLS: clients verify, links show and verify, and neither may import the other
    ("tls", &["plan", "scenario", "time"]),
    // what makes it happen; load, fault and probe never import each other
    (
        "client",
        &[
            "guard", "marks", "measure", "plan", "scenario", "seed", "time", "tls", "units",
        ],
    ),
    (
        "load",
        &[
            "client",
            "fine_timer",
            "measure",
            "plan",
            "scenario",
            "seed",
            "time",
            "units",
        ],
    ),
    (
        "probe",
        &[
            "client", "measure", "plan", "scenario", "seed", "time", "units",
        ],
    ),
    (
        "fault",
        &[
            "fine_timer",
            "guard",
            "marks",
            "plan",
            "scenario",
            "seed",
            "time",
            "tls",
            "units",
        ],
    ),
    ("guardian", &["time", "units"]),
    ("launch", &["guardian", "plan", "time", "units"]),
    (
        "run",
        &[
            "analysis", "client", "event", "fault", "guardian", "launch", "load", "measure",
            "plan", "probe", "record", "scenario", "time", "tls", "units",
        ],
    ),
    // what is kept and what it means
    ("record", &["event", "measure", "plan", "time", "units"]),
    (
        "analysis",
        &[
            "event", "measure", "plan", "record", "scenario", "time", "units",
        ],
    ),
    ("report", &["analysis", "units"]),
    // the sample systems stand alone: they must not know what breaks them
    ("stage", &[]),
];

#[test]
fn modules_import_only_what_they_may() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(module, list)| (*module, list.iter().copied().collect()))
        .collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).expect("below src").to_owned();
        let first = relative
            .components()
            .next()
            .expect("a name")
            .as_os_str()
            .to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if matches!(module.as_str(), "main" | "lib" | "cli" | "fuzzing") || is_test(&relative) {
            continue;
        }
        let Some(may) = allowed.get(module.as_str()) else {
            wrong.push(format!(
                "{}: module `{module}` is not in the table",
                relative.display()
            ));
            continue;
        };
        seen.insert(module.clone());
        let text = fs::read_to_string(&file).expect("readable");
        for name in imports(&text) {
            if name != module && !may.contains(name.as_str()) {
                wrong.push(format!(
                    "{}: `{module}` must not import `{name}`",
                    relative.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let unused: Vec<_> = allowed
        .keys()
        .filter(|module| !seen.contains(**module))
        .collect();
    assert!(
        unused.is_empty(),
        "the table names modules that do not exist: {unused:?}"
    );
}

#[test]
fn the_command_line_is_held_to_the_public_api() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = fs::read_to_string(source.join("lib.rs")).expect("readable");
    assert!(
        !library.contains("mod cli;"),
        "cli belongs to the executable alone"
    );
}

#[test]
fn the_import_reader_sees_what_stands_there() {
    let text = "use crate::{\n  plan::Plan,\n  load::{A, B},\n};\nuse crate::units::Rate;\nfn f() { crate::seed::x(); }\n#[cfg(test)]\nmod tests { use crate::report::X; }";
    let expected: BTreeSet<String> = ["load", "plan", "seed", "units"]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(imports(text), expected);
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "tests" || part == "tests.rs"
    })
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The modules named after `crate::`, comments and the trailing test module left out.
fn imports(text: &str) -> BTreeSet<String> {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            names.extend(top_level_names(list));
        } else {
            names.extend(first_name(rest));
        }
    }
    names
}

/// The first name of each item of `a::b, c::{d, e}, f}`.
fn top_level_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(first_name(item.trim()));
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    names.extend(first_name(item.trim()));
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty() && name.starts_with(|c: char| c.is_ascii_lowercase())).then_some(name)
}
