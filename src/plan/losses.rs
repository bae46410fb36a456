//! Lost features: what a feature needs, as the target says it, becomes the places of the fault.

use super::mistakes::{File, Mistakes};
use crate::{
    diagnostic::Spanned,
    scenario::{
        model::{Fault, FaultPlace},
        parse::place_names,
    },
    target::model::{Feature, Target},
};

/// The faults of a scenario, each at one place.
pub(super) fn spread(faults: &[Fault], target: &Target, out: &mut Mistakes<'_>) -> Vec<Fault> {
    faults
        .iter()
        .flat_map(|fault| match &fault.lose {
            Some(loss) if loss.value.needs => at_needs(fault, target, out),
            Some(_) | None => vec![fault.clone()],
        })
        .collect()
}

/// A fault at each place that the lost feature needs.
fn at_needs(fault: &Fault, target: &Target, out: &mut Mistakes<'_>) -> Vec<Fault> {
    let Some(feature) = lost(fault, target) else {
        // said of the fault as it is written
        return vec![fault.clone()];
    };
    for need in &feature.needs {
        check_declared(need, target, out);
    }
    let places: Vec<&FaultPlace> = feature.needs.iter().map(|need| &need.value).collect();
    let names = place_names(&places).unwrap_or_default();
    if names.is_empty() {
        let name = &feature.name.value;
        out.error(
            File::Scenario,
            fault.at.place,
            "needs nothing",
            format!("the target does not say what `{name}` needs"),
        )
        .hint("give the feature `needs: [portal -> docs]` in the target, or name the places here");
        return vec![fault.clone()];
    }
    let each = names.into_iter().zip(places);
    each.map(|(name, place)| {
        let mut fault = fault.clone();
        fault.name.value = format!("{}.{name}", fault.name.value);
        fault.at = Spanned::new(place.clone(), fault.at.place);
        fault
    })
    .collect()
}

fn check_declared(need: &Spanned<FaultPlace>, target: &Target, out: &mut Mistakes<'_>) {
    let FaultPlace::Link { from, to } = &need.value else {
        return;
    };
    let name = format!("{from} -> {to}");
    let links = target.links.iter();
    let known: Vec<String> = links
        .map(|l| format!("{} -> {}", l.from.value, l.to.value))
        .collect();
    if !known.contains(&name) {
        let known = known.iter().map(String::as_str);
        out.unknown(File::Target, need.place, "link", &name, known);
    }
}

/// The lost feature, if the target has it.
fn lost<'t>(fault: &Fault, target: &'t Target) -> Option<&'t Feature> {
    let lost = &fault.lose.as_ref()?.value.feature;
    let mut services = target.services.iter();
    let service = services.find(|s| s.name.value == lost.service)?;
    service
        .features
        .iter()
        .find(|f| f.name.value == lost.feature)
}

/// That the feature is one of the target's, and that a degraded answer can be told where there may
/// be one.
pub(super) fn check(fault: &Fault, target: &Target, out: &mut Mistakes<'_>) {
    let Some(loss) = &fault.lose else { return };
    let name = &loss.value.feature;
    let Some(feature) = lost(fault, target) else {
        let all = target.services.iter().flat_map(|service| {
            let features = service.features.iter();
            features.map(|f| format!("{}/{}", service.name.value, f.name.value))
        });
        let all: Vec<String> = all.collect();
        let known = all.iter().map(String::as_str);
        out.unknown(
            File::Scenario,
            loss.place,
            "feature",
            &name.to_string(),
            known,
        );
        return;
    };
    // what the way of the visitors answers itself is no fallback of the target's
    let own = matches!(fault.at.value, FaultPlace::Feature { .. });
    if !own && feature.fallback.is_empty() {
        out.warning(
            File::Scenario,
            loss.place,
            "degraded answers look like any other",
            format!("the target does not say how a fallback of `{name}` looks"),
        )
        .hint("give the feature `fallback: {header: x-degraded}` in the target");
    }
}
