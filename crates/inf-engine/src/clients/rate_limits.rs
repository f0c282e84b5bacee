//! [`RateLimits`]: what a provider says about its limits.

use std::time::Duration;

/// What a reply says about the provider's limits, in its headers.
///
/// Providers count over windows of their own (a minute, mostly) and refill them
/// steadily or at once; nothing is known of what they do not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Requests.
    pub requests: Allowance,
    /// Tokens, those of requests and of answers together.
    pub tokens: Allowance,
    /// Tokens of requests, where they are counted apart.
    pub input_tokens: Allowance,
    /// Tokens of answers, where they are counted apart.
    pub output_tokens: Allowance,
}

/// How much of one thing may still be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// How much a window holds.
    pub limit: Option<u64>,
    /// How much of it is left.
    pub remaining: Option<u64>,
    /// In how long it is whole again.
    pub resets_in: Option<Duration>,
}

impl RateLimits {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
