//! Tasks: nodes of executions that are on their way.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::ErrorKind;
use super::evaluate::{Failure, panicked};
use crate::clients::{ClientError, ClientErrorKind, LlmRequest, LlmResponse, Retry};
use crate::graph::{HostFuture, NodeRef};
use crate::resources::Permit;
use crate::value::Value;

/// One execution of a run, by the place of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ExecutionId(pub(super) usize);

/// A node of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) execution: ExecutionId,
    pub(super) node: NodeRef,
}

impl Task {
    /// A number that is the task's own, for draws that are the same every time.
    pub(super) fn seed(self) -> u64 {
        (self.execution.0 as u64) << 20 ^ self.node.index() as u64
    }
}

/// How a task ended that did not end on the spot.
pub(super) struct TaskResult {
    pub(super) task: Task,
    pub(super) outcome: Outcome,
}

/// What came of a task.
pub(super) enum Outcome {
    /// A call ended.
    Called(Result<LlmResponse, ClientError>),
    /// An async host function ended.
    Hosted(Result<Value, Failure>),
}

/// Makes one call; the permit is given back when it ends or is dropped.
pub(super) async fn call(
    task: Task,
    permit: Permit,
    request: LlmRequest,
    timeout: Option<Duration>,
) -> TaskResult {
    // A client that panics fails this call and nothing else.
    let sending = AssertUnwindSafe(permit.endpoint().send(&request)).catch_unwind();
    let sending = sending.map(|sent| {
        sent.unwrap_or_else(|_| {
            let message = "the client panicked, which is a bug in it";
            Err(ClientError::new(ClientErrorKind::Server, message).with_retry(Retry::Never))
        })
    });
    let outcome = match timeout {
        None => sending.await,
        Some(timeout) => tokio::time::timeout(timeout, sending)
            .await
            .unwrap_or_else(|_| {
                let message = no_result_within(timeout);
                Err(ClientError::new(ClientErrorKind::Timeout, message))
            }),
    };
    drop(permit);
    TaskResult {
        task,
        outcome: Outcome::Called(outcome),
    }
}

/// Waits for an async host function.
pub(super) async fn host(
    task: Task,
    function: Arc<str>,
    future: HostFuture,
    timeout: Option<Duration>,
) -> TaskResult {
    // Spawned, so that a panic ends it and nothing else.
    let mut running = AbortOnDrop(tokio::spawn(future));
    let joined = match timeout {
        None => Ok((&mut running.0).await),
        Some(timeout) => tokio::time::timeout(timeout, &mut running.0)
            .await
            .map_err(|_| Failure::new(ErrorKind::Timeout, no_result_within(timeout))),
    };
    let outcome = joined.and_then(|joined| match joined {
        Ok(result) => result.map_err(Failure::from),
        Err(error) if error.is_panic() => Err(panicked(&function, error.into_panic().as_ref())),
        Err(_) => Err(Failure::new(
            ErrorKind::Cancelled,
            "the runtime is shutting down",
        )),
    });
    TaskResult {
        task,
        outcome: Outcome::Hosted(outcome),
    }
}

fn no_result_within(timeout: Duration) -> String {
    let seconds = timeout.as_secs_f64();
    format!("no result within {seconds} s, the run's `task_timeout`")
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
