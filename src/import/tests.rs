//! Laws of the importer: nothing makes it panic, and nothing that was written is lost.
//!
//! `BROWNOUT_FUZZ=100000 cargo test --lib import::tests` runs more cases.

use std::{fmt::Write as _, io::Cursor};

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    FieldNames, Format, Input, Settings, Skeleton, Stamp, Traffic, parse_curve, read, replay,
    skeleton,
};

/// How many cases each law is tried on.
fn cases(few: u32) -> ProptestConfig {
    let asked = std::env::var("BROWNOUT_FUZZ").ok();
    let asked = asked.and_then(|text| text.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(few))
}

fn input(bytes: &[u8]) -> Input {
    Input {
        name: "a.log".into(),
        reader: Box::new(Cursor::new(bytes.to_vec())),
    }
}

fn settings(format: Option<Format>) -> Settings {
    Settings {
        format,
        fields: FieldNames::default(),
        bin: None,
        most_bins: 50,
        most_routes: 3,
        from: None,
        to: None,
    }
}

const FORMATS: [Option<Format>; 6] = [
    None,
    Some(Format::Access),
    Some(Format::JsonLines),
    Some(Format::Prometheus),
    Some(Format::Csv),
    Some(Format::Times),
];

/// Pieces that files are made of, so that generated ones get past the first check.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 38] = [
        b"1.2.3.4 - - [",
        b"28/Apr/2021:16:00:00 +0530",
        b"] \"GET /users/5 HTTP/1.1\" 200 5",
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"{\"time\":",
        b"\"path\":\"/",
        b"\"request\":{\"uri\":",
        b"\"status\":503",
        b":",
        b",",
        b";",
        b"\t",
        b"\n",
        b"\r\n",
        b" ",
        b"1619605800",
        b"1619605860.5",
        b"99999999999999999999",
        b"-1",
        b"1e400",
        b"NaN",
        b"2021-04-28T10:30:00Z",
        b"time,rate\n",
        b"12.5 req/s",
        b"1m 30s",
        b"{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[",
        b"{\"metric\":{\"path\":\"/a\"},\"values\":[[1619605800,\"5\"],",
        b"/%2e//:id/{x}/123e4567-e89b-12d3-a456-426614174000",
        b"http://",
        b"\\u00e9\\ud800",
        b"\xef\xbb\xbf",
        b"\xff\xfe\x00",
        b"# ",
    ];
    let piece = prop_oneof![
        9 => select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn write_skeleton(traffic: &Traffic, inline: bool) -> String {
    let settings = Skeleton {
        scenario: "replay".into(),
        service: "web".into(),
        inline,
    };
    let files = skeleton(traffic, &settings);
    files.first().map(|f| f.text.clone()).unwrap_or_default()
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn no_bytes_make_it_panic(bytes in bytes(), format in select(&FORMATS[..])) {
        if let Ok(traffic) = read(vec![input(&bytes)], &settings(format)) {
            for way in &traffic.ways {
                prop_assert_eq!(way.rates.len(), traffic.bins);
                prop_assert!(way.rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0));
            }
            write_skeleton(&traffic, false);
            write_skeleton(&traffic, true);
        }
        let _ = replay(input(&bytes));
        let _ = parse_curve("x.csv", &String::from_utf8_lossy(&bytes));
    }
}

/// A request of a generated log.
#[derive(Debug, Clone)]
struct Sent {
    second: i64,
    method: &'static str,
    path: String,
    junk: bool,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let path = prop_oneof![
        "/[a-c]",
        "/users/[0-9]{1,5}",
        "/[a-z]{0,3}/[ -~&&[^\"\\\\ ?#/]]{1,5}"
    ];
    let one = (
        1_619_605_800i64..1_619_620_000,
        select(&["GET", "POST", "PROPFIND"][..]),
        path,
        prop::bool::weighted(0.1),
    );
    let one = one.prop_map(|(second, method, path, junk)| Sent {
        second,
        method,
        path,
        junk,
    });
    vec(one, 1..120)
}

fn line(format: Format, sent: &Sent) -> String {
    let at = Stamp::from_micros(sent.second * 1_000_000);
    let Sent { method, path, .. } = sent;
    match format {
        _ if sent.junk => "junk: nothing, at all".to_owned(),
        Format::Access => format!("::1 - - [{at}] \"{method} {path}?q HTTP/1.1\" 200 5"),
        Format::JsonLines => {
            let (method, path) = (serde_json::json!(method), serde_json::json!(path));
            format!("{{\"x\":[{{}}],\"ts\":\"{at}\",\"method\":{method},\"uri\":{path}}}")
        }
        Format::Times | Format::Csv | Format::Prometheus => at.to_string(),
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn each_line_is_counted_once(
        all in sent(),
        format in select(&[Format::Access, Format::JsonLines, Format::Times][..]),
    ) {
        let text: Vec<String> = all.iter().map(|sent| line(format, sent)).collect();
        let good: Vec<&Sent> = all.iter().filter(|sent| !sent.junk).collect();
        let bytes = text.join("\n").into_bytes();
        let outcome = read(vec![input(&bytes)], &settings(Some(format)));
        if good.is_empty() {
            prop_assert!(outcome.is_err());
            return Ok(());
        }
        let traffic = outcome.expect("some lines are good");
        prop_assert_eq!(traffic.good, good.len() as u64);
        prop_assert_eq!(traffic.bad, (all.len() - good.len()) as u64);
        prop_assert_eq!(traffic.requests(), good.len() as f64);
        prop_assert!(traffic.ways.len() <= 4);
        prop_assert!(traffic.bins <= 50);
        // the curves hold them all, also after they were written and read again
        let mut curves = 0.0;
        let names = Skeleton { scenario: "x".into(), service: "web".into(), inline: false };
        let files = skeleton(&traffic, &names);
        for file in files.iter().filter(|f| f.path.ends_with(".csv")) {
            let points = parse_curve(&file.path, &file.text).expect("a curve");
            for pair in points.windows(2) {
                curves += pair[0].rate.get() * (pair[1].at - pair[0].at).as_secs_f64();
            }
            prop_assert_eq!(points.last().map(|p| p.at), Some(traffic.length()));
        }
        prop_assert_eq!(curves.round(), good.len() as f64);
        // and each good line is replayed, if the format is found again
        if let Ok(log) = replay(input(&bytes)) {
            prop_assert_eq!(log.micros.len() as u64 + log.bad, all.len() as u64);
            prop_assert!(log.micros.is_sorted());
        }
    }

    #[test]
    fn tables_keep_their_rates(
        rows in vec((1u32..500, 0u32..1000), 1..50),
        separator in select(&[',', ';', '\t'][..]),
    ) {
        let mut text = format!("time{separator}GET /a{separator}b\n");
        for (nth, (a, b)) in rows.iter().enumerate() {
            let at = 1_619_605_800 + 60 * nth;
            writeln!(text, "{at}{separator}{a}{separator}\"{b}\"").expect("written");
        }
        let traffic = read(vec![input(text.as_bytes())], &settings(None)).expect("a table");
        prop_assert_eq!(traffic.format, Format::Csv);
        prop_assert_eq!(traffic.good, rows.len() as u64);
        let sum = |of: fn(&(u32, u32)) -> u32| rows.iter().map(|r| 60.0 * f64::from(of(r))).sum::<f64>();
        for way in &traffic.ways {
            let expected = if way.label == "b" { sum(|r| r.1) } else { sum(|r| r.0) };
            prop_assert_eq!(way.requests.round(), expected);
        }
    }
}
