//! How often each request was asked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::request_digest::RequestDigest;

/// Requests that are remembered for certain; up to twice as many are held
/// (about 16 MB).
const REMEMBERED: usize = 1 << 18;

/// Counts how often each request was asked.
///
/// Memory is bounded: a request that was last asked more than [`REMEMBERED`]
/// other ones ago may count from zero again. Retries come far sooner.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    generations: Mutex<Generations>,
}

/// When `young` is full it becomes `old`, and what was old is forgotten: this
/// needs no order of use, as a cache of recent entries would.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u128, u32>,
    old: HashMap<u128, u32>,
}

impl Occurrences {
    /// How often `request` was asked before; this call counts from now on.
    pub(super) fn next(&self, request: &RequestDigest) -> u32 {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        generations.next(request.short(), REMEMBERED)
    }
}

impl Generations {
    fn next(&mut self, key: u128, remembered: usize) -> u32 {
        if !self.young.contains_key(&key) && self.young.len() >= remembered {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        let next = self
            .young
            .entry(key)
            .or_insert_with(|| old.remove(&key).unwrap_or(0));
        let occurrence = *next;
        *next = next.saturating_add(1);
        occurrence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_for_itself() {
        let mut generations = Generations::default();
        let counts: Vec<_> = [1, 2, 1, 1, 2, 3]
            .map(|key| generations.next(key, 10))
            .into();
        assert_eq!(counts, [0, 0, 1, 2, 1, 0]);
    }

    #[test]
    fn recent_requests_are_remembered_and_memory_is_bounded() {
        let mut generations = Generations::default();
        for key in 0..1000 {
            assert_eq!(generations.next(key, 10), 0);
            assert!(generations.young.len() + generations.old.len() <= 20);
            if key >= 4 {
                // Eight other ones were asked since, so it is still known.
                assert_eq!(generations.next(key - 4, 10), 1);
            }
        }
        assert_eq!(generations.next(0, 10), 0, "forgotten long ago");
    }
}
