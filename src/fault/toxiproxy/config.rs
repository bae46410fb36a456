//! The configuration file: a JSON list of proxies.

use std::{fs, io, path::Path};

use serde_json::Value;

/// A file of more than this is no list of proxies.
const LARGEST: u64 = 16 << 20;

/// Why a configuration file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system says so.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is larger than any list of proxies.
    #[error("is larger than {LARGEST} bytes")]
    Large,
    /// It holds something else.
    #[error("is no JSON list of proxies: {0}")]
    Json(String),
}

/// Reads the proxies of a file, as they are written: `{"name", "listen", "upstream", "enabled"}`,
/// and `toxics` if there are any.
///
/// # Errors
/// When it cannot be read or is no list.
pub fn read_config(path: &Path) -> Result<Vec<Value>, ConfigError> {
    if fs::metadata(path)?.len() > LARGEST {
        return Err(ConfigError::Large);
    }
    let value = serde_json::from_slice(&fs::read(path)?);
    match value.map_err(|error| ConfigError::Json(error.to_string()))? {
        Value::Array(list) => Ok(list),
        other => {
            let found = match other {
                Value::Object(_) => "an object",
                _ => "a single value",
            };
            Err(ConfigError::Json(format!("{found} stands there")))
        }
    }
}
