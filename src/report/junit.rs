//! `junit.xml`: one test suite a scenario, one test case a gate.
//!
//! A gate that fails is a `<failure>`. A gate that cannot be judged is an `<error>` of type
//! `inconclusive` (or `stopped`), not `<skipped>`: CI systems show skipped cases as harmless, and
//! a gate without an answer is not. Symptoms are no cases, because they never fail a run; they
//! stand in `<system-out>`.

use std::fmt::Write;

use crate::analysis::{Analysis, ClaimResult, Verdict};

use super::{
    numbers,
    words::{self, seen},
};

/// JUnit XML as Jenkins, GitLab and GitHub's reporters read it. Times are real seconds.
pub fn render(analysis: &Analysis) -> String {
    let run = &analysis.run;
    let suite = escape(&run.scenario);
    let failures = number_of(analysis, |v| v == Verdict::Fail);
    let errors = number_of(analysis, |v| {
        matches!(v, Verdict::Inconclusive | Verdict::Stopped)
    }) + usize::from(unexplained(analysis));
    let tests = analysis.gates.len() + usize::from(unexplained(analysis));
    let time = if run.observed_s.is_finite() {
        run.observed_s
    } else {
        0.0
    };
    let counts =
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time:.3}\"");

    let mut lines = vec![
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(),
        format!("<testsuites name=\"brownout\" {counts}>"),
        format!(
            "  <testsuite name=\"{suite}\" {counts} skipped=\"0\" timestamp=\"{}\" hostname=\"{}\">",
            escape(&run.started_at),
            escape(&run.host),
        ),
        "    <properties>".to_owned(),
    ];
    for (name, value) in properties(analysis) {
        lines.push(format!(
            "      <property name=\"{name}\" value=\"{}\"/>",
            escape(&value)
        ));
    }
    lines.push("    </properties>".to_owned());
    lines.extend(analysis.gates.iter().map(|gate| case(gate, &suite)));
    if unexplained(analysis) {
        lines.push(verdict_case(analysis, &suite));
    }
    lines.push(format!(
        "    <system-out>{}</system-out>",
        escape(&spoken(analysis))
    ));
    lines.push("  </testsuite>".to_owned());
    lines.push("</testsuites>\n".to_owned());
    lines.join("\n")
}

fn number_of(analysis: &Analysis, which: impl Fn(Verdict) -> bool) -> usize {
    analysis.gates.iter().filter(|g| which(g.verdict)).count()
}

/// Whether the run did not pass though every gate did (stopped early, baseline unfit): without a
/// case of its own CI would show green beside a non-zero exit code.
fn unexplained(analysis: &Analysis) -> bool {
    analysis.verdict != Verdict::Pass && analysis.gates.iter().all(|g| g.verdict == Verdict::Pass)
}

fn verdict_case(analysis: &Analysis, suite: &str) -> String {
    let verdict = words::verdict(analysis.verdict);
    format!(
        "    <testcase name=\"the run as a whole\" classname=\"{suite}\">\n      \
         <error type=\"{verdict}\" message=\"{}\"/>\n    </testcase>",
        escape(&analysis.summary.join(" "))
    )
}

fn case(gate: &ClaimResult, suite: &str) -> String {
    let name = escape(&gate.text);
    let open = format!("    <testcase name=\"{name}\" classname=\"{suite}\"");
    let element = match gate.verdict {
        Verdict::Pass => return format!("{open}/>"),
        Verdict::Fail => "failure",
        Verdict::Inconclusive | Verdict::Stopped => "error",
    };
    let kind = match gate.verdict {
        Verdict::Pass | Verdict::Fail => "gate",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Stopped => "stopped",
    };
    let message = format!("observed {}, required {}", gate.observed, gate.required);
    let mut body = format!("observed: {}\nrequired: {}", gate.observed, gate.required);
    if gate.at_s.is_some() {
        let _ = write!(body, "\nat: {}", numbers::instant(gate.at_s));
    }
    if let Some(detail) = &gate.detail {
        let _ = write!(body, "\ndetail: {detail}");
    }
    format!(
        "{open}>\n      <{element} type=\"{kind}\" message=\"{}\">{}</{element}>\n    </testcase>",
        escape(&message),
        escape(&body)
    )
}

fn properties(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let run = &analysis.run;
    vec![
        ("run", run.id.clone()),
        ("seed", analysis.seed.to_string()),
        ("target", run.target.clone()),
        ("environment", run.environment.clone()),
        ("verdict", words::verdict(analysis.verdict).to_owned()),
        ("exit_code", analysis.exit_code.to_string()),
        ("load_scale", numbers::scale(run.load_scale)),
        ("time_scale", numbers::scale(run.time_scale)),
        ("brownout", run.brownout.clone()),
    ]
}

/// Summary, symptoms and doubts, for the log view of a CI system.
fn spoken(analysis: &Analysis) -> String {
    let mut lines = analysis.summary.clone();
    lines.extend(words::history(&analysis.symptoms));
    for symptom in &analysis.symptoms {
        let seen = seen(symptom.verdict);
        lines.push(format!("  {seen}: {} ({})", symptom.text, symptom.observed));
    }
    for warning in &analysis.warnings {
        lines.push(format!("{}: {}", warning.kind, warning.message));
        if !warning.hint.is_empty() {
            lines.push(format!("  hint: {}", warning.hint));
        }
    }
    lines.join("\n")
}

/// Text for an element or a double-quoted attribute. Characters that XML 1.0 cannot hold become
/// `�` (XML 1.0, section 2.2); line breaks are kept by reference, because attributes lose them.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' => safe.push_str("&#10;"),
            '\r' => safe.push_str("&#13;"),
            '\t' => safe.push_str("&#9;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn snapshot() {
        insta::assert_snapshot!(render(&fixture::cowin()));
    }

    #[test]
    fn one_case_a_gate() {
        for (name, analysis) in fixture::all() {
            let xml = render(&analysis);
            assert_eq!(
                xml.matches("<testcase ").count(),
                analysis.gates.len(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_run_that_did_not_pass_is_never_all_green() {
        let mut stopped = fixture::stopped();
        for gate in &mut stopped.gates {
            gate.verdict = Verdict::Pass;
        }
        let xml = render(&stopped);
        assert!(xml.contains("errors=\"1\""), "{xml}");
        assert!(xml.contains("<error type=\"stopped\""), "{xml}");

        stopped.verdict = Verdict::Pass;
        assert!(!render(&stopped).contains("<error"));
    }

    #[test]
    fn hostile_text_stays_text() {
        let xml = render(&fixture::hostile());
        assert!(!xml.contains("<script"));
        assert!(!xml.contains('\x1b'));
        assert!(!xml.contains("]]>"));
        assert!(xml.contains("&lt;script&gt;alert(&quot;1&quot;)"));
        assert_eq!(escape("a\u{0}\n"), "a\u{fffd}&#10;");
    }
}
