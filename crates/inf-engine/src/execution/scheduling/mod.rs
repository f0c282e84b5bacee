//! Scheduling: one task that owns the state of all runs.
//!
//! [`ExecutionManager`] starts a `Scheduler` for the runtime that it is used in.
//! The scheduler keeps each [`run`] with its [`execution`]s, one for each input
//! under way and for each region that one runs (`flow`); ready calls wait in [`lanes`], one for each endpoint; what is to
//! happen later is in [`timers`]; what takes time runs as a [`task`] of its own
//! and tells the scheduler when it ends.

mod answer;
mod backoff;
mod bound;
mod conversation;
mod evaluate;
mod execution;
mod flow;
mod lanes;
mod manager;
mod ready_queue;
mod recall;
mod run;
mod scheduler;
mod task;
mod timers;

pub(super) use bound::Bound;
pub(super) use evaluate::ParameterTexts;
pub use manager::ExecutionManager;
pub(super) use run::{Delivery, Input, RunRequest, RunShared};
pub(super) use scheduler::{Event, EventSender};
