//! A judged claim, and which judge it goes to.

use super::{happenings, measures, recoveries};
use crate::{
    analysis::{ClaimResult, UNFINISHED, Verdict, timeline::Ending, world::World},
    plan::{ClaimPlan, Rule, whole_list},
};

/// What was found about a claim.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// What was observed.
    pub(crate) observed: String,
    /// What was required.
    pub(crate) required: String,
    /// When it was decided or first violated.
    pub(crate) at_s: Option<f64>,
    /// Evidence, or the reason of doubt.
    pub(crate) detail: Option<String>,
}

impl Finding {
    /// It holds, or does not.
    pub(crate) fn decided(holds: bool, observed: impl Into<String>) -> Self {
        Self {
            verdict: if holds { Verdict::Pass } else { Verdict::Fail },
            observed: observed.into(),
            required: String::new(),
            at_s: None,
            detail: None,
        }
    }

    /// It cannot be said, although the run was whole.
    pub(crate) fn unclear(why: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            observed: "cannot be said".to_owned(),
            required: String::new(),
            at_s: None,
            detail: Some(why.into()),
        }
    }

    /// It cannot be said since the run ended too early: on purpose is *stopped*, else
    /// *inconclusive*. In a whole run `why` is the reason.
    pub(crate) fn unfinished(world: &World<'_>, why: impl Into<String>) -> Self {
        let mut finding = Self::unclear(why);
        match &world.timeline.ending {
            Ending::Complete => {}
            Ending::Stopped { detail, .. } => {
                finding.verdict = Verdict::Stopped;
                finding.observed = UNFINISHED.to_owned();
                finding.detail = Some(format!("the run was stopped: {detail}"));
            }
            Ending::CutOff { .. } => {
                finding.observed = UNFINISHED.to_owned();
                finding.detail = Some("the record was cut off before".to_owned());
            }
        }
        finding
    }

    /// With the instant that decided it.
    pub(crate) const fn at(mut self, at_s: f64) -> Self {
        self.at_s = Some(at_s);
        self
    }

    /// With what was required.
    pub(crate) fn requiring(mut self, required: impl Into<String>) -> Self {
        self.required = required.into();
        self
    }

    /// With evidence.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Judges a claim under one reading of the run.
pub(crate) fn judge(world: &World<'_>, claim: &ClaimPlan) -> ClaimResult {
    let finding = match &claim.rule {
        Rule::Measured {
            subject,
            measure,
            comparison,
            limit,
            window,
        } => {
            let wanted = measures::Wanted {
                subject,
                measure: *measure,
                comparison: *comparison,
                limit: *limit,
            };
            measures::judge(world, &wanted, window)
        }
        Rule::Never {
            subject,
            what,
            window,
        } => happenings::never(world, subject, *what, window),
        Rule::Happens {
            subject,
            what,
            window,
        } => happenings::happens(world, subject, *what, window),
        Rule::Recovers {
            subject,
            within,
            of,
        } => recoveries::recovers(world, subject, *within, of),
        Rule::Tolerates {
            subject,
            fault,
            others,
        } => {
            let faults = whole_list(*fault, others);
            recoveries::tolerates(world, subject, &faults)
        }
        Rule::ReturnsBefore { first, second } => recoveries::returns_before(world, first, second),
    };
    ClaimResult {
        text: claim.text.clone(),
        verdict: finding.verdict,
        observed: finding.observed,
        required: finding.required,
        at_s: finding.at_s,
        detail: finding.detail,
    }
}
