//! Evaluation: how good a pipeline is, and with what certainty.

mod class_report;
mod comparison;
mod evaluate;
mod evaluation_type;
mod interval;

pub use class_report::ClassReport;
pub use comparison::Comparison;
pub use evaluate::evaluate;
pub use evaluation_type::{Evaluation, Scored};
pub use interval::{Interval, IntervalMethod};
