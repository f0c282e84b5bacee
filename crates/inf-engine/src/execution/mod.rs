//! Execution: running a graph over inputs.
//!
//! [`Bind`] traces a module and joins it with resources to a [`Pipeline`].
//! `run`, `run_batch` and `stream` give a run to the scheduler of the
//! [`ExecutionManager`], which owns all state of all runs: for each input an
//! [`ExecutionState`] says which nodes are ready, one lane per endpoint holds
//! the ready calls, and what calls nothing is done on the spot (`scheduling::evaluate`).
//! Every input ends in exactly one [`BatchResult`]. How all this behaves is
//! said by [`ExecutionSettings`]; what happens is told to [`Observer`]s and, as
//! spans and events, to whoever listens: [`telemetry`](crate::telemetry).

pub(crate) mod answer_json;
mod batch_result;
mod bind;
mod estimate;
mod execution_error;
mod execution_state;
mod in_background;
mod inputs;
mod observation;
mod pipeline;
mod plan;
mod result_stream;
mod runtime;
mod scheduling;
mod settings;
mod tokens;
mod typed_output;

pub use batch_result::{BatchResult, ExecutionTimings};
pub use bind::{Bind, BindError, MissingResources, RunError};
pub use estimate::{AliasEstimate, Estimate};
pub use execution_error::{Attempt, ErrorKind, ExecutionError};
pub use execution_state::{ExecutionState, TaskStatus};
pub use in_background::in_background;
pub use inputs::Inputs;
pub use observation::{
    BoundBy, CriticalPath, CriticalStep, EndpointProgress, EndpointSummary, ForwardRecord,
    IdleBubble, InputReport, NodeMetrics, NodeRecord, NodeReport, NodeSummary, Observer,
    PauseReport, Profile, ProfileSummary, Progress, RecordedParameter, RegionReport, RegionView,
    RunId, RunReport, SlowAttempt, TaskOutcome, TaskReport, TaskStart, ToolOutcome, ToolReport,
    Waits,
};
pub use pipeline::Pipeline;
pub use plan::Plan;
pub use result_stream::ResultStream;
pub use scheduling::ExecutionManager;
pub use settings::{
    Budget, Cancellation, ErrorPolicy, ExecutionSettings, Hedging, Overlay, Remaining, Spent, spawn,
};
pub use tokens::{TokenEvent, TokenPiece, TokenStream};
