//! Numbers as people read them.

/// `31.0 s`.
pub(crate) fn seconds(value: f64) -> String {
    // nobody reads -0.0
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    format!("{value:.1} s")
}

/// `480 ms` below a second, `1.25 s` above, in three digits.
pub(crate) fn latency(value: f64) -> String {
    let millis = value * 1e3;
    if value >= 1.0 {
        format!("{value:.2} s")
    } else if millis >= 100.0 {
        format!("{millis:.0} ms")
    } else if millis >= 10.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.2} ms")
    }
}

/// `62.1%`; near 0 and 1 with as many decimals as it takes not to claim all or nothing.
pub(crate) fn percent(share: f64) -> String {
    for decimals in 1..4 {
        let text = format!("{:.decimals$}", share * 100.0);
        let value: f64 = text.parse().unwrap_or(0.0);
        if (value != 100.0 && value != 0.0) || share == 1.0 || share == 0.0 {
            return format!("{text}%");
        }
    }
    format!("{:.4}%", share * 100.0)
}

/// `8,123`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `once`, `twice`, `3 times`.
pub(crate) fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Its first letter in upper case.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_claims_all_or_nothing() {
        for (share, text) in [
            (1.0, "100.0%"),
            (0.0, "0.0%"),
            (0.621, "62.1%"),
            (0.9996, "99.96%"),
            (0.99999, "99.999%"),
            (0.0004, "0.04%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn reads_like_prose() {
        assert_eq!(count(8_123), "8,123");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(7), "7");
        assert_eq!(latency(0.48), "480 ms");
        assert_eq!(latency(0.0123), "12.3 ms");
        assert_eq!(latency(1.25), "1.25 s");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(times(1), "once");
    }
}
