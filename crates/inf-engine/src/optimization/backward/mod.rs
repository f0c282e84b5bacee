//! Backward: feedback on outputs becomes feedback on parameters.

mod learning;
mod pass;
mod report;

pub(crate) use learning::Learning;
pub use pass::backward;
pub use report::{BackwardReport, BackwardStep, ExampleFlow};
