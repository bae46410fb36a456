//! Any text as a target file: mistakes can be shown.
#![no_main]

use brownout::{
    diagnostic::{RenderStyle, Source},
    target,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let env = |name: &str| (name == "TOKEN").then(|| "t0ken-of-nobody".to_owned());
    let mistakes = match target::parse(Source::new("/none/fuzz.yaml", text), &env) {
        Ok((_, warnings)) => warnings,
        Err(mistakes) => mistakes,
    };
    for style in [
        RenderStyle::Terminal { colour: true },
        RenderStyle::Plain,
        RenderStyle::Json,
    ] {
        let said = mistakes.render(style);
        let harmless = |c: char| !c.is_control() || c == '\n' || c == '\u{1b}';
        assert!(said.chars().all(harmless), "{said:?}");
        // what the environment holds is shown nowhere
        assert!(text.contains("t0ken") || !said.contains("t0ken"), "{said}");
    }
});
