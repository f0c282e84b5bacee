//! [`Scheduler`]: owns the state of a run and decides what happens next.
//!
//! Everything that happens to a run happens in [`Scheduler::next`], one event
//! after the other: an input arrives, a call ends, an endpoint has room, a
//! retry is due. Calls themselves run as tasks of the runtime and tell their
//! outcome when they end; dropping the scheduler drops them and closes their
//! connections. Nothing polls and nothing sleeps without a deadline.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use rustc_hash::FxHashMap;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::evaluate::{self, Evaluated, Failure, ParameterTexts};
use super::inputs::InputStream;
use super::lanes::Lanes;
use super::task::{self, ExecutionId, Outcome, Task, TaskResult};
use super::{Attempt, BatchResult, ErrorKind, ErrorPolicy, ExecutionError, ExecutionSettings};
use super::{ExecutionState, Plan, backoff};
use crate::clients::{ClientError, ClientErrorKind, FinishReason, LlmResponse, Retry, Usage};
use crate::graph::{LlmCall, NodeRef, Operation};
use crate::resources::{Endpoint, Permit, Waiter};
use crate::value::Value;

/// An input, or why it could not be read.
pub(super) type Input = Result<Value, ExecutionError>;

type Waiting<T> = FuturesUnordered<Pin<Box<dyn Future<Output = T> + Send>>>;

/// What a run works with.
pub(super) struct Run {
    pub(super) plan: Arc<Plan>,
    /// For each node the place of its endpoint in `endpoints`; 0 for a node
    /// that calls none.
    pub(super) endpoint_of: Arc<[usize]>,
    pub(super) endpoints: Vec<Arc<Endpoint>>,
    /// Wakes the run when a call ends that kept it waiting.
    pub(super) waiter: Arc<Waiter>,
    pub(super) parameters: ParameterTexts,
    pub(super) settings: ExecutionSettings,
    /// Whether inputs are checked against the graph's input schema; a typed
    /// pipeline's inputs fit by their type.
    pub(super) checks_inputs: bool,
}

/// Runs a graph over inputs; see the module's documentation.
pub(super) struct Scheduler {
    run: Run,
    /// `None` once it is exhausted or the run was stopped.
    source: Option<InputStream<Input>>,
    /// The most executions at once.
    window: usize,
    /// Says that no more inputs are to be begun.
    stop: CancellationToken,
    is_stopped: bool,
    next_id: usize,
    executions: FxHashMap<ExecutionId, Execution>,
    lanes: Lanes,
    /// Those of the calls that need no other call first.
    entry_lanes: Vec<usize>,
    tasks: JoinSet<TaskResult>,
    /// Calls among `tasks`.
    calls: usize,
    /// Calls that wait for their retry.
    retries: Waiting<Task>,
    finished: VecDeque<BatchResult<Value>>,
    /// Kept to be used again.
    ready: Vec<NodeRef>,
    /// Results handed out since the runtime last had its turn.
    since_yield: u32,
}

/// One input on its way.
struct Execution {
    state: ExecutionState,
    /// Whether anything was done for it that may cost.
    has_begun: bool,
    started: Instant,
    usage: Usage,
    /// The first error.
    error: Option<ExecutionError>,
    /// What failed before and was tried again.
    attempts: HashMap<NodeRef, Vec<Attempt>>,
}

impl Scheduler {
    pub(super) fn new(run: Run, source: InputStream<Input>, stop: CancellationToken) -> Self {
        let lanes = Lanes::new(&run.endpoints, Arc::clone(&run.waiter));
        let capacity = run
            .endpoints
            .iter()
            .map(|endpoint| endpoint.max_concurrent());
        let capacity = capacity.fold(0, usize::saturating_add);
        let enough =
            ExecutionSettings::DEFAULT_MAX_INPUTS_IN_FLIGHT.max(capacity.saturating_mul(2));
        let entry_lanes = run.entry_lanes();
        Self {
            lanes,
            entry_lanes,
            window: run.settings.max_inputs_in_flight.unwrap_or(enough).max(1),
            run,
            source: Some(source),
            stop,
            is_stopped: false,
            next_id: 0,
            executions: FxHashMap::default(),
            tasks: JoinSet::new(),
            calls: 0,
            retries: Waiting::new(),
            finished: VecDeque::new(),
            ready: Vec::new(),
            since_yield: 0,
        }
    }

    /// The next input that ended; `None` when all have. Dropping the future
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Option<BatchResult<Value>> {
        loop {
            if let Some(result) = self.finished.pop_front() {
                return Some(self.hand_out(result).await);
            }
            if !self.is_stopped && self.stop.is_cancelled() {
                self.begin_no_more();
                continue;
            }
            self.admit_what_is_there();
            self.dispatch();
            if !self.finished.is_empty() {
                continue;
            }
            if self.executions.is_empty() && self.source.is_none() {
                return None;
            }
            let may_admit = self.may_admit();
            let may_call = self.has_room() && !self.lanes.is_empty();
            assert!(
                may_call || may_admit || !self.tasks.is_empty() || !self.retries.is_empty(),
                "the run waits for nothing and is not done: a wake-up was lost"
            );
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !self.is_stopped => self.begin_no_more(),
                Some(joined) = self.tasks.join_next() => match joined {
                    Ok(result) => self.end_task(result),
                    // Tasks catch the panics of clients and host functions.
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Err(_) => self.abandon(),
                },
                () = self.lanes.room(), if may_call => {}
                Some(task) = self.retries.next() => self.queue_call(task),
                input = next_of(&mut self.source), if may_admit => self.take(input),
            }
        }
    }

    /// Lets the runtime have its turn now and then: a graph that calls nothing
    /// would otherwise never wait for anything.
    async fn hand_out(&mut self, result: BatchResult<Value>) -> BatchResult<Value> {
        const RESULTS_A_TURN: u32 = 128;
        self.since_yield += 1;
        if self.since_yield >= RESULTS_A_TURN {
            self.since_yield = 0;
            // Kept here while it yields, so that dropping the future loses nothing.
            self.finished.push_front(result);
            tokio::task::yield_now().await;
            let kept = self.finished.pop_front();
            return kept.expect("the result was put there before the turn");
        }
        result
    }

    fn may_admit(&self) -> bool {
        self.source.is_some() && self.executions.len() < self.window && self.needs_inputs()
    }

    /// Whether another input would soon have something to do. One that only
    /// waits in a queue costs memory, and is out of the caches when its turn
    /// comes.
    fn needs_inputs(&self) -> bool {
        let mut entries = self.entry_lanes.iter();
        self.entry_lanes.is_empty() || entries.any(|&lane| self.lanes.is_short(lane))
    }

    fn admit_what_is_there(&mut self) {
        while self.finished.is_empty() && self.may_admit() {
            match next_of(&mut self.source).now_or_never() {
                Some(input) => self.take(input),
                None => break,
            }
        }
    }

    fn take(&mut self, input: Option<Input>) {
        let Some(input) = input else {
            self.source = None;
            return;
        };
        let id = ExecutionId(self.next_id);
        self.next_id += 1;
        let started = Instant::now();
        match input.and_then(|input| self.check(input)) {
            Ok(input) => {
                let mut ready = std::mem::take(&mut self.ready);
                let plan = Arc::clone(&self.run.plan);
                let execution = Execution {
                    state: ExecutionState::new(plan, input, &mut ready),
                    has_begun: false,
                    started,
                    usage: Usage::default(),
                    error: None,
                    attempts: HashMap::new(),
                };
                self.advance(id, execution, ready);
            }
            Err(error) => {
                self.finished.push_back(BatchResult {
                    index: id.0,
                    output: Err(error),
                    usage: Usage::default(),
                    elapsed: started.elapsed(),
                });
                self.stop_if_failing_fast(id);
            }
        }
    }

    fn check(&self, input: Value) -> Input {
        let schema = self.run.plan.graph().input();
        if self.run.checks_inputs && !schema.is_any() {
            schema
                .check(&serde_json::Value::from(&input))
                .map_err(|error| {
                    let message = format!("the input is not what the pipeline takes: {error}");
                    ExecutionError::new(ErrorKind::InvalidInput, message)
                })?;
        }
        Ok(input)
    }

    /// Works through nodes that became ready, and those that this makes ready.
    fn advance(&mut self, id: ExecutionId, mut execution: Execution, mut ready: Vec<NodeRef>) {
        while let Some(node) = ready.pop() {
            let task = Task {
                execution: id,
                node,
            };
            if self.run.call_of(node).is_some() {
                self.queue_call(task);
                continue;
            }
            execution.state.start(node);
            let run = &self.run;
            match evaluate::evaluate(&run.plan, &execution.state, &run.parameters, node) {
                Ok(Evaluated::Value(value)) => execution.state.complete(node, value, &mut ready),
                Ok(Evaluated::Future(function, future)) => {
                    let timeout = run.settings.task_timeout;
                    execution.has_begun = true;
                    self.tasks
                        .spawn(task::host(task, function, future, timeout));
                }
                Err(failure) => execution.fail(run, node, failure),
            }
        }
        self.ready = ready;
        self.settle(id, execution);
    }

    /// Keeps an execution that goes on, and ends one that is done.
    fn settle(&mut self, id: ExecutionId, execution: Execution) {
        let mut has_failed = execution.error.is_some();
        if execution.state.is_finished() {
            let result = execution.end(&self.run, id);
            // The output itself can be what fails.
            has_failed = result.output.is_err();
            self.finished.push_back(result);
        } else {
            self.executions.insert(id, execution);
        }
        if has_failed {
            self.stop_if_failing_fast(id);
        }
    }

    /// Ends the run after a failure, if the policy wants that.
    fn stop_if_failing_fast(&mut self, failed: ExecutionId) {
        if self.run.settings.error_policy != ErrorPolicy::FailFast {
            return;
        }
        self.source = None;
        self.tasks = JoinSet::new();
        self.calls = 0;
        self.retries.clear();
        self.lanes.clear();
        let stopped = self.executions.drain().collect();
        self.cancel(
            stopped,
            &format!("stopped, because input {} failed", failed.0),
        );
    }

    /// Ends the inputs for which nothing was done yet, and takes no more. What
    /// is in the queues for them is passed over when its turn comes.
    fn begin_no_more(&mut self) {
        self.is_stopped = true;
        self.source = None;
        let not_begun = self
            .executions
            .extract_if(|_, execution| !execution.has_begun);
        let not_begun = not_begun.collect();
        self.cancel(not_begun, "not begun, because the run was stopped");
    }

    /// Ends everything, because tasks were dropped unfinished.
    fn abandon(&mut self) {
        self.source = None;
        let all = self.executions.drain().collect();
        self.cancel(all, "the runtime that the run began in is gone");
    }

    fn cancel(&mut self, mut stopped: Vec<(ExecutionId, Execution)>, why: &str) {
        stopped.sort_unstable_by_key(|(id, _)| *id);
        for (id, mut execution) in stopped {
            execution.state.cancel();
            let error = ExecutionError::new(ErrorKind::Cancelled, why);
            execution.error.get_or_insert(error);
            self.finished.push_back(execution.end(&self.run, id));
        }
    }

    fn queue_call(&mut self, task: Task) {
        let priority = self.run.plan.graph().node(task.node).priority();
        let remaining = self.run.plan.remaining(task.node);
        let lane = self.run.endpoint_of[task.node.index()];
        self.lanes.push(lane, task, priority, remaining);
    }

    fn has_room(&self) -> bool {
        let most = self.run.settings.max_concurrent;
        most.is_none_or(|most| self.calls < most.max(1))
    }

    /// Starts every call that there is room for, the most urgent first.
    fn dispatch(&mut self) {
        while self.has_room() && !self.lanes.is_empty() {
            let Some((task, permit)) = self.lanes.next() else {
                return;
            };
            self.call(task, permit);
        }
    }

    /// Starts a call, unless its execution ended in the meantime.
    fn call(&mut self, task: Task, permit: Permit) {
        let run = &self.run;
        let (Some(call), Some(mut execution)) = (
            run.call_of(task.node),
            self.executions.remove(&task.execution),
        ) else {
            return;
        };
        execution.state.start(task.node);
        match evaluate::request(
            &run.plan,
            &execution.state,
            &run.parameters,
            task.node,
            call,
        ) {
            Ok(request) => {
                let timeout = run.settings.task_timeout;
                self.calls += 1;
                execution.has_begun = true;
                self.tasks.spawn(task::call(task, permit, request, timeout));
            }
            Err(failure) => execution.fail(run, task.node, failure),
        }
        self.settle(task.execution, execution);
    }

    fn end_task(&mut self, result: TaskResult) {
        let TaskResult { task, outcome } = result;
        self.calls -= usize::from(matches!(outcome, Outcome::Called(_)));
        let Some(mut execution) = self.executions.remove(&task.execution) else {
            return;
        };
        let outcome = match outcome {
            Outcome::Hosted(outcome) => outcome,
            Outcome::Called(Ok(response)) => {
                execution.usage += response.usage;
                read(&self.run.plan, task.node, &response)
            }
            Outcome::Called(Err(error)) => {
                if self.try_again(task, &mut execution, &error) {
                    self.settle(task.execution, execution);
                    return;
                }
                Err(Failure::new(ErrorKind::Call(error.kind), error.message))
            }
        };
        let mut ready = std::mem::take(&mut self.ready);
        match outcome {
            Ok(value) => execution.state.complete(task.node, value, &mut ready),
            Err(failure) => execution.fail(&self.run, task.node, failure),
        }
        self.advance(task.execution, execution, ready);
    }

    /// Puts a failed call back if it may succeed later.
    fn try_again(&mut self, task: Task, execution: &mut Execution, error: &ClientError) -> bool {
        let endpoint = &self.run.endpoints[self.run.endpoint_of[task.node.index()]];
        match error.retry {
            // Waiting is no failure: no attempt is counted, and the endpoint
            // knows how long to wait.
            Retry::RateLimited { .. } => {
                execution.state.requeue(task.node);
                self.queue_call(task);
                true
            }
            Retry::Transient if self.run.settings.error_policy == ErrorPolicy::RetryThenFail => {
                let most = self
                    .run
                    .settings
                    .max_retries
                    .unwrap_or(endpoint.max_retries());
                let attempts = execution.attempts.entry(task.node).or_default();
                let attempt = u32::try_from(attempts.len())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1);
                if attempt > most {
                    return false;
                }
                attempts.push(Attempt {
                    kind: ErrorKind::Call(error.kind),
                    message: error.message.clone(),
                });
                endpoint.note_retry();
                execution.state.requeue(task.node);
                let due = Instant::now() + backoff::wait(attempt, task.seed());
                self.retries.push(Box::pin(async move {
                    tokio::time::sleep_until(due).await;
                    task
                }));
                true
            }
            _ => false,
        }
    }
}

impl Run {
    /// The endpoints of the calls that need no other call first.
    fn entry_lanes(&self) -> Vec<usize> {
        let mut needs_call = Vec::new();
        let mut lanes = Vec::new();
        // Nodes come after those that they read.
        for (node, _) in self.plan.graph().enumerate() {
            let is_call = self.call_of(node).is_some();
            let mut dependencies = self.plan.dependencies(node).iter();
            let is_later = dependencies.any(|read| needs_call[read.index()]);
            needs_call.push(is_call || is_later);
            if is_call && !is_later {
                lanes.push(self.endpoint_of[node.index()]);
            }
        }
        lanes.sort_unstable();
        lanes.dedup();
        lanes
    }

    fn call_of(&self, node: NodeRef) -> Option<&LlmCall> {
        match self.plan.graph().node(node).operation() {
            Operation::Llm(call) => Some(call),
            _ => None,
        }
    }
}

impl Execution {
    /// Notes that a node has no value and will have none.
    fn fail(&mut self, run: &Run, node: NodeRef, failure: Failure) {
        self.state.fail(node);
        let earlier_attempts = self.attempts.remove(&node);
        let found = run.plan.graph().node(node);
        self.error.get_or_insert_with(|| ExecutionError {
            node: Some(found.name().to_owned()),
            location: found.location(),
            alias: run.call_of(node).map(|call| call.alias.to_string()),
            kind: failure.kind,
            message: failure.message,
            earlier_attempts: earlier_attempts.unwrap_or_default().into(),
        });
    }

    /// The result of an execution that is done.
    fn end(self, run: &Run, id: ExecutionId) -> BatchResult<Value> {
        let output = match self.error {
            Some(error) => Err(error),
            None => evaluate::output(&run.plan, &self.state).map_err(|failure| {
                let message = format!("the output can't be put together: {}", failure.message);
                ExecutionError::new(failure.kind, message)
            }),
        };
        BatchResult {
            index: id.0,
            output,
            usage: self.usage,
            elapsed: self.started.elapsed(),
        }
    }
}

/// The value in an answer.
fn read(plan: &Plan, node: NodeRef, response: &LlmResponse) -> Result<Value, Failure> {
    if response.finish_reason == FinishReason::ContentFilter {
        let message = format!("the provider withheld the answer: {}", response.text);
        let kind = ErrorKind::Call(ClientErrorKind::Refused);
        return Err(Failure::new(kind, message));
    }
    if response.text.is_empty() && response.finish_reason != FinishReason::Stop {
        let why = match &response.finish_reason {
            FinishReason::Length => "it reached its limit of tokens: raise `max_tokens`".to_owned(),
            FinishReason::ToolCalls => "the model called tools, and it was given none".to_owned(),
            other => format!("the provider says it ended with {other:?}"),
        };
        let message = format!("the answer is empty, because {why}");
        return Err(Failure::new(ErrorKind::InvalidOutput, message));
    }
    match plan.typed_output(node) {
        None => Ok(Value::from(response.text.as_str())),
        Some(output) => output
            .read(response)
            .map_err(|message| Failure::new(ErrorKind::InvalidOutput, message)),
    }
}

async fn next_of(source: &mut Option<InputStream<Input>>) -> Option<Input> {
    match source {
        Some(source) => source.next().await,
        None => None,
    }
}
