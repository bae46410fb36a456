//! 'Did you mean': the known word nearest to one that is not known.

/// The candidate that `word` was probably meant to be; `None` when nothing comes near.
///
/// Nearness is the optimal string alignment distance (a swap of neighbours counts once), at most
/// a third of the word's length; a candidate that merely continues the word counts as near too.
#[must_use]
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    // nobody misspells a word of a hundred letters, and the distance costs their product
    if lower.is_empty() || lower.len() > 100 {
        return None;
    }
    candidates
        .into_iter()
        // what was written is no advice, where it stands in the wrong place
        .filter(|candidate| *candidate != word)
        .filter_map(|candidate| {
            let known = candidate.to_lowercase();
            let distance = strsim::osa_distance(&lower, &known);
            let allowed = (lower.chars().count().max(known.chars().count()) / 3).max(1);
            let continued = lower.len() >= 3
                && (known.starts_with(&lower) || lower.starts_with(&known) && known.len() >= 3);
            if distance <= allowed {
                Some((distance, candidate))
            } else if continued {
                // behind every real misspelling, before nothing at all
                Some((allowed + distance, candidate))
            } else {
                None
            }
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let keys = ["faults", "phases", "gates", "load", "steady_state", "seed"];
        for (word, meant) in [
            ("fautls", Some("faults")),
            ("Phases", Some("phases")),
            ("phase", Some("phases")),
            ("gates", None),
            ("steady", Some("steady_state")),
            ("gate", Some("gates")),
            ("weather", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(closest(word, keys), meant, "{word}");
        }
    }
}
