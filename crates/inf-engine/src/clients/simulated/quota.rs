//! How many calls a simulated provider accepts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::{ClientError, ClientErrorKind, Retry};
use super::InvalidSetting;
use super::bucket::Bucket;
use super::invalid_setting::require_range;

/// A token bucket: `burst` calls at once, then `requests_per_second`. Whatever
/// is more is refused at once (HTTP 429).
///
/// ```
/// use inf_engine::clients::simulated::Quota;
///
/// let quota = Quota { requests_per_second: 50.0, burst: 10, hint: true };
/// assert!(quota.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Calls per second in the long run; by default 10.
    pub requests_per_second: f64,
    /// Calls that are accepted at once after a pause; by default 10.
    pub burst: u32,
    /// Whether answers say what is left of the quota, and refusals how long to
    /// wait (`Retry-After`); by default they do.
    pub hint: bool,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            requests_per_second: 10.0,
            burst: 10,
            hint: true,
        }
    }
}

impl Quota {
    /// Whether every number is in its range.
    ///
    /// # Errors
    ///
    /// The first one that is not.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        require_range(
            "requests_per_second",
            self.requests_per_second,
            0.000_001..=1_000_000.0,
            "between 0.000001 and 1000000",
        )?;
        if self.burst == 0 {
            return Err(InvalidSetting::new(
                "burst",
                "must be at least 1: with 0 no call is ever accepted",
            ));
        }
        Ok(())
    }

    /// The full bucket that this quota, which must be valid, is counted with.
    pub(super) fn bucket(&self) -> Bucket {
        Bucket::new(self.burst.into(), self.requests_per_second)
    }

    /// The error of a call that has to wait for `wait`.
    pub(super) fn refusal(&self, wait: Duration) -> ClientError {
        let rate = self.requests_per_second;
        let message = format!(
            "the simulated provider refused the call: more than {rate} requests per second (429)"
        );
        ClientError::new(ClientErrorKind::RateLimited, message).with_retry(Retry::RateLimited {
            after: self.hint.then_some(wait),
        })
    }
}
