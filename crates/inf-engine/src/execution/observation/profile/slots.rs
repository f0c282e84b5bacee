//! Slots: what went on at the same time, side by side.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::spans::Micros;

/// Puts each of `intervals`, which are in the order of their beginnings, into
/// the lowest slot that is free. No two in a slot overlap, and there are no
/// more slots than the most that went on at once.
pub(super) fn slots_of(
    intervals: impl Iterator<Item = (Micros, Micros)>,
) -> impl Iterator<Item = usize> {
    let mut taken: BinaryHeap<Reverse<(Micros, usize)>> = BinaryHeap::new();
    let mut free: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    intervals.map(move |(from, until)| {
        while let Some(&Reverse((ended, slot))) = taken.peek()
            && ended <= from
        {
            taken.pop();
            free.push(Reverse(slot));
        }
        let slot = free.pop().map_or(taken.len(), |Reverse(slot)| slot);
        taken.push(Reverse((until, slot)));
        slot
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_lowest_free_slot_is_taken() {
        let check = |intervals: &[(Micros, Micros)], expected: &[usize]| {
            let slots: Vec<usize> = slots_of(intervals.iter().copied()).collect();
            assert_eq!(slots, expected, "{intervals:?}");
        };
        check(&[(0, 2), (2, 4), (4, 6)], &[0, 0, 0]);
        check(&[(0, 9), (1, 3), (2, 9), (3, 4), (5, 6)], &[0, 1, 2, 1, 1]);
        check(&[(0, 0), (0, 0)], &[0, 0]);
    }

    proptest! {
        #[test]
        fn nothing_overlaps_and_no_slot_is_wasted(
            mut intervals in proptest::collection::vec((0u64..100, 0u64..30), 0..40),
        ) {
            intervals.sort_unstable();
            let intervals: Vec<_> = intervals.iter().map(|(from, length)| (*from, from + length)).collect();
            let slots: Vec<usize> = slots_of(intervals.iter().copied()).collect();
            let all: Vec<_> = intervals.iter().zip(&slots).collect();
            for (index, ((from, _), slot)) in all.iter().enumerate() {
                for ((_, until), other) in &all[..index] {
                    prop_assert!(slot != other || until <= from);
                }
            }
            // Only what has a length can be seen to be at the same time.
            if intervals.iter().all(|(from, until)| from < until) {
                let at_once = |at: u64| intervals.iter().filter(|(from, until)| (*from..*until).contains(&at)).count();
                let most = (0..200).map(at_once).max().unwrap_or(0);
                prop_assert_eq!(slots.iter().max().map_or(0, |slot| slot + 1), most);
            }
        }
    }
}
