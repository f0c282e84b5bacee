//! Observation: what happens in runs, told while it happens.

mod node_metrics;
mod observer;
mod profile;
mod progress;
mod spans;

pub use node_metrics::{NodeMetrics, NodeReport};
pub use observer::{
    InputReport, Observer, PauseReport, RunId, RunReport, TaskOutcome, TaskReport, TaskStart,
    ToolOutcome, ToolReport,
};
pub(super) use observer::{OnComplete, OnFailed, OnProgress};
pub use profile::{
    BoundBy, CriticalPath, CriticalStep, EndpointSummary, IdleBubble, NodeSummary, Profile,
    ProfileSummary, SlowAttempt, Waits,
};
pub(super) use progress::RunCounters;
pub use progress::{EndpointProgress, Progress};
pub(super) use spans::{About, CallSpan, RunSpans, ToolSpan};
