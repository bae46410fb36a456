//! Any bytes as a log or table, whose kind the first byte says; whatever is read of them makes a
//! skeleton that brownout accepts.
#![no_main]

use std::io::Cursor;

use brownout::{
    diagnostic::{RenderStyle, Source},
    import::{FieldNames, Format, Input, Settings, Skeleton, parse_curve, read, replay, skeleton},
    scenario, target,
};

fn input(bytes: &[u8]) -> Input {
    Input {
        name: "fuzz.log".to_owned(),
        reader: Box::new(Cursor::new(bytes.to_vec())),
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else {
        return;
    };
    let format = match kind % 8 {
        0 => Some(Format::Access),
        1 => Some(Format::JsonLines),
        2 => Some(Format::Prometheus),
        3 => Some(Format::Csv),
        4 => Some(Format::Times),
        5 => {
            let _ = replay(input(bytes));
            return;
        }
        6 => {
            if let Ok(text) = std::str::from_utf8(bytes) {
                let _ = parse_curve("fuzz.csv", text);
            }
            return;
        }
        _ => None,
    };
    let settings = Settings {
        format,
        fields: FieldNames::default(),
        bin: None,
        most_bins: 500,
        most_routes: 5,
        from: None,
        to: None,
    };
    let Ok(traffic) = read(vec![input(bytes)], &settings) else {
        return;
    };
    let mut called = Skeleton {
        scenario: "fuzzed".to_owned(),
        service: "web".to_owned(),
        inline: true,
    };
    let inline = skeleton(&traffic, &called);
    if let Err(mistakes) = scenario::parse(Source::new("fuzz/scenario.yaml", &*inline[0].text)) {
        panic!(
            "{}\n{}",
            mistakes.render(RenderStyle::Plain),
            inline[0].text
        );
    }
    called.inline = false;
    let files = skeleton(&traffic, &called);
    if let Err(mistakes) =
        target::parse(Source::new("fuzz/target.yaml", &*files[1].text), &|_| None)
    {
        panic!("{}\n{}", mistakes.render(RenderStyle::Plain), files[1].text);
    }
    for curve in &files[2..] {
        assert!(
            parse_curve(&curve.path, &curve.text).is_ok(),
            "{}",
            curve.text
        );
    }
});
