//! [`BatchResult`]: how one input ended.

use std::sync::Arc;
use std::time::Duration;

use super::{ExecutionError, ForwardRecord};
use crate::clients::Usage;
use crate::resources::Cost;
use crate::value::Value;

/// How one input of a batch ended.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let questions = ["Why is the sky blue?", "Why is grass green?"].map(str::to_owned);
/// for result in pipeline.run_batch(questions).await {
///     match result.output {
///         Ok(answer) => println!("{}: {answer}", result.index),
///         Err(error) => println!("{} ({}): {error}", result.index, result.input),
///     }
///     assert!(result.usage.input_tokens > 0);
///     assert!(result.timings.calling <= result.timings.total);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchResult<O> {
    /// Its place among the inputs, from 0.
    pub index: usize,
    /// The input itself, as data; null if it could not be read or was never
    /// taken.
    pub input: Value,
    /// Its output, or why it has none.
    pub output: Result<O, ExecutionError>,
    /// The tokens that its calls were charged for, those of a failed input
    /// included.
    pub usage: Usage,
    /// What its calls cost, those of a failed input included, as far as that is
    /// known.
    pub cost: Cost,
    /// How long it took.
    pub timings: ExecutionTimings,
    /// Whether it was not run but taken from the journal, with what it took
    /// when it was run.
    pub from_journal: bool,
    /// What happened on the way, if the pipeline is in train mode.
    pub record: Option<Arc<ForwardRecord>>,
}

/// How long an input took.
///
/// [`BatchResult`] has it, and shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutionTimings {
    /// From taking the input to its end.
    pub total: Duration,
    /// What its calls waited, ready to be made, before they were: for room at
    /// their endpoints, for limits, for retries. The sum over all calls, so that it can be more
    /// than `total` where calls are made in parallel.
    pub waiting: Duration,
    /// What its calls took, attempts that failed or were given up included. The
    /// sum over all calls.
    pub calling: Duration,
}

impl<O> BatchResult<O> {
    pub(super) fn and_then<P>(
        self,
        change: impl FnOnce(O) -> Result<P, ExecutionError>,
    ) -> BatchResult<P> {
        BatchResult {
            index: self.index,
            input: self.input,
            output: self.output.and_then(change),
            usage: self.usage,
            cost: self.cost,
            timings: self.timings,
            from_journal: self.from_journal,
            record: self.record,
        }
    }
}
