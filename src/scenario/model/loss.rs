//! A feature that is lost.

use serde::{Deserialize, Serialize};

/// A feature by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureName {
    /// The service that has it.
    pub service: String,
    /// The feature.
    pub feature: String,
}

impl std::fmt::Display for FeatureName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.service, self.feature)
    }
}

/// `lose: portal/certificates`: what a fault is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What is lost.
    pub feature: FeatureName,
    /// `at: needs`: what the feature needs fails, as the target says it, rather than the feature
    /// itself.
    pub needs: bool,
}
