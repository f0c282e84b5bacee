//! [`NodeTally`]: what is counted of a node while it runs.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::call_record::{CallRecord, Ending, Kind};
use super::spans::Micros;
use super::summary::seconds;
use super::waits::Waits;
use crate::clients::Usage;

/// One of the attempts that took longest.
///
/// [`NodeSummary::slowest`](crate::execution::NodeSummary::slowest) has them; [`ProfileSummary`](crate::execution::ProfileSummary) shows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SlowAttempt {
    /// The place of its run among those of the profile, from 0.
    pub run: usize,
    /// The place of its input among those of the run, from 0.
    pub input: usize,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// From its start to its end.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
}

/// What is counted of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeTally {
    /// How often it came to its end.
    pub(super) runs: u64,
    /// How often it was not run, because another arm was chosen.
    pub(super) skipped: u64,
    /// Done on the spot.
    pub(super) on_the_spot: u64,
    pub(super) attempts: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
    pub(super) reasked: u64,
    pub(super) tool_turns: u64,
    pub(super) tools: u64,
    pub(super) tools_failed: u64,
    pub(super) in_tools: Micros,
    pub(super) rate_limited: u64,
    pub(super) cancelled: u64,
    pub(super) hedges: u64,
    pub(super) took: Micros,
    pub(super) waits: Waits,
    pub(super) usage: Usage,
    /// The longest first.
    pub(super) slowest: Vec<SlowAttempt>,
    /// How long answers took, in microseconds.
    pub(super) answers: Option<Histogram<u32>>,
}

impl NodeTally {
    /// The attempts that are named.
    const SLOWEST: usize = 3;

    pub(super) fn count(&mut self, record: &CallRecord, waits: Waits, usage: Usage) {
        self.attempts += 1;
        self.hedges += u64::from(record.kind == Kind::Hedge);
        match record.ending {
            Ending::Completed => {}
            Ending::Failed => self.failed += 1,
            Ending::Retried => self.retried += 1,
            Ending::Reasked => self.reasked += 1,
            Ending::CalledTools => self.tool_turns += 1,
            Ending::RateLimited => self.rate_limited += 1,
            Ending::Cancelled => self.cancelled += 1,
        }
        self.took += record.took();
        self.waits += waits;
        self.usage += usage;
        if record.is_answered() {
            // Two digits: a third one would take 90 KB for each node. It grows
            // as it needs, so that recording can't fail.
            let answers = self.answers.get_or_insert_with(|| {
                Histogram::new(2).expect("two significant digits are allowed")
            });
            let _ = answers.record(record.took());
        }
        self.note_if_slow(record);
    }

    pub(super) fn count_tool(&mut self, record: &CallRecord) {
        self.tools += 1;
        self.tools_failed += u64::from(record.ending == Ending::Failed);
        self.in_tools += record.took();
    }

    fn note_if_slow(&mut self, record: &CallRecord) {
        let took = Duration::from_micros(record.took());
        if self.slowest.len() == Self::SLOWEST && self.slowest[Self::SLOWEST - 1].took >= took {
            return;
        }
        let place = self.slowest.partition_point(|slow| slow.took >= took);
        let slow = SlowAttempt {
            run: record.run as usize,
            input: usize::try_from(record.input).unwrap_or(usize::MAX),
            attempt: u32::from(record.attempt),
            took,
        };
        self.slowest.insert(place, slow);
        self.slowest.truncate(Self::SLOWEST);
    }
}
