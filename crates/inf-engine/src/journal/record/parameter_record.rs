//! [`ParameterRecord`]: one version of a parameter's text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::digest::{Digest, digest_type};

digest_type! {
    /// A parameter's text, as one number: 128 bits of BLAKE3.
    pub ParameterVersion
}

impl ParameterVersion {
    /// The version that `text` is.
    pub fn of(text: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal parameter v1");
        Self(Digest::of(hasher.update(text.as_bytes())))
    }
}

/// One version of a parameter's text, written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ParameterRecord {
    /// Where the parameter stands in the tree of modules.
    pub path: Arc<str>,
    /// The version that it is called by.
    pub version: ParameterVersion,
    /// The text.
    pub text: Arc<str>,
}
