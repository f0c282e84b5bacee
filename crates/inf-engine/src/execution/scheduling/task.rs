//! Tasks: nodes of executions that are on their way outside the scheduler.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::answer::Answer;
use super::evaluate::{Failure, panic_text, panicked};
use super::scheduler::{Event, EventSender};
use crate::clients::{
    ClientError, ClientErrorKind, Delta, DeltaSink, LlmRequest, LlmResponse, Retry, ToolCall,
};
use crate::execution::observation::{CallSpan, ToolSpan};
use crate::execution::settings::within;
use crate::execution::tokens::TokenSink;
use crate::execution::{ErrorKind, ExecutionSettings, Plan, RunId};
use crate::graph::{HostError, NodeRef, Tool};
use crate::journal::{FoundCall, Journal, RequestDigest};
use crate::resources::Permit;
use crate::value::Value;

/// One execution: the input of a run on its way. Older ones have lower
/// numbers, whichever run they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExecutionId(pub(crate) u64);

/// A node of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Task {
    pub(crate) run: RunId,
    pub(crate) execution: ExecutionId,
    pub(crate) node: NodeRef,
}

/// One attempt of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attempted {
    pub(crate) task: Task,
    /// No other attempt of its execution has this number.
    pub(crate) serial: u32,
}

/// How an attempt ended.
pub(crate) struct TaskResult {
    pub(crate) attempted: Attempted,
    pub(crate) outcome: Outcome,
    /// What was asked, if that is recorded.
    pub(crate) asked: Option<RequestDigest>,
    /// The permit of a call: given back where the scheduler sees it.
    pub(crate) permit: Option<Permit>,
}

/// What came of a task.
pub(crate) enum Outcome {
    /// A call ended, and its answer was read.
    Called(Result<(LlmResponse, Answer), ClientError>),
    /// The journal was read for an answer, which was read too; there may be
    /// none, after all.
    Recalled(Option<(LlmResponse, Answer)>),
    /// A host function ended.
    Hosted(Result<Value, Failure>),
    /// A tool gave a text for the model, or failed.
    ToolRan(Result<Arc<str>, String>),
}

/// A call that is to be made.
pub(crate) struct CallTask {
    pub(crate) attempted: Attempted,
    pub(crate) plan: Arc<Plan>,
    pub(crate) permit: Permit,
    pub(crate) request: LlmRequest,
    pub(crate) timeout: Option<Duration>,
    pub(crate) span: CallSpan,
    /// Who hears the pieces of its answer as they come.
    pub(crate) tokens: Option<TokenSink>,
    /// Whether what is asked is recorded.
    pub(crate) is_recorded: bool,
}

/// Makes one call and tells the scheduler; the permit is given back also when
/// this is dropped.
///
/// The task is boxed, and its parts are not moved out of it: a future keeps both
/// what it was given and what that was moved to for as long as it waits.
pub(crate) async fn call(task: Box<CallTask>, events: EventSender) {
    let CallTask {
        attempted,
        permit,
        request,
        span,
        ..
    } = &*task;
    span.note_request(request);
    let tokens = task.tokens.as_ref();
    let mut sink = tokens.map(|tokens| move |delta: Delta<'_>| tokens.take(delta));
    let sink = sink.as_mut().map(|sink| sink as &mut DeltaSink<'_>);
    // A client that panics fails this call and nothing else.
    let sending = AssertUnwindSafe(permit.send(request, sink)).catch_unwind();
    let sending = sending.instrument(span.span().clone());
    let sent = match task.timeout {
        None => sending.await,
        Some(timeout) => tokio::time::timeout(timeout, sending)
            .await
            .unwrap_or_else(|_| {
                let message = no_result_within(timeout);
                Ok(Err(ClientError::new(ClientErrorKind::Timeout, message)))
            }),
    };
    let outcome = sent.unwrap_or_else(|panic| {
        let why = panic_text(panic.as_ref());
        let message = format!("the client panicked: {why}");
        Err(ClientError::new(ClientErrorKind::Server, message).with_retry(Retry::Never))
    });
    let outcome = outcome.map(|response| {
        span.note_response(&response);
        let answer = Answer::read(&task.plan, attempted.task.node, &response);
        (response, answer)
    });
    let result = TaskResult {
        attempted: task.attempted,
        outcome: Outcome::Called(outcome),
        asked: task.is_recorded.then(|| RequestDigest::of(request)),
        permit: Some(task.permit),
    };
    // If nobody is there, the permit is given back here.
    events.send(Event::TaskEnded(result));
}

/// An answer of the journal that is to be read.
pub(crate) struct RecallTask {
    pub(crate) attempted: Attempted,
    pub(crate) plan: Arc<Plan>,
    pub(crate) source: Source,
}

/// Where an answer is that need not be asked for.
pub(crate) enum Source {
    /// Here.
    Held(Box<LlmResponse>),
    /// In the journal, among those of other inputs.
    Kept(Journal, FoundCall),
}

/// Reads an answer of the journal and tells the scheduler.
pub(crate) async fn recall(task: RecallTask, events: EventSender) {
    let RecallTask {
        attempted,
        plan,
        source,
    } = task;
    let response = match source {
        Source::Held(response) => Some(*response),
        Source::Kept(journal, found) => {
            // What can't be read is asked for.
            let reading = tokio::task::spawn_blocking(move || journal.read_call(found).ok()?);
            let call = reading.await.ok().flatten();
            call.and_then(|call| call.outcome.ok())
        }
    };
    let answered = response.map(|response| {
        let answer = Answer::read(&plan, attempted.task.node, &response);
        (response, answer)
    });
    let result = TaskResult {
        attempted,
        outcome: Outcome::Recalled(answered),
        asked: None,
        permit: None,
    };
    events.send(Event::TaskEnded(result));
}

/// A tool that is to run.
pub(crate) struct ToolTask {
    pub(crate) attempted: Attempted,
    /// The tool, or the names of those that there are.
    pub(crate) tool: Result<Tool, Vec<Arc<str>>>,
    pub(crate) call: ToolCall,
    pub(crate) timeout: Option<Duration>,
    pub(crate) scope: Arc<ExecutionSettings>,
    pub(crate) span: ToolSpan,
}

/// Runs one tool and tells the scheduler what it gave, for the model; whatever
/// goes wrong is for the model, too.
pub(crate) async fn tool(task: ToolTask, events: EventSender) {
    let ToolTask {
        attempted,
        tool,
        call,
        timeout,
        scope,
        span,
    } = task;
    // Its code begins when it is called, and may panic there already.
    let running = async {
        match tool {
            Ok(tool) => tool.call(&call.arguments)?.await,
            Err(known) => {
                let (name, known) = (&call.name, known.join("`, `"));
                Err(format!("there is no tool `{name}`; there are `{known}`"))
            }
        }
    };
    let running = AssertUnwindSafe(within(scope, running)).catch_unwind();
    let running = running.instrument(span.span().clone()).map(|ran| {
        ran.unwrap_or_else(|panic| {
            Err(format!("the tool panicked: {}", panic_text(panic.as_ref())))
        })
    });
    let given = match timeout {
        None => running.await,
        Some(timeout) => tokio::time::timeout(timeout, running)
            .await
            .unwrap_or_else(|_| Err(no_result_within(timeout))),
    };
    span.note_given(&given);
    let result = TaskResult {
        attempted,
        outcome: Outcome::ToolRan(given),
        asked: None,
        permit: None,
    };
    events.send(Event::TaskEnded(result));
}

/// Waits for a host function that was spawned, and tells the scheduler.
pub(crate) async fn host(
    attempted: Attempted,
    function: Arc<str>,
    running: JoinHandle<Result<Value, HostError>>,
    timeout: Option<TaskTimeout>,
    events: EventSender,
) {
    // Spawned, so that a panic ends it and nothing else.
    let mut running = AbortOnDrop(running);
    let joined = match timeout {
        None => Ok((&mut running.0).await),
        Some(timeout) => timeout
            .bound(&mut running.0)
            .await
            .map_err(|most| Failure::new(ErrorKind::Timeout, no_result_within(most))),
    };
    let outcome = joined.and_then(|joined| match joined {
        Ok(result) => result.map_err(Failure::from),
        Err(error) if error.is_panic() => Err(panicked(&function, error.into_panic().as_ref())),
        Err(_) => Err(Failure::new(
            ErrorKind::Cancelled,
            "the runtime is shutting down: keep it until all results are read",
        )),
    });
    let result = TaskResult {
        attempted,
        outcome: Outcome::Hosted(outcome),
        asked: None,
        permit: None,
    };
    events.send(Event::TaskEnded(result));
}

/// How long a host function may take.
pub(crate) struct TaskTimeout {
    most: Duration,
    /// Closed when it begins, where that may be later.
    begun: Option<oneshot::Receiver<Infallible>>,
}

impl TaskTimeout {
    pub(crate) fn new(most: Duration) -> Self {
        Self { most, begun: None }
    }

    /// The same from when what is given besides is dropped: a function that
    /// waits for a thread of the pool takes no time yet.
    pub(crate) fn once_it_begins(self) -> (oneshot::Sender<Infallible>, Self) {
        let (begins, begun) = oneshot::channel();
        let begun = Some(begun);
        (begins, Self { begun, ..self })
    }

    /// What `running` comes to, or how long it was waited for.
    async fn bound<F: Future>(self, running: F) -> Result<F::Output, Duration> {
        if let Some(begun) = self.begun {
            let _ = begun.await;
        }
        let within = tokio::time::timeout(self.most, running).await;
        within.map_err(|_| self.most)
    }
}

fn no_result_within(timeout: Duration) -> String {
    let seconds = timeout.as_secs_f64();
    format!("no result within {seconds} s, the run's `task_timeout`")
}

/// Ends what it holds when it is dropped; code on the blocking pool that has
/// begun goes on, and nobody waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
