//! What an optimization may plan with.

use crate::execution::{Budget, Cancellation, ExecutionSettings, Pipeline, Remaining, Spent};
use crate::graph::Operation;
use crate::optimization::Reasoner;

/// The settings that hold for everything inside of an optimization: a meter, which
/// counts and bounds nothing, its budget, and the journal of what it optimizes.
///
/// An optimization that is begun anew goes through all that it did, call by call,
/// and has the answers from the journal. For that every decision has to come out as
/// it did before, those that depend on what is left of a budget, too: what was
/// recalled counts as if it were spent now.
pub(super) fn settings(
    pipeline: &Pipeline,
    meter: &Budget,
    budget: Option<&Budget>,
) -> ExecutionSettings {
    let settings = ExecutionSettings::default()
        .with_budget(meter)
        .with_journal_of(pipeline.settings())
        .retracing();
    match budget {
        Some(budget) => settings.with_budget(budget),
        None => settings,
    }
}

/// Gives a pipeline the mode back that it had, also where an optimization is given up.
pub(super) struct ModeBefore<'p> {
    pipeline: &'p Pipeline,
    is_training: bool,
}

impl<'p> ModeBefore<'p> {
    pub(super) fn of(pipeline: &'p Pipeline) -> Self {
        let is_training = pipeline.training();
        Self {
            pipeline,
            is_training,
        }
    }
}

impl Drop for ModeBefore<'_> {
    fn drop(&mut self) {
        if self.is_training {
            self.pipeline.train();
        } else {
            self.pipeline.eval();
        }
    }
}

/// Whether somebody ended what `pipeline` runs: then nothing else is begun.
pub(super) fn is_cancelled(pipeline: &Pipeline) -> bool {
    let around = ExecutionSettings::current();
    let own = pipeline.settings().cancellations().iter();
    let mut all = own.chain(around.cancellations());
    all.any(Cancellation::is_cancelled)
}

/// What was spent under `meter`, and what would have been, had no journal had the
/// answers.
pub(super) fn taken(meter: &Budget) -> Spent {
    let mut taken = meter.spent();
    taken.add(meter.recalled());
    taken
}

/// What is left to plan with.
fn left(budget: &Budget, meter: &Budget) -> Remaining {
    if meter.recalled().calls == 0 {
        return budget.remaining();
    }
    // What is counted as spent before is being recalled, and may not count twice.
    let limits = budget.limits();
    let taken = taken(meter);
    Remaining {
        dollars: limits
            .dollars
            .map(|most| most.saturating_sub(taken.cost.known)),
        tokens: limits.tokens.map(|most| most.saturating_sub(taken.tokens)),
        calls: limits.calls.map(|most| most.saturating_sub(taken.calls)),
    }
}

/// The calls that are left to plan with, if anything bounds them. What is left of
/// tokens and dollars counts as the calls that were made for as much so far: calls
/// differ, so that this is an estimate, and the budget is what bounds them.
pub(super) fn calls_left(budget: &Budget, meter: &Budget) -> Option<u64> {
    let (left, taken) = (left(budget, meter), taken(meter));
    let as_calls = |left: f64, so_far: f64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate, of what is not below 0"
        )]
        let calls = (left / so_far * taken.calls as f64) as u64;
        // Before anything was spent it is not known what a call takes.
        match (left > 0.0, so_far > 0.0) {
            (false, _) => Some(0),
            (true, true) => Some(calls),
            (true, false) => None,
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let of_tokens = left
        .tokens
        .and_then(|left| as_calls(left as f64, taken.tokens as f64));
    let of_dollars = left
        .dollars
        .and_then(|left| as_calls(left.as_f64(), taken.cost.known.as_f64()));
    [left.calls, of_tokens, of_dollars]
        .into_iter()
        .flatten()
        .min()
}

/// The calls that examples take.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallsPerExample {
    /// Those of the graph, if every node runs once: a map runs some more often, and
    /// losses may call models, too.
    nodes: u64,
    /// What was measured: so many calls for so many examples.
    measured: Option<(u64, u64)>,
}

impl CallsPerExample {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let nodes = pipeline.graph().nodes().iter();
        let calls = nodes.filter(|node| matches!(node.operation(), Operation::Llm(_)));
        Self {
            nodes: (calls.count() as u64).max(1),
            measured: None,
        }
    }

    /// The same, now that `examples` were run and nothing else was under `meter`.
    pub(super) fn measured(self, meter: &Budget, examples: usize) -> Self {
        let measured = (examples > 0).then(|| (taken(meter).calls, examples as u64));
        Self { measured, ..self }
    }

    /// What a backward pass asks `reasoner` of so many examples, at most but for what runs
    /// several times.
    pub(super) fn of_attributions(&self, examples: usize, reasoner: Option<&Reasoner>) -> u64 {
        reasoner.map_or(0, |_| self.nodes.saturating_mul(examples as u64))
    }

    /// What `examples` take, about.
    pub(super) fn for_examples(&self, examples: usize) -> u64 {
        let examples = examples as u64;
        let measured = self
            .measured
            .map(|(calls, of)| calls.saturating_mul(examples).div_ceil(of));
        let counted = self.nodes.saturating_mul(examples);
        // A budget may have cut short what was measured.
        measured.unwrap_or_default().max(counted)
    }
}
