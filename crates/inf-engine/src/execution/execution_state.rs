//! [`ExecutionState`]: which nodes of one execution are where.

use std::sync::Arc;

use super::Plan;
use crate::graph::{NodeRef, Reference};
use crate::value::Value;

/// Where a node of an execution is.
///
/// ```text
/// Blocked ──► Pending ──► InProgress ──► Completed
///    │           ▲ └─────────┐ │ │  └────► Failed
///    │           └─ requeue ─│─┘ │
///    └──────────► Cancelled ◄┴───┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskStatus {
    /// Waits for values that it reads.
    Blocked,
    /// Has all that it reads, and waits to be started.
    Pending,
    /// Runs.
    InProgress,
    /// Has a value.
    Completed,
    /// Has none, by its own fault.
    Failed,
    /// Has none, because something that it reads has none or because the
    /// execution was stopped.
    Cancelled,
}

impl TaskStatus {
    /// Whether a node in this state stays in it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Which nodes of one execution are where, and the values that are still
/// needed.
///
/// Each transition is one function that asserts where the node was: a call in
/// any other state is a bug of the scheduler and panics.
#[derive(Debug)]
pub struct ExecutionState {
    plan: Arc<Plan>,
    statuses: Vec<TaskStatus>,
    /// How many of the values that each node reads are not there yet.
    missing: Vec<u32>,
    /// How many have yet to read each value; at 0 it is dropped.
    consumers: Vec<u32>,
    values: Vec<Option<Value>>,
    /// Nodes that are in no final state.
    open: usize,
    failed: bool,
}

impl ExecutionState {
    /// An execution that has its input and nothing else; the nodes that this
    /// makes ready are added to `ready`.
    pub fn new(plan: Arc<Plan>, input: Value, ready: &mut Vec<NodeRef>) -> Self {
        let count = plan.graph().nodes().len();
        let missing_of = |node| u32::try_from(plan.dependencies(NodeRef::new(node)).len());
        let mut state = Self {
            statuses: vec![TaskStatus::Blocked; count],
            missing: (0..count)
                .map(|node| missing_of(node).unwrap_or(u32::MAX))
                .collect(),
            consumers: plan.consumers().to_vec(),
            values: vec![None; count],
            open: count,
            failed: false,
            plan,
        };
        for node in (0..count).map(NodeRef::new) {
            if state.missing[node.index()] == 0 {
                state.statuses[node.index()] = TaskStatus::Pending;
                if node != NodeRef::INPUT {
                    ready.push(node);
                }
            }
        }
        state.start(NodeRef::INPUT);
        state.complete(NodeRef::INPUT, input, ready);
        state
    }

    /// Where `node` is.
    pub fn status(&self, node: NodeRef) -> TaskStatus {
        self.statuses[node.index()]
    }

    /// Whether every node is in a final state.
    pub fn is_finished(&self) -> bool {
        self.open == 0
    }

    /// Whether a node failed or was cancelled.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The value of a completed node, while someone has yet to read it.
    pub fn value(&self, node: NodeRef) -> Option<&Value> {
        self.values[node.index()].as_ref()
    }

    /// Pending → in progress.
    pub fn start(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::Pending], TaskStatus::InProgress);
    }

    /// In progress → pending, to be started again.
    pub fn requeue(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Pending);
    }

    /// In progress → completed; the nodes that this makes ready are added to
    /// `ready`.
    pub fn complete(&mut self, node: NodeRef, value: Value, ready: &mut Vec<NodeRef>) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Completed);
        if self.consumers[node.index()] > 0 {
            self.values[node.index()] = Some(value);
        }
        self.release_inputs(node);
        let plan = Arc::clone(&self.plan);
        for &dependent in plan.dependents(node) {
            self.missing[dependent.index()] -= 1;
            if self.missing[dependent.index()] == 0
                && self.statuses[dependent.index()] == TaskStatus::Blocked
            {
                self.statuses[dependent.index()] = TaskStatus::Pending;
                ready.push(dependent);
            }
        }
    }

    /// In progress → failed; everything that needs this node is cancelled.
    pub fn fail(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Failed);
        self.failed = true;
        self.release_inputs(node);
        let plan = Arc::clone(&self.plan);
        let mut to_cancel: Vec<NodeRef> = plan.dependents(node).to_vec();
        while let Some(dependent) = to_cancel.pop() {
            // Two ways may lead here.
            if self.statuses[dependent.index()] == TaskStatus::Blocked {
                self.cancel_node(dependent);
                to_cancel.extend(plan.dependents(dependent));
            }
        }
    }

    /// Cancels every node that is in no final state.
    pub fn cancel(&mut self) {
        for node in (0..self.statuses.len()).map(NodeRef::new) {
            if !self.status(node).is_final() {
                self.cancel_node(node);
            }
        }
    }

    fn cancel_node(&mut self, node: NodeRef) {
        let open = [
            TaskStatus::Blocked,
            TaskStatus::Pending,
            TaskStatus::InProgress,
        ];
        self.transition(node, &open, TaskStatus::Cancelled);
        self.failed = true;
        self.release_inputs(node);
    }

    fn transition(&mut self, node: NodeRef, from: &[TaskStatus], to: TaskStatus) {
        let status = &mut self.statuses[node.index()];
        assert!(
            from.contains(status),
            "node {} is {status:?} and can't become {to:?}",
            node.index()
        );
        *status = to;
        self.open -= usize::from(to.is_final());
    }

    /// `node` will not read its inputs any more.
    fn release_inputs(&mut self, node: NodeRef) {
        let plan = Arc::clone(&self.plan);
        for &dependency in plan.dependencies(node) {
            let consumers = &mut self.consumers[dependency.index()];
            *consumers -= 1;
            if *consumers == 0 {
                self.values[dependency.index()] = None;
            }
        }
    }

    /// The part of a value that `reference` means, or a sentence that says
    /// what is missing.
    pub(super) fn read(&self, reference: &Reference) -> Result<&Value, String> {
        let name = || self.plan.graph().node(reference.node).name();
        let Some(value) = self.value(reference.node) else {
            return Err(format!("`{}` has no value", name()));
        };
        reference
            .resolve(value)
            .map_err(|missing| missing.sentence(name()))
    }
}
