//! The journal: what was done, durably, so that nothing is paid for twice.
//!
//! A [`Journal`] is a folder with one file, to which lines are only ever added: a
//! JSON object for each finished call, each input that ended, each run. What a
//! program asks of it are queries over these [records](Record): what of an input was
//! done already, what failed, what it cost.

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
pub use graph_fingerprint::GraphFingerprint;
pub use input_identity::{ArgumentsDigest, InputIdentity};
pub use journal::Journal;
pub(crate) use journal::{Found, FoundCall};
pub use journal_error::{JournalError, JournalErrorKind};
pub use journal_reader::JournalReader;
pub use journal_settings::JournalSettings;
pub use new_run::NewRun;
pub use notice::Notice;
pub use record::{
    CallRecord, EarlierSend, EndCounts, EndRecord, HostRecord, InputFailure, InputRecord,
    InputTimings, ModelIdentity, NodeFingerprint, ParameterRecord, ParameterVersion,
    PipelineNumber, PipelineRecord, Record, RecordedFailure, RunNumber, RunRecord, StepOutcome,
    StepRecord,
};
pub use request_digest::{RequestDigest, RequestKey};
pub use subscription::Subscription;
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;
