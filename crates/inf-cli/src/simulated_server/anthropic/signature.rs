//! The signature of thoughts.
//!
//! Anthropic signs what its models think, and refuses thoughts that come back
//! changed. The signature here is a mere checksum, which finds the same mistakes.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The signature of `thoughts`.
pub(super) fn sign(thoughts: &str) -> String {
    let mut hasher = DefaultHasher::new();
    thoughts.hash(&mut hasher);
    format!("simulated-{:016x}", hasher.finish())
}
