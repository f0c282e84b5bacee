//! Failures, as they are recorded.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Why a call or a host function failed.
///
/// ```
/// use inf_engine::clients::simulated::{Faults, SimulatedSettings};
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, Record};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// // A server that always fails, and one retry.
/// let faults = Faults { error_ratio: 1.0, ..Faults::default() };
/// let broken = SimulatedSettings::default().with_faults(faults);
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder).with_max_retries(1);
/// let pipeline = LlmInference::new("fast").bind(ResourceConfig::simulated(["fast"], &broken))?;
/// let pipeline = pipeline.with_settings(settings);
/// assert!(pipeline.run("Why?".to_owned()).await.is_err());
/// # drop(pipeline);
///
/// let mut failed = Vec::new();
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Call(call) = record
///         && let Err(failure) = &call.outcome
///     {
///         println!("{}: {}", call.path, failure.message);
///         failed.push((failure.kind.to_string(), call.attempts.len()));
///     }
/// })?;
/// assert_eq!(failed, [("server".to_owned(), 1)]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedFailure {
    /// The cause, for programs, as in results: `timeout`, `refused`, ….
    pub kind: Cow<'static, str>,
    /// The cause, for people.
    pub message: String,
}

/// Why an input has no output.
///
/// [`Checkpoint::failed`](crate::journal::Checkpoint::failed) gives them, and [`Checkpoint`](crate::journal::Checkpoint) shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputFailure {
    /// The node that failed; `None` if no node did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    /// The alias that it called, if it calls a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Box<str>>,
    /// Where in the graph, if that is more than the node's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Box<str>>,
    /// The cause, for programs, as in results: `timeout`, `refused`, ….
    pub kind: Cow<'static, str>,
    /// The cause, for people.
    pub message: String,
    /// What the model answered, if an answer is what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<str>>,
    /// What was tried before, oldest first.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub attempts: Box<[RecordedFailure]>,
}
