//! An answer of ours.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HeaderName, HeaderValue},
};

/// An answer of ours.
#[derive(Debug, Clone)]
pub(in crate::fault::http) struct Answer {
    pub(in crate::fault::http) status: StatusCode,
    pub(in crate::fault::http) headers: HeaderMap,
    pub(in crate::fault::http) body: Bytes,
}

impl Answer {
    /// An answer as it is written in a scenario.
    ///
    /// # Errors
    /// When the status or a header cannot be sent.
    pub(super) fn new(code: u16, given: &[(String, String)], body: &str) -> Result<Self, String> {
        // 1xx are not final, and no proxy can answer with them alone
        let status = StatusCode::from_u16(code)
            .ok()
            .filter(|status| !status.is_informational())
            .ok_or_else(|| format!("{code} is not a final HTTP status"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            let field: HeaderName = name
                .parse()
                .map_err(|_| format!("`{name}` is not a header's name"))?;
            let value: HeaderValue = value
                .parse()
                .map_err(|_| format!("header `{name}` has a value that cannot be sent"))?;
            headers.append(field, value);
        }
        Ok(Self {
            status,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    /// The response.
    pub(in crate::fault::http) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}
