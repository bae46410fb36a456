//! Features, and that each request belongs to one of them at most.

use super::{keys::FEATURE, probe::probe};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::{
        model::{FaultPlace, RoutePattern},
        parse::{checks, fault_place, route},
    },
    target::model::Feature,
};

/// The features of a service.
pub(super) fn section(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<Feature> {
    let features: Vec<Feature> = mistakes
        .entries(node, "a mapping of names to features")
        .iter()
        .filter_map(|(name, node)| feature(name, node, mistakes))
        .collect();
    refuse_ties(&features, mistakes);
    features
}

fn feature(
    name: &Spanned<String>,
    node: &Spanned<Node>,
    mistakes: &mut Mistakes,
) -> Option<Feature> {
    let named = mistakes.named(name, "a name for a feature");
    let fields = Fields::open(node, &FEATURE, mistakes)?;
    let items = fields.get("routes").map_or(&[][..], |node| {
        let items = mistakes.list(node, "a list of routes such as `[GET /slots/:pin]`");
        if items.is_empty() && matches!(node.value, Node::Seq(_)) {
            mistakes.expected(node, "at least one route");
        }
        items
    });
    let routes = items
        .iter()
        .filter_map(|item| route(item, mistakes))
        .collect();
    let probe = fields.get("probe").and_then(|node| probe(node, mistakes));
    let fallback = fields
        .get("fallback")
        .map_or_else(Vec::new, |node| checks(node, mistakes));
    let needs = fields
        .get("needs")
        .map_or_else(Vec::new, |node| needs(node, mistakes));
    named.then(|| Feature {
        name: name.clone(),
        routes,
        probe,
        fallback,
        needs,
    })
}

/// Where what a feature needs is reached: places of faults, but for those of visitors.
fn needs(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<Spanned<FaultPlace>> {
    let mut needs: Vec<Spanned<FaultPlace>> = Vec::new();
    for item in mistakes.list(node, "a list of places such as `[portal -> docs]`") {
        let Some(place) = mistakes.parse(item, "a place such as `portal -> docs`", fault_place)
        else {
            continue;
        };
        let wrong = match &place {
            FaultPlace::Host | FaultPlace::Feature { .. } => {
                Some("a feature needs links, names, services and processes")
            }
            place if needs.iter().any(|need| need.value == *place) => {
                Some("this place stands here twice")
            }
            FaultPlace::Link { .. }
            | FaultPlace::Service(_)
            | FaultPlace::Process(_)
            | FaultPlace::Dns(_) => None,
        };
        if let Some(wrong) = wrong {
            mistakes.error(item.place, wrong, "not this").hint =
                Some("for example `needs: [portal -> docs, dns docs.test]`".to_owned());
            continue;
        }
        needs.push(Spanned::new(place, item.place));
    }
    needs
}

/// The most specific route wins; two that are equally specific and can match the same request
/// would leave it to chance.
fn refuse_ties(features: &[Feature], mistakes: &mut Mistakes) {
    let all: Vec<(&Feature, &Spanned<RoutePattern>)> = features
        .iter()
        .flat_map(|feature| feature.routes.iter().map(move |route| (feature, route)))
        .collect();
    for (i, (second_of, second)) in all.iter().enumerate() {
        for (first_of, first) in &all[..i] {
            let tie = first.value.specificity() == second.value.specificity()
                && overlap(&first.value, &second.value);
            if !tie {
                continue;
            }
            let message = if first_of.name.value == second_of.name.value {
                format!(
                    "`{}` and `{}` mean the same requests",
                    first.value, second.value
                )
            } else {
                format!(
                    "`{}` of `{}` and `{}` of `{}` can mean the same request",
                    first.value, first_of.name.value, second.value, second_of.name.value
                )
            };
            mistakes
                .error(second.place, message, "as specific as the other")
                .at_also(first.place, "the other")
                .hint =
                Some("the most specific route wins; make one of them more specific".to_owned());
        }
    }
}

/// Whether some request matches both.
fn overlap(a: &RoutePattern, b: &RoutePattern) -> bool {
    if let (Some(a), Some(b)) = (a.method, b.method)
        && a != b
    {
        return false;
    }
    let mut left = a.segments.iter();
    let mut right = b.segments.iter();
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(star), _) if star == "*" && left.len() == 0 => return true,
            (_, Some(star)) if star == "*" && right.len() == 0 => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(a), Some(b)) => {
                if a != b && !a.starts_with(':') && !b.starts_with(':') {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_found() {
        for (a, b, expected) in [
            ("GET /a/:x", "GET /a/b", true),
            ("GET /a/:x", "POST /a/b", false),
            ("/a/:x", "POST /a/b", true),
            ("GET /a/:x", "GET /:y/b", true),
            ("GET /a", "GET /a/b", false),
            ("GET /a/*", "GET /a/b/c", true),
            ("GET /a/*", "GET /b/*", false),
            ("GET /x", "GET /y", false),
        ] {
            let [a, b] = [a, b].map(|r| r.parse::<RoutePattern>().expect(r));
            assert_eq!(overlap(&a, &b), expected, "{a} {b}");
            assert_eq!(overlap(&b, &a), expected, "{b} {a}");
        }
    }
}
