//! [`TokenBucket`]: a rate that is declared, kept exactly.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket that refills steadily; what is taken may be more than it ever
/// holds, and is then owed.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    capacity: f64,
    /// What flows in, a second.
    rate: f64,
    level: f64,
    /// When `level` was counted; `None` before the first call, so that one that
    /// is made outside of a paused runtime takes that runtime's clock.
    counted: Option<Instant>,
}

/// What rounding may take away.
const GRAIN: f64 = 1e-6;

impl TokenBucket {
    /// A full bucket of `burst`, half a minute's at most, out of which no more than `a_minute` flows in any
    /// minute: what it holds at the beginning of one is taken off what flows in.
    /// (With one at a time, the last of a minute's window is already outside.)
    pub(super) fn of_a_minute(a_minute: f64, burst: f64) -> Self {
        let burst = burst.clamp(1.0, (a_minute / 2.0).max(1.0));
        let rate = (a_minute - (burst - 1.0)) / 60.0;
        Self {
            capacity: burst,
            rate,
            level: burst,
            counted: None,
        }
    }

    /// This one, less what was taken from another one that it takes the place of.
    pub(super) fn instead_of(mut self, before: Option<Self>) -> Self {
        if let Some(mut before) = before
            && before.counted.is_some()
        {
            let now = Instant::now();
            before.refill(now);
            self.take(now, before.capacity - before.level);
        }
        self
    }

    /// A bucket as a provider describes it.
    pub(super) fn new(capacity: f64, rate: f64, level: f64, now: Instant) -> Self {
        Self {
            capacity,
            rate,
            level,
            counted: Some(now),
        }
    }

    /// Until when `cost` can't be taken, if it can't be now.
    pub(super) fn opens_at(&mut self, now: Instant, cost: f64) -> Option<Instant> {
        /// A clock that can't count so far is asked again then.
        const LONGEST: f64 = 86_400.0;
        self.refill(now);
        let missing = cost.min(self.capacity) - self.level;
        if missing <= GRAIN {
            return None;
        }
        let wait = Duration::from_secs_f64((missing / self.rate).min(LONGEST));
        // Rounded up: a moment too early would be one more look.
        Some(now + wait + Duration::from_nanos(1))
    }

    /// Takes `cost`, or gives it back if it is negative.
    pub(super) fn take(&mut self, now: Instant, cost: f64) {
        self.refill(now);
        // An absurd cost is not owed for ever.
        let most_owed = self.capacity + 3_600.0 * self.rate;
        self.level = (self.level - cost).clamp(-most_owed, self.capacity);
    }

    fn refill(&mut self, now: Instant) {
        let since = self.counted.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(since).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// When calls of `costs` are let through that all wait at the door.
    fn times(bucket: &mut TokenBucket, costs: &[f64], idle: &[u64]) -> Vec<(Duration, f64)> {
        let start = Instant::now();
        let mut now = start;
        let mut times = Vec::new();
        for (cost, idle) in costs.iter().zip(idle.iter().cycle()) {
            now += Duration::from_millis(*idle);
            while let Some(until) = bucket.opens_at(now, *cost) {
                assert!(until > now);
                now = until;
            }
            bucket.take(now, *cost);
            times.push((now - start, *cost));
        }
        times
    }

    proptest! {
        #[test]
        fn no_minute_has_more_requests_than_declared(
            a_minute in 1_u32..5_000,
            share in 0.0..1.0_f64,
            idle in proptest::collection::vec(0_u64..3_000, 1..50),
        ) {
            let most = f64::from(a_minute);
            let mut bucket = TokenBucket::of_a_minute(most, most * share);
            let costs = vec![1.0; 4 * a_minute.min(500) as usize];
            let times = times(&mut bucket, &costs, &idle);
            let mut first = 0;
            for (place, (time, _)) in times.iter().enumerate() {
                while times[first].0 + Duration::from_mins(1) <= *time {
                    first += 1;
                }
                prop_assert!(place - first < a_minute as usize, "{a_minute} {place} {first}");
            }
        }

        #[test]
        fn no_minute_has_more_tokens_than_declared(
            a_minute in 2_000_u32..100_000,
            costs in proptest::collection::vec(1.0..900.0_f64, 100..400),
            idle in proptest::collection::vec(0_u64..3_000, 1..50),
        ) {
            let most = f64::from(a_minute);
            let mut bucket = TokenBucket::of_a_minute(most, 1_000.0);
            let times = times(&mut bucket, &costs, &idle);
            let (mut first, mut sum) = (0, 0.0);
            for (time, cost) in &times {
                sum += cost;
                while times[first].0 + Duration::from_mins(1) <= *time {
                    sum -= times[first].1;
                    first += 1;
                }
                prop_assert!(sum <= most + 1.0, "{sum} of {most}");
            }
        }
    }

    #[test]
    fn a_steady_stream_gets_all_of_the_rate() {
        let mut bucket = TokenBucket::of_a_minute(600.0, 1.0);
        let times = times(&mut bucket, &vec![1.0; 6_001], &[0]);
        let took = times.last().unwrap().0;
        assert!(took < Duration::from_secs(601), "{took:?}");
    }

    #[test]
    fn what_is_larger_than_the_bucket_is_owed() {
        let mut bucket = TokenBucket::of_a_minute(6_000.0, 100.0);
        let times = times(&mut bucket, &[300.0, 1.0], &[0]);
        assert_eq!(times[0].0, Duration::ZERO);
        // 200 are owed and 1 is needed, of about 98 a second.
        assert!(times[1].0 > Duration::from_secs(2), "{times:?}");
    }
}
