//! How long to wait before a retry.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

/// The wait before attempt `attempt` (from 1) of a task: exponential, with
/// jitter over its upper half ("equal jitter",
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
///
/// The jitter comes from `task` and not from chance, so that a run on a
/// simulated clock is the same every time.
pub(crate) fn wait(attempt: u32, task: u64) -> Duration {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);
    let full = FIRST
        .saturating_mul(1 << (attempt - 1).min(10))
        .min(LONGEST);
    let mut random = Pcg32::seed_from_u64(task ^ u64::from(attempt).rotate_left(32));
    full.mul_f64(random.random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_differ_between_tasks() {
        for attempt in 1..20 {
            let full =
                Duration::from_millis(500 << (attempt - 1).min(6)).min(Duration::from_secs(30));
            let wait = super::wait(attempt, 7);
            assert!(wait >= full / 2 && wait <= full, "{attempt}: {wait:?}");
        }
        assert_eq!(wait(3, 7), wait(3, 7));
        assert_ne!(wait(3, 7), wait(3, 8));
    }
}
