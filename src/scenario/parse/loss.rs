//! `lose: portal/certificates`: a feature that is lost, in one line.

use super::spread::{self, Member};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::{Effect, FaultPlace, FeatureName, HttpAction, HttpEffect, HttpMatch, Loss},
};

/// What a lost feature answers where nothing else is said: Service Unavailable (RFC 9110 section
/// 15.6.4).
const LOST: u16 = 503;

/// What a fault loses, and the places where it is put in: where it says so, else the way of the
/// visitors to what it loses.
pub(super) fn places(
    fields: &Fields<'_>,
    mistakes: &mut Mistakes,
) -> (Option<Spanned<Loss>>, Vec<Member>) {
    let at = fields.get("at");
    let Some(node) = fields.get("lose") else {
        if at.is_none() && !fields.has("at") && !fields.has("lose") {
            mistakes
                .error(
                    fields.beginning(),
                    "a fault needs `at` or `lose`",
                    "neither of them is here",
                )
                .hint =
                Some("say where: `at: portal -> sms`, or what: `lose: portal/login`".to_owned());
        }
        let members = at.map_or_else(Vec::new, |node| spread::members(node, mistakes));
        return (None, members);
    };
    let feature = mistakes.parse(node, "a feature such as `portal/login`", |words| {
        let service = words.name("a service and its feature, as in `portal/login`")?;
        words.expect("/", "lose: portal/login")?;
        let feature = words.name("a feature")?;
        words.end()?;
        Ok(FeatureName {
            service: service.text.to_owned(),
            feature: feature.text.to_owned(),
        })
    });
    let needs = |node: &Spanned<Node>| match &node.value {
        Node::Scalar(scalar) => scalar.text == "needs",
        Node::Null | Node::Seq(_) | Node::Map(_) => false,
    };
    let needs = at.is_some_and(needs);
    let members = match (at, &feature) {
        (Some(at), _) if !needs => spread::members(at, mistakes),
        (_, Some(lost)) => {
            let place = FaultPlace::Feature {
                service: lost.service.clone(),
                feature: lost.feature.clone(),
            };
            vec![Member {
                name: None,
                at: Spanned::new(place, at.unwrap_or(node).place),
            }]
        }
        (_, None) => Vec::new(),
    };
    let loss = feature.map(|feature| Spanned::new(Loss { feature, needs }, node.place));
    (loss, members)
}

/// The effect of a loss that names none.
pub(super) fn effect() -> Effect {
    Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Status {
            code: LOST,
            headers: Vec::new(),
            body: String::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnostic::Source,
        scenario::{model::Fault, parse},
    };

    fn read(keys: &str) -> Result<Vec<Fault>, Vec<String>> {
        let text = format!(
            "brownout: 1\nscenario: s\nphases: [{{calm: 1h}}]\n\
             load: {{crowd: {{journey: j, requests: 5/s}}}}\n\
             journeys: {{j: [{{step: look, get: \"portal:/\"}}]}}\n\
             faults: {{f: {{from: calm, for: 30m, {keys}}}}}\n\
             steady_state: [portal success >= 99%]\ngates: [portal never crashes]\n"
        );
        match parse(Source::new("s.yaml", text)) {
            Ok((scenario, _)) => Ok(scenario.faults),
            Err(found) => Err(found.0.iter().map(|d| d.message.clone()).collect()),
        }
    }

    #[test]
    fn one_line_loses_a_feature() {
        let faults = read("lose: portal/login").expect("good");
        let [fault] = &faults[..] else {
            panic!("one fault");
        };
        let loss = fault
            .lose
            .as_ref()
            .map(|l| (l.value.feature.to_string(), l.value.needs));
        assert_eq!(loss, Some(("portal/login".to_owned(), false)));
        let login = FaultPlace::Feature {
            service: "portal".into(),
            feature: "login".into(),
        };
        assert_eq!(fault.at.value, login);
        assert_eq!(fault.effect.value, effect());
    }

    #[test]
    fn it_may_be_lost_elsewhere_and_otherwise() {
        let faults = read("lose: portal/login, at: needs, tcp: down").expect("good");
        assert!(faults[0].lose.as_ref().is_some_and(|l| l.value.needs));
        let faults = read("lose: portal/login, at: [portal -> sms, portal -> docs], http: hang");
        let names: Vec<_> = faults
            .expect("good")
            .into_iter()
            .map(|f| f.name.value)
            .collect();
        assert_eq!(names, ["f.sms", "f.docs"]);
    }

    #[test]
    fn wrong_losses_are_refused() {
        for (keys, said) in [
            ("http: hang", "a fault needs `at` or `lose`"),
            ("lose: portal", "expected `/`, found the end"),
            (
                "at: needs, http: hang",
                "`needs` is not a place where a fault can be put in",
            ),
            ("lose: portal/login, tcp: down", "this place takes `http`"),
            (
                "at: service portal",
                "a fault needs one of `http`, `tcp`, `tls`, `dns`, `process`, `exec`",
            ),
        ] {
            assert_eq!(read(keys).expect_err(keys), [said], "{keys}");
        }
    }
}
