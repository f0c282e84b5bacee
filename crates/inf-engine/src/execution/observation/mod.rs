//! Observation: what happens in runs, told while it happens.

mod forward_record;
mod graph_warnings;
mod node_metrics;
mod observer;
mod profile;
mod progress;
mod spans;

pub(super) use forward_record::Recorder;
pub use forward_record::{ForwardRecord, NodeRecord, RecordedParameter, RegionView};
pub(super) use graph_warnings::tell_graph_warnings;
pub use node_metrics::{NodeMetrics, NodeReport};
pub use observer::{
    InputReport, Observer, PauseReport, RegionReport, RunId, RunReport, TaskOutcome, TaskReport,
    TaskStart, ToolOutcome, ToolReport,
};
pub(super) use observer::{OnComplete, OnFailed, OnProgress};
pub use profile::{
    BoundBy, CriticalPath, CriticalStep, EndpointSummary, IdleBubble, NodeSummary, Profile,
    ProfileSummary, SlowAttempt, Waits,
};
pub(super) use progress::RunCounters;
pub use progress::{EndpointProgress, Progress};
pub(super) use spans::{About, CallSpan, RunSpans, ToolSpan};
