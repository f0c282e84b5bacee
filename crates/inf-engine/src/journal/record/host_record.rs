//! [`HostRecord`]: a host function that ended.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::timestamp::{Timestamp, milliseconds};
use super::super::{ArgumentsDigest, InputIdentity};
use super::{RecordedFailure, RunNumber, outcome_json};
use crate::value::Value;

/// A host function that ended, one of those that ask to be recorded.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::graph::HostFunction;
/// use inf_engine::journal::{JournalReader, Record};
/// use inf_engine::prelude::*;
/// use inf_engine::trace::apply;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let look_up = HostFunction::new("look_up", |word: String| word.to_uppercase()).recorded();
/// let graph = Tracer::new("words").trace(|word: Proxy<String>| apply::<String, String>(&look_up, word))?;
/// let pipeline = graph
///     .bind_as::<String, String>(ResourceConfig::new())?
///     .with_settings(ExecutionSettings::default().with_checkpoint_dir(folder));
/// pipeline.run_blocking("one".to_owned())?;
///
/// let mut found = Vec::new();
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Host(host) = record {
///         found.push((host.path.to_string(), host.outcome.map(|value| value.to_string())));
///     }
/// })?;
/// assert_eq!(found, [("look_up".to_owned(), Ok("ONE".to_owned()))]);
/// # Ok(())
/// # }
/// ```
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
