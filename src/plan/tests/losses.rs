//! Features that are lost, on the way of their visitors or where what they need is reached.

use super::fixture::{Case, cowin, minutes};
use crate::{
    plan::{PlacePlan, describe},
    scenario::model::*,
};

/// A fault that loses a feature of the portal for half an hour.
fn losing(feature: &str, needs: bool) -> Case {
    let mut case = cowin();
    let name = FeatureName {
        service: "portal".into(),
        feature: feature.into(),
    };
    let place = FaultPlace::Feature {
        service: "portal".into(),
        feature: feature.into(),
    };
    let lose = case.spanned(
        &format!("lose portal/{feature}"),
        Loss {
            feature: name,
            needs,
        },
    );
    let effect = Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Hang,
    });
    let until = Some(Until::For(minutes(30)));
    case.add_fault("lost", place, "opening", until, effect).lose = Some(lose);
    case
}

/// Says what `login` needs.
fn needing(case: &mut Case, needs: &[(&str, &str)]) {
    let needs = needs.iter().map(|(from, to)| {
        let link = FaultPlace::Link {
            from: (*from).into(),
            to: (*to).into(),
        };
        case.target_spanned(&format!("needs {from} -> {to}"), link)
    });
    let needs = needs.collect();
    case.target.services[0].features[0].needs = needs;
}

#[test]
fn a_feature_is_lost_on_the_way_of_its_visitors() {
    let plan = losing("certificates", false).plan();
    let fault = &plan.faults[1];
    let lost = fault.loses.as_ref().map(ToString::to_string);
    assert_eq!(lost.as_deref(), Some("portal/certificates"));
    assert!(
        matches!(&fault.place, PlacePlan::Link { feature: Some(f), .. } if f == "certificates")
    );
    let does = &describe(&plan).faults[1].does;
    assert_eq!(does, "portal/certificates is lost: never answered");
}

#[test]
fn what_it_needs_fails_in_its_place() {
    let mut case = losing("login", true);
    needing(&mut case, &[("portal", "sms")]);
    let said = case.mistakes();
    assert_eq!(
        said.iter()
            .filter(|s| s.contains("fallback of `portal/login`"))
            .count(),
        1,
        "{said:?}"
    );
    let plan = case.plan();
    let [_, fault] = &plan.faults[..] else {
        panic!("{:?}", plan.faults);
    };
    assert_eq!(
        (fault.name.as_str(), fault.at.as_str()),
        ("lost.sms", "portal -> sms")
    );
    assert!(matches!(
        fault.place,
        PlacePlan::Link {
            link: 0,
            feature: None
        }
    ));
    assert!(fault.loses.is_some());
}

#[test]
fn losses_of_nothing_are_refused() {
    let said = losing("certs", false).mistakes();
    assert!(
        said.iter()
            .any(|s| s.starts_with("error: unknown feature `portal/certs` @ lose")),
        "{said:?}"
    );
    let said = losing("login", true).mistakes();
    assert!(
        said.iter()
            .any(|s| s.starts_with("error: the target does not say what `login` needs")),
        "{said:?}"
    );
    let mut case = losing("login", true);
    needing(&mut case, &[("portal", "docs")]);
    let said = case.mistakes();
    assert!(
        said.iter()
            .any(|s| s.starts_with("error: unknown link `portal -> docs` @ needs")),
        "{said:?}"
    );
}
