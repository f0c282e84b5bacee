//! What an optimization may plan with.

use crate::execution::{Budget, ExecutionSettings, Pipeline, Remaining, Spent};

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

/// What was spent under `meter`, and what would have been, had no journal had the
/// answers.
pub(super) fn taken(meter: &Budget) -> Spent {
    let mut taken = meter.spent();
    taken.add(meter.recalled());
    taken
}

/// What is left to plan with.
pub(super) fn left(budget: &Budget, meter: &Budget) -> Remaining {
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
