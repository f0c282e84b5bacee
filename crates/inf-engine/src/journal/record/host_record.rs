//! [`HostRecord`]: a host function that ended.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::timestamp::{Timestamp, milliseconds};
use super::super::{ArgumentsDigest, InputIdentity};
use super::{RecordedFailure, RunNumber, outcome_json};
use crate::value::Value;

/// A host function that ended, one of those that ask to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostRecord {
    /// The run that called it.
    pub run: RunNumber,
    /// The input that it was called for.
    pub input: InputIdentity,
    /// Where in the graph, as in [`CallRecord::path`](super::CallRecord::path).
    pub path: Arc<str>,
    /// What it was given.
    pub arguments: ArgumentsDigest,
    /// What it gave, or why it gave nothing.
    #[serde(with = "outcome_json::of_value")]
    pub outcome: Result<Value, RecordedFailure>,
    /// When it was called.
    pub began_at: Timestamp,
    /// How long it took; in files to a microsecond.
    #[serde(rename = "took_ms", with = "milliseconds")]
    pub took: Duration,
}
