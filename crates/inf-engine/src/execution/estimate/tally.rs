//! [`Tally`]: the calls that a part of a pipeline makes.

use crate::clients::Usage;
use crate::resources::{Cost, Price};

/// The calls that a part of a pipeline makes, by alias.
#[derive(Debug, Clone)]
pub(super) struct Tally(Vec<Demand>);

/// What is asked of one alias.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    pub(super) calls: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// Those whose answers nothing bounds.
    pub(super) unbounded: u64,
    pub(super) cost: Cost,
}

impl Tally {
    pub(super) fn new(aliases: usize) -> Self {
        Self(vec![Demand::default(); aliases])
    }

    /// Adds a call; `answer` is the most tokens of the answer.
    pub(super) fn add(
        &mut self,
        alias: usize,
        price: Option<&Price>,
        (sent, answer, is_bounded): (u64, u64, bool),
    ) {
        let usage = Usage {
            input_tokens: sent,
            output_tokens: answer,
            ..Usage::default()
        };
        self.0[alias] += Demand {
            calls: 1,
            input_tokens: sent,
            output_tokens: answer,
            unbounded: u64::from(!is_bounded),
            cost: Cost::of_answer(price, &usage),
        };
    }

    /// Adds what another part makes, so many times.
    pub(super) fn add_times(&mut self, other: &Self, times: u64) {
        for (one, other) in self.0.iter_mut().zip(&other.0) {
            *one += other.times(times);
        }
    }

    /// The calls by alias.
    pub(super) fn demands(&self) -> &[Demand] {
        &self.0
    }

    /// Of each alias the calls of this or of another part, whichever makes more.
    pub(super) fn raise_to(&mut self, other: &Self) {
        for (one, other) in self.0.iter_mut().zip(&other.0) {
            if other.weight() > one.weight() {
                *one = *other;
            }
        }
    }
}

impl Demand {
    /// By what parts of a pipeline are compared of which one runs.
    fn weight(&self) -> (u64, u64, u64) {
        (self.calls, self.output_tokens, self.input_tokens)
    }

    fn times(self, times: u64) -> Self {
        Self {
            calls: self.calls.saturating_mul(times),
            input_tokens: self.input_tokens.saturating_mul(times),
            output_tokens: self.output_tokens.saturating_mul(times),
            unbounded: self.unbounded.saturating_mul(times),
            cost: Cost {
                known: self.cost.known * times,
                unknown: self.cost.unknown.saturating_mul(times),
            },
        }
    }
}

impl std::ops::AddAssign for Demand {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.unbounded = self.unbounded.saturating_add(other.unbounded);
        self.cost += other.cost;
    }
}
