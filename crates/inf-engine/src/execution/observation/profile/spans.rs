//! [`Spans`]: the time in which something was the case.

/// Microseconds since the first run of a profile began.
pub(super) type Micros = u64;

/// The time in which something was the case: spans in order that do not touch.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(Vec<Span>);

/// Nothing was ever the case.
pub(super) static NEVER: Spans = Spans(Vec::new());

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    from: Micros,
    until: Micros,
    /// The time covered by the spans before this one.
    before: Micros,
}

impl Spans {
    /// Adds the time between two moments. It is quick where little lies after
    /// it, as when things are told in the order in which they happen.
    pub(super) fn add(&mut self, from: Micros, until: Micros) {
        let until = until.max(from);
        let first = self.0.partition_point(|span| span.until < from);
        let touching = self.0[first..].partition_point(|span| span.from <= until);
        let mut added = Span {
            from,
            until,
            before: 0,
        };
        if touching > 0 {
            added.from = from.min(self.0[first].from);
            added.until = until.max(self.0[first + touching - 1].until);
            self.0[first] = added;
            self.0.drain(first + 1..first + touching);
        } else {
            self.0.insert(first, added);
        }
        self.count_from(first);
    }

    /// Forgets the older half.
    pub(super) fn forget_half(&mut self) {
        self.0.drain(..self.0.len() / 2);
        self.count_from(0);
    }

    fn count_from(&mut self, first: usize) {
        let last = first.checked_sub(1).map(|last| self.0[last]);
        let mut before = last.map_or(0, |last| last.before + (last.until - last.from));
        for span in &mut self.0[first..] {
            span.before = before;
            before += span.until - span.from;
        }
    }

    /// All time that is covered.
    pub(super) fn total(&self) -> Micros {
        self.covered_before(Micros::MAX)
    }

    /// The time that is covered between two moments.
    pub(super) fn covered(&self, from: Micros, until: Micros) -> Micros {
        self.covered_before(until) - self.covered_before(from)
    }

    fn covered_before(&self, moment: Micros) -> Micros {
        let begun = self.0.partition_point(|span| span.from < moment);
        let last = begun.checked_sub(1).map(|last| self.0[last]);
        last.map_or(0, |last| last.before + (last.until.min(moment) - last.from))
    }

    /// The parts of the time between two moments that are covered, in order.
    pub(super) fn within(
        &self,
        from: Micros,
        until: Micros,
    ) -> impl Iterator<Item = (Micros, Micros)> {
        let first = self.0.partition_point(|span| span.until <= from);
        let spans = self.0[first..].iter();
        spans
            .take_while(move |span| span.from < until)
            .map(move |span| (span.from.max(from), span.until.min(until)))
    }

    /// The time between the spans.
    pub(super) fn gaps(&self) -> impl Iterator<Item = (Micros, Micros)> {
        let pairs = self.0.windows(2);
        pairs.map(|pair| (pair[0].until, pair[1].from))
    }

    /// The time that these or `others` cover.
    pub(super) fn union(&self, others: &Self) -> Self {
        let mut all = [&self.0[..], &others.0[..]].concat();
        // Stable sorting takes two ordered halves in one pass.
        all.sort_by_key(|span| span.from);
        let mut union = Self::default();
        for span in all {
            union.add(span.from, span.until);
        }
        union
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Micros, Micros)> {
        self.0.iter().map(|span| (span.from, span.until))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(all: &[(Micros, Micros)]) -> Spans {
        let mut spans = Spans::default();
        for &(from, until) in all {
            spans.add(from, until);
        }
        spans
    }

    #[test]
    fn what_touches_is_one() {
        let check = |added: &[(Micros, Micros)], expected: &[(Micros, Micros)]| {
            let found: Vec<_> = spans(added).iter().collect();
            assert_eq!(found, expected, "{added:?}");
        };
        check(&[(1, 3), (5, 8)], &[(1, 3), (5, 8)]);
        check(&[(5, 8), (1, 3)], &[(1, 3), (5, 8)]);
        check(&[(1, 3), (5, 8), (3, 5)], &[(1, 8)]);
        check(&[(1, 3), (5, 8), (9, 9), (2, 6)], &[(1, 8), (9, 9)]);
        check(&[(1, 9), (5, 8)], &[(1, 9)]);
    }

    proptest! {
        /// Counted microsecond by microsecond, it is the same.
        #[test]
        fn time_is_counted_once(
            added in proptest::collection::vec((0u64..60, 0u64..20), 0..12),
            others in proptest::collection::vec((0u64..60, 0u64..20), 0..12),
            (from, length) in (0u64..90, 0u64..90),
        ) {
            let ends = |all: &[(u64, u64)]| -> Vec<(u64, u64)> {
                all.iter().map(|(from, length)| (*from, from + length)).collect()
            };
            let (added, others, until) = (ends(&added), ends(&others), from + length);
            let is_in = |all: &[(u64, u64)], at: u64| all.iter().any(|(from, until)| (*from..*until).contains(&at));
            let count = |range: std::ops::Range<u64>, all: &[(u64, u64)]| {
                range.filter(|at| is_in(all, *at)).count() as u64
            };
            let found = spans(&added);
            prop_assert_eq!(found.total(), count(0..200, &added));
            prop_assert_eq!(found.covered(from, until), count(from..until, &added));
            let within: u64 = found.within(from, until).map(|(from, until)| until - from).sum();
            prop_assert_eq!(within, count(from..until, &added));
            let both = [added, others.clone()].concat();
            prop_assert_eq!(found.union(&spans(&others)).total(), count(0..200, &both));
            let mut half = found.clone();
            half.forget_half();
            let rest: u64 = half.iter().map(|(from, until)| until - from).sum();
            prop_assert_eq!(half.total(), rest);
        }
    }
}
