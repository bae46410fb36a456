//! Prometheus' answer to a range query: a matrix of rates.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries>

use serde_json::Value;

use super::{
    error::ImportError,
    format::Format,
    grid::{Column, Grid},
    stamp::{Stamp, parse_stamp},
    traffic::Traffic,
};

/// Labels that hold a path, the likeliest first, and those that hold a method.
const PATHS: [&str; 8] = [
    "route",
    "path",
    "http_route",
    "uri",
    "handler",
    "endpoint",
    "url",
    "request_path",
];
const METHODS: [&str; 3] = ["method", "http_method", "verb"];

/// Reads an answer.
pub(super) fn read(name: String, bytes: &[u8]) -> Result<Traffic, ImportError> {
    let malformed = |message: String| ImportError::Malformed {
        name: name.clone(),
        line: None,
        message,
        hint: Some(
            "ask for rates over time: /api/v1/query_range?query=sum by (method, route) \
             (rate(http_requests_total[1m]))&start=...&end=...&step=60",
        ),
    };
    let answer: Value = serde_json::from_slice(bytes)
        .map_err(|error| malformed(format!("not the JSON of a range query: {error}")))?;
    if answer["status"] != "success" {
        let why = answer["error"]
            .as_str()
            .unwrap_or("its status is not `success`");
        return Err(malformed(format!("Prometheus did not succeed: {why}")));
    }
    let data = &answer["data"];
    let result = match (data["resultType"].as_str(), data["result"].as_array()) {
        (Some("matrix"), Some(result)) => result,
        (kind, _) => {
            let kind = kind.unwrap_or("no type at all");
            return Err(malformed(format!("the result is a {kind}, not a matrix")));
        }
    };
    let mut columns: Vec<Column> = Vec::with_capacity(result.len());
    let mut grid = Grid::new(name.clone(), Format::Prometheus);
    for series in result {
        let metric = &series["metric"];
        // `rate()` drops the name, so what still has it was not differentiated
        if let Some(counter) = metric["__name__"]
            .as_str()
            .filter(|n| n.ends_with("_total"))
        {
            return Err(malformed(format!("`{counter}` is a counter, not a rate")));
        }
        let mut column = Column::new(label(metric));
        for value in series["values"].as_array().into_iter().flatten() {
            match point(value) {
                Some(Some(point)) => {
                    grid.good += 1;
                    column.points.push(point);
                }
                // not a number: nothing was measured then
                Some(None) => {}
                None => grid.bad += 1,
            }
        }
        columns.push(column);
    }
    grid.finish(columns, false)
}

/// `[1619605800, "12.5"]`; `Some(None)` for a value that is no number.
fn point(value: &Value) -> Option<Option<(Stamp, f64)>> {
    let [time, value] = value.as_array()?.as_slice() else {
        return None;
    };
    let time = parse_stamp(&time.to_string())?;
    let value: f64 = value.as_str()?.parse().ok()?;
    let good = value.is_finite() && value >= 0.0;
    Some(good.then_some((time, value)))
}

/// `GET /users` where labels say so, else the values of all labels.
fn label(metric: &Value) -> String {
    let first = |names: &[&str]| names.iter().find_map(|name| metric[*name].as_str());
    let path = first(&PATHS).filter(|path| path.starts_with('/'));
    if let Some(path) = path {
        let method = first(&METHODS).unwrap_or("GET").to_ascii_uppercase();
        return format!("{method} {path}");
    }
    let labels = metric.as_object().into_iter().flatten();
    let values: Vec<&str> = labels
        .filter(|(name, _)| *name != "__name__")
        .filter_map(|(_, value)| value.as_str())
        .collect();
    match (values.is_empty(), metric["__name__"].as_str()) {
        (false, _) => values.join(" "),
        (true, Some(name)) => name.to_owned(),
        (true, None) => "traffic".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix() {
        let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"route":"/a","method":"post"},"values":[[1619605800,"5"],[1619605815.0,"NaN"],[1619605830,"7"]]},
            {"metric":{"code":"200","instance":"b"},"values":[[1619605815,"1.5"],[1619605830,5],[]]},
            {"metric":{},"values":[[1619605800,"0"]]}
        ]}}"#;
        let traffic = read("x.json".into(), text.as_bytes()).expect("a matrix");
        assert_eq!((traffic.good, traffic.bad), (4, 2));
        assert_eq!(traffic.bin.as_secs(), 15);
        assert_eq!(traffic.length().as_secs(), 45);
        let ways: Vec<_> = traffic
            .ways
            .iter()
            .map(|w| {
                (
                    w.label.as_str(),
                    w.method.as_deref(),
                    &w.rates[..],
                    w.requests,
                )
            })
            .collect();
        assert_eq!(
            ways,
            [
                ("POST /a", Some("POST"), &[5.0, 0.0, 7.0][..], 180.0),
                ("200 b", None, &[0.0, 1.5, 0.0][..], 22.5),
                ("traffic", None, &[0.0, 0.0, 0.0][..], 0.0),
            ]
        );
    }

    #[test]
    fn other_answers_are_refused() {
        for (text, says) in [
            ("{", "not the JSON"),
            (r#"{"status":"error","error":"timed out"}"#, "timed out"),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
                "a vector",
            ),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
                "nothing in",
            ),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"x_total"},"values":[]}]}}"#,
                "a counter",
            ),
        ] {
            let error = read("x.json".into(), text.as_bytes()).expect_err(text);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
