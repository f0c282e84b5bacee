//! [`RunJournal`]: what a run writes into its journal, and what of it may answer
//! for it. How what is found there is used is in `recall`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::Run;
use crate::clients::LlmResponse;
use crate::execution::scheduling::bound::Bound;
use crate::execution::scheduling::evaluate::{self, Failure, ParameterTexts};
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::scheduler::{Board, Event, EventSender};
use crate::execution::scheduling::task::Source;
use crate::execution::{BatchResult, ErrorKind, ExecutionError, ExecutionSettings, RunId};
use crate::graph::NodeRef;
use crate::journal::{
    CallFailure, CallRecord, EndCounts, EndRecord, HostRecord, InputFailure, InputIdentity,
    InputRecord, Journal, NewRun, Record, RequestDigest, RequestKey, RunNumber, Subscription,
    ValueDigest,
};
use crate::value::Value;

/// The journal of a run.
pub(super) struct RunJournal {
    pub(super) journal: Journal,
    /// Its number in the journal.
    number: RunNumber,
    pub(super) replays: bool,
    retries_failed: bool,
    /// How often each request was asked, if answers to the same one are looked
    /// for.
    asked: Option<FxHashMap<RequestKey, u32>>,
    /// How often each input came.
    occurrences: FxHashMap<InputIdentity, u32>,
    _changes: Subscription,
}

impl RunJournal {
    pub(super) fn begin(
        journal: Journal,
        run: RunId,
        bound: &Bound,
        parameters: &ParameterTexts,
        settings: &ExecutionSettings,
        events: &EventSender,
    ) -> Self {
        let table = bound.plan.graph().parameters().iter();
        let parameters = table.zip(parameters.iter());
        let parameters: Vec<_> = parameters
            .map(|(found, text)| (&found.path, &**text))
            .collect();
        let models: Vec<_> = bound
            .endpoints
            .iter()
            .map(|endpoint| (endpoint.alias(), endpoint.asked()))
            .collect();
        let number = journal.begin_run(NewRun {
            graph: bound.fingerprint(),
            parameters: &parameters,
            models: &models,
        });
        let caches = settings.cached_requests.unwrap_or(false);
        let events = events.clone();
        Self {
            number,
            replays: settings.replay.unwrap_or(false),
            retries_failed: settings.retry_failed.unwrap_or(false),
            asked: caches.then(FxHashMap::default),
            occurrences: FxHashMap::default(),
            _changes: journal.on_change(move || events.send(Event::JournalChanged(run))),
            journal,
        }
    }

    /// What the journal knows an input by.
    pub(super) fn identify(&mut self, pipeline: &str, input: &Value) -> InputIdentity {
        let first = InputIdentity::of(pipeline, input);
        let occurrences = self.occurrences.entry(first).or_insert(0);
        let identity = first.occurrence(*occurrences);
        *occurrences += 1;
        identity
    }

    /// Whether an input need not be run, because it would end as it did.
    pub(super) fn still_holds(&self, ended: &InputRecord) -> bool {
        let is_wanted = ended.outcome.is_ok() || !self.retries_failed;
        is_wanted && !self.replays && self.journal.is_same(ended.run, self.number)
    }

    /// Whether the models behind `alias` are those that a call was made to.
    pub(super) fn has_same_models(&self, call: &CallRecord, alias: &str) -> bool {
        self.replays || self.journal.has_same_models(call.run, self.number, alias)
    }

    /// Whether answers to the same request for other inputs will do.
    pub(super) fn looks_for_requests(&self) -> bool {
        self.asked.is_some()
    }

    /// The answer to the same request for another input, if there is one that
    /// was not taken yet.
    pub(super) fn find_request(
        &mut self,
        models: &[String],
        request: RequestDigest,
    ) -> Option<Source> {
        let asked = self.asked.as_mut()?;
        let key = RequestKey::new(request, models);
        let times = asked.entry(key).or_insert(0);
        let found = self.journal.find_request(key, *times);
        *times += 1;
        Some(Source::Kept(self.journal.clone(), found?))
    }

    fn append(&self, record: impl Into<Record>) {
        self.journal.append(record.into());
    }
}

impl Run {
    /// Keeps an answer.
    pub(super) fn record_answer(
        &self,
        execution: &Execution,
        running: &Running,
        asked: Option<RequestDigest>,
        response: LlmResponse,
        now: Instant,
    ) {
        self.record_call(execution, running, asked, Ok(response), now);
    }

    /// Keeps why a call failed for good.
    pub(super) fn record_failure(
        &self,
        execution: &Execution,
        running: &Running,
        asked: Option<RequestDigest>,
        failure: &Failure,
        now: Instant,
    ) {
        if self.journal.is_some() {
            let failure = CallFailure {
                kind: failure.kind.as_str().to_owned(),
                message: failure.message.clone(),
            };
            self.record_call(execution, running, asked, Err(failure), now);
        }
    }

    fn record_call(
        &self,
        execution: &Execution,
        running: &Running,
        asked: Option<RequestDigest>,
        outcome: Result<LlmResponse, CallFailure>,
        now: Instant,
    ) {
        let (Some(journal), Some(input), Some(request)) =
            (&self.journal, execution.identity, asked)
        else {
            return;
        };
        let node = running.node;
        let took = now.duration_since(running.started);
        let place = self.bound.endpoint_of[node.index()];
        let endpoint = &self.bound.endpoints[place];
        journal.append(CallRecord {
            run: journal.number,
            input,
            path: execution.path_of(&self.bound.plan, node),
            turn: running.turn,
            request,
            alias: endpoint.alias().into(),
            asked: running
                .asked
                .map_or_else(String::new, |asked| endpoint.asked_at(asked)),
            outcome,
            failed_attempts: execution.failed_attempts(node),
            cost: running.charge.cost(),
            began_at: ago(took),
            waited: running.started.duration_since(running.ready),
            took,
        });
    }

    /// What a host function gave for the same value before.
    pub(super) fn recorded_value(&self, execution: &Execution, node: NodeRef) -> Option<Value> {
        self.journal.as_ref()?;
        let plan = &self.bound.plan;
        let arguments = evaluate::recorded_arguments(plan, &execution.state, node)?;
        let path = execution.path_of(plan, node);
        execution.memory.value(&path, ValueDigest::of(&arguments))
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
        let (Some(journal), Some(input)) = (&self.journal, execution.identity) else {
            return;
        };
        let plan = &self.bound.plan;
        let Some(arguments) = evaluate::recorded_arguments(plan, &execution.state, node) else {
            return;
        };
        journal.append(HostRecord {
            run: journal.number,
            input,
            path: execution.path_of(plan, node),
            arguments: ValueDigest::of(&arguments),
            value: value.clone(),
            took,
        });
    }

    /// Keeps how an input ended. One that was stopped has not: it goes on later.
    pub(super) fn record_end(&self, identity: Option<InputIdentity>, result: &BatchResult<Value>) {
        let (Some(journal), Some(input)) = (&self.journal, identity) else {
            return;
        };
        let outcome = match &result.output {
            Ok(output) => Ok(output.clone()),
            Err(error) if was_cut_off(error) => return,
            Err(error) => Err(InputFailure::from(error)),
        };
        journal.append(InputRecord {
            run: journal.number,
            input,
            index: result.index as u64,
            outcome,
            usage: result.usage,
            cost: result.cost,
            took: result.timings.total,
            waited: result.timings.waiting,
            called: result.timings.calling,
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
        journal.append(EndRecord {
            run: journal.number,
            at: ago(Duration::ZERO),
            completed: progress.inputs_succeeded as u64,
            failed: progress.inputs_failed as u64,
            stopped: progress.inputs_cancelled as u64,
            from_journal: progress.inputs_from_journal as u64,
            why: self
                .shared
                .not_begun
                .get()
                .map(|(kind, why)| format!("{}: {why}", kind.as_str())),
        });
        let results = self.results.clone();
        tokio::spawn(async move {
            // What can't be kept is told by the journal itself.
            let _ = journal.journal.flushed().await;
            drop(results);
        });
    }
}

/// Whether an input has not ended by itself.
fn was_cut_off(error: &ExecutionError) -> bool {
    error.was_stopped() || error.kind == ErrorKind::Timeout && error.node.is_none()
}

/// The time of day, so long ago.
fn ago(time: Duration) -> SystemTime {
    let now = SystemTime::now();
    now.checked_sub(time).unwrap_or(now)
}
