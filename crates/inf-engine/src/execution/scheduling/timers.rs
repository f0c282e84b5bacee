//! [`Timers`]: what is to happen when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

use super::task::{Attempted, Task};
use crate::execution::RunId;
use crate::resources::EndpointPlace;

/// What is due at some time. What became pointless in the meantime is passed
/// over when its time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A failed call is to be tried again.
    Retry {
        task: Task,
        /// When it failed.
        failed_at: Instant,
        /// Where.
        asked: Option<EndpointPlace>,
    },
    /// A call may be a straggler.
    Hedge(Attempted),
    /// A run has had its time.
    RunTimeout {
        run: RunId,
        /// The time that it had.
        timeout: Duration,
    },
}

/// What is to happen when, the earliest first; of what is due at the same time
/// what was noted first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, Due)>>,
    noted: u64,
    /// How much was left when it was last tidied.
    left: usize,
}

impl Timers {
    pub(crate) fn push(&mut self, at: Instant, due: Due) {
        self.noted += 1;
        self.heap.push(Reverse((at, self.noted, due)));
    }

    /// When the next thing is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next thing that is due by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, due))| due)
    }

    /// Forgets what is due for runs that are over, if that may be much: what is
    /// due far away would pile up.
    pub(crate) fn tidy(&mut self, is_over: impl Fn(RunId) -> bool) {
        const FEW: usize = 1024;
        if self.heap.len() < FEW.max(2 * self.left) {
            return;
        }
        self.heap.retain(|Reverse((_, _, due))| {
            !is_over(match due {
                Due::Retry { task, .. } => task.run,
                Due::Hedge(attempted) => attempted.task.run,
                Due::RunTimeout { run, .. } => *run,
            })
        });
        self.left = self.heap.len();
    }
}
