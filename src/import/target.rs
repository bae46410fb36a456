//! The skeleton of a target: one service with a feature for each route.

use std::fmt::Write as _;

use super::{scenario::quoted, traffic::Way};

/// The text of a target file.
pub(super) fn target(service: &str, ways: &[Way], names: &[String]) -> String {
    let mut text = format!(
        "# Made by `brownout import`. FILL IN where the staging system listens; never production.\n\
         brownout: 1\n\
         target: imported\n\
         environment: staging\n\
         services:\n  \
           {service}:\n    \
             url: http://127.0.0.1:8080      # FILL IN\n"
    );
    let mut features: Vec<(&str, &str, &str)> = Vec::new();
    for (way, name) in ways.iter().zip(names) {
        if let (Some(method), Some(path), false) = (&way.method, &way.path, way.is_rest)
            && features
                .iter()
                .all(|(_, m, p)| m != method || !is_tie(p, path))
        {
            features.push((name, method, path));
        }
    }
    if !features.is_empty() {
        text.push_str("    features:\n");
    }
    for (name, method, path) in features {
        let route = quoted(&format!("{method} {path}"));
        // a String takes all that is written to it
        let _ = writeln!(text, "      {name}: {{routes: [{route}]}}");
    }
    text
}

/// Whether one request can match both, and neither is more specific: a target may not hold both.
fn is_tie(a: &str, b: &str) -> bool {
    let ids = |path: &str| path.split('/').filter(|s| *s == ":id").count();
    let fits = |(a, b): (&str, &str)| a == b || a == ":id" || b == ":id";
    a.split('/').count() == b.split('/').count()
        && ids(a) == ids(b)
        && a.split('/').zip(b.split('/')).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties() {
        for (a, b, expected) in [
            ("/a/:id", "/:id/b", true),
            ("/a/:id", "/a/:id", true),
            ("/a/:id", "/a/b", false),
            ("/a/:id", "/b/:id", false),
            ("/a", "/a/b", false),
        ] {
            assert_eq!(is_tie(a, b), expected, "{a} {b}");
        }
    }
}
