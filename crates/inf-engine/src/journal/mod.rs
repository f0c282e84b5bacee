//! The journal: what was done, durably, so that nothing is paid for twice.
//!
//! A [`Journal`] is a folder with one file, to which lines are only ever added: a
//! JSON object for each finished call, each input that ended, each run. What a
//! program asks of it are queries over these [records](Record): what of an input was
//! done already, what failed, what it cost.
//!
//! Most programs need one line,
//! [`with_checkpoint_dir`](crate::execution::ExecutionSettings::with_checkpoint_dir):
//! the same run again goes on where it was cut off.
//!
//! ```
//! use inf_engine::execution::ExecutionSettings;
//! use inf_engine::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
//! let resources = ResourceConfig::simulated(["fast"], &Default::default());
//! let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
//! let questions = || ["Why?", "How?"].map(str::to_owned);
//! pipeline.run_batch_blocking(questions())?;
//! let again = pipeline.run_batch_blocking(questions())?;
//! assert!(again.iter().all(|result| result.from_journal));
//! # Ok(())
//! # }
//! ```
//!
//! | to … | use |
//! |---|---|
//! | share a journal among runs, or choose how it is kept | [`Journal`], [`JournalSettings`] |
//! | know which inputs are done, failed or missing | [`CheckpointManager`], [`Checkpoint`] |
//! | read every record, also while a run writes | [`JournalReader`], [`Record`] |
//! | try inputs that failed again, answer from other runs, replay | the settings [`with_retry_failed`], [`with_cached_requests`], [`with_replay`] |
//!
//! [`with_retry_failed`]: crate::execution::ExecutionSettings::with_retry_failed
//! [`with_cached_requests`]: crate::execution::ExecutionSettings::with_cached_requests
//! [`with_replay`]: crate::execution::ExecutionSettings::with_replay

mod checkpoint;
mod definitions;
mod digest;
mod graph_fingerprint;
mod in_memory;
mod index;
mod input_identity;
#[expect(
    clippy::module_inception,
    reason = "the file is named for what is in it"
)]
mod journal;
mod journal_error;
mod journal_reader;
mod journal_settings;
mod log;
mod new_run;
mod notice;
mod record;
mod registry;
mod request_digest;
mod request_index;
mod subscription;
mod timestamp;

pub use checkpoint::{
    Change, Checkpoint, CheckpointCounts, CheckpointManager, Compatibility, FailedInput,
};
pub(crate) use graph_fingerprint::GraphFingerprint;
pub use input_identity::{ArgumentsDigest, InputIdentity};
pub use journal::Journal;
pub(crate) use journal::{Found, FoundCall};
pub use journal_error::{JournalError, JournalErrorKind};
pub use journal_reader::JournalReader;
pub use journal_settings::JournalSettings;
pub(crate) use new_run::NewRun;
pub use notice::Notice;
pub use record::{
    CallRecord, Charged, EarlierSend, EndCounts, EndRecord, HostRecord, InputFailure, InputRecord,
    InputTimings, ModelIdentity, NodeFingerprint, ParameterRecord, ParameterVersion,
    PipelineNumber, PipelineRecord, Record, RecordedFailure, RunNumber, RunRecord, StepOutcome,
    StepRecord,
};
pub use request_digest::RequestDigest;
pub(crate) use request_digest::RequestKey;
#[doc(hidden)]
pub use subscription::Subscription;
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;
