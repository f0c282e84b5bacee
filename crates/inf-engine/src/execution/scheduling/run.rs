//! [`Run`]: one run, as the scheduler keeps it: its inputs, from being taken to
//! their results. Its calls are in `calls`, what its observers are told in
//! `reports`.

mod calls;
mod reports;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{FutureExt, Stream as _, StreamExt};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::bound::Bound;
use super::evaluate::{self, Evaluated, ParameterTexts};
use super::execution::{Execution, Running};
use super::lanes::LaneId;
use super::ready_queue::ReadyQueue;
use super::scheduler::Board;
use super::task::{self, Attempted, ExecutionId, Task};
use super::timers::Due;
use crate::clients::Usage;
use crate::execution::inputs::InputStream;
use crate::execution::observation::{
    InputReport, Observer, RunCounters, RunId, RunSpans, TaskOutcome,
};
use crate::execution::settings::{within, within_blocking};
use crate::execution::{
    BatchResult, ErrorKind, ErrorPolicy, ExecutionError, ExecutionSettings, ExecutionTimings,
    Hedging,
};
use crate::graph::{NodeRef, Operation};
use crate::value::Value;

/// An input, or why it could not be read.
pub(crate) type Input = Result<Value, ExecutionError>;

/// What the program of the user panicked with.
pub(crate) type Panic = Box<dyn Any + Send>;

/// A run that is to begin.
pub(crate) struct RunRequest {
    pub(crate) id: RunId,
    pub(crate) bound: Arc<Bound>,
    pub(crate) settings: ExecutionSettings,
    /// The settings around the program that began the run.
    pub(crate) scope: ExecutionSettings,
    pub(crate) parameters: ParameterTexts,
    pub(crate) source: InputStream<Input>,
    /// The span that the program began the run in.
    pub(crate) caller: Span,
    pub(crate) results: mpsc::UnboundedSender<Delivery>,
    pub(crate) changes: watch::Sender<()>,
    pub(crate) shared: Arc<RunShared>,
}

/// What a run gives to the program.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large variant"
)]
pub(crate) enum Delivery {
    /// An input has its result.
    Ended(BatchResult<Value>),
    /// Code of the program panicked, which ended the run: to be raised where
    /// the program is waiting.
    Panicked(Panic),
}

/// What a run and the stream of its results both know.
pub(crate) struct RunShared {
    pub(crate) counters: RunCounters,
    /// The results that were taken from the stream.
    pub(crate) taken: AtomicUsize,
    /// Whether the run wants to know when a result is taken.
    pub(crate) wants_room: AtomicBool,
    /// Why inputs were never begun, if any were not.
    pub(crate) not_begun: OnceLock<(ErrorKind, String)>,
}

/// A run, as the scheduler keeps it.
pub(crate) struct Run {
    id: RunId,
    bound: Arc<Bound>,
    parameters: ParameterTexts,
    limits: Limits,
    scope: ExecutionSettings,
    observers: Vec<Arc<dyn Observer>>,
    spans: RunSpans,
    results: mpsc::UnboundedSender<Delivery>,
    changes: watch::Sender<()>,
    shared: Arc<RunShared>,
    /// Sends a cancellation when a handle of the program asks for it.
    watcher: Option<AbortHandle>,
    source: Source,
    /// By the place of the endpoint.
    queues: Vec<Queue>,
    executions: FxHashMap<ExecutionId, Box<Execution>>,
    /// Those of `executions`, and the one that is being worked on.
    in_flight: usize,
    next_index: usize,
    /// Results given to the program.
    delivered: usize,
    /// Calls in flight.
    calls: usize,
    /// Calls that were ever made.
    calls_made: u64,
    hedges: u64,
    is_stopped: bool,
    /// Whether it is among those whose source is asked next.
    waits_for_turn: bool,
}

/// The settings of a run, with defaults filled in.
struct Limits {
    priority: i32,
    max_concurrent: usize,
    max_inputs_in_flight: usize,
    max_results_waiting: usize,
    error_policy: ErrorPolicy,
    max_retries: Option<u32>,
    task_timeout: Option<Duration>,
    hedging: Option<Hedging>,
}

/// Where inputs come from.
enum Source {
    /// It may be asked for the next one.
    Here(InputStream<Input>),
    /// It was asked and is being waited for.
    Asked(futures_util::future::AbortHandle),
    /// It gave an input after a while, which waits for its turn: others may
    /// have taken the room that there was.
    Answered(InputStream<Input>, Input),
    /// There are no more.
    Exhausted,
}

impl Source {
    /// A source that gave an input. One that knows it has no more is not asked
    /// again: in a full manager its run could wait long for that turn.
    fn after_an_input(source: InputStream<Input>) -> Self {
        match source.size_hint() {
            (_, Some(0)) => Self::Exhausted,
            _ => Self::Here(source),
        }
    }
}

/// The ready calls at one endpoint.
struct Queue {
    lane: LaneId,
    calls: ReadyQueue,
}

/// What came of asking a source for an input at once.
pub(crate) enum Asked {
    /// An input was taken, or there are no more.
    Answered,
    /// It will take a while.
    Later(InputStream<Input>),
}

impl Run {
    pub(crate) fn begin(request: RunRequest, board: &mut Board) -> Self {
        let RunRequest {
            id,
            bound,
            settings,
            scope,
            parameters,
            source,
            caller,
            results,
            changes,
            shared,
        } = request;
        bound.resources.register(&board.waiter);
        let limits = Limits {
            priority: settings.priority.unwrap_or(0),
            max_concurrent: settings.max_concurrent.unwrap_or(usize::MAX).max(1),
            max_inputs_in_flight: settings
                .max_inputs_in_flight
                .unwrap_or_else(|| bound.enough_inputs())
                .max(1),
            max_results_waiting: settings
                .max_results_waiting
                .unwrap_or(ExecutionSettings::DEFAULT_MAX_RESULTS_WAITING),
            error_policy: settings.error_policy.unwrap_or_default(),
            max_retries: settings.max_retries,
            task_timeout: settings.task_timeout,
            hedging: settings.hedging.filter(|hedging| !hedging.is_off()),
        };
        if let Some(timeout) = settings.run_timeout
            && let Some(at) = board.now.checked_add(timeout)
        {
            board.timers.push(at, Due::RunTimeout { run: id, timeout });
        }
        let queues = bound.endpoints.iter().map(|endpoint| Queue {
            lane: board.lanes.join(endpoint),
            calls: ReadyQueue::default(),
        });
        let queues = queues.collect();
        let spans = RunSpans::new(
            caller,
            id,
            bound.plan.graph().name(),
            shared.counters.inputs_total(),
            settings.recorded_content.unwrap_or(false),
        );
        Self {
            id,
            parameters,
            limits,
            scope,
            observers: settings.observers().to_vec(),
            spans,
            results,
            changes,
            shared,
            watcher: board.events.watch(id, settings.cancellations()),
            source: Source::Here(source),
            queues,
            executions: FxHashMap::default(),
            in_flight: 0,
            next_index: 0,
            delivered: 0,
            calls: 0,
            calls_made: 0,
            hedges: 0,
            is_stopped: false,
            waits_for_turn: false,
            bound,
        }
    }

    /// Tells that the run begins, unless it was cancelled before.
    pub(crate) fn start(&mut self, board: &mut Board, is_cancelled: bool) {
        self.tell_run(board, Observer::run_started);
        if is_cancelled {
            self.cancel(board);
        }
    }

    /// Where its results are sent.
    pub(crate) fn results(&self) -> mpsc::UnboundedSender<Delivery> {
        self.results.clone()
    }

    pub(crate) fn priority(&self) -> i32 {
        self.limits.priority
    }

    pub(crate) fn waits_for_turn(&self) -> bool {
        self.waits_for_turn
    }

    pub(crate) fn set_waits_for_turn(&mut self, waits: bool) {
        self.waits_for_turn = waits;
    }

    /// Whether every input has its result and there are no more.
    pub(crate) fn is_done(&self) -> bool {
        self.executions.is_empty() && matches!(self.source, Source::Exhausted)
    }

    /// Whether another call may be made, as far as the run's own bound says.
    pub(crate) fn has_room(&self) -> bool {
        self.calls < self.limits.max_concurrent
    }

    /// Whether another input may be taken.
    pub(crate) fn may_admit(&self) -> bool {
        matches!(self.source, Source::Here(_) | Source::Answered(..))
            && self.executions.len() < self.limits.max_inputs_in_flight
            && self.needs_inputs()
            && self.has_room_for_results()
    }

    /// Whether it may take an input whatever the manager's bound says: one
    /// that a host function waits for could otherwise wait for the input that
    /// the function is called for.
    pub(crate) fn is_exempt(&self) -> bool {
        self.scope.is_inside() && self.in_flight == 0
    }

    /// Whether another input would soon have something to do. One that only
    /// waits in a queue costs memory, and is out of the caches when its turn
    /// comes.
    fn needs_inputs(&self) -> bool {
        // Enough to choose from by priority, also where one call runs at once.
        const LEAST: usize = 16;
        let mut entries = self.bound.entries.iter();
        self.bound.entries.is_empty()
            || entries.any(|&place| {
                let most = self.bound.endpoints[place].max_concurrent();
                self.queues[place].calls.len() < most.max(LEAST)
            })
    }

    fn has_room_for_results(&self) -> bool {
        let most = self.limits.max_inputs_in_flight;
        let most = most.saturating_add(self.limits.max_results_waiting);
        let is_full = || {
            let taken = self.shared.taken.load(Ordering::SeqCst);
            self.executions.len() + self.delivered - taken >= most
        };
        if !is_full() {
            return true;
        }
        // Said before looking again, so that what is taken now is told.
        self.shared.wants_room.store(true, Ordering::SeqCst);
        !is_full()
    }

    /// Asks the source for an input, if it has one at hand.
    pub(crate) fn ask(&mut self, board: &mut Board) -> Asked {
        match std::mem::replace(&mut self.source, Source::Exhausted) {
            Source::Here(mut source) => match source.next().now_or_never() {
                Some(input) => {
                    self.source = Source::after_an_input(source);
                    self.take(board, input);
                    Asked::Answered
                }
                None => Asked::Later(source),
            },
            Source::Answered(source, input) => {
                self.source = Source::after_an_input(source);
                self.take(board, Some(input));
                Asked::Answered
            }
            other => {
                self.source = other;
                Asked::Answered
            }
        }
    }

    /// Notes that the source is being waited for.
    pub(crate) fn wait_for_source(&mut self, waiting: futures_util::future::AbortHandle) {
        self.source = Source::Asked(waiting);
    }

    /// Keeps what the source gave after a while until it is its turn.
    pub(crate) fn source_answered(&mut self, source: InputStream<Input>, input: Option<Input>) {
        if let Source::Asked(_) = self.source {
            self.source = match input {
                Some(input) => Source::Answered(source, input),
                None => Source::Exhausted,
            };
        }
    }

    fn take(&mut self, board: &mut Board, input: Option<Input>) {
        let Some(input) = input else {
            self.source = Source::Exhausted;
            return;
        };
        let index = self.next_index;
        self.next_index += 1;
        let id = board.next_execution();
        match input.and_then(|input| self.check(input)) {
            Ok(input) => {
                let mut ready = std::mem::take(&mut board.ready);
                let plan = Arc::clone(&self.bound.plan);
                let execution = Execution::new(id, index, (plan, input), board.now, &mut ready);
                self.in_flight += 1;
                board.executions_in_flight += 1;
                self.shared.counters.counts().inputs_in_flight += 1;
                self.advance(board, Box::new(execution), ready);
            }
            Err(error) => self.refuse(board, index, Value::Null, error),
        }
    }

    /// Ends an input for which nothing was done.
    fn refuse(&mut self, board: &mut Board, index: usize, input: Value, error: ExecutionError) {
        self.shared.counters.counts().inputs_in_flight += 1;
        let now = board.now;
        let result = BatchResult {
            index,
            input,
            output: Err(error),
            usage: Usage::default(),
            timings: ExecutionTimings::default(),
        };
        self.deliver(board, result, now);
    }

    fn check(&self, input: Value) -> Input {
        let schema = self.bound.plan.graph().input();
        if self.bound.checks_inputs && !schema.is_any() {
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
    fn advance(
        &mut self,
        board: &mut Board,
        mut execution: Box<Execution>,
        mut ready: Vec<NodeRef>,
    ) {
        while let Some(node) = ready.pop() {
            // Something else may have failed since it became ready.
            if execution.state.status(node).is_final() {
                continue;
            }
            if self.bound.call_of(node).is_some() {
                let now = board.now;
                self.queue_call(board, &execution, node, now);
                continue;
            }
            execution.state.start(node);
            let plan = &self.bound.plan;
            let evaluate = || evaluate::evaluate(plan, &execution.state, &self.parameters, node);
            let evaluate = || match plan.graph().node(node).operation() {
                Operation::Host(_) => within_blocking(self.scope.clone().inside(), evaluate),
                _ => evaluate(),
            };
            match self.spans.around().in_scope(evaluate) {
                Ok(Evaluated::Value(value)) => {
                    execution.state.complete(node, value, &mut ready);
                    self.tell_inline(board, &execution, node, TaskOutcome::Completed);
                }
                Ok(elsewhere) => self.run_elsewhere(board, &mut execution, node, elsewhere),
                Err(failure) => {
                    let error = execution.fail(plan, node, failure);
                    self.tell_inline(board, &execution, node, TaskOutcome::Failed(&error));
                }
            }
        }
        board.ready = ready;
        self.settle(board, execution);
    }

    /// Starts a host function that does not run on the spot.
    fn run_elsewhere(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        node: NodeRef,
        elsewhere: Evaluated,
    ) {
        let scope = self.scope.clone().inside();
        let node_name = self.bound.plan.graph().node(node).name();
        let span = self.spans.host(execution.index, node_name);
        let inside = span.clone();
        let (name, spawned) = match elsewhere {
            Evaluated::Value(_) => unreachable!("a value is there"),
            Evaluated::Future(name, future) => {
                let future = within(scope, future).instrument(inside);
                (name, tokio::spawn(future))
            }
            Evaluated::Blocking(function, input) => {
                let name = Arc::clone(function.name());
                let body = move || {
                    let call = || evaluate::call_timed(&function, &input);
                    inside.in_scope(|| within_blocking(scope, call))
                };
                (name, tokio::task::spawn_blocking(body))
            }
        };
        execution.has_begun = true;
        let attempted = self.attempted(execution, node);
        let timeout = self.limits.task_timeout;
        let task = task::host(attempted, name, spawned, timeout, board.events.clone());
        let task = tokio::spawn(task).abort_handle();
        execution.add_running(Running {
            node,
            serial: attempted.serial,
            attempt: 1,
            is_hedge: false,
            endpoint: None,
            ready: board.now,
            queued: board.now,
            started: board.now,
            task,
            span,
        });
    }

    fn attempted(&self, execution: &mut Execution, node: NodeRef) -> Attempted {
        Attempted {
            task: Task {
                run: self.id,
                execution: execution.id,
                node,
            },
            serial: execution.next_serial(),
        }
    }

    /// Keeps an execution that goes on, and ends one that is done.
    fn settle(&mut self, board: &mut Board, execution: Box<Execution>) {
        let failed = execution.error.as_ref().map(|_| execution.index);
        if execution.state.is_finished() {
            self.end_execution(board, *execution);
        } else {
            self.executions.insert(execution.id, execution);
            if let Some(index) = failed {
                self.end_if_failing_fast(board, index);
            }
        }
    }

    fn end_execution(&mut self, board: &mut Board, execution: Execution) {
        self.in_flight -= 1;
        board.executions_in_flight -= 1;
        let started = execution.started;
        let result = execution.end(&self.bound.plan, board.now);
        self.deliver(board, result, started);
    }

    /// Gives a result to the program.
    fn deliver(&mut self, board: &mut Board, result: BatchResult<Value>, started: Instant) {
        let index = result.index;
        // One that was stopped is no reason to stop the others.
        let is_failure = |error: &ExecutionError| error.kind != ErrorKind::Cancelled;
        let has_failed = result.output.as_ref().is_err_and(is_failure);
        {
            let mut counts = self.shared.counters.counts();
            counts.inputs_in_flight -= 1;
            match result.output {
                Ok(_) => counts.inputs_succeeded += 1,
                Err(_) if has_failed => counts.inputs_failed += 1,
                Err(_) => counts.inputs_cancelled += 1,
            }
        }
        if let Err(error) = &result.output {
            self.spans.tell_failed(result.index, error);
        }
        for observer in &self.observers {
            observer.input_ended(&InputReport {
                run: self.id,
                input: result.index,
                started,
                ended: board.now,
                error: result.output.as_ref().err(),
                counters: &self.shared.counters,
            });
        }
        self.delivered += 1;
        // If nobody is there any more, a cancellation is on its way.
        let _ = self.results.send(Delivery::Ended(result));
        self.note_change();
        if has_failed {
            self.end_if_failing_fast(board, index);
        }
    }

    fn note_change(&self) {
        if self.changes.receiver_count() > 1 {
            self.changes.send_replace(());
        }
    }

    /// Ends the run after a failure, if the policy wants that.
    pub(crate) fn end_if_failing_fast(&mut self, board: &mut Board, failed: usize) {
        if self.limits.error_policy == ErrorPolicy::FailFast && !self.is_stopped {
            let why = format!("stopped, because input {failed} failed");
            let never = "not run, because an earlier input failed".to_owned();
            self.end_everything(board, ErrorKind::Cancelled, &why, never);
        }
    }

    /// Ends the run because the program wants that.
    pub(crate) fn cancel(&mut self, board: &mut Board) {
        let why = "the run was cancelled";
        self.end_everything(board, ErrorKind::Cancelled, why, why.to_owned());
    }

    /// Ends the run because its time is up.
    pub(crate) fn time_out(&mut self, board: &mut Board, timeout: Duration) {
        let seconds = timeout.as_secs_f64();
        let why = format!("the run did not end within {seconds} s, its `run_timeout`");
        self.end_everything(board, ErrorKind::Timeout, &why, why.clone());
    }

    /// Ends all inputs and takes no more.
    fn end_everything(&mut self, board: &mut Board, kind: ErrorKind, why: &str, never: String) {
        if !self.is_done() {
            self.spans.tell_stopped(kind, why);
        }
        self.is_stopped = true;
        self.stop_taking(board, kind, never);
        self.clear_queues(board);
        let all = self.executions.drain().map(|(_, execution)| *execution);
        let all = all.collect();
        self.stop_executions(board, all, kind, why);
    }

    /// Ends the inputs for which nothing was done yet, and takes no more. What
    /// is in the queues for them is passed over when its turn comes.
    pub(crate) fn begin_no_more(&mut self, board: &mut Board) {
        let why = "not begun, because the run was stopped";
        self.spans
            .tell_stopped(ErrorKind::Cancelled, "no more inputs are begun");
        self.stop_taking(board, ErrorKind::Cancelled, why.to_owned());
        let not_begun = self
            .executions
            .extract_if(|_, execution| !execution.has_begun);
        let not_begun = not_begun.map(|(_, execution)| *execution).collect();
        self.stop_executions(board, not_begun, ErrorKind::Cancelled, why);
    }

    fn stop_taking(&mut self, board: &mut Board, kind: ErrorKind, never: String) {
        let _ = self.shared.not_begun.set((kind, never.clone()));
        match std::mem::replace(&mut self.source, Source::Exhausted) {
            Source::Asked(waiting) => waiting.abort(),
            // It has left its source, so that it has a result like any other.
            Source::Answered(_, input) => {
                let index = self.next_index;
                self.next_index += 1;
                let input = input.unwrap_or(Value::Null);
                self.refuse(board, index, input, ExecutionError::new(kind, never));
            }
            Source::Here(_) | Source::Exhausted => {}
        }
    }

    fn stop_executions(
        &mut self,
        board: &mut Board,
        mut stopped: Vec<Execution>,
        kind: ErrorKind,
        why: &str,
    ) {
        stopped.sort_unstable_by_key(|execution| execution.id);
        for mut execution in stopped {
            let running = execution.take_all_running(None);
            for running in running {
                self.give_up(board, &mut execution, &running);
            }
            execution.stop(kind, why);
            self.end_execution(board, execution);
        }
    }

    /// Gives up an attempt that is under way.
    fn give_up(&mut self, board: &mut Board, execution: &mut Execution, running: &Running) {
        running.task.abort();
        if running.endpoint.is_some() {
            execution.timings.calling += board.now.duration_since(running.started);
        }
        self.note_not_running(board, running);
        self.tell_task(board, execution, running, TaskOutcome::Cancelled, None);
    }

    fn clear_queues(&mut self, board: &mut Board) {
        for (place, queue) in self.queues.iter_mut().enumerate() {
            let head = queue.calls.head();
            board.lanes.set_head(queue.lane, self.id, head, None);
            queue.calls = ReadyQueue::default();
            self.shared.counters.counts().at_endpoint[place].1 = 0;
        }
    }

    /// Leaves the scheduler, when everything has ended.
    pub(crate) fn end(mut self, board: &mut Board) {
        self.leave(board);
        self.shared.counters.counts().ended = Some(board.now);
        self.spans.tell_ended(|| self.shared.counters.progress());
        self.tell_run(board, Observer::run_ended);
        self.changes.send_replace(());
    }

    /// Leaves the scheduler after code of the program has panicked.
    pub(crate) fn end_with_panic(mut self, board: &mut Board, panic: Panic) {
        board.executions_in_flight -= self.in_flight;
        board.calls_in_flight -= self.calls;
        self.executions.clear();
        self.leave(board);
        {
            let mut counts = self.shared.counters.counts();
            counts.inputs_cancelled += std::mem::take(&mut counts.inputs_in_flight);
            counts.at_endpoint.fill((0, 0));
            counts.ended = Some(board.now);
        }
        self.spans.tell_panicked();
        // An observer may be what panicked: it is not asked whether it does again.
        let told = || self.tell_run(board, Observer::run_ended);
        let _ = catch_unwind(AssertUnwindSafe(told));
        let _ = self.results.send(Delivery::Panicked(panic));
    }

    fn leave(&mut self, board: &mut Board) {
        self.clear_queues(board);
        for queue in self.queues.drain(..) {
            board.lanes.leave(queue.lane);
        }
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
        if let Source::Asked(waiting) = &self.source {
            waiting.abort();
        }
    }

    /// Ends every input because the runtime is going away.
    pub(crate) fn abandon(mut self, board: &mut Board) {
        let why = "the runtime that the run began in is gone";
        self.end_everything(board, ErrorKind::Cancelled, why, why.to_owned());
        self.end(board);
    }
}
