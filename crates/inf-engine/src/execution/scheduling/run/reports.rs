//! What the observers of a run are told.

use std::time::Duration;

use super::Run;
use crate::clients::Usage;
use crate::execution::observation::{
    Observer, PauseReport, RegionReport, RunReport, TaskOutcome, TaskReport, TaskStart,
    ToolOutcome, ToolReport,
};
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::flow::At;
use crate::execution::scheduling::lanes::NewPause;
use crate::execution::scheduling::scheduler::Board;
use crate::graph::{NodeRef, RegionPath, RegionRef};
use crate::resources::Cost;
use crate::value::Value;

impl Run {
    pub(super) fn tell_run(&self, board: &Board, tell: impl Fn(&dyn Observer, &RunReport<'_>)) {
        for observer in &self.observers {
            let report = RunReport {
                run: self.id,
                graph: self.bound.plan.graph(),
                at: board.now,
                counters: &self.shared.counters,
            };
            tell(&**observer, &report);
        }
    }

    pub(super) fn tell_started(&self, execution: &Execution, running: &Running) {
        for observer in &self.observers {
            observer.task_started(&TaskStart {
                run: self.id,
                input: execution.index,
                graph: self.bound.plan.graph(),
                node: running.node,
                region: execution.region_path(&self.bound.plan),
                alias: self.alias_of(running.node),
                attempt: running.attempt,
                is_hedge: running.is_hedge,
                queued: running.queued,
                started: running.started,
            });
        }
    }

    pub(super) fn tell_task(
        &self,
        board: &Board,
        execution: &Execution,
        running: &Running,
        outcome: TaskOutcome<'_>,
        answer: Option<(Duration, Usage)>,
    ) {
        if running.tool.is_some() {
            // It is given up with its node.
            self.tell_tool(board, execution, running, ToolOutcome::Cancelled);
            return;
        }
        self.spans.note_outcome(&running.span, outcome);
        if let Some(tokens) = &running.tokens {
            tokens.end(outcome);
        }
        for observer in &self.observers {
            observer.task_ended(&TaskReport {
                run: self.id,
                input: execution.index,
                graph: self.bound.plan.graph(),
                node: running.node,
                region: execution.region_path(&self.bound.plan),
                alias: self.alias_of(running.node),
                attempt: running.attempt,
                turn: running.turn,
                is_hedge: running.is_hedge,
                ready: running.ready,
                queued: running.queued,
                started: running.started,
                ended: board.now,
                first_byte: answer.map(|(first_byte, _)| first_byte),
                usage: answer.map(|(_, usage)| usage).unwrap_or_default(),
                cost: running.charge.cost(),
                outcome,
                is_inline: running.is_recalled,
                from_journal: running.is_recalled,
                value: value_of(execution, running.node, outcome),
                counters: &self.shared.counters,
            });
        }
    }

    /// Tells of a tool that ran for a model.
    pub(super) fn tell_tool(
        &self,
        board: &Board,
        execution: &Execution,
        running: &Running,
        outcome: ToolOutcome<'_>,
    ) {
        self.spans.note_tool_outcome(&running.span, outcome);
        let Some(run) = &running.tool else { return };
        for observer in &self.observers {
            observer.tool_ended(&ToolReport {
                run: self.id,
                input: execution.index,
                graph: self.bound.plan.graph(),
                node: running.node,
                region: execution.region_path(&self.bound.plan),
                turn: running.turn,
                tool: &run.call.name,
                started: running.started,
                ended: board.now,
                outcome,
                counters: &self.shared.counters,
            });
        }
    }

    /// Tells of a node that was done on the spot.
    pub(super) fn tell_inline(
        &self,
        board: &Board,
        execution: &Execution,
        node: NodeRef,
        outcome: TaskOutcome<'_>,
    ) {
        if self.is_observed() {
            let region = execution.region_path(&self.bound.plan);
            let value = value_of(execution, node, outcome);
            self.tell_at_once(board, (execution.index, region), (node, value), outcome);
        }
    }

    /// Tells that what is in `region`, which `owner` runs in other cases, is
    /// skipped.
    pub(super) fn tell_skipped(
        &self,
        board: &Board,
        execution: &Execution,
        owner: NodeRef,
        region: RegionRef,
    ) {
        if self.is_observed() {
            let plan = &self.bound.plan;
            let name = plan.graph().node(owner).shared_name();
            let arm = At::Arm(region).place(plan);
            let path = execution.region_path(plan).within(name, arm);
            for skipped in plan.graph().region(region).nodes().map(NodeRef::new) {
                let outcome = TaskOutcome::Skipped;
                self.tell_at_once(board, (execution.index, &path), (skipped, None), outcome);
            }
        }
    }

    /// Tells that a region begins to run.
    pub(super) fn tell_region(&self, board: &Board, inner: &Execution, arguments: &[Value]) {
        for observer in &self.observers {
            observer.region_started(&RegionReport {
                run: self.id,
                input: inner.index,
                graph: self.bound.plan.graph(),
                region: inner.state.region(),
                path: inner.region_path(&self.bound.plan),
                arguments,
                at: board.now,
            });
        }
    }

    fn tell_at_once(
        &self,
        board: &Board,
        (input, region): (usize, &RegionPath),
        (node, value): (NodeRef, Option<&Value>),
        outcome: TaskOutcome<'_>,
    ) {
        for observer in &self.observers {
            observer.task_ended(&TaskReport {
                run: self.id,
                input,
                graph: self.bound.plan.graph(),
                node,
                region,
                alias: self.alias_of(node),
                attempt: 1,
                turn: 1,
                is_hedge: false,
                ready: board.now,
                queued: board.now,
                started: board.now,
                ended: board.now,
                first_byte: None,
                usage: Usage::default(),
                cost: Cost::default(),
                outcome,
                value,
                is_inline: true,
                from_journal: false,
                counters: &self.shared.counters,
            });
        }
    }

    /// Whether anybody is told what happens.
    pub(crate) fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    fn alias_of(&self, node: NodeRef) -> Option<&str> {
        self.bound.call_of(node).map(|call| call.alias.as_str())
    }

    /// Tells that an endpoint is left alone for a while, if the run uses it.
    pub(crate) fn tell_pause(&self, board: &Board, new: &NewPause) {
        let lane = new.lane;
        if self.queues.iter().all(|queue| queue.lane != lane) {
            return;
        }
        let pause = PauseReport {
            alias: board.lanes.endpoint(lane).alias(),
            from: board.now,
            until: new.until,
        };
        if new.is_rest {
            self.spans.tell_pause(&pause);
            for observer in &self.observers {
                observer.endpoint_paused(&pause);
            }
        } else {
            for observer in &self.observers {
                observer.endpoint_spaced(&pause);
            }
        }
    }
}

/// What a node that has just completed came to.
fn value_of<'e>(
    execution: &'e Execution,
    node: NodeRef,
    outcome: TaskOutcome<'_>,
) -> Option<&'e Value> {
    match outcome {
        TaskOutcome::Completed => execution.state.value(node),
        _ => None,
    }
}
