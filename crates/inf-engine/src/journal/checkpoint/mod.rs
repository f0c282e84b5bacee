//! The state of runs, read from a journal.

mod change;
#[expect(
    clippy::module_inception,
    reason = "the file is named for what is in it"
)]
mod checkpoint;
mod checkpoint_manager;
mod compatibility;

pub use change::Change;
pub use checkpoint::{Checkpoint, CheckpointCounts, FailedInput};
pub use checkpoint_manager::CheckpointManager;
pub use compatibility::Compatibility;
