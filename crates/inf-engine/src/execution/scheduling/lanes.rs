//! [`Lanes`]: where the ready calls of all runs wait, and which goes next.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::ready_queue::Urgency;
use crate::execution::RunId;
use crate::resources::{Endpoint, Permit};

/// One lane for each endpoint, so that a full endpoint never keeps calls from
/// another one. The calls themselves are queued by their runs: a lane knows
/// the most urgent one of each.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// A lane that no run uses leaves its place to another one.
    lanes: Vec<Option<Lane>>,
}

/// A lane, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneId(usize);

#[derive(Debug)]
struct Lane {
    endpoint: Arc<Endpoint>,
    /// The runs that use it.
    users: usize,
    heads: BTreeSet<(Urgency, RunId)>,
    /// Whether it had no room in the present look around.
    is_full: bool,
    /// Until when the provider wants to be left alone, as far as was seen.
    paused_until: Option<Instant>,
}

/// A pause that was not known before.
pub(crate) struct NewPause {
    pub(crate) lane: LaneId,
    pub(crate) until: Instant,
}

impl Lanes {
    /// The lane of `endpoint`, for one more run.
    pub(crate) fn join(&mut self, endpoint: &Arc<Endpoint>) -> LaneId {
        let lanes = self.lanes.iter_mut().enumerate();
        let mut known = lanes.filter_map(|(index, lane)| Some((index, lane.as_mut()?)));
        if let Some((index, lane)) = known.find(|(_, lane)| Arc::ptr_eq(&lane.endpoint, endpoint)) {
            lane.users += 1;
            return LaneId(index);
        }
        let lane = Lane {
            endpoint: Arc::clone(endpoint),
            users: 1,
            heads: BTreeSet::new(),
            is_full: false,
            paused_until: None,
        };
        let free = self.lanes.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.lanes.push(None);
            self.lanes.len() - 1
        });
        self.lanes[index] = Some(lane);
        LaneId(index)
    }

    /// One run less uses it.
    pub(crate) fn leave(&mut self, lane: LaneId) {
        let place = &mut self.lanes[lane.0];
        if let Some(used) = place {
            used.users -= 1;
            if used.users == 0 {
                *place = None;
            }
        }
    }

    /// Notes that the most urgent call of `run` is another one than before.
    pub(crate) fn set_head(
        &mut self,
        lane: LaneId,
        run: RunId,
        before: Option<Urgency>,
        now: Option<Urgency>,
    ) {
        let heads = &mut self.lane_mut(lane).heads;
        if let Some(before) = before {
            heads.remove(&(before, run));
        }
        if let Some(now) = now {
            heads.insert((now, run));
        }
    }

    /// Forgets which lanes had no room.
    pub(crate) fn look_again(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.is_full = false;
        }
    }

    /// The lane and the run of the most urgent call of all, besides those of
    /// lanes that had no room and of runs that may make none.
    pub(crate) fn most_urgent(&self, may_call: impl Fn(RunId) -> bool) -> Option<(LaneId, RunId)> {
        let lanes = self.lanes.iter().enumerate();
        let lanes = lanes.filter_map(|(index, lane)| Some((index, lane.as_ref()?)));
        let lanes = lanes.filter(|(_, lane)| !lane.is_full);
        let heads = lanes.filter_map(|(index, lane)| {
            let head = lane.heads.iter().find(|(_, run)| may_call(*run))?;
            Some((*head, index))
        });
        let ((_, run), index) = heads.min()?;
        Some((LaneId(index), run))
    }

    /// The right to a call, if its endpoint has room.
    pub(crate) fn acquire(&mut self, lane: LaneId) -> Result<Permit, Option<NewPause>> {
        let used = self.lane_mut(lane);
        let paused_until = match used.endpoint.try_acquire() {
            Ok(permit) => return Ok(permit),
            Err(paused_until) => paused_until,
        };
        used.is_full = true;
        let known = std::mem::replace(&mut used.paused_until, paused_until);
        let new = paused_until.filter(|_| known != paused_until);
        Err(new.map(|until| NewPause { lane, until }))
    }

    /// Until when the provider wants to be left alone, as far as was seen and if
    /// that is later than `now`.
    pub(crate) fn paused_until(&self, lane: LaneId, now: Instant) -> Option<Instant> {
        let paused_until = self.lane(lane).paused_until;
        paused_until.filter(|&until| until > now)
    }

    /// When the first provider that wants to be left alone may be called again.
    pub(crate) fn resumes_at(&self) -> Option<Instant> {
        let waiting = self.lanes.iter().flatten();
        let waiting = waiting.filter(|lane| lane.is_full && !lane.heads.is_empty());
        waiting.filter_map(|lane| lane.paused_until).min()
    }

    /// Whether any call waits.
    pub(crate) fn is_anything_waiting(&self) -> bool {
        let mut lanes = self.lanes.iter().flatten();
        lanes.any(|lane| !lane.heads.is_empty())
    }

    /// Whether any call waits there.
    pub(crate) fn has_waiting(&self, lane: LaneId) -> bool {
        !self.lane(lane).heads.is_empty()
    }

    pub(crate) fn endpoint(&self, lane: LaneId) -> &Arc<Endpoint> {
        &self.lane(lane).endpoint
    }

    fn lane(&self, lane: LaneId) -> &Lane {
        let lane = self.lanes[lane.0].as_ref();
        lane.expect("a run uses a lane between joining and leaving it")
    }

    fn lane_mut(&mut self, lane: LaneId) -> &mut Lane {
        let lane = self.lanes[lane.0].as_mut();
        lane.expect("a run uses a lane between joining and leaving it")
    }
}
