//! [`ExecutionState`]: which nodes of one execution are where.

use std::sync::Arc;

use super::Plan;
use crate::graph::{NodeRef, Reference, RegionRef};
use crate::value::Value;

/// Where a node of an execution is.
///
/// ```text
/// Blocked ──► Pending ──► InProgress ──► Completed
///  │ │           ▲ └─────────┐ │ │  └────► Failed
///  │ │           └─ requeue ─│─┘ │
///  │ └──────────► Cancelled ◄┴───┘
///  └────────────► Skipped
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TaskStatus {
    /// Waits for values that it reads.
    Blocked,
    /// Has all that it reads, and waits to be started.
    Pending,
    /// Runs.
    InProgress,
    /// Has a value.
    Completed,
    /// Has none, by its own fault or by that of what it runs.
    Failed,
    /// Has none, because something that it reads has none or because the
    /// execution was stopped.
    Cancelled,
    /// Has none, because it stands in an arm that was not chosen.
    Skipped,
}

impl TaskStatus {
    /// Whether a node in this state stays in it.
    pub(crate) fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }
}

/// Which nodes of one execution are where, and the values that are still
/// needed.
///
/// It is of one run of one region: of the whole graph for an input, or of what a
/// node of control flow runs. Nodes of regions inside of it are in states of
/// their own.
///
/// Each transition is one function that asserts where the node was: a call in
/// any other state is a bug of the scheduler and panics.
#[derive(Debug)]
pub(crate) struct ExecutionState {
    plan: Arc<Plan>,
    region: RegionRef,
    /// Of the nodes of the region; those of regions inside of it are skipped here.
    nodes: Vec<NodeState>,
    /// The place of the first of `nodes` in the graph.
    first: usize,
    /// The values of what it reads from outside, in the order of the plan.
    captured: Captured,
    /// Nodes that are in no final state.
    open: usize,
}

/// The values that a region reads from outside: the same for all its runs, if
/// there are any.
pub(super) type Captured = Option<Arc<[Value]>>;

#[derive(Debug)]
struct NodeState {
    status: TaskStatus,
    /// How many of the values that the node reads are not there yet.
    missing: u32,
    /// How many have yet to read its value; at 0 it is dropped.
    consumers: u32,
    /// The only region that it runs, once that is known; the whole graph stands
    /// for none.
    chosen: RegionRef,
    value: Option<Value>,
}

impl ExecutionState {
    /// An execution that has its input and nothing else; the nodes that this
    /// makes ready are added to `ready`.
    pub(crate) fn new(plan: Arc<Plan>, input: Value, ready: &mut Vec<NodeRef>) -> Self {
        Self::of_region(plan, RegionRef::ROOT, [input], None, ready)
    }

    /// A run of a region that has its arguments and what it reads from outside.
    pub(super) fn of_region(
        plan: Arc<Plan>,
        region: RegionRef,
        arguments: impl IntoIterator<Item = Value>,
        captured: Captured,
        ready: &mut Vec<NodeRef>,
    ) -> Self {
        let mut arguments = arguments.into_iter();
        // The input, or the arguments, stand first.
        let given = plan.arguments(region);
        let first = plan.first_of(region);
        let mut open = 0;
        let nodes = plan.nodes_of(region).iter().enumerate();
        let nodes = nodes.map(|(slot, planned)| {
            let is_ready = planned.reads == 0 && !planned.is_inside;
            if is_ready && slot >= given {
                ready.push(NodeRef::new(first + slot));
            }
            open += usize::from(!planned.is_inside);
            NodeState {
                status: match planned.is_inside {
                    true => TaskStatus::Skipped,
                    false if is_ready => TaskStatus::Pending,
                    false => TaskStatus::Blocked,
                },
                missing: planned.reads,
                consumers: planned.consumers,
                chosen: RegionRef::ROOT,
                value: None,
            }
        });
        let nodes: Vec<NodeState> = nodes.collect();
        let mut state = Self {
            plan,
            region,
            nodes,
            first,
            captured,
            open,
        };
        for slot in 0..given {
            let node = NodeRef::new(first + slot);
            state.start(node);
            state.complete(node, arguments.next().unwrap_or_default(), ready);
        }
        state
    }

    /// The region that this is a run of.
    pub(crate) fn region(&self) -> RegionRef {
        self.region
    }

    /// Where `node` is. One of a region inside of this is where the node is that
    /// runs it, or skipped if that runs another one.
    #[cfg(test)]
    pub(crate) fn status(&self, node: NodeRef) -> TaskStatus {
        let (mut at, mut inside) = (node, None);
        while self.plan.region_of(at) != self.region {
            let region = self.plan.region_of(at);
            let Some(owner) = self.plan.graph().region(region).owner() else {
                // It is of a region around this one, which has begun.
                return TaskStatus::Completed;
            };
            (at, inside) = (owner, Some(region));
        }
        let found = &self.nodes[at.index() - self.first];
        match inside {
            Some(region) if found.chosen != RegionRef::ROOT && found.chosen != region => {
                TaskStatus::Skipped
            }
            _ => found.status,
        }
    }

    /// Whether `node`, which is of the region itself, is in a final state.
    pub(super) fn is_over(&self, node: NodeRef) -> bool {
        self.nodes[node.index() - self.first].status.is_final()
    }

    /// Whether every node is in a final state.
    pub(crate) fn is_finished(&self) -> bool {
        self.open == 0
    }

    /// The value of a completed node, while someone has yet to read it.
    pub(crate) fn value(&self, node: NodeRef) -> Option<&Value> {
        let slot = node.index().wrapping_sub(self.first);
        if let Some(own) = self.nodes.get(slot) {
            return own.value.as_ref();
        }
        let place = self.plan.captures(self.region).binary_search(&node).ok()?;
        self.captured.as_ref()?.get(place)
    }

    /// The first node that waits to be started.
    pub(super) fn first_pending(&self) -> Option<NodeRef> {
        let mut nodes = self.nodes.iter();
        let slot = nodes.position(|node| node.status == TaskStatus::Pending)?;
        Some(NodeRef::new(self.first + slot))
    }

    /// What `region`, which a node of this one runs, reads from outside.
    pub(super) fn capture(&self, region: RegionRef) -> Captured {
        let captures = self.plan.captures(region);
        if captures.is_empty() {
            return None;
        }
        // The owner waited for them, and has not ended.
        let values = captures.iter().map(|node| self.value(*node).cloned());
        Some(values.map(Option::unwrap_or_default).collect())
    }

    /// Pending → in progress.
    pub(crate) fn start(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::Pending], TaskStatus::InProgress);
    }

    /// In progress → pending, to be started again.
    pub(crate) fn requeue(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Pending);
    }

    /// Notes that `node` runs `region` and no other one of its own: what is in
    /// the others is skipped.
    pub(crate) fn choose(&mut self, node: NodeRef, region: RegionRef) {
        self.nodes[node.index() - self.first].chosen = region;
    }

    /// The only region that `node` runs, if that is known.
    pub(super) fn chosen(&self, node: NodeRef) -> Option<RegionRef> {
        let chosen = self.nodes[node.index() - self.first].chosen;
        (chosen != RegionRef::ROOT).then_some(chosen)
    }

    /// In progress → completed; the nodes that this makes ready are added to
    /// `ready`.
    pub(crate) fn complete(&mut self, node: NodeRef, value: Value, ready: &mut Vec<NodeRef>) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Completed);
        let completed = &mut self.nodes[node.index() - self.first];
        if completed.consumers > 0 {
            completed.value = Some(value);
        }
        self.release_inputs(node);
        for &dependent in self.plan.dependents(node) {
            let waiting = &mut self.nodes[dependent.index() - self.first];
            waiting.missing -= 1;
            if waiting.missing == 0 && waiting.status == TaskStatus::Blocked {
                waiting.status = TaskStatus::Pending;
                ready.push(dependent);
            }
        }
    }

    /// In progress → failed; everything that needs this node is cancelled.
    pub(crate) fn fail(&mut self, node: NodeRef) {
        self.transition(node, &[TaskStatus::InProgress], TaskStatus::Failed);
        self.release_inputs(node);
        let mut to_cancel: Vec<NodeRef> = self.plan.dependents(node).to_vec();
        while let Some(dependent) = to_cancel.pop() {
            // Two ways may lead here.
            if self.nodes[dependent.index() - self.first].status == TaskStatus::Blocked {
                self.cancel_node(dependent);
                to_cancel.extend(self.plan.dependents(dependent));
            }
        }
    }

    /// Cancels every node that was not started.
    pub(crate) fn cancel_waiting(&mut self) {
        self.cancel_those(|status| matches!(status, TaskStatus::Blocked | TaskStatus::Pending));
    }

    /// Cancels every node that is in no final state.
    pub(crate) fn cancel(&mut self) {
        self.cancel_those(|status| !status.is_final());
    }

    fn cancel_those(&mut self, is_meant: impl Fn(TaskStatus) -> bool) {
        for slot in 0..self.nodes.len() {
            if is_meant(self.nodes[slot].status) {
                self.cancel_node(NodeRef::new(self.first + slot));
            }
        }
    }

    /// Cancels a node that is in no final state.
    pub(super) fn cancel_node(&mut self, node: NodeRef) {
        let open = [
            TaskStatus::Blocked,
            TaskStatus::Pending,
            TaskStatus::InProgress,
        ];
        self.transition(node, &open, TaskStatus::Cancelled);
        self.release_inputs(node);
    }

    fn transition(&mut self, node: NodeRef, from: &[TaskStatus], to: TaskStatus) {
        let status = &mut self.nodes[node.index() - self.first].status;
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
            let read = &mut self.nodes[dependency.index() - self.first];
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

#[cfg(test)]
mod tests;
