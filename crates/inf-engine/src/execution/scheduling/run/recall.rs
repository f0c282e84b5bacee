//! What the journal answers: inputs that it has the end of, and calls that were
//! answered before.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tracing::Span;

use super::recording::{self, RunJournal};
use super::{Charge, Run};
use crate::execution::observation::TaskOutcome;
use crate::execution::scheduling::conversation::Conversation;
use crate::execution::scheduling::evaluate::Failure;
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::recall::{Held, Recall, Recalled};
use crate::execution::scheduling::scheduler::Board;
use crate::execution::scheduling::task::{self, RecallTask, Source};
use crate::execution::{BatchResult, ErrorKind, ExecutionError, ExecutionTimings, Spent};
use crate::graph::NodeRef;
use crate::journal::{
    ArgumentsDigest, CallRecord, HostRecord, InputRecord, Record, RecordedFailure, RequestDigest,
};
use crate::resources::Wish;
use crate::value::Value;

/// What the journal holds of an input, as long as it may be of use.
#[derive(Default)]
pub(crate) struct Memory {
    /// Calls that were answered, by where they were made; the newest first.
    calls: FxHashMap<(Arc<str>, u32), Vec<CallRecord>>,
    /// Calls that failed, by where and what they asked, with how they did last.
    failures: FxHashMap<(Arc<str>, u32, RequestDigest), RecordedFailure>,
    /// What host functions gave, by where; the newest first.
    values: FxHashMap<Arc<str>, Vec<HostRecord>>,
}

impl Memory {
    /// What of `records` may be of use; they are newest first.
    fn of(records: Vec<Record>) -> Self {
        let mut memory = Self::default();
        for record in records {
            match record {
                Record::Call(call) if call.outcome.is_ok() => {
                    let place = (Arc::clone(&call.path), call.turn);
                    memory.calls.entry(place).or_default().push(*call);
                }
                Record::Call(call) => {
                    let place = (call.path, call.turn, call.request);
                    if let Err(failure) = call.outcome {
                        memory.failures.entry(place).or_insert(failure);
                    }
                }
                Record::Host(host) => {
                    let place = Arc::clone(&host.path);
                    memory.values.entry(place).or_default().push(*host);
                }
                _ => {}
            }
        }
        memory
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.failures.is_empty()
    }

    /// How many answers to `request` there are that were not taken yet.
    pub(super) fn answers_to(&self, request: RequestDigest) -> usize {
        let calls = self.calls.values().flatten();
        calls.filter(|call| call.request == request).count()
    }

    /// How `request` failed, if it did.
    pub(super) fn failure(
        &self,
        path: &Arc<str>,
        turn: u32,
        request: RequestDigest,
    ) -> Option<Failure> {
        let place = (Arc::clone(path), turn, request);
        let failure = self.failures.get(&place)?;
        let kind = ErrorKind::from_name(&failure.kind)?;
        Some(Failure::new(kind, failure.message.clone()))
    }

    /// What a host function gave for the same arguments.
    pub(super) fn value(&self, path: &str, arguments: ArgumentsDigest) -> Option<Value> {
        let mut values = self.values.get(path)?.iter();
        let found = values.find(|host| host.arguments == arguments)?;
        found.outcome.clone().ok()
    }

    /// Whether there is any answer to a turn of the node at `path`.
    pub(super) fn may_have(&self, path: &Arc<str>, turn: u32) -> bool {
        self.calls.contains_key(&(Arc::clone(path), turn))
    }

    /// Takes the newest answer to `request` that `is_same_model` accepts.
    pub(super) fn take(
        &mut self,
        path: &Arc<str>,
        turn: u32,
        request: RequestDigest,
        is_same_model: impl Fn(&CallRecord) -> bool,
    ) -> Option<CallRecord> {
        let calls = self.calls.get_mut(&(Arc::clone(path), turn))?;
        let mut known = calls.iter();
        let place = known.position(|call| call.request == request && is_same_model(call))?;
        Some(calls.remove(place))
    }
}

impl Run {
    /// Looks whether the journal knows a new input; if it does, what it holds is
    /// read first, and the nodes that are ready wait for it.
    pub(super) fn is_recalled(&mut self, board: &mut Board, execution: &Execution) -> bool {
        let Some(journal) = &mut self.journal else {
            return false;
        };
        let input = journal.begin_input(execution.id, &execution.input);
        let Some(found) = journal.journal.find(input) else {
            return false;
        };
        board.recalls.push(Recall {
            run: self.id,
            execution: execution.id,
            journal: journal.journal.clone(),
            found,
            wanted: journal.wanted(),
        });
        true
    }

    /// Takes what the journal holds of an input: its end, or calls that need not
    /// be made.
    pub(crate) fn recalled(&mut self, board: &mut Board, recalled: Recalled) {
        let Some(mut execution) = self.executions.remove(&recalled.execution) else {
            return;
        };
        let Some(journal) = &mut self.journal else {
            unreachable!("what is recalled is of a journal");
        };
        let records = match recalled.found {
            Held::Records(records) => records,
            Held::End(ended) => {
                let graph = self.bound.plan.graph();
                let output = match &ended.outcome {
                    Ok(output) => Some(Ok(output.clone())),
                    Err(failure) => recording::recalled(failure, graph).map(Err),
                };
                match output {
                    Some(output) => {
                        self.end_recalled(board, *execution, &ended, output);
                        return;
                    }
                    // Of a failure that only a later version knows.
                    None => Vec::new(),
                }
            }
        };
        journal.remember(execution.id, Memory::of(records));
        let ready = execution.end_recall();
        self.advance(board, execution, ready);
    }

    /// Ends an input that the journal has the end of.
    fn end_recalled(
        &mut self,
        board: &mut Board,
        execution: Execution,
        ended: &InputRecord,
        output: Result<Value, ExecutionError>,
    ) {
        if let Some(journal) = &mut self.journal {
            journal.end_input(execution.id);
        }
        self.in_flight -= 1;
        board.executions_in_flight -= 1;
        self.shared.counters.counts().inputs_from_journal += 1;
        let result = BatchResult {
            index: execution.index,
            input: execution.input,
            output,
            usage: ended.usage,
            cost: ended.cost,
            timings: ExecutionTimings {
                total: ended.timings.total,
                waiting: ended.timings.waiting,
                calling: ended.timings.calling,
            },
            from_journal: true,
            record: None,
        };
        self.deliver(board, result, execution.started);
    }

    /// Has the journal answer a call that is ready, if it can; if the run is
    /// answered by it alone, the call fails otherwise.
    pub(super) fn is_answered(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        node: NodeRef,
    ) -> bool {
        let Some(journal) = &mut self.journal else {
            return false;
        };
        let turn = execution.conversation(node).map_or(1, Conversation::turn);
        let path = execution.record_path(&self.bound.plan, node);
        let memory = journal.memory_of(execution);
        let may_be_held = memory.is_some_and(|memory| memory.may_have(&path, turn));
        if !may_be_held && !journal.looks_for_requests() && !journal.replays() {
            return false;
        }
        if !execution.is_first_look(node, turn) {
            return false;
        }
        let Some(call) = self.bound.call_of(node) else {
            unreachable!("only calls are queued");
        };
        let Ok(request) = self.request(execution, node, call) else {
            // It fails again, for the same reason, where it would be sent.
            return false;
        };
        let request = RequestDigest::of(&request);
        let Some(journal) = &mut self.journal else {
            unreachable!("it was there");
        };
        let endpoint = &self.bound.endpoints[self.bound.endpoint_of[node.index()]];
        let held = journal.take((execution, &path, turn), request);
        // It counts among the answers that were taken, whoever it was for.
        let found = journal.find_request(execution, endpoint, request);
        let source = match held.map(|held| (Spent::of_record(&held), held.outcome)) {
            Some((spent, Ok(response))) => {
                self.spending.note_recalled(spent);
                Some(Source::Held(Box::new(response)))
            }
            _ => found.inspect(|_| {
                self.spending.note_recalled(Spent {
                    calls: 1,
                    ..Spent::default()
                });
            }),
        };
        if let Some(source) = source {
            self.start_recall(board, execution, (node, turn), source);
        } else if journal.replays() {
            let memory = journal.memory_of(execution);
            let failed = memory.and_then(|memory| memory.failure(&path, turn, request));
            let failure = failed.unwrap_or_else(|| self.not_recorded(execution));
            execution.state.start(node);
            let error = execution.fail(&self.bound.plan, node, failure);
            self.tell_inline(board, execution, node, TaskOutcome::Failed(&error));
        } else {
            return false;
        }
        true
    }

    fn start_recall(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        (node, turn): (NodeRef, u32),
        source: Source,
    ) {
        execution.state.start(node);
        let attempted = self.attempted(execution, node);
        let tokens = self.tokens.as_ref();
        let place = (execution.index, execution.region_path(&self.bound.plan));
        let tokens = tokens.and_then(|tokens| tokens.sink(node.index(), place, (1, turn)));
        let task = RecallTask {
            attempted,
            plan: Arc::clone(&self.bound.plan),
            source,
        };
        let task = tokio::spawn(task::recall(task, board.events.clone())).abort_handle();
        execution.add_running(Running {
            node,
            serial: attempted.serial,
            attempt: 1,
            turn,
            is_hedge: false,
            is_recalled: true,
            tool: None,
            endpoint: None,
            asked: None,
            ready: board.now,
            queued: board.now,
            started: board.now,
            task,
            span: Span::none(),
            tokens,
            charge: Charge::default(),
        });
    }

    /// Makes a call whose answer the journal seemed to have.
    pub(super) fn ask_after_all(
        &mut self,
        board: &mut Board,
        mut execution: Box<Execution>,
        node: NodeRef,
    ) {
        if self.journal.as_ref().is_some_and(RunJournal::replays) {
            let failure = self.not_recorded(&execution);
            let error = execution.fail(&self.bound.plan, node, failure);
            self.tell_inline(board, &execution, node, TaskOutcome::Failed(&error));
        } else {
            execution.state.requeue(node);
            let now = board.now;
            self.queue_call(board, &mut execution, node, now, Wish::default());
        }
        self.settle(board, execution);
    }

    /// Why a call fails that only the journal may answer.
    fn not_recorded(&self, execution: &Execution) -> Failure {
        let journal = self.journal.as_ref();
        let message = if journal.is_none_or(|journal| journal.knows_nothing_of(execution)) {
            "the journal has no answer: it holds no call for this input of this pipeline. Nothing is sent, because \
             the run is answered by the journal alone (`replay`)"
        } else {
            "the journal has no answer to this request: a prompt, a parameter, a setting or an answer that goes \
             into it is not what it was when the journal was written. Nothing is sent, because the run is answered \
             by the journal alone (`replay`)"
        };
        Failure::new(ErrorKind::NotRecorded, message)
    }
}
