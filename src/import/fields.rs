//! Which fields of a JSON log say what: as told, or found in its first lines.

use super::{
    dates::Dates,
    entry::{path_of, request_line, status},
    error::ImportError,
    json::{Value, find},
};

/// Names of fields, with dots into nested objects: `request.uri`. `None` = find it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldNames {
    /// The request's time.
    pub time: Option<String>,
    /// Its method.
    pub method: Option<String>,
    /// Its path or URL.
    pub path: Option<String>,
    /// Its whole first line, `GET / HTTP/1.1`, in place of method and path.
    pub request: Option<String>,
    /// The status of its answer.
    pub status: Option<String>,
}

/// What nginx, Caddy, Traefik, Envoy, AWS, Google and the Elastic Common Schema call them, the
/// likeliest first.
const TIMES: [&str; 14] = [
    "time",
    "ts",
    "timestamp",
    "@timestamp",
    "time_iso8601",
    "time_local",
    "StartUTC",
    "start_time",
    "requestTime",
    "startTime",
    "datetime",
    "date",
    "msec",
    "t",
];
const PATHS: [&str; 14] = [
    "request.uri",
    "request_uri",
    "uri",
    "path",
    "request_path",
    "RequestPath",
    "url.path",
    "url.original",
    "url",
    "httpRequest.requestUrl",
    "requestUri",
    "request.url",
    "request.path",
    "request_url",
];
const REQUESTS: [&str; 4] = ["request", "request_line", "http.request", "requestLine"];
const METHODS: [&str; 9] = [
    "request.method",
    "request_method",
    "method",
    "RequestMethod",
    "httpMethod",
    "http.request.method",
    "httpRequest.requestMethod",
    "http_method",
    "verb",
];
const STATUSES: [&str; 9] = [
    "status",
    "status_code",
    "response_code",
    "DownstreamStatus",
    "http.response.status_code",
    "httpRequest.status",
    "statusCode",
    "response.status",
    "elb_status_code",
];

/// Numbers before 1990 are lengths of time rather than instants.
const EARLIEST_SECOND: i64 = 631_152_000;
/// A log's first lines may be about the server itself.
const LOOKED_AT: usize = 200;

impl FieldNames {
    /// These names, and for those that are not given the first that fits in `head`.
    pub(super) fn found_in(&self, head: &[u8]) -> Result<Self, ImportError> {
        let lines: Vec<&[u8]> = head.split(|b| *b == b'\n').take(LOOKED_AT).collect();
        let search = |given: &Option<String>, known: &[&str], fits: &dyn Fn(&Value<'_>) -> bool| {
            given.clone().or_else(|| {
                let fitting = |name: &&&str| {
                    lines
                        .iter()
                        .any(|line| find(line, name).is_some_and(|value| fits(&value)))
                };
                known.iter().find(fitting).map(|name| (*name).to_owned())
            })
        };
        let instant = |value: &Value<'_>| {
            let stamp = Dates::default().read(value.raw);
            stamp.is_some_and(|stamp| stamp.second() >= EARLIEST_SECOND)
        };
        let mut found = Self {
            time: search(&self.time, &TIMES, &instant),
            method: None,
            path: None,
            request: None,
            status: search(&self.status, &STATUSES, &|v| status(v.raw).is_some()),
        };
        let path = |v: &Value<'_>| v.text && path_of(&v.unescaped()).is_some();
        let method = |v: &Value<'_>| v.text && !v.raw.is_empty();
        let request = |v: &Value<'_>| v.text && request_line(&v.unescaped()).is_some();
        if self.request.is_none() {
            found.path = search(&self.path, &PATHS, &path);
            found.method = search(&self.method, &METHODS, &method);
        }
        if found.path.is_none() {
            found.request = search(&self.request, &REQUESTS, &request);
        }
        let missing = match &found {
            Self { time: None, .. } => "time",
            Self {
                path: None,
                request: None,
                ..
            } => "path",
            _ => return Ok(found),
        };
        Err(ImportError::NoField {
            missing,
            known: keys(&lines),
        })
    }
}

/// The keys of the first object, for the message.
fn keys(lines: &[&[u8]]) -> Vec<String> {
    let mut objects = lines
        .iter()
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let first = objects.find_map(|value| match value {
        serde_json::Value::Object(map) => Some(map),
        _ => None,
    });
    let mut keys: Vec<String> = first
        .into_iter()
        .flatten()
        .map(|(key, _)| key.chars().take(40).collect())
        .collect();
    keys.truncate(20);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_known_servers() {
        for (head, time, path, method) in [
            (
                r#"{"level":"info","ts":1619605800.5,"logger":"http.log.access","request":{"method":"GET","uri":"/a?b","headers":{"X":["y"]}},"status":200}"#,
                "ts",
                "request.uri",
                Some("request.method"),
            ),
            (
                r#"{"time_local":"28/Apr/2021:16:00:00 +0530","request_time":"0.010","request_uri":"\/a","request_method":"GET","status":"200"}"#,
                "time_local",
                "request_uri",
                Some("request_method"),
            ),
            (
                "{\"msg\":\"started\"}\n{\"@timestamp\":\"2021-04-28T10:30:00Z\",\"url.path\":\"/a\",\"time\":0.5}",
                "@timestamp",
                "url.path",
                None,
            ),
        ] {
            let found = FieldNames::default()
                .found_in(head.as_bytes())
                .expect("fields");
            assert_eq!(found.time.as_deref(), Some(time), "{head}");
            assert_eq!(found.path.as_deref(), Some(path), "{head}");
            assert_eq!(found.method.as_deref(), method, "{head}");
        }
    }

    #[test]
    fn a_whole_request_line_will_do() {
        let head = br#"{"time":1619605800123,"request":"GET /a HTTP/1.1"}"#;
        let found = FieldNames::default().found_in(head).expect("fields");
        assert_eq!(found.request.as_deref(), Some("request"));
        assert_eq!(found.path, None);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let error = FieldNames::default()
            .found_in(br#"{"when":"2021-04-28T10:30:00Z","path":"/"}"#)
            .expect_err("no time");
        assert!(error.to_string().contains("no field"), "{error}");
        let hint = error.hint().expect("a hint");
        assert!(hint.contains("--time") && hint.contains("when"), "{hint}");
    }
}
