//! [`InputRecord`]: how an input ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::InputIdentity;
use super::super::timestamp::{Timestamp, milliseconds};
use super::{InputFailure, RunNumber, cost_json, outcome_json};
use crate::clients::Usage;
use crate::resources::Cost;
use crate::value::Value;

/// How an input ended.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, Record};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run_batch_blocking(["Why?", "How?"].map(str::to_owned))?;
///
/// // The outputs of a run that is over, or was killed.
/// let mut outputs = Vec::new();
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Input(input) = record {
///         assert!(input.timings.calling <= input.timings.total);
///         outputs.push((input.index, input.outcome.is_ok()));
///     }
/// })?;
/// outputs.sort();
/// assert_eq!(outputs, [(0, true), (1, true)]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputRecord {
    /// The run in which it ended.
    pub run: RunNumber,
    /// The input.
    pub input: InputIdentity,
    /// Its place among the inputs of the run, from 0.
    pub index: u64,
    /// Its output, or why it has none.
    #[serde(with = "outcome_json::of_input")]
    pub outcome: Result<Value, InputFailure>,
    /// The tokens that its calls were charged for.
    #[serde(default)]
    pub usage: Usage,
    /// What its calls cost, as far as that is known.
    #[serde(
        default,
        with = "cost_json",
        skip_serializing_if = "cost_json::is_nothing"
    )]
    pub cost: Cost,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    #[serde(default)]
    pub timings: InputTimings,
}

/// How long an input took; in files to a microsecond.
///
/// [`InputRecord`] has it, and shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputTimings {
    /// From taking the input to its end.
    #[serde(rename = "total_ms", with = "milliseconds")]
    pub total: Duration,
    /// What its calls waited before they were made, added up.
    #[serde(rename = "waiting_ms", with = "milliseconds")]
    pub waiting: Duration,
    /// What its calls took, added up.
    #[serde(rename = "calling_ms", with = "milliseconds")]
    pub calling: Duration,
}
