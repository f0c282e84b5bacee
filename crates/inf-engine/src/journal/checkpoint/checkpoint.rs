//! [`Checkpoint`]: the state of one run.

use std::sync::Arc;

use indexmap::IndexMap;

use super::super::InputIdentity;
use super::super::record::{EndRecord, InputFailure, PipelineRecord, RunNumber, RunRecord};
use super::{Change, Compatibility};
use crate::graph::InferenceGraph;

/// The state of one run, and of those before it that it goes on with: those of
/// pipelines of the same name.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::CheckpointManager;
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let parse = Tracer::new("parse").trace(|text: Proxy<String>| {
///     text.try_then("parse", |text: String| text.parse::<u32>())
/// })?;
/// let pipeline = parse
///     .bind_as::<String, u32>(ResourceConfig::new())?
///     .with_settings(ExecutionSettings::default().with_checkpoint_dir(folder));
/// pipeline.run_batch_blocking(["1", "two", "3"].map(str::to_owned))?;
///
/// let manager = CheckpointManager::open(folder)?;
/// let checkpoint = manager.latest().expect("there was a run");
/// let counts = checkpoint.counts();
/// assert_eq!((counts.completed, counts.failed, counts.pending), (2, 1, 0));
/// let failed = checkpoint.failed().next().expect("`two` is no number");
/// assert_eq!((failed.index, &*failed.failure.kind), (1, "host_function"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoint {
    pub(super) run: RunRecord,
    pub(super) pipeline: Arc<PipelineRecord>,
    pub(super) end: Option<EndRecord>,
    pub(super) inputs: IndexMap<InputIdentity, InputState>,
    pub(super) calls: u64,
}

/// Where an input is.
#[derive(Debug, Clone)]
pub(super) enum InputState {
    Completed,
    Failed(Arc<FailedInput>),
    Pending,
}

/// An input without an output.
///
/// [`Checkpoint::failed`] gives them; [`Checkpoint`] shows one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedInput {
    /// Which input.
    pub input: InputIdentity,
    /// The run in which it failed.
    pub run: RunNumber,
    /// Its place among the inputs of that run, from 0.
    pub index: u64,
    /// Why.
    pub failure: InputFailure,
}

/// How many inputs are where.
///
/// [`Checkpoint::counts`] gives them; [`Checkpoint`] shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointCounts {
    /// Inputs that have an output.
    pub completed: u64,
    /// Inputs that have none.
    pub failed: u64,
    /// Inputs that were begun and have not ended.
    pub pending: u64,
    /// Calls that ended.
    pub calls: u64,
}

impl Checkpoint {
    /// The number of the run.
    pub fn run(&self) -> RunNumber {
        self.run.number
    }

    /// How the run began.
    pub fn record(&self) -> &RunRecord {
        &self.run
    }

    /// What was run.
    pub fn pipeline(&self) -> &PipelineRecord {
        &self.pipeline
    }

    /// How the run ended; `None` if it goes on or was killed.
    pub fn end(&self) -> Option<&EndRecord> {
        self.end.as_ref()
    }

    /// The inputs that have an output.
    pub fn completed(&self) -> impl Iterator<Item = InputIdentity> {
        self.in_state(|state| matches!(state, InputState::Completed))
    }

    /// The inputs that have none, and why.
    pub fn failed(&self) -> impl Iterator<Item = &FailedInput> {
        self.inputs.values().filter_map(|state| match state {
            InputState::Failed(failed) => Some(&**failed),
            _ => None,
        })
    }

    /// The inputs that were begun and have not ended.
    pub fn pending(&self) -> impl Iterator<Item = InputIdentity> {
        self.in_state(|state| matches!(state, InputState::Pending))
    }

    /// How many inputs are where.
    pub fn counts(&self) -> CheckpointCounts {
        let mut counts = CheckpointCounts {
            calls: self.calls,
            ..CheckpointCounts::default()
        };
        for state in self.inputs.values() {
            let count = match state {
                InputState::Completed => &mut counts.completed,
                InputState::Failed(_) => &mut counts.failed,
                InputState::Pending => &mut counts.pending,
            };
            *count += 1;
        }
        counts
    }

    /// Whether `graph` would do what was run, and what changed if not.
    pub fn compatibility(&self, graph: &InferenceGraph) -> Compatibility {
        let changes = Change::all(&self.pipeline, graph);
        if changes.is_empty() {
            Compatibility::Same
        } else {
            Compatibility::Changed(changes)
        }
    }

    fn in_state(&self, is: impl Fn(&InputState) -> bool) -> impl Iterator<Item = InputIdentity> {
        let inputs = self.inputs.iter();
        inputs.filter_map(move |(input, state)| is(state).then_some(*input))
    }
}
