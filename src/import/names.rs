//! Names for populations, journeys and steps.

use super::traffic::Way;

const LONGEST: usize = 48;

/// A name for each way, all different, none a word of the scenario's grammar.
pub(super) fn names(ways: &[Way]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(ways.len());
    for way in ways {
        let wanted = if way.is_rest {
            "other".to_owned()
        } else {
            match (&way.method, &way.path) {
                (Some(method), Some(path)) if path.chars().all(|c| c == '/') => {
                    name_of(&format!("{method} home"))
                }
                _ => name_of(&way.label),
            }
        };
        let mut name = wanted.clone();
        let mut nth = 2;
        while names.contains(&name) {
            name = format!("{wanted}_{nth}");
            nth += 1;
        }
        names.push(name);
    }
    names
}

/// `GET /users/:id` -> `get_users_id`. No word of the grammar has a `_`, and no phase of ours.
fn name_of(label: &str) -> String {
    let mut name = String::new();
    for letter in label.chars() {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if name.len() >= LONGEST {
            break;
        }
    }
    let name = name.trim_end_matches('_');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return format!("traffic_{name}").trim_end_matches('_').to_owned();
    }
    if name.contains('_') {
        name.to_owned()
    } else {
        format!("{name}_traffic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_names() {
        for (label, expected) in [
            ("GET /users/:id", "get_users_id"),
            ("errors", "errors_traffic"),
            ("200 web-1", "traffic_200_web_1"),
            ("ünïcode", "n_code"),
            ("***", "traffic"),
        ] {
            assert_eq!(name_of(label), expected, "{label}");
        }
        assert!(name_of(&"long ".repeat(40)).len() <= LONGEST);
    }
}
