//! [`ReadyQueue`]: calls that are ready, most urgent first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

use super::task::ExecutionId;
use crate::graph::NodeRef;
use crate::resources::Wish;

/// The ready calls of one run at one endpoint: the lowest priority number
/// first, then the oldest input, then the longest way to the end, then the oldest
/// region run.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue(BinaryHeap<Reverse<ReadyCall>>);

/// How urgent a call is, less being more; compared field by field, from the
/// top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Urgency {
    pub(crate) priority: i32,
    /// The execution of its input.
    pub(crate) input: ExecutionId,
    pub(crate) remaining: Reverse<u32>,
    pub(crate) execution: ExecutionId,
    pub(crate) node: NodeRef,
}

/// A call that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadyCall {
    pub(crate) urgency: Urgency,
    /// Since when.
    pub(crate) since: Instant,
    /// When it was queued: later than `since` by the wait before a retry.
    pub(crate) queued: Instant,
    /// What is known of it already.
    pub(crate) wish: Wish,
}

impl ReadyQueue {
    pub(crate) fn push(&mut self, call: ReadyCall) {
        self.0.push(Reverse(call));
    }

    /// The most urgent call's urgency.
    pub(crate) fn head(&self) -> Option<Urgency> {
        self.0.peek().map(|Reverse(head)| head.urgency)
    }

    /// What is known of the most urgent call.
    pub(crate) fn wish(&self) -> Option<Wish> {
        self.0.peek().map(|Reverse(head)| head.wish)
    }

    pub(crate) fn pop(&mut self) -> Option<ReadyCall> {
        self.0.pop().map(|Reverse(call)| call)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
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
        let (since, queued) = (Instant::now(), Instant::now());
        for (execution, node, priority, remaining) in ready {
            let urgency = Urgency {
                priority,
                input: ExecutionId(execution),
                remaining: Reverse(remaining),
                execution: ExecutionId(execution),
                node: NodeRef::new(node),
            };
            queue.push(ReadyCall {
                urgency,
                since,
                queued,
                wish: Wish::default(),
            });
        }
        let mut nodes = Vec::new();
        while let Some(call) = queue.pop() {
            nodes.push(call.urgency.node.index());
        }
        assert_eq!(nodes, [4, 3, 2, 1, 5]);
    }
}
