//! [`Scheduler`]: owns the state of all runs and decides what happens next.
//!
//! It is one task of the runtime. Everything that happens is an [`Event`] that
//! is sent to it, an input that arrives, a time that comes, or room at an
//! endpoint; between two of them it takes inputs that there is need and room
//! for ([`Scheduler::admit`]) and starts the calls that there is room for, the
//! most urgent first ([`Scheduler::dispatch`]). Calls and host functions that
//! take long run as tasks of their own. Nothing polls and nothing sleeps
//! without a deadline.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::{AbortHandle as Waiting, Abortable, BoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::lanes::{Lanes, NewPause};
use super::recall::{self, Recall, Recalled};
use super::run::{Asked, Delivery, Input, Panic, Run, RunRequest};
use super::task::{ExecutionId, TaskResult};
use super::timers::{Due, Timers};
use crate::execution::inputs::InputStream;
use crate::execution::{Cancellation, RunId};
use crate::graph::NodeRef;
use crate::resources::{Waiter, Wish};

/// What the scheduler is told.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are of the large variant"
)]
pub(crate) enum Event {
    /// A run will begin, when its journal is open.
    Opening(RunId),
    /// A run begins.
    Begin(Box<RunRequest>),
    /// What the journal holds of some inputs was read.
    Recalled(Vec<Recalled>),
    /// The journal of a run has room again, or can't be written any more.
    JournalChanged(RunId),
    /// An attempt of a node ended.
    TaskEnded(TaskResult),
    /// A result was taken, and the run wanted to know.
    Taken(RunId),
    /// A result turned out to be no good where it was read.
    ResultFailed {
        /// Whose.
        run: RunId,
        /// The place of its input.
        index: usize,
    },
    /// No more inputs are to be begun.
    Stop(RunId),
    /// Everything is to end.
    Cancel(RunId),
    /// There will be no more runs.
    Retire,
}

/// Where the scheduler is told what happens.
#[derive(Clone)]
pub(crate) struct EventSender(mpsc::UnboundedSender<Event>);

impl EventSender {
    /// Tells the scheduler. If it is gone, so are its runs, and nothing is left
    /// to be told.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Begins a run, or gives it back if the scheduler is gone.
    pub(crate) fn begin(&self, request: Box<RunRequest>) -> Result<(), Box<RunRequest>> {
        match self.0.send(Event::Begin(request)) {
            Err(mpsc::error::SendError(Event::Begin(request))) => Err(request),
            _ => Ok(()),
        }
    }

    /// Whether the scheduler is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Cancels `run` when one of `cancellations` is.
    pub(crate) fn watch(&self, run: RunId, cancellations: &[Cancellation]) -> Option<AbortHandle> {
        if cancellations.is_empty() {
            return None;
        }
        let cancellations = cancellations.to_vec();
        let events = self.clone();
        let watching = async move {
            let cancelled = cancellations.iter().map(|one| Box::pin(one.cancelled()));
            futures_util::future::select_all(cancelled).await;
            events.send(Event::Cancel(run));
        };
        Some(tokio::spawn(watching).abort_handle())
    }
}

/// What all runs of a scheduler share.
pub(crate) struct Board {
    pub(crate) lanes: Lanes,
    pub(crate) timers: Timers,
    /// Wakes the scheduler when a call of another one ends.
    pub(crate) waiter: Arc<Waiter>,
    pub(crate) events: EventSender,
    /// When the present turn began.
    pub(crate) now: Instant,
    /// Executions of all runs that have not ended.
    pub(crate) executions_in_flight: usize,
    /// Calls of all runs in flight.
    pub(crate) calls_in_flight: usize,
    /// What is to be read from journals.
    pub(crate) recalls: Vec<Recall>,
    /// Whether journals are being read.
    pub(crate) is_recalling: bool,
    last_execution: u64,
    /// Kept to be used again.
    pub(crate) ready: Vec<NodeRef>,
}

impl Board {
    pub(crate) fn next_execution(&mut self) -> ExecutionId {
        self.last_execution += 1;
        ExecutionId(self.last_execution)
    }
}

/// An input that was waited for, with its source.
type Arrival = (RunId, InputStream<Input>, Result<Option<Input>, Panic>);

/// Runs graphs over inputs; see the module's documentation.
pub(crate) struct Scheduler {
    inbox: mpsc::UnboundedReceiver<Event>,
    board: Board,
    runs: FxHashMap<RunId, Run>,
    /// Runs whose journal is being opened, and what they were told since.
    opening: FxHashMap<RunId, Vec<Event>>,
    max_executions: usize,
    /// Runs whose source may be asked for an input, by priority and turn.
    admitting: BTreeSet<Turn>,
    /// Runs that may have an input under way whatever the bound says, and have
    /// none: a host function of another input waits for them.
    exempt: BTreeSet<RunId>,
    /// Runs of which a node of control flow has more to begin, and room for it.
    beginning: BTreeSet<RunId>,
    turns: u64,
    arrivals: FuturesUnordered<Abortable<BoxFuture<'static, Arrival>>>,
    is_retiring: bool,
}

/// Whose turn it is to take an input, less being sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    priority: i32,
    number: u64,
    run: RunId,
}

/// The events that are taken in one turn.
const EVENTS_A_TURN: usize = 128;

/// With this many calls in flight the runtime has its turn before the scheduler
/// works on what ended: calls that end at about the same time are one turn
/// then, and the scheduler's state moves less often from one processor to the
/// other.
const MANY_CALLS: usize = 16;

/// The inputs that are taken in one turn: a graph that calls nothing would
/// otherwise keep the thread until its source is exhausted.
const INPUTS_A_TURN: usize = 128;

impl Scheduler {
    /// A scheduler with no runs, and where it is told what happens.
    pub(crate) fn new(max_executions: usize) -> (Self, EventSender) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let events = EventSender(sender);
        let board = Board {
            lanes: Lanes::default(),
            timers: Timers::default(),
            waiter: Arc::default(),
            events: events.clone(),
            now: Instant::now(),
            executions_in_flight: 0,
            calls_in_flight: 0,
            recalls: Vec::new(),
            is_recalling: false,
            last_execution: 0,
            ready: Vec::new(),
        };
        let scheduler = Self {
            inbox,
            board,
            runs: FxHashMap::default(),
            opening: FxHashMap::default(),
            max_executions: max_executions.max(1),
            admitting: BTreeSet::new(),
            exempt: BTreeSet::new(),
            beginning: BTreeSet::new(),
            turns: 0,
            arrivals: FuturesUnordered::new(),
            is_retiring: false,
        };
        (scheduler, events)
    }

    /// Works until there will be no more runs.
    pub(crate) async fn work(mut self) {
        let mut events = Vec::with_capacity(EVENTS_A_TURN);
        while !(self.is_retiring && self.runs.is_empty() && self.opening.is_empty()) {
            if self.board.waiter.has_woken_others() {
                tokio::task::yield_now().await;
            }
            self.take_what_arrived();
            self.admit();
            recall::read(&mut self.board);
            self.dispatch();
            // Asked last: a run may need inputs again when its calls have left
            // their queue, whether or not any of them was sent.
            if self.may_admit() {
                self.drain_inbox(&mut events);
                if events.is_empty() {
                    // Who reads the results has its turn, too.
                    tokio::task::yield_now().await;
                }
            } else {
                self.wait(&mut events).await;
                if self.board.calls_in_flight >= MANY_CALLS && !events.is_empty() {
                    // What else has ended by now is worked on in the same turn.
                    tokio::task::yield_now().await;
                    self.drain_inbox(&mut events);
                }
            }
            self.board.now = Instant::now();
            for event in events.drain(..) {
                self.handle(event);
            }
            self.do_what_is_due();
        }
    }

    /// Takes what the inbox holds, without waiting.
    fn drain_inbox(&mut self, events: &mut Vec<Event>) {
        while events.len() < EVENTS_A_TURN
            && let Ok(event) = self.inbox.try_recv()
        {
            events.push(event);
        }
    }

    /// Waits until something happens.
    async fn wait(&mut self, events: &mut Vec<Event>) {
        let waits_for_room = self.board.lanes.is_anything_waiting();
        let opens_at = self.board.lanes.opens_at();
        let next_at = self.board.timers.next_at().into_iter().chain(opens_at);
        let next_at = next_at.min();
        let waiter = Arc::clone(&self.board.waiter);
        tokio::select! {
            biased;
            _ = self.inbox.recv_many(events, EVENTS_A_TURN) => {}
            () = waiter.room(), if waits_for_room => {}
            () = until(next_at), if next_at.is_some() => {}
            arrival = next_arrival(&mut self.arrivals), if !self.arrivals.is_empty() => {
                self.arrive(arrival);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Opening(run) => drop(self.opening.insert(run, Vec::new())),
            Event::Begin(request) => self.begin(*request),
            Event::Recalled(recalled) => {
                self.board.is_recalling = false;
                for one in recalled {
                    self.with_run(one.run, |run, board| run.recalled(board, one));
                }
            }
            Event::JournalChanged(run) => self.with_run(run, Run::journal_changed),
            Event::TaskEnded(result) => {
                let run = result.attempted.task.run;
                self.with_run(run, |run, board| run.end_task(board, result));
            }
            Event::Taken(run) => self.consider(run),
            Event::ResultFailed { run, index } => {
                self.with_run(run, |run, board| {
                    run.end_if_failing_fast(board, index, None);
                });
            }
            Event::Stop(run) | Event::Cancel(run) if self.opening.contains_key(&run) => {
                self.opening.entry(run).or_default().push(event);
            }
            Event::Stop(run) => self.with_run(run, Run::begin_no_more),
            Event::Cancel(run) => self.with_run(run, Run::cancel),
            Event::Retire => self.is_retiring = true,
        }
    }

    fn begin(&mut self, request: RunRequest) {
        let id = request.id;
        let mut cancellations = request.settings.cancellations().iter();
        let is_cancelled = cancellations.any(Cancellation::is_cancelled);
        let run = Run::begin(request, &mut self.board);
        self.runs.insert(id, run);
        self.with_run(id, |run, board| run.start(board, is_cancelled));
        for told in self.opening.remove(&id).unwrap_or_default() {
            self.handle(told);
        }
    }

    /// Works on a run, ends it if it is done, and looks whether it may take
    /// inputs. Code of the program that panics ends its run and no other.
    fn with_run(&mut self, id: RunId, work: impl FnOnce(&mut Run, &mut Board)) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let board = &mut self.board;
        let worked = catch_unwind(AssertUnwindSafe(|| work(run, board)));
        match worked {
            Ok(()) if !run.is_done() => self.consider(id),
            Ok(()) => self.end(id),
            Err(panic) => self.end_with_panic(id, panic),
        }
    }

    fn end(&mut self, id: RunId) {
        let Some(run) = self.runs.remove(&id) else {
            return;
        };
        let board = &mut self.board;
        let results = run.results();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run.end(board))) {
            let _ = results.send(Delivery::Panicked(panic));
        }
        self.tidy();
    }

    fn end_with_panic(&mut self, id: RunId, panic: Panic) {
        if let Some(run) = self.runs.remove(&id) {
            let board = &mut self.board;
            // What its source or its observers panic with when they are dropped
            // comes on top of what was told already.
            let end = AssertUnwindSafe(|| run.end_with_panic(board, panic));
            let _ = catch_unwind(end);
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        let runs = &self.runs;
        self.board.timers.tidy(|run| !runs.contains_key(&run));
    }

    // Admission.

    /// Gives a run a turn to take inputs, if it may.
    fn consider(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        if run.may_begin_regions() {
            self.beginning.insert(id);
        }
        if !run.may_admit() {
            return;
        }
        if run.is_exempt() {
            self.exempt.insert(id);
        }
        if !run.waits_for_turn() {
            run.set_waits_for_turn(true);
            self.turns += 1;
            self.admitting.insert(Turn {
                priority: run.priority(),
                number: self.turns,
                run: id,
            });
        }
    }

    fn has_room(&self) -> bool {
        self.board.executions_in_flight < self.max_executions
    }

    /// Whether a run has its turn to take an input, or begins more for one that it
    /// has, and there is room for that.
    fn may_admit(&self) -> bool {
        !self.beginning.is_empty()
            || !self.exempt.is_empty()
            || self.has_room() && !self.admitting.is_empty()
    }

    /// Takes inputs while there is need and room for them.
    fn admit(&mut self) {
        // Those that have still more are among them again.
        for id in std::mem::take(&mut self.beginning) {
            self.with_run(id, Run::begin_regions);
        }
        for _ in 0..INPUTS_A_TURN {
            if let Some(id) = self.exempt.pop_first() {
                if self.runs.get(&id).is_some_and(Run::is_exempt) {
                    self.ask(id);
                }
                continue;
            }
            if !self.has_room() {
                return;
            }
            let Some(turn) = self.admitting.pop_first() else {
                return;
            };
            if let Some(run) = self.runs.get_mut(&turn.run) {
                run.set_waits_for_turn(false);
                self.ask(turn.run);
            }
        }
    }

    /// Asks a run for its next input, if it may take one.
    fn ask(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.may_admit()) else {
            return;
        };
        let board = &mut self.board;
        match catch_unwind(AssertUnwindSafe(|| run.ask(board))) {
            Ok(Asked::Answered) if run.is_done() => self.end(id),
            // The others have their turns first.
            Ok(Asked::Answered) => self.consider(id),
            Ok(Asked::Later(source)) => {
                let (handle, registration) = Waiting::new_pair();
                run.wait_for_source(handle);
                let arrival = wait_for(id, source).boxed();
                self.arrivals.push(Abortable::new(arrival, registration));
            }
            Err(panic) => self.end_with_panic(id, panic),
        }
    }

    fn take_what_arrived(&mut self) {
        for _ in 0..INPUTS_A_TURN {
            if self.arrivals.is_empty() {
                return;
            }
            match next_arrival(&mut self.arrivals).now_or_never() {
                Some(arrival) => self.arrive(arrival),
                None => return,
            }
        }
    }

    fn arrive(&mut self, arrival: Option<Arrival>) {
        let Some((id, source, input)) = arrival else {
            return;
        };
        self.board.now = Instant::now();
        match input {
            Ok(input) => self.with_run(id, |run, _| run.source_answered(source, input)),
            Err(panic) => self.end_with_panic(id, panic),
        }
    }

    // Dispatch.

    /// Starts every call that there is room for, the most urgent first.
    fn dispatch(&mut self) {
        if !self.board.lanes.is_anything_waiting() {
            return;
        }
        // Said before looking, so that room which comes up later is told.
        self.board.waiter.want();
        self.board.lanes.look_again();
        // One look at the clock for all calls that start now.
        self.board.now = Instant::now();
        loop {
            let runs = &self.runs;
            let may_call = |run: RunId| runs.get(&run).is_some_and(Run::has_room);
            let Some((lane, run)) = self.board.lanes.most_urgent(may_call) else {
                return;
            };
            let wish = runs
                .get(&run)
                .map_or_else(Wish::default, |run| run.wish(lane));
            if wish.tokens > 0 {
                let mut is_over = false;
                self.with_run(run, |run, board| is_over = run.pass_over(board, lane));
                if is_over {
                    continue;
                }
            }
            let board = &mut self.board;
            match board.lanes.acquire(lane, wish, &board.waiter, board.now) {
                Ok(permit) => {
                    self.with_run(run, |run, board| run.start_call(board, lane, permit));
                }
                Err(Some(pause)) => self.tell_pause(&pause),
                Err(None) => {}
            }
        }
    }

    fn tell_pause(&mut self, pause: &NewPause) {
        let runs = self.runs.iter();
        // Where calls are spaced out that happens before each of them.
        let runs = runs.filter(|(_, run)| pause.is_rest || run.is_observed());
        let mut runs: Vec<RunId> = runs.map(|(id, _)| *id).collect();
        runs.sort_unstable();
        for run in runs {
            self.with_run(run, |run, board| run.tell_pause(board, pause));
        }
    }

    // Time.

    fn do_what_is_due(&mut self) {
        while let Some(due) = self.board.timers.pop_due(self.board.now) {
            match due {
                Due::Retry {
                    task,
                    failed_at,
                    asked,
                } => {
                    self.with_run(task.run, |run, board| {
                        run.retry(board, task, failed_at, asked);
                    });
                }
                Due::Hedge(attempted) => {
                    let run = attempted.task.run;
                    self.with_run(run, |run, board| run.hedge(board, attempted));
                }
                Due::RunTimeout { run, timeout } => {
                    self.with_run(run, |run, board| run.time_out(board, timeout));
                }
            }
        }
    }
}

/// The runtime goes away with runs that have not ended.
impl Drop for Scheduler {
    fn drop(&mut self) {
        let runs = std::mem::take(&mut self.runs);
        self.board.now = Instant::now();
        for run in runs.into_values() {
            let board = &mut self.board;
            // What an observer panics with has nobody left to be told to.
            let _ = catch_unwind(AssertUnwindSafe(|| run.abandon(board)));
        }
        // Runs that were not even begun: their results end without any.
    }
}

async fn wait_for(run: RunId, mut source: InputStream<Input>) -> Arrival {
    let input = AssertUnwindSafe(source.next()).catch_unwind().await;
    (run, source, input)
}

/// The next input that arrives; `None` for one that nobody waits for any more.
/// Its source is dropped then, and what it panics with has nobody left to be
/// told to.
async fn next_arrival(
    arrivals: &mut FuturesUnordered<Abortable<BoxFuture<'static, Arrival>>>,
) -> Option<Arrival> {
    let arrival = AssertUnwindSafe(arrivals.next()).catch_unwind().await;
    arrival.ok()??.ok()
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
