//! Definition 8, second half: one bad bin is not an outage, and one good one is not a recovery.

use super::health::Sign;

/// What is held of a subject in a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing is known.
    Unknown,
    /// Healthy, or shedding honestly under more load than it was built for.
    Well,
    /// Neither.
    Unwell,
}

/// Turns the signs of bins into conditions: unwell after `bad_bins` bad bins in a row, well after
/// `good_bins` good ones, each from the first bin of that run. The first known sign needs no
/// confirmation when it is good. Silence ends both kinds of run, and never heals; a quiet bin between
/// bad ones neither adds to their run nor ends it.
pub(crate) fn conditions(signs: &[Sign], bad_bins: usize, good_bins: usize) -> Vec<Condition> {
    let mut out = Vec::with_capacity(signs.len());
    let mut held = Condition::Unknown;
    let (mut run, mut begin) = (0, 0);
    for sign in signs {
        // a run is what speaks against the condition that is held
        let (against, needed, next) = match held {
            Condition::Unknown if *sign == Sign::Good => {
                held = Condition::Well;
                (false, bad_bins, Condition::Unwell)
            }
            Condition::Unknown | Condition::Well => {
                (*sign == Sign::Bad, bad_bins, Condition::Unwell)
            }
            Condition::Unwell => (*sign == Sign::Good, good_bins, Condition::Well),
        };
        match (against, sign) {
            (true, _) => {
                begin = if run == 0 { out.len() } else { begin };
                run += 1;
            }
            // what may yet turn out bad is not over
            (false, Sign::Quiet) if held != Condition::Unwell => {}
            (false, _) => run = 0,
        }
        out.push(match (sign, held) {
            (Sign::Unknown, Condition::Well) => Condition::Unknown,
            (Sign::Unknown | Sign::Good | Sign::Bad | Sign::Quiet, held) => held,
        });
        if against && run >= needed {
            held = next;
            out[begin..].fill(next);
            run = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(signs: &str, expected: &str) {
        let signs: Vec<Sign> = signs
            .chars()
            .map(|c| match c {
                '+' => Sign::Good,
                '-' => Sign::Bad,
                '.' => Sign::Quiet,
                _ => Sign::Unknown,
            })
            .collect();
        let seen: String = conditions(&signs, 3, 4)
            .into_iter()
            .map(|c| match c {
                Condition::Well => 'w',
                Condition::Unwell => 'u',
                Condition::Unknown => '?',
            })
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn runs_confirm_from_their_first_bin() {
        check("++++", "wwww");
        check("++--++", "wwwwww");
        check("++---+", "wwuuuu");
        check("+---+++-+++++", "wuuuuuuuwwwww");
        check("---", "uuu");
        check("--+", "??w");
    }

    #[test]
    fn quiet_bins_are_neither_failure_nor_health() {
        check("+-..-++", "wwwwwww");
        check("+-..-.-++", "wuuuuuuuu");
        check("+---++.++++", "wuuuuuuwwww");
        check("+-.+.-.-++", "wwwwwwwwww");
    }

    #[test]
    fn silence_is_never_healthy() {
        check("++  ++", "ww??ww");
        check("+---    ++++", "wuuuuuuuwwww");
        check("+---++ ++", "wuuuuuuuu");
        check("    ", "????");
    }
}
