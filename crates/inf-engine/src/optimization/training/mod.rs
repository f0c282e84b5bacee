//! Training: the whole loop.

mod diff;
mod report;
mod trainer;

pub use diff::TextChange;
pub use report::{StopReason, TrainReport, TrainStep};
pub use trainer::Trainer;
pub(crate) use trainer::calls_per_example;
