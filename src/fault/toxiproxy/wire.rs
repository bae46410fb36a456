//! JSON as Go reads it: keys in any case, unknown keys ignored, `null` as if it were not there, and
//! nothing behind the first value looked at.

use serde_json::Value;

use super::error::ApiError;

/// An object from a request.
#[derive(Debug, Default)]
pub(super) struct Object(Vec<(String, Value)>);

/// The first JSON value of a body.
///
/// # Errors
/// When there is none.
pub(super) fn first_value(body: &[u8]) -> Result<Value, ApiError> {
    match serde_json::Deserializer::from_slice(body)
        .into_iter()
        .next()
    {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) if error.is_eof() => Err(ApiError::BadBody("unexpected EOF".into())),
        Some(Err(error)) => Err(ApiError::BadBody(error.to_string())),
        None => Err(ApiError::BadBody("EOF".into())),
    }
}

impl Object {
    /// # Errors
    /// When the body holds no object.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        Self::new(first_value(body)?, "the body")
    }

    /// # Errors
    /// When it is no object; `what` says which value it is.
    pub(super) fn new(value: Value, what: &str) -> Result<Self, ApiError> {
        match value {
            Value::Null => Ok(Self::default()),
            Value::Object(map) => Ok(Self(
                map.into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| (key.to_lowercase(), value))
                    .collect(),
            )),
            other => Err(wrong(what, "an object", &other)),
        }
    }

    /// The value of a key (in lower case); of several, the last.
    fn get(&self, key: &str) -> Option<&Value> {
        let mut entries = self.0.iter().rev();
        entries
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// # Errors
    /// When it is no text.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(wrong(key, "a string", other)),
        }
    }

    /// # Errors
    /// When it is neither true nor false.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong(key, "a bool", other)),
        }
    }

    /// # Errors
    /// When it is no number.
    pub(super) fn number(&self, key: &str) -> Result<Option<f32>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) if (number as f32).is_finite() => Ok(Some(number as f32)),
                _ => Err(wrong(key, "a number", value)),
            },
        }
    }

    /// A whole number that is not negative and no larger than `most`.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn whole(&self, key: &str, most: u64) -> Result<Option<u64>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(whole) if whole <= most => Ok(Some(whole)),
                _ => Err(wrong(key, &format!("a whole number in 0..={most}"), value)),
            },
        }
    }

    /// # Errors
    /// When it is no object.
    pub(super) fn object(&self, key: &str) -> Result<Self, ApiError> {
        self.get(key).map_or_else(
            || Ok(Self::default()),
            |value| Self::new(value.clone(), key),
        )
    }

    /// # Errors
    /// When it is no list.
    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list.clone())),
            Some(other) => Err(wrong(key, "an array", other)),
        }
    }
}

fn wrong(what: &str, wanted: &str, found: &Value) -> ApiError {
    ApiError::BadBody(format!("{what} must be {wanted}, not {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_go_does() {
        let body = br#"{"Name":"a","NAME":"b","enabled":null,"more":[1],"toxicity":0.5} and more"#;
        let object = Object::read(body).expect("an object");
        assert_eq!(object.text("name"), Ok(Some("b".into())));
        assert_eq!(object.flag("enabled"), Ok(None));
        assert_eq!(object.number("toxicity"), Ok(Some(0.5)));
        assert_eq!(
            Object::read(b"null").expect("nothing").text("name"),
            Ok(None)
        );
    }

    #[test]
    fn refuses_what_go_refuses() {
        for body in ["", "{", "[]", "7", "{]", "\"x\""] {
            let error = Object::read(body.as_bytes()).expect_err(body);
            assert!(
                error.to_string().starts_with("bad request body: "),
                "{error}"
            );
        }
        let object = Object::read(br#"{"a":1,"b":"x","c":100.5,"d":-1}"#).expect("an object");
        assert!(object.text("a").is_err());
        assert!(object.flag("b").is_err());
        assert!(object.number("b").is_err());
        assert!(object.whole("c", 1000).is_err());
        assert!(object.whole("d", 1000).is_err());
        assert!(object.whole("a", 0).is_err());
        assert!(object.object("a").is_err());
        assert!(object.list("a").is_err());
    }
}
