//! How many calls a simulated provider works on at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Places for a number of calls; who finds none waits in line, first come,
/// first served.
///
/// How long a call takes is known when it comes, so that it is known at once
/// when it will begin: nothing here waits. A caller that goes away leaves its
/// place taken, as with servers that do not notice.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    /// When each place that is taken, or promised, becomes free.
    free_at: Mutex<BinaryHeap<Reverse<Instant>>>,
}

impl Queue {
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            free_at: Mutex::default(),
        }
    }

    /// Takes a place for `work`, and says how long it is until it begins.
    pub(super) fn enter(&self, now: Instant, work: Duration) -> Duration {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        while free_at.peek().is_some_and(|Reverse(at)| *at <= now) {
            free_at.pop();
        }
        let begins = if free_at.len() < self.capacity {
            now
        } else {
            free_at.pop().map_or(now, |Reverse(at)| at)
        };
        free_at.push(Reverse(begins.checked_add(work).unwrap_or(begins)));
        begins.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_place_waits_for_the_first_that_becomes_free() {
        let queue = Queue::new(2);
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let enter = |at: u32, work: u32| queue.enter(start + at * second, work * second);
        assert_eq!(enter(0, 5), Duration::ZERO);
        assert_eq!(enter(0, 2), Duration::ZERO);
        assert_eq!(enter(1, 10), second, "behind the short one");
        assert_eq!(enter(1, 1), 4 * second, "behind the long one");
        assert_eq!(enter(1, 1), 5 * second);
        assert_eq!(enter(12, 1), Duration::ZERO);
        assert_eq!(enter(12, 1), Duration::ZERO, "the place since 7");
        assert_eq!(enter(12, 1), second);
    }
}
