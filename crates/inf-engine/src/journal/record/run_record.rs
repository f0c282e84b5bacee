//! [`RunRecord`]: a run that began.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::timestamp::Timestamp;
use super::PipelineNumber;

/// The number of a run in its journal, from 1.
///
/// ```
/// use inf_engine::journal::{CheckpointManager, Journal, RunNumber};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// Journal::open(folder)?;
/// // `inf journal` prints these numbers.
/// let manager = CheckpointManager::open(folder)?;
/// assert!(manager.checkpoint(RunNumber::new(1)).is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunNumber(pub(in crate::journal) u64);

impl RunNumber {
    /// The run of this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RunNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A run that began.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::CheckpointManager;
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
/// let manager = CheckpointManager::open(folder)?;
/// let checkpoint = manager.latest().expect("there was a run");
/// let (run, pipeline) = (checkpoint.record(), checkpoint.pipeline());
/// assert_eq!((run.number.get(), run.pipeline), (1, pipeline.number));
/// let end = checkpoint.end().expect("nobody killed it");
/// assert_eq!((end.run, &*end.why), (run.number, "done"));
/// assert_eq!((end.counts.completed, end.counts.calls, end.counts.recalled), (2, 2, 0));
/// assert!(run.at <= end.at);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// Its number.
    #[serde(rename = "run")]
    pub number: RunNumber,
    /// What it runs.
    pub pipeline: PipelineNumber,
    /// When it began.
    pub at: Timestamp,
}
