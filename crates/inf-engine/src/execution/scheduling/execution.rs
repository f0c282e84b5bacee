//! [`Execution`]: one input on its way, or one run of a region of it.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::Span;

use super::conversation::{Conversation, ToolRun};
use super::evaluate::{self, Failure};
use super::flow::{At, Flow, RegionStart};
use super::run::Charge;
use super::task::ExecutionId;
use crate::clients::Usage;
use crate::execution::execution_state::Captured;
use crate::execution::tokens::TokenSink;
use crate::execution::{
    Attempt, BatchResult, ErrorKind, ExecutionError, ExecutionState, ExecutionTimings, Plan,
};
use crate::graph::{GraphNode, NodePath, NodeRef, Operation, RegionPath};
use crate::journal::EarlierSend;
use crate::resources::{Cost, EndpointPlace};
use crate::value::Value;

/// One input on its way, or one run of a region that a node of it runs.
pub(crate) struct Execution {
    pub(crate) id: ExecutionId,
    /// The execution of the whole graph for the same input: what is done for an
    /// input is as old as that.
    pub(crate) root: ExecutionId,
    /// What runs it, if that is a node of control flow.
    pub(crate) within: Option<Box<Within>>,
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
    /// Of runs with a journal: requests that are sent again, until what comes of them
    /// is recorded.
    earlier_sends: Vec<(NodeRef, EarlierSend)>,
    /// What is under way for it.
    running: Vec<Running>,
    /// Nodes that go on after an answer, with tools or to ask again.
    conversations: Vec<(NodeRef, Conversation)>,
    next_serial: u32,
    /// The nodes that are ready when what the journal holds of it was read, until
    /// it was.
    ready_at_first: Option<Vec<NodeRef>>,
    /// The nodes and turns whose answer was looked up there: once each.
    looked_up: Vec<(NodeRef, u32)>,
    /// Its nodes of control flow in progress.
    flows: Vec<Flow>,
    /// The region runs that these have under way.
    pub(crate) inner: BTreeSet<ExecutionId>,
    /// Whether these were told to begin nothing more.
    pub(crate) is_quiet: bool,
}

/// What runs a region.
pub(crate) struct Within {
    /// The execution that the node is of.
    pub(crate) execution: ExecutionId,
    /// The node of control flow.
    pub(crate) node: NodeRef,
    pub(crate) at: At,
    /// Whether it is one of several at once.
    pub(crate) is_element: bool,
    /// Where that execution runs.
    around: RegionPath,
    /// Of the draws of that execution.
    seed: u64,
    /// Where the region runs itself; made when somebody asks.
    path: OnceCell<RegionPath>,
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
    /// Whether the journal answers it, so that nothing is sent.
    pub(crate) is_recalled: bool,
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
        let state = ExecutionState::new(plan, input.clone(), ready);
        Self::with_state(id, index, input, state, started)
    }

    /// A run of a region that `flow` of this execution begins.
    pub(crate) fn begin_inner(
        &self,
        id: ExecutionId,
        flow: &Flow,
        (start, captured): (RegionStart, Captured),
        (plan, now): (&Arc<Plan>, Instant),
        ready: &mut Vec<NodeRef>,
    ) -> Self {
        let RegionStart {
            region,
            at,
            arguments,
        } = start;
        let arguments = arguments.into_iter().flatten();
        let state = ExecutionState::of_region(Arc::clone(plan), region, arguments, captured, ready);
        Self {
            root: self.root,
            within: Some(Box::new(Within {
                execution: self.id,
                node: flow.node,
                at,
                is_element: flow.is_parallel(),
                around: self.region_path(plan).clone(),
                seed: self.seed(flow.node),
                path: OnceCell::new(),
            })),
            ..Self::with_state(id, self.index, Value::Null, state, now)
        }
    }

    fn with_state(
        id: ExecutionId,
        index: usize,
        input: Value,
        state: ExecutionState,
        started: Instant,
    ) -> Self {
        Self {
            id,
            root: id,
            within: None,
            index,
            state,
            input,
            has_begun: false,
            started,
            usage: Usage::default(),
            cost: Cost::default(),
            timings: ExecutionTimings::default(),
            error: None,
            attempts: Vec::new(),
            earlier_sends: Vec::new(),
            running: Vec::new(),
            conversations: Vec::new(),
            next_serial: 0,
            flows: Vec::new(),
            inner: BTreeSet::new(),
            is_quiet: false,
            ready_at_first: None,
            looked_up: Vec::new(),
        }
    }

    /// Whether it is the first time that the answer to a turn of `node` is looked
    /// up.
    pub(crate) fn is_first_look(&mut self, node: NodeRef, turn: u32) -> bool {
        let is_first = !self.looked_up.contains(&(node, turn));
        if is_first {
            self.looked_up.push((node, turn));
        }
        is_first
    }

    /// Where `node` runs inside of its input, as records have it.
    pub(crate) fn record_path(&self, plan: &Plan, node: NodeRef) -> Arc<str> {
        match self.within {
            None => Arc::clone(plan.graph().node(node).shared_name()),
            Some(_) => self.path_of(plan, node).to_string().into(),
        }
    }

    /// Whether it waits for what the journal holds of it.
    pub(crate) fn awaits_recall(&self) -> bool {
        self.ready_at_first.is_some()
    }

    /// Waits for what the journal holds of it, with nodes that are ready.
    pub(crate) fn await_recall(&mut self, ready: Vec<NodeRef>) {
        self.ready_at_first = Some(ready);
    }

    /// Goes on with the nodes that were ready.
    pub(crate) fn end_recall(&mut self) -> Vec<NodeRef> {
        self.ready_at_first.take().unwrap_or_default()
    }

    /// Where it runs inside of its input.
    pub(crate) fn region_path(&self, plan: &Plan) -> &RegionPath {
        let Some(within) = &self.within else {
            return &RegionPath::ROOT;
        };
        within.path.get_or_init(|| {
            let owner = plan.graph().node(within.node).shared_name();
            within.around.within(owner, within.at.place(plan))
        })
    }

    /// Where `node` runs inside of its input.
    pub(crate) fn path_of(&self, plan: &Plan, node: NodeRef) -> NodePath {
        let name = plan.graph().node(node).shared_name();
        self.region_path(plan).node(Arc::clone(name))
    }

    /// Keeps a node of control flow that goes on.
    pub(crate) fn keep_flow(&mut self, flow: Flow) {
        self.flows.push(flow);
    }

    /// Takes the node of control flow `node`, if it is in progress.
    pub(crate) fn take_flow(&mut self, node: NodeRef) -> Option<Flow> {
        let place = self.flows.iter().position(|flow| flow.node == node)?;
        Some(self.flows.swap_remove(place))
    }

    /// The node of control flow `node`, if it is in progress.
    pub(crate) fn flow_mut(&mut self, node: NodeRef) -> Option<&mut Flow> {
        self.flows.iter_mut().find(|flow| flow.node == node)
    }

    /// Takes the nodes of control flow of which nothing runs.
    pub(crate) fn take_idle_flows(&mut self) -> Vec<Flow> {
        self.flows
            .extract_if(.., |flow| flow.running == 0)
            .collect()
    }

    /// Counts what a region run of it took.
    pub(crate) fn absorb(&mut self, inner: &Execution) {
        self.has_begun |= inner.has_begun;
        self.usage += inner.usage;
        self.cost += inner.cost;
        self.timings.waiting += inner.timings.waiting;
        self.timings.calling += inner.timings.calling;
    }

    /// A number that is the node's own in its run, for draws that are the same
    /// every time.
    pub(crate) fn seed(&self, node: NodeRef) -> u64 {
        let region = self.within.as_ref().map_or(0, |within| {
            let seed = within.seed ^ within.at.seed().wrapping_mul(0x9e37_79b9_7f4a_7c15);
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d) & !0xf_ffff
        });
        (self.index as u64) << 20 ^ node.index() as u64 ^ region
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

    /// Remembers a request that is sent again.
    pub(crate) fn note_earlier_send(&mut self, node: NodeRef, sent: EarlierSend) {
        self.earlier_sends.push((node, sent));
    }

    /// Takes what was remembered of the requests for `node`, oldest first.
    pub(crate) fn take_earlier_sends(&mut self, node: NodeRef) -> Box<[EarlierSend]> {
        let of_node = |(known, _): &mut (NodeRef, EarlierSend)| *known == node;
        let sends = self.earlier_sends.extract_if(.., of_node);
        sends.map(|(_, sent)| sent).collect()
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

    /// What failed before for `node` and was tried again.
    pub(crate) fn attempts_of(&self, node: NodeRef) -> &[Attempt] {
        let attempts = self.attempts.iter().find(|(known, _)| *known == node);
        attempts.map_or(&[], |(_, attempts)| attempts)
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
        let error = self.error_of(plan, node, failure);
        self.note_error(&error);
        error
    }

    /// Notes why there is no output: what was not started never will be.
    pub(crate) fn note_error(&mut self, error: &ExecutionError) {
        self.state.cancel_waiting();
        self.error.get_or_insert_with(|| error.clone());
    }

    /// The failure of a node as the error of its input.
    pub(crate) fn error_of(
        &mut self,
        plan: &Plan,
        node: NodeRef,
        failure: Failure,
    ) -> ExecutionError {
        let attempts = self.attempts.iter().position(|(known, _)| *known == node);
        let earlier_attempts = attempts.map(|place| self.attempts.swap_remove(place).1);
        let found = plan.graph().node(node);
        let alias = match found.operation() {
            Operation::Llm(call) => Some(call.alias.as_str().into()),
            _ => None,
        };
        let path = self.within.as_ref();
        let path = path.map(|_| self.path_of(plan, node).to_string().into());
        ExecutionError {
            node: Some(found.name().into()),
            path,
            location: found.location(),
            alias,
            kind: failure.kind,
            message: failure.message,
            answer: failure.answer,
            earlier_attempts: earlier_attempts.unwrap_or_default().into(),
        }
    }

    /// What a region run came to that is done.
    pub(crate) fn end_inner(&mut self, plan: &Plan) -> Result<Value, ExecutionError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let given = evaluate::output(plan, &self.state);
        given.map_err(|failure| {
            let within = self.within.as_ref();
            let owner = within.map(|within| plan.graph().node(within.node));
            ExecutionError {
                node: owner.map(|owner| owner.name().into()),
                path: Some(self.region_path(plan).to_string().into()),
                location: owner.and_then(GraphNode::location),
                ..ExecutionError::new(
                    failure.kind,
                    format!("what it gives can't be put together: {}", failure.message),
                )
            }
        })
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
            from_journal: false,
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
