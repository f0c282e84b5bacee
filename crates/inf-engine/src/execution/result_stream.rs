//! [`ResultStream`]: results as inputs end.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::inputs::InputStream;
use super::observation::Recorder;
use super::scheduling::{Delivery, Event, EventSender, Input, RunRequest, RunShared};
use super::{
    BatchResult, ErrorKind, ExecutionError, ExecutionManager, ExecutionTimings, Progress, RunId,
};
use crate::clients::Usage;
use crate::journal::JournalError;
use crate::resources::Cost;
use crate::value::{Data, Value};

/// Results as inputs end, one for each input; made by
/// [`Pipeline::stream`](super::Pipeline::stream).
///
/// The run goes on while nobody reads, until as many results wait as
/// [`max_results_waiting`](super::ExecutionSettings::max_results_waiting) allows.
/// Dropping the stream cancels what is under way and closes its connections.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// // An endless source: what is read ahead is bounded, and the stream says when to stop.
/// let questions = (1_u64..).map(|n| format!("Is {n} a prime?"));
/// let mut results = pipeline.stream(questions).in_order();
/// while let Some(result) = results.next().await {
///     if let Ok(answer) = &result.output {
///         println!("{}: {answer}", result.index);
///     }
///     if result.index == 99 {
///         results.stop(); // begins no more; what has begun still has its result
///     }
/// }
/// assert!(results.progress().inputs_succeeded >= 100);
/// assert!(results.ended_early().is_some());
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it cancels the run"]
pub struct ResultStream<O> {
    run: RunId,
    state: State,
    results: mpsc::UnboundedReceiver<Delivery>,
    changes: watch::Receiver<()>,
    shared: Arc<RunShared>,
    order: Option<InOrder>,
    /// Keeps what happens, in train mode.
    recorder: Option<Arc<Recorder>>,
    output: PhantomData<fn() -> O>,
}

enum State {
    /// It was made outside of a runtime, and begins when it is first read.
    Unbegun(Box<RunRequest>, ExecutionManager),
    /// There is no runtime: every input ends in that error.
    Runtimeless {
        source: InputStream<Input>,
        next_index: usize,
    },
    Running(EventSender),
    Ended,
}

/// Results that wait for older ones.
#[derive(Default)]
struct InOrder {
    next: usize,
    held: BTreeMap<usize, BatchResult<Value>>,
}

impl<O: Data> ResultStream<O> {
    pub(super) fn new(
        request: Box<RunRequest>,
        manager: ExecutionManager,
        results: mpsc::UnboundedReceiver<Delivery>,
    ) -> Self {
        let mut stream = Self {
            run: request.id,
            changes: request.changes.subscribe(),
            shared: Arc::clone(&request.shared),
            results,
            state: State::Ended,
            order: None,
            recorder: None,
            output: PhantomData,
        };
        stream.state = match manager.begin(request) {
            Ok(events) => State::Running(events),
            Err(request) => State::Unbegun(request, manager),
        };
        stream
    }

    /// The same results with what `recorder` was told of each.
    pub(super) fn recorded_by(mut self, recorder: Option<Arc<Recorder>>) -> Self {
        self.recorder = recorder;
        self
    }

    /// The same results in the order of their inputs: a result waits for those
    /// of older inputs. What waits is bounded by
    /// [`max_results_waiting`](super::ExecutionSettings::max_results_waiting):
    /// behind an input that takes long the run goes on only that far.
    ///
    /// # Panics
    /// If a result was read already: it is not known which are still to come.
    pub fn in_order(mut self) -> Self {
        let taken = self.shared.taken.load(Ordering::SeqCst);
        assert!(
            self.order.is_some() || taken == 0,
            "`in_order` comes before the first result is read"
        );
        self.order.get_or_insert_default();
        self
    }

    /// The next result; `None` when every input has ended.
    pub async fn next(&mut self) -> Option<BatchResult<O>> {
        StreamExt::next(self).await
    }
}

impl<O> ResultStream<O> {
    /// Begins no more inputs: those for which no call was made yet end as
    /// [cancelled](ErrorKind::Cancelled), and those that have begun go on. To
    /// end them too, [`cancel`](Self::cancel).
    pub fn stop(&mut self) {
        self.tell(Event::Stop(self.run));
    }

    /// Ends everything: calls in flight are given up and their connections
    /// closed, and inputs that had not ended fail as
    /// [cancelled](ErrorKind::Cancelled). Their results, and those that were
    /// there before, can still be read.
    pub fn cancel(&mut self) {
        self.tell(Event::Cancel(self.run));
    }

    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.shared.counters.progress()
    }

    /// How far the run is, whenever something has changed, but at most once
    /// every `interval`, and once more when the run has ended. It can be read
    /// apart from the results.
    pub fn progress_updates(
        &self,
        interval: Duration,
    ) -> impl Stream<Item = Progress> + Send + Unpin + use<O> {
        let shared = Arc::clone(&self.shared);
        let changes = Some(self.changes.clone());
        let updates = stream::unfold((changes, shared), move |(changes, shared)| async move {
            let mut changes = changes?;
            let mut goes_on = changes.changed().await.is_ok();
            if goes_on {
                shared.ended_within(interval).await;
                changes.mark_unchanged();
                goes_on = !shared.counters.has_ended();
            }
            let progress = shared.counters.progress();
            Some((progress, (goes_on.then_some(changes), shared)))
        });
        updates.boxed()
    }

    /// Why the run took no more inputs before its source had given all of them:
    /// it was stopped or cancelled, an input failed under `FailFast`, its time
    /// was up, or its runtime went away. `None` if the source gave all, or while
    /// it still does; what had begun has its result in either case.
    pub fn ended_early(&self) -> Option<ExecutionError> {
        let is_stopped = self.shared.not_begun.get().is_some();
        let is_gone = matches!(self.state, State::Ended) && !self.shared.counters.has_ended();
        (is_stopped || is_gone).then(|| self.not_begun())
    }

    /// Why the journal does not hold all that the run has finished, if it does
    /// not: it could not be written. After the last result nothing more comes.
    pub fn journal_failure(&self) -> Option<JournalError> {
        self.shared.journal.get()?.failure()
    }

    /// Why an input has no result, if it has none.
    pub(super) fn not_begun(&self) -> ExecutionError {
        let (kind, why) = match self.shared.not_begun.get() {
            Some((kind, why)) => (*kind, why.as_str()),
            None => (
                ErrorKind::Cancelled,
                "the runtime that the run began in is gone: keep it until all results are read",
            ),
        };
        ExecutionError::new(kind, why)
    }

    /// Notes that a result is no good for a reason that shows where it is read.
    fn note_failed(&self, index: usize) {
        {
            let mut counts = self.shared.counters.counts();
            counts.inputs_succeeded -= 1;
            counts.inputs_failed += 1;
        }
        if let State::Running(events) = &self.state {
            let run = self.run;
            events.send(Event::ResultFailed { run, index });
        }
    }

    fn tell(&mut self, event: Event) {
        match &self.state {
            State::Running(events) => {
                events.send(event);
            }
            State::Unbegun(..) | State::Runtimeless { .. } => {
                let why = "the run was cancelled before it began".to_owned();
                let _ = self.shared.not_begun.set((ErrorKind::Cancelled, why));
                self.state = State::Ended;
            }
            State::Ended => {}
        }
    }

    fn poll_result(&mut self, context: &mut Context<'_>) -> Poll<Option<BatchResult<Value>>> {
        if let State::Unbegun(..) = &self.state
            && let State::Unbegun(request, manager) =
                std::mem::replace(&mut self.state, State::Ended)
        {
            self.state = match manager.begin(request) {
                Ok(events) => State::Running(events),
                Err(request) => State::Runtimeless {
                    source: request.source,
                    next_index: 0,
                },
            };
        }
        match &mut self.state {
            State::Runtimeless { source, next_index } => {
                let input = ready!(source.as_mut().poll_next(context));
                let Some(input) = input else {
                    // A stream may panic when it is asked again.
                    self.state = State::Ended;
                    self.shared.note_ended(Instant::now());
                    return Poll::Ready(None);
                };
                let result = without_runtime(*next_index, input);
                *next_index += 1;
                return Poll::Ready(Some(result));
            }
            State::Unbegun(..) | State::Running(_) | State::Ended => {}
        }
        loop {
            if let Some(order) = &mut self.order
                && let Some(result) = order.held.remove(&order.next)
            {
                order.next += 1;
                return Poll::Ready(Some(result));
            }
            match ready!(self.results.poll_recv(context)) {
                Some(Delivery::Ended(result)) => match &mut self.order {
                    Some(order) if result.index != order.next => {
                        order.held.insert(result.index, result);
                    }
                    Some(order) => {
                        order.next += 1;
                        return Poll::Ready(Some(result));
                    }
                    None => return Poll::Ready(Some(result)),
                },
                Some(Delivery::Panicked(panic)) => {
                    self.state = State::Ended;
                    resume_unwind(panic);
                }
                None => {
                    self.state = State::Ended;
                    // Empty, unless a panic left a gap.
                    let held = self.order.as_mut().and_then(|order| order.held.pop_first());
                    return Poll::Ready(held.map(|(_, result)| result));
                }
            }
        }
    }

    /// Notes that a result leaves the stream.
    fn note_taken(&self) {
        self.shared.taken.fetch_add(1, Ordering::SeqCst);
        if self.shared.wants_room.load(Ordering::SeqCst)
            && self.shared.wants_room.swap(false, Ordering::SeqCst)
            && let State::Running(events) = &self.state
        {
            events.send(Event::Taken(self.run));
        }
    }
}

impl<O: Data> Stream for ResultStream<O> {
    type Item = BatchResult<O>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(result) = ready!(self.poll_result(context)) else {
            return Poll::Ready(None);
        };
        self.note_taken();
        let had_output = result.output.is_ok();
        let mut result = result.and_then(|value| decode(&value));
        if let Some(recorder) = &self.recorder {
            result.record = Some(Arc::new(recorder.take(result.index, &result.input)));
        }
        if had_output && result.output.is_err() {
            self.note_failed(result.index);
        }
        Poll::Ready(Some(result))
    }
}

impl<O> Drop for ResultStream<O> {
    fn drop(&mut self) {
        if let State::Running(events) = &self.state {
            events.send(Event::Cancel(self.run));
        }
    }
}

fn decode<O: Data>(value: &Value) -> Result<O, ExecutionError> {
    O::from_value(value).map_err(|error| {
        let message = format!("the output is not of the pipeline's output type: {error}");
        ExecutionError::new(ErrorKind::InvalidOutput, message)
    })
}

fn without_runtime(index: usize, input: Input) -> BatchResult<Value> {
    let message = "there is no tokio runtime to run in: use `#[tokio::main]`, or `run_blocking` \
                   and `run_batch_blocking` in programs that are not async";
    BatchResult {
        index,
        output: Err(ExecutionError::new(ErrorKind::Runtime, message)),
        input: input.unwrap_or(Value::Null),
        usage: Usage::default(),
        cost: Cost::default(),
        timings: ExecutionTimings::default(),
        from_journal: false,
        record: None,
    }
}

impl<O> fmt::Debug for ResultStream<O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResultStream")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}
