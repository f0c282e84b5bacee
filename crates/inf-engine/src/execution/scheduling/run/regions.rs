//! The region runs of a run: what its nodes of control flow run, each an
//! execution of its own with the node's execution around it.
//!
//! A region run that is done on the spot never gets among the executions of the
//! run. All others do, and give what they come to to the one around them. The
//! usage, the costs and the times of an input come together in this way, and an
//! execution never ends before those that it runs: its node is in progress until
//! then.

use std::collections::{BTreeMap, BTreeSet};

use super::Run;
use crate::execution::observation::TaskOutcome;
use crate::execution::scheduling::execution::Execution;
use crate::execution::scheduling::flow::{At, Flow, FlowKey};
use crate::execution::scheduling::scheduler::Board;
use crate::execution::scheduling::task::ExecutionId;
use crate::execution::{ErrorKind, ExecutionError};
use crate::graph::{NodeRef, RegionRef};
use crate::value::Value;

/// What a region run came to.
type Outcome = Result<Value, ExecutionError>;

impl Run {
    /// Begins a node of control flow, which is in progress.
    pub(super) fn begin_flow(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        node: NodeRef,
        ready: &mut Vec<NodeRef>,
    ) {
        match Flow::new(&self.bound.plan, &execution.state, node) {
            Ok(flow) => {
                if let Some(region) = flow.chosen() {
                    self.skip_others(board, execution, node, region);
                }
                self.drive(board, execution, flow, ready);
            }
            Err(failure) => {
                let error = execution.fail(&self.bound.plan, node, failure);
                self.tell_inline(board, execution, node, TaskOutcome::Failed(&error));
            }
        }
    }

    /// Begins what `flow` has to begin, as far as there is room in this turn, and
    /// ends it if nothing is left.
    fn drive(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        mut flow: Flow,
        ready: &mut Vec<NodeRef>,
    ) {
        let key = FlowKey {
            input: execution.root,
            execution: execution.id,
            node: flow.node,
        };
        if std::mem::take(&mut flow.is_waiting) {
            self.flows.forget(key);
        }
        while execution.error.is_none() {
            let Some(region) = flow.upcoming() else {
                if flow.running > 0 {
                    break;
                }
                self.finish_flow(board, execution, flow, ready);
                return;
            };
            // One is always under way, so that none waits for good: the room may
            // be taken by what is around it.
            let must_wait = flow.running > 0 && flow.is_parallel();
            if must_wait && !self.has_room_for(region, key) {
                flow.is_waiting = true;
                self.flows.wait_for_room(region, key);
                break;
            }
            if self.flows.is_turn_over() {
                flow.is_waiting = true;
                self.flows.wait_for_turn(key);
                break;
            }
            self.flows.region_begins();
            if let Some((at, outcome)) = self.begin_region(board, execution, &mut flow, ready) {
                self.take_outcome(execution, &mut flow, at, outcome);
            }
        }
        if execution.error.is_some() && flow.running == 0 {
            self.end_failed_flow(board, execution, &flow);
        } else {
            execution.keep_flow(flow);
        }
    }

    /// Whether another element may begin.
    fn has_room_for(&self, region: RegionRef, flow: FlowKey) -> bool {
        !self.flows.is_full() && self.flows.is_first(region, flow) && self.needs_calls(region)
    }

    /// Begins a run of a region, and says what it came to if that is known.
    fn begin_region(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        flow: &mut Flow,
        ready: &mut Vec<NodeRef>,
    ) -> Option<(At, Outcome)> {
        let begins = flow.begin(&execution.state);
        let at = begins.0.at;
        let id = board.next_execution();
        let before = ready.len();
        let with = (&self.bound.plan, board.now);
        let arguments = self.is_observed().then(|| begins.0.arguments.clone());
        let mut inner = execution.begin_inner(id, flow, begins, with, ready);
        if let Some(arguments) = arguments {
            let arguments: Vec<Value> = arguments.into_iter().flatten().collect();
            self.tell_region(board, &inner, &arguments);
        }
        self.work(board, &mut inner, ready, before);
        if inner.error.is_some() {
            self.quiet(board, &mut inner);
        }
        if inner.state.is_finished() {
            execution.absorb(&inner);
            return Some((at, inner.end_inner(&self.bound.plan)));
        }
        if let Some(error) = &inner.error
            && !flow.catches(at, error)
        {
            fail_flow(execution, flow, error.clone());
        }
        if flow.is_parallel() {
            self.flows.element_began();
        }
        flow.running += 1;
        execution.inner.insert(id);
        self.executions.insert(id, Box::new(inner));
        None
    }

    /// Takes what a run of a region came to.
    fn take_outcome(
        &mut self,
        execution: &mut Execution,
        flow: &mut Flow,
        at: At,
        outcome: Outcome,
    ) {
        // What comes after a failure counts for nothing.
        if execution.error.is_some() {
            return;
        }
        match outcome {
            Ok(value) => {
                if let Err(failure) = flow.take(at, value) {
                    let error = execution.error_of(&self.bound.plan, flow.node, failure);
                    fail_flow(execution, flow, error);
                }
            }
            Err(error) if flow.catches(at, &error) => flow.caught(at, &error),
            Err(error) => fail_flow(execution, flow, error),
        }
    }

    /// Ends a node of control flow that has run all that it had to.
    fn finish_flow(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        mut flow: Flow,
        ready: &mut Vec<NodeRef>,
    ) {
        let node = flow.node;
        match flow.finish() {
            Ok(value) => {
                let is_skipped = |region: &RegionRef| {
                    // That of a branch is known from the beginning.
                    execution.state.chosen(node) != Some(*region)
                };
                if let Some(region) = flow.chosen().filter(is_skipped) {
                    self.skip_others(board, execution, node, region);
                }
                execution.state.complete(node, value, ready);
                self.tell_inline(board, execution, node, TaskOutcome::Completed);
            }
            Err(failure) => {
                let error = execution.fail(&self.bound.plan, node, failure);
                self.tell_inline(board, execution, node, TaskOutcome::Failed(&error));
            }
        }
    }

    /// Ends a node of control flow whose execution has failed, when nothing of it
    /// is under way.
    fn end_failed_flow(&mut self, board: &Board, execution: &mut Execution, flow: &Flow) {
        let node = flow.node;
        let outcome = if let Some(error) = &flow.error {
            execution.state.fail(node);
            let name = self.bound.plan.graph().node(node).name();
            // What failed inside of it was told there.
            let is_own = error.node.as_deref() == Some(name);
            is_own.then_some(TaskOutcome::Failed(error))
        } else {
            execution.state.cancel_node(node);
            None
        };
        self.tell_inline(
            board,
            execution,
            node,
            outcome.unwrap_or(TaskOutcome::Cancelled),
        );
    }

    /// Notes that `node` runs `region` and none other of its own.
    fn skip_others(
        &mut self,
        board: &Board,
        execution: &mut Execution,
        node: NodeRef,
        region: RegionRef,
    ) {
        execution.state.choose(node, region);
        if self.is_observed() {
            let graph = self.bound.plan.graph();
            let regions = graph.node(node).operation().regions().into_iter();
            for other in regions.filter(|other| *other != region) {
                self.tell_skipped(board, execution, node, other);
            }
        }
    }

    /// Keeps a region run that goes on, or gives what it came to to the execution
    /// around it.
    pub(super) fn settle_region(&mut self, board: &mut Board, mut inner: Box<Execution>) {
        let Some(within) = &inner.within else {
            unreachable!("an input has nothing around it");
        };
        let (around, node, at) = (within.execution, within.node, within.at);
        if !inner.state.is_finished() {
            let error = inner.error.clone();
            self.executions.insert(inner.id, inner);
            if let Some(error) = error {
                self.fail_around(board, around, (node, at), error);
            }
            return;
        }
        // It is there for as long as it runs anything.
        let Some(mut execution) = self.executions.remove(&around) else {
            return;
        };
        self.leave_around(&mut execution, &inner);
        let outcome = inner.end_inner(&self.bound.plan);
        drop(inner);
        let mut ready = std::mem::take(&mut board.ready);
        if let Some(mut flow) = execution.take_flow(node) {
            self.take_outcome(&mut execution, &mut flow, at, outcome);
            self.drive(board, &mut execution, flow, &mut ready);
        }
        self.work(board, &mut execution, &mut ready, 0);
        board.ready = ready;
        self.settle(board, execution);
    }

    /// Counts out a region run that is done.
    fn leave_around(&mut self, execution: &mut Execution, inner: &Execution) {
        execution.inner.remove(&inner.id);
        execution.absorb(inner);
        if let Some(within) = &inner.within {
            if within.is_element {
                self.flows.element_ended();
            }
            if let Some(flow) = execution.flow_mut(within.node) {
                flow.running -= 1;
            }
        }
    }

    /// Fails what is around a region run that has failed and has something under
    /// way, unless it handles that: it begins nothing more.
    fn fail_around(
        &mut self,
        board: &mut Board,
        around: ExecutionId,
        (node, at): (NodeRef, At),
        error: ExecutionError,
    ) {
        let Some(mut execution) = self.executions.remove(&around) else {
            return;
        };
        let flow = execution.take_flow(node);
        let is_news = execution.error.is_none();
        if let Some(mut flow) = flow {
            let spreads = is_news && !flow.catches(at, &error);
            if spreads {
                fail_flow(&mut execution, &mut flow, error);
            }
            execution.keep_flow(flow);
            if spreads {
                self.settle(board, execution);
                return;
            }
        }
        self.executions.insert(around, execution);
    }

    /// Has what an execution runs begin nothing more, because it has failed. What
    /// is under way is awaited.
    pub(super) fn quiet(&mut self, board: &Board, execution: &mut Execution) {
        if std::mem::replace(&mut execution.is_quiet, true) {
            return;
        }
        for id in execution.inner.clone() {
            // One that is not there is being worked on: it is what has failed.
            let Some(mut inner) = self.executions.remove(&id) else {
                continue;
            };
            let why = "what it was run for has failed";
            inner.note_error(&ExecutionError::new(ErrorKind::Cancelled, why));
            self.quiet(board, &mut inner);
            if inner.state.is_finished() {
                self.leave_around(execution, &inner);
            } else {
                self.executions.insert(id, inner);
            }
        }
        for flow in execution.take_idle_flows() {
            self.end_failed_flow(board, execution, &flow);
        }
    }

    /// Whether a node of control flow has more to begin, and there is room.
    pub(crate) fn may_begin_regions(&self) -> bool {
        self.flows.next(|region| self.needs_calls(region)).is_some()
    }

    /// Begins what there is room for, that of the oldest inputs first.
    pub(crate) fn begin_regions(&mut self, board: &mut Board) {
        self.flows.begin_turn();
        while !self.flows.is_turn_over()
            && let Some(key) = self.flows.next(|region| self.needs_calls(region))
        {
            self.flows.forget(key);
            let Some(mut execution) = self.executions.remove(&key.execution) else {
                continue;
            };
            let mut ready = std::mem::take(&mut board.ready);
            if let Some(mut flow) = execution.take_flow(key.node) {
                flow.is_waiting = false;
                self.drive(board, &mut execution, flow, &mut ready);
            }
            self.work(board, &mut execution, &mut ready, 0);
            board.ready = ready;
            self.settle(board, execution);
        }
    }

    /// The inputs for which anything was done that may cost.
    pub(super) fn begun_inputs(&self) -> BTreeSet<ExecutionId> {
        let executions = self.executions.values();
        let begun = executions.filter(|execution| execution.has_begun);
        begun.map(|execution| execution.root).collect()
    }

    /// Gives up the region runs among executions that are stopped; the inputs,
    /// which are left, have what these took.
    pub(super) fn give_up_regions(
        &mut self,
        board: &mut Board,
        stopped: Vec<Execution>,
    ) -> Vec<Execution> {
        if stopped.iter().all(|execution| execution.within.is_none()) {
            return stopped;
        }
        let by_age = stopped
            .into_iter()
            .map(|execution| (execution.id, execution));
        let mut by_age: BTreeMap<ExecutionId, Execution> = by_age.collect();
        let mut inputs = Vec::new();
        // What is inside of an execution is younger.
        while let Some((_, mut execution)) = by_age.pop_last() {
            let Some(within) = &execution.within else {
                inputs.push(execution);
                continue;
            };
            let (around, is_element) = (within.execution, within.is_element);
            for running in execution.take_all_running(None) {
                self.give_up(board, &mut execution, &running);
            }
            if is_element {
                self.flows.element_ended();
            }
            if let Some(around) = by_age.get_mut(&around) {
                around.absorb(&execution);
            }
        }
        inputs
    }
}

/// Notes that a node of control flow has no value and will have none; it ends
/// when nothing of it is under way.
fn fail_flow(execution: &mut Execution, flow: &mut Flow, error: ExecutionError) {
    execution.note_error(&error);
    flow.error = Some(Box::new(error));
}
