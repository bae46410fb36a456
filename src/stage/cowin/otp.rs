//! When a one-time password is right. Pure; the database says what time it is.

use std::time::Duration;

/// What was kept when the OTP went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issued {
    /// Six digits.
    pub(super) otp: String,
    /// Milliseconds since the epoch.
    pub(super) at_ms: i64,
}

/// How an attempt to confirm ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Right, and in time.
    Accepted,
    /// Not the OTP of this transaction.
    Wrong,
    /// Right, but after its validity.
    Expired,
}

impl Issued {
    /// Judges what the citizen typed. A late OTP is good until the last millisecond of its validity,
    /// and a wrong one stays wrong: it is not told whether its time has passed.
    pub(super) fn judge(&self, typed: &str, now_ms: i64, validity: Duration) -> Verdict {
        if self.otp != typed {
            return Verdict::Wrong;
        }
        let age = Duration::from_millis(u64::try_from(now_ms - self.at_ms).unwrap_or(0));
        if age < validity {
            Verdict::Accepted
        } else {
            Verdict::Expired
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn validity_ends_exactly() {
        let issued = Issued {
            otp: "042317".into(),
            at_ms: 1_000,
        };
        let check = |typed, now_ms, expected| {
            assert_eq!(
                issued.judge(typed, now_ms, Duration::from_secs(180)),
                expected,
                "{now_ms}"
            );
        };
        check("042317", 1_000, Verdict::Accepted);
        check("042317", 180_999, Verdict::Accepted);
        check("042317", 181_000, Verdict::Expired);
        check("42317", 1_000, Verdict::Wrong);
        check("", 1_000, Verdict::Wrong);
        // A clock that was set back makes nothing invalid.
        check("042317", 0, Verdict::Accepted);
    }

    proptest! {
        #[test]
        fn only_the_very_otp_is_ever_accepted(otp in "[0-9]{6}", typed in "[0-9]{0,7}", age in 0i64..400_000) {
            let issued = Issued { otp: otp.clone(), at_ms: 5 };
            let verdict = issued.judge(&typed, 5 + age, Duration::from_secs(180));
            prop_assert_eq!(verdict == Verdict::Wrong, otp != typed);
            prop_assert!(verdict != Verdict::Accepted || age < 180_000);
        }
    }
}
