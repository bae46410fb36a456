//! Any text as a scenario: mistakes can be shown, and what has none can be planned.
#![no_main]

use std::{path::PathBuf, sync::LazyLock};

use brownout::{
    diagnostic::{Diagnostics, RenderStyle, Source},
    plan::{Here, Overrides, PortReuse, describe, resolve},
    scenario,
    target::{self, model::Target},
};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let text = include_str!("../../targets/cowin.yaml");
    let parsed = target::parse(Source::new("/none/cowin.yaml", text), &|_| None);
    parsed.expect("a target that ships").0
});

fn show(mistakes: &Diagnostics) {
    for style in [
        RenderStyle::Terminal { colour: true },
        RenderStyle::Plain,
        RenderStyle::Json,
    ] {
        let text = mistakes.render(style);
        let harmless = |c: char| !c.is_control() || c == '\n' || c == '\u{1b}';
        assert!(text.chars().all(harmless), "{text:?}");
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    // paths are seen from a folder that does not exist
    let scenario = match scenario::parse(Source::new("/none/fuzz.yaml", text)) {
        Ok((scenario, warnings)) => {
            show(&warnings);
            scenario
        }
        Err(mistakes) => return show(&mistakes),
    };
    let here = Here {
        executable: PathBuf::from("/none/brownout"),
        descriptor_limit: 20_000,
        local_ports: 28_000,
        port_reuse: PortReuse::Loopback,
    };
    match resolve(&scenario, &TARGET, &Overrides::default(), &here) {
        Ok((plan, warnings)) => {
            show(&warnings);
            let _ = describe(&plan);
            // it is stored in the record
            let kept = serde_json::to_string(&plan).expect("a plan can be kept");
            let back: brownout::plan::Plan = serde_json::from_str(&kept).expect("and read");
            assert_eq!(serde_json::to_string(&back).expect("again"), kept);
        }
        Err(mistakes) => show(&mistakes),
    }
});
