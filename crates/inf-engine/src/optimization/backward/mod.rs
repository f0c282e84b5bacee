//! Backward: feedback on outputs becomes feedback on parameters.

mod learning;
mod pass;
mod report;
mod sources;

pub(crate) use learning::Learning;
pub use pass::backward;
pub(crate) use pass::trace_back;
pub use report::{BackwardReport, BackwardStep, ExampleFlow};
