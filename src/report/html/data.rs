//! What the page's script reads: the same numbers that are drawn, as JSON inside the page.

use serde_json::{Value, json};

use crate::{
    analysis::{Analysis, Curve, SubjectResult},
    report::{axis::Axis, words},
};

use super::series::bins_a_column;

/// JSON that is safe inside a `<script>` element: `<`, `>`, `&` and the line separators of
/// JavaScript are escaped, so that no name can end the element.
pub(super) fn script_data(analysis: &Analysis, axis: &Axis, columns: usize) -> String {
    let bins = analysis.curves.subjects.values().map(|c| c.offered.len());
    let size = bins_a_column(bins.max().unwrap_or(0), columns);
    let curves: serde_json::Map<String, Value> = analysis
        .curves
        .subjects
        .iter()
        .map(|(name, curve)| (name.clone(), values(curve, size)))
        .collect();
    let phases: Vec<Value> = analysis
        .phases
        .iter()
        .map(|p| json!([p.name, p.from_s, p.to_s]))
        .collect();
    let faults: Vec<Value> = analysis
        .faults
        .iter()
        .flat_map(|f| {
            let stays = f.stays().into_iter();
            stays.map(|(from_s, to_s)| json!([f.name, from_s, to_s.unwrap_or(axis.observed_s)]))
        })
        .collect();
    let mut lanes = serde_json::Map::new();
    for (name, service) in &analysis.services {
        lanes.insert(name.clone(), states(&service.whole));
        for (feature, subject) in &service.features {
            lanes.insert(format!("{name}/{feature}"), states(subject));
        }
    }
    let data = json!({
        "end": axis.end_s,
        "scale": axis.time_scale,
        "column": analysis.curves.bin_s * size as f64,
        "phases": phases,
        "faults": faults,
        "lanes": lanes,
        "curves": curves,
    });
    let mut safe = String::new();
    for c in data.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => safe.push(c),
        }
    }
    safe
}

fn states(subject: &SubjectResult) -> Value {
    let spans = subject.states.iter();
    spans
        .map(|s| json!([words::state(s.state), s.from_s, s.to_s]))
        .collect()
}

fn values(curve: &Curve, size: usize) -> Value {
    json!({
        "offered": ranges(&curve.offered, size),
        "good": ranges(&curve.good, size),
        "shed": ranges(&curve.shed, size),
        "errors": ranges(&curve.errors, size),
        "p50": ranges(&curve.p50_s, size),
        "p99": ranges(&curve.p99_s, size),
    })
}

/// A value a column; `[lowest, highest]` where a column holds several bins that differ.
fn ranges(values: &[Option<f64>], size: usize) -> Value {
    let range = |column: &[Option<f64>]| {
        let finite = || column.iter().copied().flatten().filter(|v| v.is_finite());
        let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        let (low, high) = (short(low), short(high));
        Some(if low == high { low } else { json!([low, high]) })
    };
    values
        .chunks(size)
        .map(|c| range(c).unwrap_or(Value::Null))
        .collect()
}

/// Four significant digits are more than a tooltip shows.
fn short(value: f64) -> Value {
    let digits = 3 - value.abs().max(1e-4).log10().floor() as i32;
    let power = 10_f64.powi(digits.max(0));
    let rounded = (value * power).round() / power;
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
        json!(rounded as i64)
    } else {
        json!(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn no_name_can_end_the_script() {
        let hostile = fixture::hostile();
        let text = script_data(&hostile, &Axis::of(&hostile), 600);
        assert!(!text.contains('<'));
        let back: Value = serde_json::from_str(&text).unwrap();
        assert!(
            back["phases"][0][0]
                .as_str()
                .unwrap()
                .starts_with("<script>")
        );
    }

    #[test]
    fn columns_of_several_bins_are_ranges() {
        let values = [Some(1.0), Some(3.0), None, None, Some(2.0)];
        assert_eq!(ranges(&values, 2), json!([[1, 3], null, 2]));
        assert_eq!(short(0.012_345_6), json!(0.012_35));
    }
}
