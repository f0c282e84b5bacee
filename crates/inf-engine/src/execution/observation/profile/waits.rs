//! [`Waits`]: what ready calls wait for.

use std::ops::AddAssign;
use std::time::Duration;

use serde::Serialize;

use super::call_record::CallRecord;
use super::spans::{Micros, Spans};
use super::summary::seconds;

/// How long calls waited that were ready to be made, by what for. Sums over
/// calls, so that they can be longer than the time that passed.
///
/// [`ProfileSummary`](crate::execution::ProfileSummary) shows what calls waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Waits {
    /// For a limit of the provider: the endpoint was paused, or its calls were
    /// spaced out.
    #[serde(serialize_with = "seconds")]
    pub limits: Duration,
    /// For the time of a retry, after a passing failure.
    #[serde(serialize_with = "seconds")]
    pub retries: Duration,
    /// For room among the calls that may be in flight: those of the endpoint,
    /// of all endpoints together, or of the run.
    #[serde(serialize_with = "seconds")]
    pub room: Duration,
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitsFor {
    Limit,
    Retry,
    Room,
}

impl WaitsFor {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "waiting for a limit",
            Self::Retry => "waiting for a retry",
            Self::Room => "waiting for room",
        }
    }
}

impl Waits {
    /// What an attempt waited for, at an endpoint with these pauses.
    pub(super) fn of(record: &CallRecord, pauses: &Spans) -> Self {
        let queued = record.queued();
        let limits = pauses.covered(queued, record.started);
        Self {
            limits: Duration::from_micros(limits),
            retries: Duration::from_micros(queued - record.ready),
            room: Duration::from_micros(record.started - queued - limits),
        }
    }

    pub(super) fn add(&mut self, waits_for: WaitsFor, time: Duration) {
        *match waits_for {
            WaitsFor::Limit => &mut self.limits,
            WaitsFor::Retry => &mut self.retries,
            WaitsFor::Room => &mut self.room,
        } += time;
    }

    /// All together.
    pub fn total(&self) -> Duration {
        self.limits + self.retries + self.room
    }
}

impl AddAssign for Waits {
    fn add_assign(&mut self, other: Self) {
        self.limits += other.limits;
        self.retries += other.retries;
        self.room += other.room;
    }
}

/// Calls `visit` on every piece of an attempt's wait, in order. The pause
/// before a retry comes first, whatever the endpoint does meanwhile.
pub(super) fn visit_waits(
    record: &CallRecord,
    pauses: &Spans,
    mut visit: impl FnMut(WaitsFor, Micros, Micros),
) {
    let mut tell = |waits_for, from: Micros, until: Micros| {
        if from < until {
            visit(waits_for, from, until);
        }
    };
    let mut at = record.queued();
    tell(WaitsFor::Retry, record.ready, at);
    for (from, until) in pauses.within(at, record.started) {
        tell(WaitsFor::Room, at, from);
        tell(WaitsFor::Limit, from, until);
        at = until;
    }
    tell(WaitsFor::Room, at, record.started);
}
