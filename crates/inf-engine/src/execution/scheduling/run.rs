//! [`Run`]: one run, as the scheduler keeps it: its inputs, from node to node up
//! to their results. How inputs are taken is in `admission`, its calls are in
//! `calls`, second requests in `hedges`, what they may cost is in `spending`,
//! what the journal keeps of it in `recording` and answers in `recall`, what
//! follows an answer that is not the last in `turns`, what nodes of control
//! flow run in `regions`, how it ends is in `endings`, and what its observers are
//! told in `reports`.

mod admission;
mod calls;
mod endings;
mod hedges;
mod recall;
mod recording;
mod regions;
mod reports;
mod spending;
mod turns;

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::{Instrument, Span};

pub(crate) use admission::Asked;
use admission::Source;
pub(crate) use recall::Memory;
use recording::RunJournal;
pub(crate) use spending::Charge;
use spending::Spending;

use super::bound::Bound;
use super::evaluate::{self, Evaluated, ParameterTexts};
use super::execution::{Execution, Running};
use super::flow::WaitingFlows;
use super::lanes::LaneId;
use super::ready_queue::ReadyQueue;
use super::scheduler::Board;
use super::task::{self, Attempted, ExecutionId, Task, TaskTimeout};
use super::timers::Due;
use crate::execution::inputs::InputStream;
use crate::execution::observation::{
    InputReport, Observer, RunCounters, RunId, RunSpans, TaskOutcome,
};
use crate::execution::settings::{within, within_blocking};
use crate::execution::tokens::RunTokens;
use crate::execution::{
    BatchResult, Cancellation, ErrorKind, ErrorPolicy, ExecutionError, ExecutionSettings, Hedging,
};
use crate::graph::{NodeRef, Operation};
use crate::journal::{Journal, JournalError};
use crate::resources::Wish;
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
    /// Whether what happens to each input is kept, so that every input has to be
    /// gone through.
    pub(crate) keeps_records: bool,
    /// The settings around the program that began the run.
    pub(crate) scope: ExecutionSettings,
    pub(crate) parameters: ParameterTexts,
    pub(crate) source: InputStream<Input>,
    /// The span that the program began the run in.
    pub(crate) caller: Span,
    pub(crate) results: mpsc::UnboundedSender<Delivery>,
    pub(crate) changes: watch::Sender<()>,
    pub(crate) shared: Arc<RunShared>,
    /// The journal of its settings, once it was opened.
    pub(crate) journal: Option<Result<Journal, JournalError>>,
}

impl RunRequest {
    /// Whether the run has a journal that has yet to be opened.
    pub(crate) fn journal_is_closed(&mut self) -> bool {
        let Some(choice) = self.settings.journal() else {
            return false;
        };
        // Its requests may have to be found, too.
        if !self.settings.cached_requests.unwrap_or(false) {
            let replays = self.settings.replay.unwrap_or(false);
            self.journal = choice.opened(replays).cloned().map(Ok);
        }
        self.journal.is_none()
    }

    /// Opens its journal, which may take a while.
    pub(crate) fn open_journal(&mut self) {
        let opened = self.settings.journal().map(|choice| {
            let journal = choice.open(self.settings.replay.unwrap_or(false))?;
            if self.settings.cached_requests.unwrap_or(false) {
                journal.index_requests()?;
            }
            Ok(journal)
        });
        self.journal = opened;
    }
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
    /// The journal of the run, once it is open.
    pub(crate) journal: OnceLock<Journal>,
    /// Tells who waits for the end of the run.
    end: Notify,
}

impl RunShared {
    pub(crate) fn new(counters: RunCounters) -> Self {
        Self {
            counters,
            taken: AtomicUsize::new(0),
            wants_room: AtomicBool::new(false),
            not_begun: OnceLock::new(),
            journal: OnceLock::new(),
            end: Notify::new(),
        }
    }

    /// Notes that the run has ended.
    pub(crate) fn note_ended(&self, at: Instant) {
        self.counters.counts().ended = Some(at);
        self.end.notify_waiters();
    }

    /// Waits for the end of the run, but no longer than `most`.
    pub(crate) async fn ended_within(&self, most: Duration) {
        // Asked for before looking, so that an end in between is not missed.
        let end = self.end.notified();
        if !self.counters.has_ended() {
            let _ = tokio::time::timeout(most, end).await;
        }
    }
}

/// A run, as the scheduler keeps it.
pub(crate) struct Run {
    id: RunId,
    bound: Arc<Bound>,
    parameters: ParameterTexts,
    limits: Limits,
    /// The scope of its host functions.
    scope: Arc<ExecutionSettings>,
    /// Ends the runs inside of its host functions when it ends early: code on
    /// the blocking pool can't be given up.
    ending: Cancellation,
    /// Whether it was begun inside of a host function.
    is_inside: bool,
    observers: Vec<Arc<dyn Observer>>,
    spans: RunSpans,
    tokens: Option<RunTokens>,
    results: mpsc::UnboundedSender<Delivery>,
    changes: watch::Sender<()>,
    shared: Arc<RunShared>,
    /// Sends a cancellation when a handle of the program asks for it.
    watcher: Option<AbortHandle>,
    source: Source,
    /// By the place of the endpoint.
    queues: Vec<Queue>,
    executions: FxHashMap<ExecutionId, Box<Execution>>,
    /// Inputs among `executions`, and the one that is being worked on.
    in_flight: usize,
    /// What begins more when there is room.
    flows: WaitingFlows,
    next_index: usize,
    /// Results given to the program.
    delivered: usize,
    /// Calls in flight.
    calls: usize,
    /// Calls that were ever made.
    calls_made: u64,
    hedges: u64,
    spending: Spending,
    journal: Option<RunJournal>,
    /// Why its journal could not be opened.
    unusable_journal: Option<String>,
    is_stopped: bool,
    /// What ended it before all was done, as the journal has it.
    ended_by: Option<ErrorKind>,
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
    max_reasks: u32,
    task_timeout: Option<Duration>,
    hedging: Option<Hedging>,
}

/// The ready calls at one endpoint.
struct Queue {
    lane: LaneId,
    calls: ReadyQueue,
}

impl Run {
    pub(crate) fn begin(request: RunRequest, board: &mut Board) -> Self {
        let RunRequest {
            id,
            bound,
            settings,
            keeps_records,
            scope,
            parameters,
            source,
            caller,
            results,
            changes,
            shared,
            journal,
        } = request;
        let unusable = journal.as_ref().and_then(|opened| opened.as_ref().err());
        let unusable = unusable.map(ToString::to_string);
        let journal = journal.and_then(Result::ok);
        if let Some(journal) = &journal {
            let _ = shared.journal.set(journal.clone());
        }
        let journal = journal.map(|journal| {
            let journal =
                RunJournal::begin(journal, id, &bound, &parameters, &settings, &board.events);
            journal.without_ends(keeps_records || settings.retraces())
        });
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
            max_reasks: settings
                .max_reasks
                .unwrap_or(ExecutionSettings::DEFAULT_MAX_REASKS),
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
        let ending = Cancellation::new();
        let nodes = bound.plan.graph().nodes().len();
        let spending = Spending::new(settings.budgets(), nodes, &board.waiter);
        // What runs inside of it spends its money, too.
        let inside = settings.budgets().iter();
        let inside = inside.fold(ExecutionSettings::default(), |inside, budget| {
            inside.with_budget(budget)
        });
        let is_inside = scope.is_inside();
        let scope = inside.over(&scope).inside().with_cancellation(&ending);
        let spans = RunSpans::new(
            caller,
            id,
            bound.plan.graph().name(),
            shared.counters.inputs_total(),
            settings.recorded_content.unwrap_or(false),
        );
        let tokens = settings.tokens();
        let tokens = tokens.map(|listener| RunTokens::new(listener, id, bound.plan.graph()));
        Self {
            id,
            parameters,
            limits,
            is_inside,
            scope: Arc::new(scope),
            ending,
            observers: settings.observers().to_vec(),
            spans,
            tokens,
            results,
            changes,
            shared,
            watcher: board.events.watch(id, settings.cancellations()),
            source: Source::Here(source),
            queues,
            executions: FxHashMap::default(),
            in_flight: 0,
            flows: WaitingFlows::new(bound.enough_inputs()),
            next_index: 0,
            delivered: 0,
            calls: 0,
            calls_made: 0,
            hedges: 0,
            spending,
            journal,
            unusable_journal: unusable,
            is_stopped: false,
            ended_by: None,
            waits_for_turn: false,
            bound,
        }
    }

    /// Tells that the run begins, and ends it if it was cancelled before.
    pub(crate) fn start(&mut self, board: &mut Board, is_cancelled: bool) {
        self.tell_run(board, Observer::run_started);
        if is_cancelled {
            self.cancel(board);
            return;
        }
        if let Some(why) = self.unusable_journal.take() {
            self.refuse_all(board, ErrorKind::Journal, &why);
            return;
        }
        if let Some(why) = self.spending.impossible(&self.bound) {
            self.refuse_all(board, ErrorKind::Budget, &why);
            return;
        }
        self.journal_changed(board);
        // The other runs were told of them when they began.
        for queue in &self.queues {
            if let Some(pause) = board.lanes.pause(queue.lane, board.now) {
                self.tell_pause(board, &pause);
            }
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

    /// Whether another call may be made, as far as the run's own bound, its
    /// budgets and its journal say.
    pub(crate) fn has_room(&self) -> bool {
        let most = self.limits.max_concurrent;
        self.calls < most
            && self.spending.may_call()
            && self
                .journal
                .as_ref()
                .is_none_or(|run| run.has_room_beside(self.calls, most))
    }

    /// Works through nodes that became ready, and those that this makes ready.
    fn advance(
        &mut self,
        board: &mut Board,
        mut execution: Box<Execution>,
        mut ready: Vec<NodeRef>,
    ) {
        self.flows.begin_turn();
        self.work(board, &mut execution, &mut ready, 0);
        board.ready = ready;
        self.settle(board, execution);
    }

    /// Works through the nodes of `execution` that became ready, those of `ready`
    /// from the place `first` on, and those that this makes ready.
    fn work(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        ready: &mut Vec<NodeRef>,
        first: usize,
    ) {
        while ready.len() > first
            && let Some(node) = ready.pop()
        {
            // Something else may have failed since it became ready.
            if execution.state.is_over(node) {
                continue;
            }
            if self.bound.call_of(node).is_some() {
                let now = board.now;
                self.queue_call(board, execution, node, now, Wish::default());
                continue;
            }
            execution.state.start(node);
            if self.bound.plan.runs_regions(node) {
                self.begin_flow(board, execution, node, ready);
                continue;
            }
            if let Some(value) = self.recorded_value(execution, node) {
                execution.state.complete(node, value, ready);
                self.tell_inline(board, execution, node, TaskOutcome::Completed);
                continue;
            }
            let plan = &self.bound.plan;
            let evaluate = || evaluate::evaluate(plan, &execution.state, &self.parameters, node);
            let evaluate = || match plan.graph().node(node).operation() {
                Operation::Host(_) => within_blocking(Arc::clone(&self.scope), evaluate),
                _ => evaluate(),
            };
            match self.spans.around().in_scope(evaluate) {
                Ok(Evaluated::Value(value)) => {
                    self.record_value(execution, node, &value, Duration::ZERO);
                    execution.state.complete(node, value, ready);
                    self.tell_inline(board, execution, node, TaskOutcome::Completed);
                }
                Ok(elsewhere) => self.run_elsewhere(board, execution, node, elsewhere),
                Err(failure) => {
                    let error = execution.fail(plan, node, failure);
                    self.tell_inline(board, execution, node, TaskOutcome::Failed(&error));
                }
            }
        }
    }

    /// Starts a host function that does not run on the spot.
    fn run_elsewhere(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        node: NodeRef,
        elsewhere: Evaluated,
    ) {
        let scope = Arc::clone(&self.scope);
        let node_name = self.bound.plan.graph().node(node).name();
        let span = self.spans.host(execution.index, node_name);
        let inside = span.clone();
        let timeout = self.limits.task_timeout.map(TaskTimeout::new);
        let (name, spawned, timeout) = match elsewhere {
            Evaluated::Value(_) => unreachable!("a value is there"),
            Evaluated::Future(name, future) => {
                let future = within(scope, future).instrument(inside);
                (name, tokio::spawn(future), timeout)
            }
            Evaluated::Blocking(function, input) => {
                let name = Arc::clone(function.name());
                let (begins, timeout) = timeout.map(TaskTimeout::once_it_begins).unzip();
                let body = move || {
                    drop(begins);
                    let call = || evaluate::call_timed(&function, &input);
                    inside.in_scope(|| within_blocking(scope, call))
                };
                (name, tokio::task::spawn_blocking(body), timeout)
            }
        };
        execution.has_begun = true;
        let attempted = self.attempted(execution, node);
        let task = task::host(attempted, name, spawned, timeout, board.events.clone());
        let task = tokio::spawn(task).abort_handle();
        let running = Running {
            node,
            serial: attempted.serial,
            attempt: 1,
            turn: 1,
            is_hedge: false,
            tool: None,
            endpoint: None,
            asked: None,
            ready: board.now,
            queued: board.now,
            started: board.now,
            is_recalled: false,
            task,
            span,
            tokens: None,
            charge: Charge::default(),
        };
        self.tell_started(execution, &running);
        execution.add_running(running);
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
    fn settle(&mut self, board: &mut Board, mut execution: Box<Execution>) {
        if execution.error.is_some() {
            self.quiet(board, &mut execution);
        }
        if execution.within.is_some() {
            self.settle_region(board, execution);
            return;
        }
        let failed = execution.error.as_ref();
        let failed = failed.filter(|error| !error.was_stopped());
        let failed = failed.filter(|_| self.is_failing_fast());
        let failed = failed.map(|error| (execution.index, error.to_string()));
        if execution.state.is_finished() {
            self.end_execution(board, *execution);
        } else {
            self.executions.insert(execution.id, execution);
            if let Some((index, cause)) = failed {
                self.end_if_failing_fast(board, index, Some(&cause));
            }
        }
    }

    fn end_execution(&mut self, board: &mut Board, execution: Execution) {
        self.in_flight -= 1;
        board.executions_in_flight -= 1;
        let started = execution.started;
        let id = execution.id;
        let result = execution.end(&self.bound.plan, board.now);
        self.record_end(id, &result);
        self.deliver(board, result, started);
    }

    /// Gives a result to the program.
    fn deliver(&mut self, board: &mut Board, result: BatchResult<Value>, started: Instant) {
        let index = result.index;
        // One that was stopped is no reason to stop the others.
        let is_failure = |error: &ExecutionError| !error.was_stopped();
        let failure = result.output.as_ref().err();
        let failure = failure.filter(|error| is_failure(error));
        let has_failed = failure.is_some();
        let cause = failure
            .filter(|_| self.is_failing_fast())
            .map(ToString::to_string);
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
            self.end_if_failing_fast(board, index, cause.as_deref());
        }
    }

    fn note_change(&self) {
        if self.changes.receiver_count() > 1 {
            self.changes.send_replace(());
        }
    }
}
