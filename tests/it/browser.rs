//! The page in a real browser: headless Chromium reads the report of the committed example.

use std::{path::Path, process::Command};

use crate::support::Bench;

const EXAMPLE: &str = "reports/examples/cowin-2021-naive";

/// The page's tree after its script has run.
fn dom(bench: &Bench, page: &Path) -> String {
    let profile = bench.path("profile");
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium is needed for this test: apt-get install chromium");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_page_works_from_a_file_and_follows_the_pointer() {
    let bench = Bench::new();
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
    let output = bench.output(&[
        "report",
        record.to_str().expect("utf-8"),
        "--format",
        "html",
        "-o",
        "page.html",
    ]);
    crate::support::expect_exit(&output, 0);
    let page = bench.path("page.html");
    let dom_at_rest = dom(&bench, &page);
    for wanted in [
        "portal never crashes",
        "sms_late",
        "collapse",
        "<svg",
        "Left and right arrows read the values",
    ] {
        assert!(dom_at_rest.contains(wanted), "{wanted} is missing");
    }
    assert!(
        !dom_at_rest.contains("class=\"pointing\""),
        "nobody points yet"
    );

    // a pointer over the middle of the first chart: 90 of 180 s, in the evening
    let text = std::fs::read_to_string(&page).expect("written");
    let pointing = "<script>(function () {
        var plot = document.querySelector('.plot'), box = plot.getBoundingClientRect();
        plot.dispatchEvent(new PointerEvent('pointermove', {
            clientX: box.left + box.width / 2, clientY: box.top + 5, bubbles: true }));
    }());</script></body>";
    std::fs::write(&page, text.replacen("</body>", pointing, 1)).expect("written");
    let pointed = dom(&bench, &page);
    assert!(
        pointed.contains("class=\"pointing\""),
        "the crosshair follows"
    );
    let said = pointed
        .split_once("id=\"when\"")
        .and_then(|(_, rest)| rest.split_once('<'))
        .map_or("", |(said, _)| said);
    assert!(
        said.contains(" real · ") && said.contains("story · evening"),
        "{said}"
    );
}
