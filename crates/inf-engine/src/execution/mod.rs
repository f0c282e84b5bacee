//! Execution: running a graph over inputs.
//!
//! [`Bind`] traces a module and joins it with resources to a [`Pipeline`]. A
//! run prepares a [`Plan`] of the graph once and gives inputs to the
//! `Scheduler`, which owns all state of the run: for each input
//! an [`ExecutionState`] says which nodes are ready, one queue per endpoint
//! holds the ready calls, and what calls nothing is done on the spot
//! (`evaluate`). Every input ends in exactly one [`BatchResult`].

mod backoff;
mod batch_result;
mod bind;
mod evaluate;
mod execution_error;
mod execution_settings;
mod execution_state;
mod inputs;
mod lanes;
mod pipeline;
mod plan;
mod ready_queue;
mod runtime;
mod scheduler;
mod task;
mod typed_output;

pub use batch_result::BatchResult;
pub use bind::{Bind, BindError, MissingResources, RunError};
pub use execution_error::{Attempt, ErrorKind, ExecutionError};
pub use execution_settings::{ErrorPolicy, ExecutionSettings};
pub use execution_state::{ExecutionState, TaskStatus};
pub use inputs::Inputs;
pub use pipeline::{Pipeline, ResultStream};
pub use plan::Plan;
