//! [`Execution`]: one input on its way.

use std::sync::Arc;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::Span;

use super::conversation::{Conversation, ToolRun};
use super::evaluate::{self, Failure};
use super::run::Charge;
use super::task::ExecutionId;
use crate::clients::Usage;
use crate::execution::tokens::TokenSink;
use crate::execution::{
    Attempt, BatchResult, ErrorKind, ExecutionError, ExecutionState, ExecutionTimings, Plan,
};
use crate::graph::{NodeRef, Operation};
use crate::resources::{Cost, EndpointPlace};
use crate::value::Value;

/// One input on its way.
pub(crate) struct Execution {
    pub(crate) id: ExecutionId,
    /// The place of the input among those of its run.
    pub(crate) index: usize,
    pub(crate) input: Value,
    pub(crate) state: ExecutionState,
    /// Whether anything was done for it that may cost.
    pub(crate) has_begun: bool,
    pub(crate) started: Instant,
    pub(crate) usage: Usage,
    pub(crate) cost: Cost,
    pub(crate) timings: ExecutionTimings,
    /// The first error.
    pub(crate) error: Option<ExecutionError>,
    /// What failed before and was tried again.
    attempts: Vec<(NodeRef, Vec<Attempt>)>,
    /// What is under way for it.
    running: Vec<Running>,
    /// Nodes that go on after an answer, with tools or to ask again.
    conversations: Vec<(NodeRef, Conversation)>,
    next_serial: u32,
}

/// An attempt that is under way.
pub(crate) struct Running {
    pub(crate) node: NodeRef,
    /// No other attempt of the execution has this number.
    pub(crate) serial: u32,
    /// Which attempt of its node it is, from 1.
    pub(crate) attempt: u32,
    /// Which turn of its node's conversation it is, from 1.
    pub(crate) turn: u32,
    pub(crate) is_hedge: bool,
    /// The tool that runs, if it is no call.
    pub(crate) tool: Option<Box<ToolRun>>,
    /// The place of its endpoint among those of the run, if it is a call.
    pub(crate) endpoint: Option<usize>,
    /// Which of the endpoints behind its alias was asked.
    pub(crate) asked: Option<EndpointPlace>,
    pub(crate) ready: Instant,
    pub(crate) queued: Instant,
    pub(crate) started: Instant,
    pub(crate) task: AbortHandle,
    /// Open until what became of it is known.
    pub(crate) span: Span,
    /// Who hears the pieces of its answer.
    pub(crate) tokens: Option<TokenSink>,
    /// Of a call.
    pub(crate) charge: Charge,
}

/// What nobody waits for any more is given up, also where code of the program
/// panicked in between. What has ended is past that.
impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Execution {
    pub(crate) fn new(
        id: ExecutionId,
        index: usize,
        (plan, input): (Arc<Plan>, Value),
        started: Instant,
        ready: &mut Vec<NodeRef>,
    ) -> Self {
        Self {
            id,
            index,
            state: ExecutionState::new(plan, input.clone(), ready),
            input,
            has_begun: false,
            started,
            usage: Usage::default(),
            cost: Cost::default(),
            timings: ExecutionTimings::default(),
            error: None,
            attempts: Vec::new(),
            running: Vec::new(),
            conversations: Vec::new(),
            next_serial: 0,
        }
    }

    /// A number that is the node's own in its run, for draws that are the same
    /// every time.
    pub(crate) fn seed(&self, node: NodeRef) -> u64 {
        (self.index as u64) << 20 ^ node.index() as u64
    }

    pub(crate) fn next_serial(&mut self) -> u32 {
        self.next_serial = self.next_serial.wrapping_add(1);
        self.next_serial
    }

    pub(crate) fn add_running(&mut self, running: Running) {
        self.running.push(running);
    }

    pub(crate) fn take_running(&mut self, serial: u32) -> Option<Running> {
        let mut running = self.running.iter();
        let place = running.position(|running| running.serial == serial)?;
        Some(self.running.swap_remove(place))
    }

    /// Whether anything is under way for `node`.
    pub(crate) fn is_running(&self, node: NodeRef) -> bool {
        self.running.iter().any(|running| running.node == node)
    }

    /// The attempt `serial` for `node`, if it is under way and no other is.
    pub(crate) fn only_attempt(&self, node: NodeRef, serial: u32) -> Option<&Running> {
        let mut running = self.running.iter().filter(|running| running.node == node);
        let first = running.next().filter(|first| first.serial == serial);
        first.filter(|_| running.next().is_none())
    }

    /// Takes everything that is under way, or what is for one node.
    pub(crate) fn take_all_running(&mut self, node: Option<NodeRef>) -> Vec<Running> {
        let is_meant = |running: &mut Running| node.is_none_or(|node| running.node == node);
        self.running.extract_if(.., is_meant).collect()
    }

    /// Notes an attempt that failed and does not end the node.
    pub(crate) fn note_attempt(&mut self, node: NodeRef, attempt: Attempt) -> &Attempt {
        let place = self.attempts.iter().position(|(known, _)| *known == node);
        let place = place.unwrap_or_else(|| {
            self.attempts.push((node, Vec::new()));
            self.attempts.len() - 1
        });
        let attempts = &mut self.attempts[place].1;
        attempts.push(attempt);
        &attempts[attempts.len() - 1]
    }

    /// What was said for `node` after it first asked, if it went on.
    pub(crate) fn conversation(&self, node: NodeRef) -> Option<&Conversation> {
        let found = self.conversations.iter().find(|(known, _)| *known == node);
        found.map(|(_, conversation)| conversation)
    }

    /// The conversation of `node`, which goes on.
    pub(crate) fn conversation_mut(&mut self, node: NodeRef) -> &mut Conversation {
        let mut known = self.conversations.iter();
        let place = known.position(|(known, _)| *known == node);
        let place = place.unwrap_or_else(|| {
            self.conversations.push((node, Conversation::default()));
            self.conversations.len() - 1
        });
        &mut self.conversations[place].1
    }

    /// Forgets the conversation of a node that has its value.
    pub(crate) fn end_conversation(&mut self, node: NodeRef) {
        self.conversations.retain(|(known, _)| *known != node);
    }

    /// How often the request of `node` that is made now has failed and was tried
    /// again: each turn of a conversation has its own.
    pub(crate) fn retries(&self, node: NodeRef) -> u32 {
        let before = self.conversation(node);
        let before = before.map_or(0, Conversation::attempts_before);
        self.failed_attempts(node).saturating_sub(before)
    }

    /// How often `node` has failed and was tried again.
    pub(crate) fn failed_attempts(&self, node: NodeRef) -> u32 {
        let attempts = self.attempts.iter().find(|(known, _)| *known == node);
        attempts.map_or(0, |(_, attempts)| {
            u32::try_from(attempts.len()).unwrap_or(u32::MAX)
        })
    }

    /// Notes that a node has no value and will have none. The input has no
    /// output then: what was not started for it never will be.
    pub(crate) fn fail(&mut self, plan: &Plan, node: NodeRef, failure: Failure) -> ExecutionError {
        self.state.fail(node);
        self.state.cancel_waiting();
        let attempts = self.attempts.iter().position(|(known, _)| *known == node);
        let earlier_attempts = attempts.map(|place| self.attempts.swap_remove(place).1);
        let found = plan.graph().node(node);
        let alias = match found.operation() {
            Operation::Llm(call) => Some(call.alias.as_str().into()),
            _ => None,
        };
        let error = ExecutionError {
            node: Some(found.name().into()),
            location: found.location(),
            alias,
            kind: failure.kind,
            message: failure.message,
            answer: failure.answer,
            earlier_attempts: earlier_attempts.unwrap_or_default().into(),
        };
        self.error.get_or_insert_with(|| error.clone());
        error
    }

    /// The result of an execution that is done.
    pub(crate) fn end(mut self, plan: &Plan, now: Instant) -> BatchResult<Value> {
        let output = match self.error.take() {
            Some(error) => Err(error),
            None => evaluate::output(plan, &self.state).map_err(|failure| {
                let message = format!("the output can't be put together: {}", failure.message);
                ExecutionError::new(failure.kind, message)
            }),
        };
        self.timings.total = now.duration_since(self.started);
        BatchResult {
            index: self.index,
            input: self.input,
            output,
            usage: self.usage,
            cost: self.cost,
            timings: self.timings,
            record: None,
        }
    }

    /// Ends it before it is done, for a reason that is not its own.
    pub(crate) fn stop(&mut self, kind: ErrorKind, why: &str) {
        self.state.cancel();
        self.error
            .get_or_insert_with(|| ExecutionError::new(kind, why));
    }
}
