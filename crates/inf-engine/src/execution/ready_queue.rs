//! [`ReadyQueue`]: calls that are ready, most urgent first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::task::{ExecutionId, Task};
use crate::graph::NodeRef;

/// The ready calls of one endpoint: the lowest priority number first, then the
/// oldest execution, then the longest way to the end.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue(BinaryHeap<Reverse<Urgency>>);

/// How urgent a call is, less being more; compared field by field, from the
/// top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency {
    priority: i32,
    execution: ExecutionId,
    remaining: Reverse<u32>,
    node: NodeRef,
}

impl ReadyQueue {
    pub(super) fn push(&mut self, task: Task, priority: i32, remaining: u32) {
        self.0.push(Reverse(Urgency {
            priority,
            execution: task.execution,
            remaining: Reverse(remaining),
            node: task.node,
        }));
    }

    /// The most urgent call's urgency.
    pub(super) fn head(&self) -> Option<Urgency> {
        self.0.peek().map(|Reverse(head)| *head)
    }

    pub(super) fn pop(&mut self) -> Option<Task> {
        self.0.pop().map(|Reverse(entry)| Task {
            execution: entry.execution,
            node: entry.node,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_urgent_first() {
        let mut queue = ReadyQueue::default();
        // (execution, node, priority, remaining)
        let ready = [
            (1, 1, 0, 1),
            (0, 2, 0, 1),
            (0, 3, 0, 2),
            (2, 4, -1, 1),
            (0, 5, 1, 9),
        ];
        for (execution, node, priority, remaining) in ready {
            let task = Task {
                execution: ExecutionId(execution),
                node: NodeRef::new(node),
            };
            queue.push(task, priority, remaining);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop())
            .map(|task| task.node.index())
            .collect();
        assert_eq!(order, [4, 3, 2, 1, 5]);
    }
}
