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
