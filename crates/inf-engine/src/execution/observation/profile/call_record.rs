//! [`CallRecord`]: one attempt, as it is kept; and [`CallRecords`], all of them.

use std::sync::Arc;

use super::spans::Micros;
use crate::graph::NodeRef;

/// One attempt of a call, or of a host function that ran elsewhere, or a run of
/// a tool.
///
/// There may be a million of them: names are looked up in `graph`, and there
/// is nothing in it that has to be dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallRecord {
    /// When it could have been made.
    pub(super) ready: Micros,
    pub(super) started: Micros,
    pub(super) ended: Micros,
    /// Its place among the inputs of its run.
    pub(super) input: u64,
    /// How long after `ready` it was queued: the pause before a retry.
    pub(super) backoff: u32,
    /// Microseconds until the first byte; `NO_BYTE` if there was none.
    pub(super) first_byte: u32,
    /// The place of its run in the profile.
    pub(super) run: u32,
    /// The place of its graph in the profile.
    pub(super) graph: u32,
    pub(super) node: NodeRef,
    /// Of a tool: its place among those of its node, or `NO_TOOL`.
    pub(super) input_tokens: u32,
    pub(super) output_tokens: u32,
    pub(super) attempt: u16,
    pub(super) ending: Ending,
    pub(super) kind: Kind,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A call, or a host function.
    First,
    /// The second request for a call that took long.
    Hedge,
    /// A tool that a model called.
    Tool,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Failed,
    Retried,
    Reasked,
    CalledTools,
    RateLimited,
    Cancelled,
}

impl Ending {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Retried => "retried",
            Self::Reasked => "reasked",
            Self::CalledTools => "called_tools",
            Self::RateLimited => "rate_limited",
            Self::Cancelled => "cancelled",
        }
    }
}

impl CallRecord {
    /// There was no first byte.
    pub(super) const NO_BYTE: u32 = u32::MAX;

    /// The node has no tool of the name that the model wrote.
    pub(super) const NO_TOOL: u32 = u32::MAX;

    /// When it began to wait for its turn.
    pub(super) fn queued(&self) -> Micros {
        (self.ready + Micros::from(self.backoff)).min(self.started)
    }

    pub(super) fn took(&self) -> Micros {
        self.ended - self.started
    }

    pub(super) fn is_tool(&self) -> bool {
        self.kind == Kind::Tool
    }

    /// Whether there was an answer, good or not.
    pub(super) fn is_answered(&self) -> bool {
        !self.is_tool() && (self.ending == Ending::Completed || self.first_byte != Self::NO_BYTE)
    }
}

/// All attempts, in the order in which they ended. Reading them takes a copy
/// that shares all but the last few with the original, so that a run is not
/// kept waiting.
#[derive(Debug, Clone, Default)]
pub(super) struct CallRecords {
    full: Vec<Arc<Vec<CallRecord>>>,
    last: Vec<CallRecord>,
}

impl CallRecords {
    const A_CHUNK: usize = 4096;

    pub(super) fn push(&mut self, record: CallRecord) {
        if self.last.capacity() == 0 {
            self.last.reserve_exact(Self::A_CHUNK);
        }
        self.last.push(record);
        if self.last.len() == Self::A_CHUNK {
            self.full.push(Arc::new(std::mem::take(&mut self.last)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.full.len() * Self::A_CHUNK + self.last.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CallRecord> {
        let full = self.full.iter().flat_map(|chunk| chunk.iter());
        full.chain(&self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn record(input: u64) -> CallRecord {
        CallRecord {
            ready: 0,
            started: 0,
            ended: 0,
            input,
            backoff: 0,
            first_byte: CallRecord::NO_BYTE,
            run: 0,
            graph: 0,
            node: NodeRef::INPUT,
            input_tokens: 0,
            output_tokens: 0,
            attempt: 1,
            ending: Ending::Completed,
            kind: Kind::First,
        }
    }

    #[test]
    fn a_record_is_as_large_as_the_documentation_says() {
        assert_eq!(size_of::<CallRecord>(), 64);
    }

    #[test]
    fn records_come_back_in_their_order() {
        let mut records = CallRecords::default();
        for input in 0..10_000 {
            records.push(record(input));
        }
        let copy = records.clone();
        records.push(record(10_000));
        assert_eq!((copy.len(), records.len()), (10_000, 10_001));
        assert!(records.iter().map(|record| record.input).eq(0..=10_000));
    }
}
