//! Requests of any kind, against the laws that fuzzing holds them to.

use proptest::prelude::*;

use crate::fault::toxiproxy::laws::requests_are_answered;

/// A value that some request might hold, right or wrong.
fn values() -> impl Strategy<Value = String> {
    const TEXTS: &[&str] = &[
        "null",
        "true",
        "-1",
        "0",
        "1",
        "0.5",
        "1e30",
        "1e400",
        "18446744073709551615",
        "[]",
        "{}",
        r#""upstream""#,
        r#""Downstream""#,
        r#""slicer""#,
        r#""latency""#,
        r#""limit_data""#,
        r#""corrupt""#,
        r#""p""#,
        r#""127.0.0.1:1""#,
        r#"{"rate":1,"latency":5,"average_size":9}"#,
        r#"[{"proxy":"p","toxic":"t"}]"#,
        r#"[{"type":"noop"}]"#,
    ];
    proptest::sample::select(TEXTS).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn any_requests(lines in proptest::collection::vec(
        (
            "[cpldaur](p/)?[a-c]?",
            proptest::collection::vec(
                (
                    "(name|Type|stream|toxicity|attributes|ttl|holds|upstream|listen|toxics)",
                    values(),
                ),
                0..5,
            ),
        ),
        0..12,
    )) {
        let mut text = "c {\"name\":\"p\",\"upstream\":\"127.0.0.1:1\"}".to_owned();
        for (asked, fields) in lines {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            text.push_str(&format!("\n{asked} {{{}}}", fields.join(",")));
        }
        requests_are_answered(text.as_bytes());
    }
}
