//! Definition 18: gates decide; one number says how it went.

use super::{ClaimResult, Verdict, timeline::Ending};
use crate::event::{BaselineVerdict, StopReason};

/// The verdict and the exit code that follows. The precedence is that of the documented exit
/// codes: 5, 2, 3 by operator or guard, 4, 1, 3 by stop condition, 0. (2 is bad input: it never
/// makes a record.)
pub(crate) fn decide(
    ending: &Ending,
    baseline: Option<BaselineVerdict>,
    gates: &[ClaimResult],
) -> (Verdict, u8) {
    let stopped = match ending {
        Ending::Stopped { reason, .. } => Some(*reason),
        Ending::Complete | Ending::CutOff { .. } => None,
    };
    match stopped {
        Some(StopReason::Internal) => return (Verdict::Inconclusive, 5),
        Some(StopReason::Operator | StopReason::Guard) => return (Verdict::Stopped, 3),
        Some(StopReason::TargetUnreachable) => return (Verdict::Inconclusive, 4),
        Some(StopReason::TargetDied) => return (Verdict::Fail, 1),
        Some(StopReason::Condition | StopReason::Baseline) | None => {}
    }
    let any = |verdict| gates.iter().any(|gate| gate.verdict == verdict);
    let cut_off = matches!(ending, Ending::CutOff { .. });
    let unsteady = matches!(baseline, Some(BaselineVerdict::Unsteady));
    if cut_off || unsteady || any(Verdict::Inconclusive) {
        return (Verdict::Inconclusive, 4);
    }
    let below = matches!(baseline, Some(BaselineVerdict::BelowSteadyState));
    if below || any(Verdict::Fail) {
        return (Verdict::Fail, 1);
    }
    match stopped {
        Some(_) => (Verdict::Stopped, 3),
        None => (Verdict::Pass, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(verdict: Verdict) -> ClaimResult {
        ClaimResult {
            text: "portal never crashes".into(),
            verdict,
            observed: String::new(),
            required: String::new(),
            at_s: None,
            detail: None,
        }
    }

    fn stopped(reason: StopReason) -> Ending {
        let detail = String::new();
        Ending::Stopped { reason, detail }
    }

    #[test]
    fn every_way_to_end_has_one_exit_code() {
        use BaselineVerdict as B;
        use StopReason as S;
        use Verdict::{Fail, Inconclusive, Pass, Stopped};
        let cut = Ending::CutOff {
            detail: String::new(),
        };
        let good = Some(B::Good);
        type Row = (Ending, Option<B>, &'static [Verdict], (Verdict, u8));
        let table: &[Row] = &[
            (Ending::Complete, good, &[Pass, Pass], (Pass, 0)),
            (Ending::Complete, Some(B::Waived), &[], (Pass, 0)),
            (Ending::Complete, good, &[Pass, Fail], (Fail, 1)),
            (
                Ending::Complete,
                good,
                &[Fail, Inconclusive],
                (Inconclusive, 4),
            ),
            (
                stopped(S::Baseline),
                Some(B::BelowSteadyState),
                &[Stopped],
                (Fail, 1),
            ),
            (
                stopped(S::Baseline),
                Some(B::Unsteady),
                &[Stopped],
                (Inconclusive, 4),
            ),
            (stopped(S::TargetDied), None, &[Stopped], (Fail, 1)),
            (
                stopped(S::TargetUnreachable),
                None,
                &[Stopped],
                (Inconclusive, 4),
            ),
            (
                stopped(S::Operator),
                good,
                &[Fail, Inconclusive],
                (Stopped, 3),
            ),
            (stopped(S::Guard), good, &[Pass], (Stopped, 3)),
            (stopped(S::Condition), good, &[Pass, Stopped], (Stopped, 3)),
            (stopped(S::Condition), good, &[Fail, Stopped], (Fail, 1)),
            (
                stopped(S::Condition),
                good,
                &[Inconclusive, Fail],
                (Inconclusive, 4),
            ),
            (
                stopped(S::Internal),
                good,
                &[Fail, Inconclusive],
                (Inconclusive, 5),
            ),
            (cut.clone(), good, &[Fail], (Inconclusive, 4)),
            (cut, good, &[Pass], (Inconclusive, 4)),
        ];
        for (ending, baseline, gates, expected) in table {
            let gates: Vec<ClaimResult> = gates.iter().map(|v| gate(*v)).collect();
            let seen = decide(ending, *baseline, &gates);
            assert_eq!(seen, *expected, "{ending:?} {baseline:?}");
        }
    }
}
