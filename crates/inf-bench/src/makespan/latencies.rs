//! [`Latencies`]: how long each call takes, known before it is made.

use std::time::Duration;

use rand::SeedableRng;
use rand_distr::{Distribution, LogNormal, Pareto};
use rand_pcg::Pcg64;

use super::shape::Shape;

/// What latencies are drawn from. Both have a heavy tail.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tail {
    /// Half of the calls take less than 1 s, one in a hundred more than 10 s.
    LogNormal,
    /// No call takes less than 0.4 s, half take less than 0.63 s, one in a
    /// hundred more than 8.6 s, one in a thousand more than 40 s.
    Pareto,
}

impl Tail {
    /// Stands in the names of figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LogNormal => "lognormal",
            Self::Pareto => "pareto",
        }
    }
}

/// No call takes longer: an endpoint gives up after 120 s.
const LONGEST_MS: f64 = 100_000.0;

/// How long each call of each input takes: the same for every program, and for
/// whoever computes what the best program could reach.
///
/// Whole milliseconds, which is how tokio's clock counts: a call takes exactly
/// its latency.
#[derive(Debug)]
pub(super) struct Latencies {
    shape: Shape,
    /// Input by input.
    millis: Vec<u32>,
}

impl Latencies {
    /// Draws them; the same `seed` draws the same.
    pub(super) fn draw(shape: Shape, tail: Tail, inputs: usize, seed: u64) -> Self {
        let rng = Pcg64::seed_from_u64(seed);
        let calls = inputs * shape.calls();
        let millis = match tail {
            Tail::LogNormal => {
                let tail = LogNormal::new(1_000f64.ln(), 1.0).expect("a finite deviation");
                whole(tail.sample_iter(rng), calls)
            }
            Tail::Pareto => {
                let tail = Pareto::new(400.0, 1.5).expect("a scale and a shape above 0");
                whole(tail.sample_iter(rng), calls)
            }
        };
        Self { shape, millis }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn inputs(&self) -> usize {
        self.millis.len() / self.shape.calls()
    }

    /// How long a call of an input takes.
    pub(super) fn of(&self, input: usize, call: usize) -> Duration {
        let millis = self.millis[input * self.shape.calls() + call];
        Duration::from_millis(millis.into())
    }

    /// No program can be faster that has at most `in_flight` calls in flight:
    /// it has all the work to do, and it has to go the longest way through the
    /// slowest input.
    pub(super) fn lower_bound(&self, in_flight: usize) -> Duration {
        let work: u64 = self.millis.iter().copied().map(u64::from).sum();
        // The last share of a millisecond has to be done, too.
        let share = Duration::from_millis(work.div_ceil(in_flight as u64));
        let slowest = (0..self.inputs()).map(|input| self.critical_path(input));
        slowest.max().unwrap_or_default().max(share)
    }

    /// The longest way through an input, in time.
    fn critical_path(&self, input: usize) -> Duration {
        let mut ends: Vec<Duration> = Vec::new();
        for (call, reads) in self.shape.reads.iter().enumerate() {
            let begins = reads.iter().map(|&read| ends[read]).max();
            ends.push(begins.unwrap_or_default() + self.of(input, call));
        }
        ends.into_iter().max().unwrap_or_default()
    }
}

/// The first `count` of `drawn`, as whole milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 1 and `LONGEST_MS`"
)]
fn whole(drawn: impl Iterator<Item = f64>, count: usize) -> Vec<u32> {
    let millis = drawn.map(|millis| millis.round().clamp(1.0, LONGEST_MS) as u32);
    millis.take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::super::shape::DIAMOND;
    use super::*;

    #[test]
    fn the_bound_is_the_work_or_the_slowest_input() {
        let latencies = Latencies {
            shape: DIAMOND,
            millis: vec![10, 1, 20, 3, 5, 1, 1, 1, 1, 1],
        };
        let check = |in_flight, expected| {
            let bound = latencies.lower_bound(in_flight);
            assert_eq!(bound, Duration::from_millis(expected));
        };
        check(1, 44);
        check(2, 35);
        check(1_000, 35);
    }

    #[test]
    fn a_seed_draws_the_same_always() {
        for tail in [Tail::LogNormal, Tail::Pareto] {
            let draw = |seed| Latencies::draw(DIAMOND, tail, 2_000, seed);
            assert_eq!(draw(1).millis, draw(1).millis);
            assert_ne!(draw(1).millis, draw(2).millis);
            let mut millis = draw(1).millis;
            millis.sort_unstable();
            let at = |share: usize| millis[millis.len() * share / 100];
            assert!((600..1_100).contains(&at(50)), "{}", at(50));
            assert!((7_000..12_000).contains(&at(99)), "{}", at(99));
        }
    }
}
