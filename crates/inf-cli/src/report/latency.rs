//! [`Latencies`]: how long things took, as percentiles and as a histogram.

use serde::Serialize;

/// What takes less is in the bucket of this, in microseconds: nobody waits for it.
const SHORTEST: u64 = 100;

/// How long things took; percentiles are milliseconds and exact.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub(super) struct Latencies {
    pub(super) count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p95: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<f64>,
    /// The bucket of the first of `counts`.
    pub(super) first: u32,
    /// How many are in each bucket. Bucket `n` holds what takes from 10^(n/10) microseconds on,
    /// up to the next one: ten buckets for each power of ten.
    pub(super) counts: Vec<u32>,
}

impl Latencies {
    /// Of times in microseconds, in any order.
    pub(super) fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let (Some(shortest), Some(longest)) = (times.first(), times.last()) else {
            return Self::default();
        };
        let first = bucket(*shortest);
        let mut counts = vec![0; (bucket(*longest) - first + 1) as usize];
        for time in &times {
            counts[(bucket(*time) - first) as usize] += 1;
        }
        // The nearest rank: a time that was measured.
        let rank = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).max(1) - 1;
            Some(milliseconds(times[place]))
        };
        Self {
            count: times.len(),
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            max: rank(100),
            first,
            counts,
        }
    }
}

/// The bucket that a time in microseconds is in.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a logarithm of a number from 1 on is small and not negative"
)]
fn bucket(time: u64) -> u32 {
    // A little more, for the logarithm of a power of ten may come out a little less.
    ((time.max(SHORTEST) as f64).log10() * 10.0 + 1e-9) as u32
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
pub(super) fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let latencies = Latencies::of((1..=200).rev().map(|time| time * 1000).collect());
        let found = [latencies.p50, latencies.p95, latencies.p99, latencies.max];
        assert_eq!(found, [100.0, 190.0, 198.0, 200.0].map(Some));
        assert_eq!(latencies.counts.iter().sum::<u32>(), 200);
        assert_eq!(Latencies::of(Vec::new()), Latencies::default());
        assert_eq!(Latencies::of(vec![7]).p99, Some(0.007));
    }

    #[test]
    fn buckets_are_a_tenth_of_a_power_of_ten() {
        let check = |time, expected| assert_eq!(bucket(time), expected, "{time}");
        check(0, 20);
        check(100, 20);
        check(126, 21);
        check(1_000, 30);
        check(1_258, 30);
        check(1_259, 31);
        check(1_000_000, 60);
        check(u64::MAX, 192);
    }
}
