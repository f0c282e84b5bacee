//! What a quota is counted with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Allowance;

/// A bucket that holds some units and refills steadily, kept as one instant
/// (the generic cell rate algorithm, ITU-T I.371): whole nanoseconds instead of
/// a fraction of a unit that loses a little at every refill.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Units that it holds.
    size: u64,
    /// Nanoseconds in which one unit comes back.
    unit: f64,
    /// How long the empty bucket takes to be full.
    whole: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the bucket will be full again; `None` before the first call, so
    /// that a client made outside a paused runtime takes that runtime's clock.
    full_at: Option<Instant>,
    /// What will be known to have been used instead of what was taken.
    settlements: BinaryHeap<Reverse<Settlement>>,
}

/// From `at` on, `used` is what counts of the `taken` units.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Settlement {
    at: Instant,
    taken: u64,
    used: u64,
}

impl Bucket {
    /// A full bucket of `size` units, which `per_second` of them refill.
    pub(super) fn new(size: u64, per_second: f64) -> Self {
        let unit = 1e9 / per_second;
        Self {
            size,
            unit,
            whole: nanoseconds(units(size) * unit, f64::ceil),
            state: Mutex::default(),
        }
    }

    /// Units that it holds when it is full.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Takes `count` units, or says how long it is until there are so many. More
    /// than the bucket's size there never are.
    pub(super) fn take(&self, count: u64, now: Instant) -> Result<(), Duration> {
        let cost = self.time_of(count);
        let mut state = self.settled(now);
        let after = state.until_full(now).saturating_add(cost);
        if after > self.whole {
            return Err(after.saturating_sub(self.whole));
        }
        state.full_at = later(now, after);
        Ok(())
    }

    /// Gives `count` units back that were taken for nothing.
    pub(super) fn give_back(&self, count: u64, now: Instant) {
        let mut state = self.settled(now);
        state.change(now, count, 0, self);
    }

    /// At `at` it will be known that `used` units were used where `taken` were
    /// taken: what is over comes back, and what is more goes into debt.
    pub(super) fn settle(&self, at: Instant, taken: u64, used: u64) {
        if taken != used {
            let settlement = Settlement { at, taken, used };
            let mut state = self.lock();
            state.settlements.push(Reverse(settlement));
        }
    }

    /// What is left.
    pub(super) fn allowance(&self, now: Instant) -> Allowance {
        let state = self.settled(now);
        let until_full = state.until_full(now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of units, which is no larger than the bucket"
        )]
        let missing = (until_full.as_secs_f64() * 1e9 / self.unit).ceil() as u64;
        Allowance {
            limit: Some(self.size),
            remaining: Some(self.size.saturating_sub(missing)),
            resets_in: Some(until_full),
        }
    }

    /// Rounded down, so that the units of a full bucket are never too many.
    fn time_of(&self, count: u64) -> Duration {
        nanoseconds(units(count) * self.unit, f64::floor)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state with all that is known by `now`, each thing at its time: what
    /// comes back to a bucket that is full by then is lost.
    fn settled(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while let Some(Reverse(next)) = state.settlements.peek()
            && next.at <= now
            && let Some(Reverse(next)) = state.settlements.pop()
        {
            state.change(next.at, next.taken, next.used, self);
        }
        state
    }
}

impl State {
    fn until_full(&self, now: Instant) -> Duration {
        let until = |at: Instant| at.saturating_duration_since(now);
        self.full_at.map_or(Duration::ZERO, until)
    }

    fn change(&mut self, at: Instant, taken: u64, used: u64, bucket: &Bucket) {
        let until_full = self.until_full(at);
        let until_full = if taken > used {
            until_full.saturating_sub(bucket.time_of(taken - used))
        } else {
            until_full.saturating_add(bucket.time_of(used - taken))
        };
        self.full_at = later(at, until_full);
    }
}

/// `None` is an instant that no clock reaches; it counts as a full bucket, which
/// is as good as any other state then.
fn later(now: Instant, after: Duration) -> Option<Instant> {
    now.checked_add(after)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "more than 2^52 units are as good as endless"
)]
fn units(count: u64) -> f64 {
    count as f64
}

fn nanoseconds(count: f64, round: fn(f64) -> f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and there is no negative count"
    )]
    let whole = round(count) as u64;
    Duration::from_nanos(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for one unit every `every` for `total`, and counts what it got.
    async fn accepted(bucket: &Bucket, every: Duration, total: Duration) -> u32 {
        let start = Instant::now();
        let mut accepted = 0;
        while start.elapsed() <= total {
            accepted += u32::from(bucket.take(1, Instant::now()).is_ok());
            tokio::time::sleep(every).await;
        }
        accepted
    }

    #[tokio::test(start_paused = true)]
    async fn minutes_of_too_many_calls_get_the_burst_and_the_rate_exactly() {
        // 10 at once, then one every 20 ms until the very last instant.
        let bucket = Bucket::new(10, 50.0);
        let minutes = Duration::from_mins(5);
        let got = accepted(&bucket, Duration::from_millis(5), minutes).await;
        assert_eq!(got, 10 + 50 * 60 * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_fills_the_bucket_up_to_its_size_and_no_further() {
        for (size, rate) in [(10, 50.0), (7, 7.0), (1000, 1000.0 / 3.0)] {
            let bucket = Bucket::new(size, rate);
            for _ in 0..3 {
                let now = Instant::now();
                let got = (0..2000).filter(|_| bucket.take(1, now).is_ok()).count();
                assert_eq!(got as u64, size);
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waits_as_told_is_accepted_and_no_sooner() {
        let bucket = Bucket::new(2, 3.0);
        let now = Instant::now();
        assert_eq!(bucket.take(1, now), Ok(()));
        assert_eq!(bucket.take(1, now), Ok(()));
        let wait = bucket.take(1, now).expect_err("an empty bucket");
        assert!(
            bucket
                .take(1, now + wait - Duration::from_nanos(2))
                .is_err()
        );
        assert_eq!(bucket.take(1, now + wait), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_and_largest_bucket_overflows_no_clock() {
        let bucket = Bucket::new(u64::from(u32::MAX), 0.000_001);
        for _ in 0..1000 {
            assert_eq!(bucket.take(1, Instant::now()), Ok(()));
        }
        let endless = Bucket::new(u64::MAX, 0.000_001);
        endless.settle(Instant::now(), 0, u64::MAX);
        let _ = endless.take(u64::MAX, Instant::now());
        endless.give_back(u64::MAX, Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_used_counts_from_when_it_is_known() {
        let bucket = Bucket::new(100, 1.0);
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let left = |at| bucket.allowance(at).remaining.expect("known");
        bucket.take(80, now).expect("enough");
        bucket.settle(now + 10 * second, 80, 30);
        assert_eq!(left(now), 20);
        assert_eq!(left(now + 9 * second), 29);
        assert_eq!(left(now + 10 * second), 80);
        assert_eq!(bucket.allowance(now + 10 * second).limit, Some(100));
        // More than was taken goes into debt.
        bucket.take(80, now + 10 * second).expect("enough");
        bucket.settle(now + 20 * second, 80, 120);
        assert_eq!(left(now + 20 * second), 0);
        let wait = bucket.take(1, now + 20 * second).expect_err("in debt");
        assert_eq!(wait, 31 * second);
        bucket.give_back(130, now + 20 * second);
        assert_eq!(left(now + 20 * second), 100);
    }
}
