//! How long a simulated answer takes.

use std::time::Duration;

use rand::RngExt;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::InvalidSetting;
use super::invalid_setting::require_range;

/// One day: longer than any deadline, and small enough for every clock.
const LONGEST_MS: f64 = 86_400_000.0;

/// How long an answer takes: log-normal, as measured latencies nearly are,
/// plus a constant time for every token written.
///
/// ```
/// use inf_engine::clients::simulated::Latency;
///
/// // Half of the calls take less than 120 ms until their first token, about
/// // one in a hundred takes more than 300 ms.
/// let latency = Latency { median_ms: 120.0, spread: 0.4, per_output_token_ms: 2.0 };
/// assert!(latency.validate().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// Milliseconds until the first token, in the median; by default 0.
    pub median_ms: f64,
    /// The standard deviation of the latency's logarithm (sigma); by default 0,
    /// which makes every call take the median. 0.3 to 0.6 is common.
    pub spread: f64,
    /// Milliseconds for each token of the answer; by default 0.
    pub per_output_token_ms: f64,
}

impl Latency {
    /// Whether every number is in its range.
    ///
    /// # Errors
    ///
    /// The first one that is not.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        require_range(
            "median_ms",
            self.median_ms,
            0.0..=LONGEST_MS,
            "between 0 and 86400000 (one day)",
        )?;
        require_range("spread", self.spread, 0.0..=5.0, "between 0 and 5")?;
        require_range(
            "per_output_token_ms",
            self.per_output_token_ms,
            0.0..=60_000.0,
            "between 0 and 60000 (one minute)",
        )
    }

    /// Whether two calls can take different times until their first token.
    pub(super) fn is_drawn(&self) -> bool {
        self.spread > 0.0 && self.median_ms > 0.0
    }

    /// The time until the first token.
    pub(super) fn draw(&self, rng: &mut Pcg64) -> Duration {
        if !self.is_drawn() {
            return from_ms(self.median_ms);
        }
        let deviation: f64 = rng.sample(StandardNormal);
        from_ms(self.median_ms * (self.spread * deviation).exp())
    }

    /// The time from the first token to the last of `tokens`.
    pub(super) fn writing(&self, tokens: u32) -> Duration {
        from_ms(self.per_output_token_ms * f64::from(tokens))
    }
}

/// Whole microseconds: `exp` may differ in its last bit between machines, and
/// rounding makes the durations the same again.
fn from_ms(ms: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a day, which fits"
    )]
    let micros = (ms.clamp(0.0, LONGEST_MS) * 1000.0).round() as u64;
    Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn without_a_spread_every_call_takes_the_median() {
        let latency = Latency {
            median_ms: 12.5,
            spread: 0.0,
            per_output_token_ms: 0.25,
        };
        let mut rng = Pcg64::seed_from_u64(1);
        assert_eq!(latency.draw(&mut rng), Duration::from_micros(12_500));
        assert_eq!(latency.writing(10), Duration::from_micros(2_500));
    }

    #[test]
    fn the_median_and_the_tail_are_those_of_a_log_normal() {
        let latency = Latency {
            median_ms: 100.0,
            spread: 0.4,
            per_output_token_ms: 0.0,
        };
        let mut rng = Pcg64::seed_from_u64(1);
        let mut drawn: Vec<_> = (0..20_000).map(|_| latency.draw(&mut rng)).collect();
        drawn.sort();
        let at = |index: usize| drawn[index].as_secs_f64() * 1000.0;
        assert!((98.0..102.0).contains(&at(10_000)), "{}", at(10_000));
        // exp(0.4 * 2.326) = 2.54
        assert!((245.0..263.0).contains(&at(19_800)), "{}", at(19_800));
    }

    #[test]
    fn the_longest_tail_stays_within_a_day() {
        let latency = Latency {
            median_ms: LONGEST_MS,
            spread: 5.0,
            per_output_token_ms: 60_000.0,
        };
        let mut rng = Pcg64::seed_from_u64(1);
        for _ in 0..1000 {
            assert!(latency.draw(&mut rng) <= Duration::from_hours(24));
        }
        assert_eq!(latency.writing(u32::MAX), Duration::from_hours(24));
    }
}
