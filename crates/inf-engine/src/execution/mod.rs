//! Execution: running a graph over inputs.
//!
//! [`Bind`] traces a module and joins it with resources to a [`Pipeline`], which
//! runs on one input, many, or a stream of them. Every input ends in exactly one
//! [`BatchResult`]: its output, or an [`ExecutionError`] that says which node
//! failed, and why.
//!
//! ```
//! use inf_engine::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let resources = ResourceConfig::simulated(["fast"], &Default::default());
//! let settings = ExecutionSettings::default().with_error_policy(ErrorPolicy::Continue);
//! let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
//!
//! let answer = pipeline.run("Why is the sky blue?".to_owned()).await?; // one
//! # let _ = answer;
//! let questions = ["Why is the sky blue?", "Why is grass green?"].map(str::to_owned);
//! let results = pipeline.run_batch(questions).await; // many: a result for each, in their order
//! assert!(results.iter().all(|result| result.output.is_ok()));
//! let mut stream = pipeline.stream((0..1_000).map(|n| format!("Question {n}"))); // any number
//! while let Some(result) = stream.next().await {
//!     assert!(result.output.is_ok()); // as they are done
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | what | where |
//! |---|---|
//! | running | [`Pipeline`], [`ResultStream`], [`Inputs`], [`in_background`] |
//! | how runs behave | [`ExecutionSettings`]: [`ErrorPolicy`], [`Hedging`], [`Cancellation`], [`Overlay`], scopes and [`spawn`] |
//! | money | [`Estimate`] before, [`Budget`] while, [`Spent`] after |
//! | answers piece by piece | [`TokenStream`] |
//! | how far a run is | [`Progress`] |
//! | what happened | [`Observer`] tells everything; [`NodeMetrics`] counts, [`Profile`] says where the time went, [`ForwardRecord`] what values were |
//! | runs that share one scheduler | [`ExecutionManager`] |
//!
//! # How it works
//!
//! `run`, `run_batch` and `stream` give a run to the scheduler of the
//! [`ExecutionManager`], which owns all state of all runs: for each input an
//! `ExecutionState` says which nodes are ready, one lane per alias holds
//! the ready calls, and what calls nothing is done on the spot (`scheduling::evaluate`).
//! What happens is told to [`Observer`]s and, as spans and events, to whoever
//! listens: [`telemetry`](crate::telemetry).
//!
//! Where to read next: [`resources`](crate::resources) for what endpoints bear,
//! [`journal`](crate::journal) for what is kept of runs.

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
pub(crate) use execution_state::ExecutionState;
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
pub(crate) use plan::Plan;
pub use result_stream::ResultStream;
pub use scheduling::ExecutionManager;
pub use settings::{
    Budget, Cancellation, ErrorPolicy, ExecutionSettings, Hedging, Overlay, Remaining, Spent, spawn,
};
pub use tokens::{TokenEvent, TokenPiece, TokenStream};
