use super::render;
use crate::{analysis::Analysis, report::fixture};

/// Elements that HTML does not close.
const VOID: [&str; 3] = ["meta", "link", "br"];

/// As a browser reads it back.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&#38;"),
            '<' => safe.push_str("&#60;"),
            '>' => safe.push_str("&#62;"),
            '"' => safe.push_str("&#34;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Walks all tags outside scripts and styles; every one that opens must close in order.
fn check_nesting(page: &str) -> Result<usize, String> {
    let mut open: Vec<String> = Vec::new();
    let mut count = 0;
    let mut rest = page;
    while let Some(begin) = rest.find('<') {
        rest = &rest[begin + 1..];
        let end = rest.find('>').ok_or("a tag that never ends")?;
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        count += 1;
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => continue,
                last => return Err(format!("</{name}> closes {last:?}")),
            }
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if tag.ends_with('/') || VOID.contains(&name) {
            continue;
        }
        if matches!(name, "script" | "style") {
            let close = format!("</{name}>");
            let end = rest.find(&close).ok_or("raw text that never ends")?;
            rest = &rest[end + close.len()..];
            continue;
        }
        open.push(name.to_owned());
    }
    if open.is_empty() {
        Ok(count)
    } else {
        Err(format!("never closed: {open:?}"))
    }
}

#[test]
fn every_page_is_well_formed_and_free_of_nonsense() {
    for (name, analysis) in fixture::all() {
        let page = render(&analysis);
        let tags = check_nesting(&page).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(tags > 100, "{name}");
        for nonsense in ["NaN", "inf%", ">inf", "\"inf", "undefined%"] {
            assert!(!page.contains(nonsense), "{name}: {nonsense}");
        }
    }
}

#[test]
fn nesting_is_really_checked() {
    assert!(check_nesting("<p><b></p></b>").is_err());
    assert!(check_nesting("<p>").is_err());
    assert_eq!(check_nesting("<p><br>1</p>"), Ok(3));
}

#[test]
fn every_claim_doubt_and_assumption_is_on_the_page() {
    let analysis = fixture::cowin();
    let page = render(&analysis);
    for claim in analysis.gates.iter().chain(&analysis.symptoms) {
        for text in [&claim.text, &claim.observed, &claim.required] {
            assert!(page.contains(&escaped(text)), "{text}");
        }
    }
    for warning in &analysis.warnings {
        assert!(page.contains(&escaped(&warning.hint)), "{}", warning.hint);
    }
    for assumption in &analysis.assumptions {
        assert!(page.contains(&escaped(&assumption.note)));
    }
    for (name, value) in &analysis.thresholds.values {
        assert!(page.contains(&escaped(name)) && page.contains(&escaped(value)));
    }
    for said in [
        "history repeated itself: 4 of 5",
        "Exit code 1",
        "20210428",
        "1 of 5 held",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    for (name, analysis) in fixture::all() {
        let page = render(&analysis);
        for reach in [
            "http://", "https://", " src=", "@import", "url(", "fetch(", "<iframe", "<img",
        ] {
            assert!(!page.contains(reach), "{name}: {reach}");
        }
        assert_eq!(page.matches("href=").count(), 1, "{name}");
        assert!(page.contains("<link rel=\"icon\" href=\"data:,\">"));
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn hostile_text_stays_text() {
    let page = render(&fixture::hostile());
    assert!(!page.contains("<script>alert"));
    assert!(page.contains(&escaped("<script>alert(\"1\")</script>")));
    // It can neither turn the text around it nor smuggle control characters into a copy.
    assert!(!page.contains(['\u{202e}', '\x1b']));
    // Our own two, and nobody else's.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
}

#[test]
fn lanes_have_words_and_crashes() {
    let page = render(&fixture::cowin());
    assert!(
        page.contains("portal: healthy from 0:00 to 0:22, brownout from 0:22 to 0:33, collapse")
    );
    assert!(page.contains("crash at 58.2 s: liveness"));
    assert!(page.contains("by its probe"));
}

#[test]
fn a_spike_among_ten_thousand_bins_is_drawn_and_the_thinning_is_said() {
    let analysis = fixture::long();
    let page = render(&analysis);
    assert!(page.contains("each drawn column stands for 17 bins"));
    // The axis goes up to the spike, and the curve touches its top.
    assert!(page.contains("10,000/s"));
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    assert!(!render(&fixture::cowin()).contains("drawn column"));
}

#[test]
fn what_was_not_observed_is_marked() {
    assert!(render(&fixture::stopped()).contains("not observed"));
    assert!(!render(&fixture::cowin()).contains("not observed"));
    let empty = render(&fixture::empty());
    assert!(empty.contains("No requests were observed."));
    assert!(empty.contains("sms_late never came into force"));
}

#[test]
fn a_claim_less_run_has_a_page_too() {
    let bare = Analysis {
        gates: vec![],
        symptoms: vec![],
        warnings: vec![],
        faults: vec![],
        assumptions: vec![],
        ..fixture::cowin()
    };
    let page = render(&bare);
    assert!(page.contains("The scenario has no gates."));
    assert!(!page.contains("Before you trust"));
    assert!(check_nesting(&page).is_ok());
}
