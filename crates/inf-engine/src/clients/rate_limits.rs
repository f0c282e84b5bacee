//! [`RateLimits`]: what a provider says about its limits.

use std::time::Duration;

/// What a reply says about the provider's limits, in its headers.
///
/// Providers count over windows of their own (a minute, mostly) and refill them
/// steadily or at once; nothing is known of what they do not say.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::clients::{LlmResponse, RateLimits};
///
/// // A client of your own tells what the headers of a reply said; the engine keeps to it.
/// let mut limits = RateLimits::default();
/// limits.requests.limit = Some(600);
/// limits.requests.remaining = Some(12);
/// limits.requests.resets_in = Some(Duration::from_secs(20));
/// let mut response = LlmResponse::from_text("Hello.");
/// response.rate_limits = Some(Box::new(limits));
/// assert!(!limits.is_empty());
/// ```
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
///
/// [`RateLimits`] shows how a client fills one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
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
