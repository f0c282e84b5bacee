//! Training: the whole loop.

mod diff;
mod report;
mod text_trial;
mod trainer;
mod training_run;

pub use diff::TextChange;
pub(crate) use report::told;
pub use report::{StopReason, TrainReport, TrainStep};
pub use text_trial::TextTrial;
pub use trainer::Trainer;
