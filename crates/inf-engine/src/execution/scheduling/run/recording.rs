//! [`RunJournal`]: what a run writes into its journal, and what of it may answer
//! for it. How what is found there is used is in `recall`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Memory, Run};
use crate::clients::LlmResponse;
use crate::execution::observation::RunSpans;
use crate::execution::scheduling::bound::Bound;
use crate::execution::scheduling::evaluate::{self, ParameterTexts};
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::recall::Wanted;
use crate::execution::scheduling::scheduler::{Board, Event, EventSender};
use crate::execution::scheduling::task::{ExecutionId, Source};
use crate::execution::{Attempt, BatchResult, ErrorKind, ExecutionError, ExecutionSettings, RunId};
use crate::graph::{InferenceGraph, NodeRef};
use crate::journal::{
    ArgumentsDigest, CallRecord, EarlierSend, EndCounts, EndRecord, HostRecord, InputFailure,
    InputIdentity, InputRecord, InputTimings, Journal, ModelIdentity, NewRun, PipelineRecord,
    Record, RecordedFailure, RequestDigest, RequestKey, RunNumber, Subscription, Timestamp,
};
use crate::resources::{Asked, EndpointGroup};
use crate::value::Value;

/// A call, as it was asked.
pub(super) struct ToRecord {
    request: RequestDigest,
    /// What failed before in the same turn.
    attempts: Box<[RecordedFailure]>,
    /// When it was sent before.
    earlier: Box<[EarlierSend]>,
}

/// A run that is recorded.
struct Recorded {
    number: RunNumber,
    /// What it is a run of.
    pipeline: Arc<PipelineRecord>,
}

/// An input under way.
pub(super) struct Known {
    identity: InputIdentity,
    /// What was recorded of it before.
    pub(super) memory: Memory,
}

/// The journal of a run.
pub(super) struct RunJournal {
    pub(super) journal: Journal,
    /// The name of what is run.
    pipeline: String,
    /// What is written of it; a run that is answered by the journal alone leaves
    /// it as it is.
    recorded: Option<Recorded>,
    retries_failed: bool,
    /// Whether inputs are gone through that have ended before.
    ignores_ends: bool,
    /// How often each request was asked, if answers to the same one are looked
    /// for.
    asked: Option<FxHashMap<RequestDigest, usize>>,
    /// How often each input came.
    occurrences: FxHashMap<InputIdentity, u64>,
    /// The inputs under way, by their oldest execution.
    inputs: FxHashMap<ExecutionId, Known>,
    /// The most calls that the endpoints take at once.
    most_calls: usize,
    _changes: Subscription,
}

impl Recorded {
    fn begin(journal: &Journal, bound: &Bound, parameters: &ParameterTexts) -> Self {
        let graph = bound.plan.graph();
        let table = graph.parameters().iter().zip(parameters.iter());
        let parameters: Vec<_> = table
            .map(|(found, text)| (found.path.as_str().into(), Arc::clone(text)))
            .collect();
        let models: Vec<_> = bound
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.alias().into(), models_of(endpoint)))
            .collect();
        let number = journal.begin_run(&NewRun {
            pipeline: graph.name(),
            fingerprint: bound.fingerprint(),
            parameters: &parameters,
            models: &models,
        });
        let Some(pipeline) = journal.pipeline_of(number) else {
            unreachable!("a run that begins has its pipeline");
        };
        Self { number, pipeline }
    }
}

impl RunJournal {
    /// Whether another call may be made beside `in_flight` others of at most
    /// `most`.
    pub(super) fn has_room_beside(&self, in_flight: usize, most: usize) -> bool {
        let most = most.min(self.most_calls);
        self.journal.has_room_beside(in_flight, most)
    }

    /// Whether calls are answered by the journal alone.
    pub(super) fn replays(&self) -> bool {
        self.recorded.is_none()
    }

    pub(super) fn begin(
        journal: Journal,
        run: RunId,
        bound: &Bound,
        parameters: &ParameterTexts,
        settings: &ExecutionSettings,
        events: &EventSender,
    ) -> Self {
        let replays = settings.replay.unwrap_or(false);
        let recorded = (!replays).then(|| Recorded::begin(&journal, bound, parameters));
        let caches = settings.cached_requests.unwrap_or(false);
        let events = events.clone();
        Self {
            pipeline: bound.plan.graph().name().to_owned(),
            recorded,
            ignores_ends: false,
            retries_failed: settings.retry_failed.unwrap_or(false),
            asked: caches.then(FxHashMap::default),
            occurrences: FxHashMap::default(),
            inputs: FxHashMap::default(),
            most_calls: bound.most_calls(),
            _changes: journal.on_change(move || events.send(Event::JournalChanged(run))),
            journal,
        }
    }

    /// Whether inputs that have ended before are gone through all the same: what
    /// was called for them is there, so that nothing is paid for it.
    pub(super) fn without_ends(self, ignores_ends: bool) -> Self {
        Self {
            ignores_ends,
            ..self
        }
    }

    /// Begins an input, and says what it is known by.
    pub(super) fn begin_input(&mut self, execution: ExecutionId, input: &Value) -> InputIdentity {
        let first = InputIdentity::first_of(&self.pipeline, input);
        let occurrences = self.occurrences.entry(first).or_insert(0);
        let identity = first.occurrence(*occurrences);
        *occurrences += 1;
        let memory = Memory::default();
        self.inputs.insert(execution, Known { identity, memory });
        identity
    }

    /// Keeps what was recorded of an input before.
    pub(super) fn remember(&mut self, execution: ExecutionId, memory: Memory) {
        if let Some(known) = self.inputs.get_mut(&execution) {
            known.memory = memory;
        }
    }

    /// What was recorded before of the input that `execution` is of.
    pub(super) fn memory_of(&mut self, execution: &Execution) -> Option<&mut Memory> {
        let known = self.inputs.get_mut(&execution.root)?;
        Some(&mut known.memory)
    }

    /// Forgets an input that has ended; what it is known by.
    pub(super) fn end_input(&mut self, execution: ExecutionId) -> Option<InputIdentity> {
        Some(self.inputs.remove(&execution)?.identity)
    }

    fn input_of(&self, execution: &Execution) -> Option<InputIdentity> {
        Some(self.inputs.get(&execution.root)?.identity)
    }

    /// Which ends of inputs still hold.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            pipeline: self
                .recorded
                .as_ref()
                .filter(|_| !self.ignores_ends)
                .map(|it| it.pipeline.number),
            retries_failed: self.retries_failed,
        }
    }

    /// Takes the newest answer to `request` that was recorded of the input, of
    /// the models that are there now.
    pub(super) fn take(
        &mut self,
        (execution, path, turn): (&Execution, &Arc<str>, u32),
        request: RequestDigest,
    ) -> Option<CallRecord> {
        let Self {
            journal,
            recorded,
            inputs,
            ..
        } = self;
        let memory = &mut inputs.get_mut(&execution.root)?.memory;
        memory.take(path, turn, request, |call| {
            let Some(recorded) = &*recorded else {
                return true;
            };
            let models = |pipeline: &PipelineRecord| pipeline.models.get(&call.alias).cloned();
            let before = journal.pipeline_of(call.run);
            before.is_some_and(|before| models(&before) == models(&recorded.pipeline))
        })
    }

    /// Whether nothing is recorded of an input.
    pub(super) fn knows_nothing_of(&self, execution: &Execution) -> bool {
        let known = self.inputs.get(&execution.root);
        known.is_none_or(|known| known.memory.is_empty())
    }

    /// Whether answers to the same request for other inputs will do.
    pub(super) fn looks_for_requests(&self) -> bool {
        self.asked.is_some()
    }

    /// The answer to the same request for another input, if there is one that
    /// was not taken yet.
    pub(super) fn find_request(
        &mut self,
        execution: &Execution,
        endpoint: &EndpointGroup,
        request: RequestDigest,
    ) -> Option<Source> {
        let asked = self.asked.as_mut()?;
        let times = asked.entry(request).or_insert(0);
        let keys = endpoint.asked();
        let keys = keys.map(|asked| request.at(&asked.model, &asked.address));
        let keys: Vec<RequestKey> = keys.collect();
        // Other calls of the input that asked the same keep the answers that they had.
        let known = self.inputs.get(&execution.root);
        let kept = known.map_or(0, |known| known.memory.answers_to(request));
        let found = self.journal.find_request(&keys, *times + kept);
        *times += 1;
        Some(Source::Kept(self.journal.clone(), found?))
    }

    /// Writes what `record` makes with the number of the run, if it is recorded.
    fn append<R: Into<Record>>(&self, record: impl FnOnce(RunNumber) -> R) {
        if let Some(recorded) = &self.recorded {
            self.journal.append(record(recorded.number));
        }
    }
}

impl Run {
    /// What is recorded of a call besides what came of it. To be called before
    /// its answer is taken, which may begin another turn.
    pub(super) fn to_record(
        execution: &mut Execution,
        node: NodeRef,
        request: Option<RequestDigest>,
    ) -> Option<ToRecord> {
        let earlier = execution.take_earlier_sends(node);
        let attempts = execution.attempts_of(node);
        let retries = execution.retries(node) as usize;
        let attempts = attempts[attempts.len().saturating_sub(retries)..].iter();
        let attempts = attempts.map(|attempt| failure(attempt.kind, &attempt.message));
        Some(ToRecord {
            request: request?,
            attempts: attempts.collect(),
            earlier,
        })
    }

    /// Remembers a request that is sent again, until it is recorded what comes of it.
    pub(super) fn note_sent_again(
        &self,
        execution: &mut Execution,
        running: &Running,
        kind: &'static str,
        now: Instant,
    ) {
        if self.journal.as_ref().is_none_or(RunJournal::replays) {
            return;
        }
        let took = now.duration_since(running.started);
        let sent = EarlierSend {
            kind: kind.into(),
            began_at: ago(took),
            waited: running.started.duration_since(running.ready),
            took,
            charged: running.charge.assumed(),
        };
        execution.note_earlier_send(running.node, sent);
    }

    /// Keeps what came of a call.
    pub(super) fn record_call(
        &self,
        execution: &Execution,
        running: &Running,
        asked: Option<ToRecord>,
        outcome: Result<LlmResponse, RecordedFailure>,
        now: Instant,
    ) {
        let (Some(journal), Some(asked)) = (&self.journal, asked) else {
            return;
        };
        let Some(input) = journal.input_of(execution) else {
            return;
        };
        let node = running.node;
        let took = now.duration_since(running.started);
        let place = self.bound.endpoint_of[node.index()];
        let endpoint = &self.bound.endpoints[place];
        let Some(Asked { model, address, .. }) =
            running.asked.map(|asked| endpoint.asked_at(asked))
        else {
            return;
        };
        journal.append(|run| CallRecord {
            run,
            input,
            path: execution.record_path(&self.bound.plan, node),
            turn: running.turn,
            request: asked.request,
            alias: endpoint.alias().into(),
            endpoint: Arc::clone(address),
            model: Arc::clone(model),
            outcome,
            attempts: asked.attempts,
            earlier: asked.earlier,
            cost: running.charge.cost(),
            charged: running.charge.assumed(),
            began_at: ago(took),
            waited: running.started.duration_since(running.ready),
            took,
        });
    }

    /// What a host function gave for the same value before.
    pub(super) fn recorded_value(&self, execution: &Execution, node: NodeRef) -> Option<Value> {
        let journal = self.journal.as_ref()?;
        let plan = &self.bound.plan;
        let arguments = evaluate::recorded_arguments(plan, &execution.state, node)?;
        let path = execution.record_path(plan, node);
        let known = journal.inputs.get(&execution.root)?;
        known.memory.value(&path, ArgumentsDigest::of(&arguments))
    }

    /// Keeps what a host function gave that asks for it. To be called before the
    /// node is completed, which releases what it was given.
    pub(super) fn record_value(
        &self,
        execution: &Execution,
        node: NodeRef,
        value: &Value,
        took: Duration,
    ) {
        let Some(journal) = &self.journal else { return };
        let Some(input) = journal.input_of(execution) else {
            return;
        };
        let plan = &self.bound.plan;
        let Some(arguments) = evaluate::recorded_arguments(plan, &execution.state, node) else {
            return;
        };
        journal.append(|run| HostRecord {
            run,
            input,
            path: execution.record_path(plan, node),
            arguments: ArgumentsDigest::of(&arguments),
            outcome: Ok(value.clone()),
            began_at: ago(took),
            took,
        });
    }

    /// Keeps how an input ended. One that was stopped has not: it goes on later.
    pub(super) fn record_end(&mut self, execution: ExecutionId, result: &BatchResult<Value>) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        let Some(input) = journal.end_input(execution) else {
            return;
        };
        let outcome = match &result.output {
            Ok(output) => Ok(output.clone()),
            Err(error) if was_cut_off(error) => return,
            Err(error) => Err(recorded(error)),
        };
        journal.append(|run| InputRecord {
            run,
            input,
            index: result.index as u64,
            outcome,
            usage: result.usage,
            cost: result.cost,
            at: Timestamp::now(),
            timings: InputTimings {
                total: result.timings.total,
                waiting: result.timings.waiting,
                calling: result.timings.calling,
            },
        });
    }

    /// Goes on where the journal has room again, and makes no more calls if it
    /// can't be written any more.
    pub(crate) fn journal_changed(&mut self, board: &mut Board) {
        let journal = self.journal.as_ref();
        if let Some(failure) = journal.and_then(|run| run.journal.failure())
            && self.spending.refusal().is_none()
        {
            self.make_no_more_calls(board, ErrorKind::Journal, failure.to_string());
        }
    }

    /// Notes in the journal that the run has ended, and how. Its results end when
    /// all of it is on disk.
    pub(super) fn close_journal(&mut self) {
        let Some(journal) = self.journal.take() else {
            return;
        };
        let progress = self.shared.counters.progress();
        journal.append(|run| EndRecord {
            run,
            at: Timestamp::now(),
            why: self.ended_by.map_or("done", ErrorKind::as_str).into(),
            counts: EndCounts {
                completed: progress.inputs_succeeded as u64,
                failed: progress.inputs_failed as u64,
                cancelled: progress.inputs_cancelled as u64,
                recalled: progress.inputs_from_journal as u64,
                calls: progress.calls,
                recalled_calls: progress.calls_from_journal,
            },
        });
        // A runtime that goes away waits for nothing.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let results = self.results.clone();
        let run = self.id;
        runtime.spawn(async move {
            if let Err(error) = journal.journal.flushed().await {
                RunSpans::tell_not_kept(run, &error);
            }
            drop(results);
        });
    }
}

/// Whether an input has not ended by itself.
fn was_cut_off(error: &ExecutionError) -> bool {
    error.was_stopped() || error.kind == ErrorKind::Timeout && error.node.is_none()
}

fn models_of(endpoint: &EndpointGroup) -> Vec<ModelIdentity> {
    let models = endpoint.asked();
    let models = models
        .map(|asked| ModelIdentity::new(Arc::clone(&asked.provider), Arc::clone(&asked.model)));
    let mut models: Vec<ModelIdentity> = models.collect();
    // Whichever of several stands first: any of them may be asked.
    models.sort_unstable();
    models.dedup();
    models
}

pub(super) fn failure(kind: ErrorKind, message: &str) -> RecordedFailure {
    RecordedFailure {
        kind: kind.as_str().into(),
        message: message.to_owned(),
    }
}

fn recorded(error: &ExecutionError) -> InputFailure {
    let attempts = error.earlier_attempts.iter();
    let attempts = attempts.map(|attempt| failure(attempt.kind, &attempt.message));
    InputFailure {
        node: error.node.clone(),
        alias: error.alias.clone(),
        path: error.path.clone(),
        kind: error.kind.as_str().into(),
        message: error.message.clone(),
        answer: error.answer.clone(),
        attempts: attempts.collect(),
    }
}

/// The error that was recorded; `None` if its kind is one of another version.
pub(super) fn recalled(failure: &InputFailure, graph: &InferenceGraph) -> Option<ExecutionError> {
    let node = failure
        .node
        .as_deref()
        .and_then(|name| graph.node_named(name));
    let attempts = failure.attempts.iter().map(|attempt| {
        Some(Attempt {
            kind: ErrorKind::from_name(&attempt.kind)?,
            message: attempt.message.clone(),
        })
    });
    Some(ExecutionError {
        node: failure.node.clone(),
        alias: failure.alias.clone(),
        path: failure.path.clone(),
        location: node.and_then(|node| graph.node(node).location()),
        kind: ErrorKind::from_name(&failure.kind)?,
        message: failure.message.clone(),
        answer: failure.answer.clone(),
        earlier_attempts: attempts.collect::<Option<_>>()?,
    })
}

/// The time of day, so long ago.
fn ago(time: Duration) -> Timestamp {
    let now = SystemTime::now();
    now.checked_sub(time).unwrap_or(now).into()
}
