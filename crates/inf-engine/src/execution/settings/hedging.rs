//! [`Hedging`]: sending what takes unusually long a second time.

use std::time::Duration;

/// Which calls are sent a second time because they take unusually long; the
/// first answer counts, and the other request is given up ("hedged requests":
/// Dean and Barroso, "The tail at scale", 2013).
///
/// A second request costs as much as the first: it shortens the wait for the
/// last answers and is paid for. It is sent only where the endpoint and the run
/// (`max_concurrent`) have room and no other call waits, so that a batch which
/// uses all room is hedged at its end alone.
///
/// ```
/// use inf_engine::execution::{ExecutionSettings, Hedging};
///
/// // The slowest 5 of 100 calls, but no more than 2 of 100 calls twice.
/// let hedging = Hedging::after_percentile(95.0).with_max_share(0.02);
/// let settings = ExecutionSettings::default().with_hedging(hedging);
/// # let _ = settings;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hedging {
    percentile: f64,
    max_share: f64,
}

impl Hedging {
    /// The answers that an endpoint has to have given before its latencies are
    /// known well enough.
    pub(crate) const LEAST_ANSWERS: u64 = 20;

    /// The least time before a call may count as a straggler.
    pub(crate) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

    /// Sends a call again that has taken longer than `percentile` of 100
    /// answers of its endpoint did, for at most 5 of 100 calls. Percentiles
    /// are between 50 and 99.9; others count as the nearest one.
    pub fn after_percentile(percentile: f64) -> Self {
        let percentile = if percentile.is_nan() {
            99.9
        } else {
            percentile.clamp(50.0, 99.9)
        };
        Self {
            percentile,
            max_share: 0.05,
        }
    }

    /// No second requests, whatever an outer layer of settings says.
    pub fn off() -> Self {
        Self::after_percentile(99.9).with_max_share(0.0)
    }

    /// Sets the most second requests as a share of all calls of a run, between
    /// 0 and 1.
    #[must_use]
    pub fn with_max_share(mut self, max_share: f64) -> Self {
        self.max_share = if max_share.is_nan() {
            0.0
        } else {
            max_share.clamp(0.0, 1.0)
        };
        self
    }

    pub(crate) fn percentile(self) -> f64 {
        self.percentile
    }

    /// Whether a run that made `calls` and sent `hedges` second requests may
    /// send another one.
    #[expect(clippy::cast_precision_loss, reason = "calls are far below 2^52")]
    pub(crate) fn allows(self, calls: u64, hedges: u64) -> bool {
        (hedges + 1) as f64 <= calls as f64 * self.max_share
    }

    pub(crate) fn is_off(self) -> bool {
        self.max_share == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_second_requests_is_bounded() {
        let hedging = Hedging::after_percentile(90.0);
        assert!(!hedging.allows(19, 0));
        assert!(hedging.allows(20, 0));
        assert!(!hedging.allows(39, 1));
        assert!(hedging.allows(40, 1));
        assert!(!Hedging::off().allows(1_000_000, 0));
        assert!(Hedging::after_percentile(f64::NAN).percentile() < 100.0);
        assert!(!hedging.with_max_share(f64::NAN).allows(100, 0));
    }
}
