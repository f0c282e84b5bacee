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
    nodes: Vec<NodeState>,
    /// Nodes that are in no final state.
    open: usize,
    failed: bool,
}

#[derive(Debug)]
struct NodeState {
    status: TaskStatus,
    /// How many of the values that the node reads are not there yet.
    missing: u32,
    /// How many have yet to read its value; at 0 it is dropped.
    consumers: u32,
    value: Option<Value>,
}

impl ExecutionState {
    /// An execution that has its input and nothing else; the nodes that this
    /// makes ready are added to `ready`.
    pub fn new(plan: Arc<Plan>, input: Value, ready: &mut Vec<NodeRef>) -> Self {
        let nodes = plan.graph().enumerate().map(|(node, _)| {
            let reads = plan.dependencies(node).len();
            if reads == 0 && node != NodeRef::INPUT {
                ready.push(node);
            }
            NodeState {
                status: if reads == 0 {
                    TaskStatus::Pending
                } else {
                    TaskStatus::Blocked
                },
                missing: u32::try_from(reads).unwrap_or(u32::MAX),
                consumers: plan.consumers(node),
                value: None,
            }
        });
        let nodes: Vec<NodeState> = nodes.collect();
        let mut state = Self {
            open: nodes.len(),
            nodes,
            plan,
            failed: false,
        };
        state.start(NodeRef::INPUT);
        state.complete(NodeRef::INPUT, input, ready);
        state
    }

    /// Where `node` is.
    pub fn status(&self, node: NodeRef) -> TaskStatus {
        self.nodes[node.index()].status
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
        self.nodes[node.index()].value.as_ref()
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
        let completed = &mut self.nodes[node.index()];
        if completed.consumers > 0 {
            completed.value = Some(value);
        }
        self.release_inputs(node);
        for &dependent in self.plan.dependents(node) {
            let waiting = &mut self.nodes[dependent.index()];
            waiting.missing -= 1;
            if waiting.missing == 0 && waiting.status == TaskStatus::Blocked {
                waiting.status = TaskStatus::Pending;
                ready.push(dependent);
            }
        }
    }

    /// In progress → failed; everything that needs this node is cancelled.
    pub fn fail(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Failed);
        self.failed = true;
        self.release_inputs(node);
        let mut to_cancel: Vec<NodeRef> = self.plan.dependents(node).to_vec();
        while let Some(dependent) = to_cancel.pop() {
            // Two ways may lead here.
            if self.status(dependent) == TaskStatus::Blocked {
                self.cancel_node(dependent);
                to_cancel.extend(self.plan.dependents(dependent));
            }
        }
    }

    /// Cancels every node that was not started.
    pub fn cancel_waiting(&mut self) {
        for node in (0..self.nodes.len()).map(NodeRef::new) {
            if matches!(self.status(node), TaskStatus::Blocked | TaskStatus::Pending) {
                self.cancel_node(node);
            }
        }
    }

    /// Cancels every node that is in no final state.
    pub fn cancel(&mut self) {
        for node in (0..self.nodes.len()).map(NodeRef::new) {
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
        let status = &mut self.nodes[node.index()].status;
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
        for &dependency in self.plan.dependencies(node) {
            let read = &mut self.nodes[dependency.index()];
            read.consumers -= 1;
            if read.consumers == 0 {
                read.value = None;
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
