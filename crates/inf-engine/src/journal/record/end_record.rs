//! [`EndRecord`]: a run that ended.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::super::timestamp::Timestamp;
use super::RunNumber;

/// A run that ended. There is none of a run that was killed.
///
/// [`RunRecord`](super::RunRecord) shows a run with its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndRecord {
    /// Which run.
    pub run: RunNumber,
    /// When.
    pub at: Timestamp,
    /// Why, in one word: `done`, `cancelled`, `timeout`, `budget`, `journal`.
    pub why: Cow<'static, str>,
    /// How its inputs ended.
    pub counts: EndCounts,
}

/// How the inputs of a run ended.
///
/// [`RunRecord`](super::RunRecord) shows those of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct EndCounts {
    /// Those that have an output, recalled ones included.
    pub completed: u64,
    /// Those that have none.
    pub failed: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Those whose end was taken from the journal.
    pub recalled: u64,
    /// The calls that were made.
    pub calls: u64,
    /// The calls that were answered from the journal.
    pub recalled_calls: u64,
}
