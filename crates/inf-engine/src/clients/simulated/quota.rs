//! How many calls a simulated provider accepts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::{ClientError, ClientErrorKind, Retry};
use super::InvalidSetting;
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
    /// Whether a refusal says how long to wait (`Retry-After`); by default it does.
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

/// The bucket of a [`Quota`], kept as one instant (the generic cell rate
/// algorithm, ITU-T I.371): whole nanoseconds instead of a fraction of a token
/// that loses a little at every refill.
#[derive(Debug)]
pub(super) struct TokenBucket {
    interval: Duration,
    /// How far ahead of the steady rate a burst may run.
    lead: Duration,
    /// When the bucket will be full again; `None` before the first call, so
    /// that a client made outside a paused runtime takes that runtime's clock.
    full_at: Mutex<Option<Instant>>,
}

impl TokenBucket {
    /// The full bucket of `quota`, which must be valid.
    pub(super) fn new(quota: &Quota) -> Self {
        let interval = Duration::from_secs_f64(1.0 / quota.requests_per_second);
        Self {
            interval,
            lead: interval.saturating_mul(quota.burst - 1),
            full_at: Mutex::new(None),
        }
    }

    /// Takes one token, or says how long it is until there is one.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let until_full = full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        if until_full > self.lead {
            return Err(until_full.saturating_sub(self.lead));
        }
        *full_at = Some(now + until_full + self.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(requests_per_second: f64, burst: u32) -> TokenBucket {
        let quota = Quota {
            requests_per_second,
            burst,
            hint: true,
        };
        quota.validate().expect("a valid quota");
        TokenBucket::new(&quota)
    }

    /// Asks every `every` for `total`, and counts what was accepted.
    async fn accepted(bucket: &TokenBucket, every: Duration, total: Duration) -> u32 {
        let start = Instant::now();
        let mut accepted = 0;
        while start.elapsed() <= total {
            accepted += u32::from(bucket.take(Instant::now()).is_ok());
            tokio::time::sleep(every).await;
        }
        accepted
    }

    #[tokio::test(start_paused = true)]
    async fn minutes_of_too_many_calls_get_the_burst_and_the_rate_exactly() {
        // 10 at once, then one every 20 ms until the very last instant.
        let bucket = bucket(50.0, 10);
        let minutes = Duration::from_mins(5);
        let got = accepted(&bucket, Duration::from_millis(5), minutes).await;
        assert_eq!(got, 10 + 50 * 60 * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_fills_the_bucket_up_to_the_burst_and_no_further() {
        let bucket = bucket(50.0, 10);
        for _ in 0..3 {
            let now = Instant::now();
            let got = (0..100).filter(|_| bucket.take(now).is_ok()).count();
            assert_eq!(got, 10);
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_as_told_is_accepted_and_no_sooner() {
        let bucket = bucket(3.0, 2);
        let now = Instant::now();
        assert_eq!(bucket.take(now), Ok(()));
        assert_eq!(bucket.take(now), Ok(()));
        let wait = bucket.take(now).expect_err("an empty bucket");
        assert!(bucket.take(now + wait - Duration::from_nanos(1)).is_err());
        assert_eq!(bucket.take(now + wait), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_and_largest_bucket_overflows_no_clock() {
        let bucket = bucket(0.000_001, u32::MAX);
        for _ in 0..1000 {
            assert_eq!(bucket.take(Instant::now()), Ok(()));
        }
    }
}
