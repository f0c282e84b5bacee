//! [`Pool`]: the candidates, and who becomes a parent.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::execution::Overlay;
use crate::optimization::Attempt;
use crate::parameter::ParameterPath;

/// Texts for all parameters that learn, and how good they are.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Of every parameter that learns.
    pub(super) texts: Overlay,
    pub(super) parents: Vec<usize>,
    /// By validation example.
    pub(super) scores: Vec<Option<f64>>,
    /// The calls that were made up to its birth.
    pub(super) born: u64,
    /// The parameter whose turn it is, where they take turns.
    pub(super) next_component: usize,
    /// What was tried from here and did not help.
    pub(super) failed: Vec<(ParameterPath, Attempt)>,
}

impl Candidate {
    /// The mean of the scores that there are.
    pub(super) fn mean(&self) -> f64 {
        let scores: Vec<f64> = self.scores.iter().copied().flatten().collect();
        #[expect(clippy::cast_precision_loss, reason = "a count of examples")]
        let count = scores.len().max(1) as f64;
        // The sum of nothing is -0.
        (scores.iter().sum::<f64>() + 0.0) / count
    }

    fn length(&self) -> usize {
        self.texts.iter().map(|(_, text)| text.len()).sum()
    }
}

/// How much better the scores of a child are in sum, of the examples that have one in
/// both. What the sums of decimal fractions differ by is nothing.
pub(super) fn gain(before: &[Option<f64>], after: &[Option<f64>]) -> f64 {
    const NOTHING: f64 = 1e-9;
    let pairs = before.iter().zip(after);
    let gains = pairs.filter_map(|(before, after)| Some((*after)? - (*before)?));
    let gain: f64 = gains.sum();
    if gain.abs() < NOTHING { 0.0 } else { gain }
}

/// The candidates, in the order of their birth.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) candidates: Vec<Candidate>,
}

impl Pool {
    /// The best by mean; of equals the shortest, and then the oldest.
    pub(super) fn best(&self) -> usize {
        let mut best = 0;
        for (place, candidate) in self.candidates.iter().enumerate().skip(1) {
            let known = &self.candidates[best];
            let order = candidate.mean().total_cmp(&known.mean());
            let order = order.then(known.length().cmp(&candidate.length()));
            if order.is_gt() {
                best = place;
            }
        }
        best
    }

    /// Those on the front with the number of validation examples on which each is
    /// among the best. Who is among the best only where others of the front are, too,
    /// is left out, the worst first.
    pub(super) fn front(&self) -> Vec<(usize, usize)> {
        let examples = self
            .candidates
            .first()
            .map_or(0, |first| first.scores.len());
        let fronts: Vec<Vec<usize>> = (0..examples)
            .map(|example| {
                let score = |place: usize| self.candidates[place].scores[example];
                let places = 0..self.candidates.len();
                let best = places
                    .clone()
                    .filter_map(score)
                    .fold(f64::NEG_INFINITY, f64::max);
                places.filter(|place| score(*place) == Some(best)).collect()
            })
            .collect();
        let mut order: Vec<usize> = (0..self.candidates.len()).collect();
        // Of equals the youngest goes first.
        order.sort_by(|a, b| {
            let means = [*a, *b].map(|place| self.candidates[place].mean());
            means[0].total_cmp(&means[1]).then(b.cmp(a))
        });
        let mut is_alive = vec![true; self.candidates.len()];
        for place in order {
            let is_needed = fronts.iter().any(|front| {
                front.contains(&place)
                    && !front
                        .iter()
                        .any(|other| *other != place && is_alive[*other])
            });
            is_alive[place] = is_needed;
        }
        let held = (0..self.candidates.len()).filter(|place| is_alive[*place]);
        let mut held: Vec<(usize, usize)> = held
            .map(|place| {
                (
                    place,
                    fronts.iter().filter(|front| front.contains(&place)).count(),
                )
            })
            .collect();
        if held.is_empty() && !self.candidates.is_empty() {
            held.push((self.best(), 1));
        }
        held
    }

    /// A parent, drawn in proportion to the examples on which it is among the best.
    pub(super) fn parent(&self, random: &mut Pcg64) -> usize {
        let front = self.front();
        let total: usize = front.iter().map(|(_, held)| held).sum();
        let mut drawn = random.random_range(0..total.max(1));
        for (place, held) in &front {
            if drawn < *held {
                return *place;
            }
            drawn -= held;
        }
        self.best()
    }

    /// Whether a candidate has these texts.
    pub(super) fn has(&self, texts: &Overlay) -> bool {
        self.candidates.iter().any(|known| known.texts == *texts)
    }

    /// Everyone that `place` descends from, itself included.
    pub(super) fn lineage(&self, place: usize) -> Vec<usize> {
        let mut lineage = vec![place];
        let mut next = 0;
        while let Some(descendant) = lineage.get(next).copied() {
            next += 1;
            for parent in &self.candidates[descendant].parents {
                if !lineage.contains(parent) {
                    lineage.push(*parent);
                }
            }
        }
        lineage
    }
}

/// Random numbers for one purpose: they do not depend on how many were drawn for
/// others, nor in which order.
pub(super) fn random(seed: u64, round: u64, slot: u64) -> Pcg64 {
    let mixed =
        seed ^ round.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ slot.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    Pcg64::seed_from_u64(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(scores: &[&[f64]]) -> Pool {
        let candidates = scores.iter().enumerate().map(|(place, scores)| Candidate {
            texts: Overlay::new().with("text", "x".repeat(place)),
            parents: place.checked_sub(1).into_iter().collect(),
            scores: scores.iter().copied().map(Some).collect(),
            born: 0,
            next_component: 0,
            failed: Vec::new(),
        });
        Pool {
            candidates: candidates.collect(),
        }
    }

    #[test]
    fn gains_are_of_pairs_and_fractions_are_no_gain() {
        let check = |before: &[Option<f64>], after: &[Option<f64>], expected: f64| {
            assert!((gain(before, after) - expected).abs() < f64::EPSILON);
        };
        check(
            &[Some(0.5), None, Some(1.0)],
            &[Some(1.0), Some(1.0), None],
            0.5,
        );
        // In binary fractions the sum is below 0.
        check(&[Some(0.6), Some(0.4)], &[Some(0.7), Some(0.3)], 0.0);
        check(&[], &[], 0.0);
    }

    #[test]
    fn whoever_is_the_only_best_at_something_is_on_the_front() {
        let check = |scores: &[&[f64]], expected: &[(usize, usize)], best: usize| {
            let pool = pool(scores);
            assert_eq!(
                (pool.front(), pool.best()),
                (expected.to_vec(), best),
                "{scores:?}"
            );
        };
        check(&[&[0.0, 0.0]], &[(0, 2)], 0);
        // The second is better everywhere.
        check(&[&[0.0, 0.5], &[1.0, 0.6]], &[(1, 2)], 1);
        // The second has the worse mean, and is the only one that knows the third.
        check(&[&[1.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &[(0, 2), (1, 1)], 0);
        // Equals: one of them is enough, and the shortest is the best.
        check(&[&[1.0, 0.0], &[1.0, 0.0]], &[(0, 2)], 0);
        // The third is among the best only where the others are.
        check(
            &[&[1.0, 1.0, 0.0], &[0.0, 1.0, 1.0], &[0.0, 1.0, 0.0]],
            &[(0, 2), (1, 2)],
            0,
        );
    }

    #[test]
    fn parents_are_drawn_in_proportion_and_lineages_are_known() {
        let pool = pool(&[&[1.0, 1.0, 1.0, 0.0], &[0.0, 0.0, 0.0, 1.0], &[0.0; 4]]);
        let drawn = (0..1_000).filter(|round| pool.parent(&mut random(1, *round, 0)) == 0);
        let drawn = drawn.count();
        assert!((700..800).contains(&drawn), "{drawn}");
        assert_eq!(pool.lineage(2), [2, 1, 0]);
    }
}
