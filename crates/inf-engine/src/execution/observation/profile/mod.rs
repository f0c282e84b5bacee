//! Profiles: where the time of runs went.
//!
//! A [`Profile`] is an observer that keeps one small [`CallRecord`] for each
//! attempt (`recording`). All else is worked out when it is asked for: a trace
//! for a timeline viewer (`chrome_trace`, with the lanes of `slots`), and a
//! [`ProfileSummary`] in numbers (`summary`, `critical_path`), which prints
//! itself as text (`summary_text`). `waits` says what a wait was for, and
//! `spans` is time with and without something in it.
//!
//! [`CallRecord`]: call_record::CallRecord

mod call_record;
mod chrome_trace;
mod critical_path;
mod handle;
mod node_tally;
mod recording;
mod slots;
mod spans;
mod summary;
mod summary_text;
mod waits;

pub use critical_path::{CriticalPath, CriticalStep};
pub use handle::Profile;
pub use node_tally::SlowAttempt;
pub use summary::{BoundBy, EndpointSummary, IdleBubble, NodeSummary, ProfileSummary};
pub use waits::Waits;
