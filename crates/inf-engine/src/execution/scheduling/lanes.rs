//! [`Lanes`]: where the ready calls of all runs wait, and which goes next.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::ready_queue::Urgency;
use crate::execution::RunId;
use crate::resources::{Blocked, EndpointGroup, Permit, Waiter, Wish};

/// One lane for each alias, so that a full endpoint never keeps calls from
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
    endpoint: Arc<EndpointGroup>,
    /// The runs that use it.
    users: usize,
    heads: BTreeSet<(Urgency, RunId)>,
    /// Whether it had no room in the present look around.
    is_full: bool,
    /// Until when none of its calls can be made, as far as was seen.
    opens_at: Option<Instant>,
    /// The latest pause that was told.
    told: Option<NewPause>,
}

/// A time in which no call can be made, which was not known before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewPause {
    pub(crate) lane: LaneId,
    pub(crate) until: Instant,
    /// Whether the endpoint is left alone; otherwise its calls are spaced out.
    pub(crate) is_rest: bool,
}

impl Lanes {
    /// The lane of `endpoint`, for one more run.
    pub(crate) fn join(&mut self, endpoint: &Arc<EndpointGroup>) -> LaneId {
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
            opens_at: None,
            told: None,
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
    pub(crate) fn acquire(
        &mut self,
        lane: LaneId,
        wish: Wish,
        asker: &Arc<Waiter>,
        now: Instant,
    ) -> Result<Permit, Option<NewPause>> {
        match self.lane(lane).endpoint.try_acquire(wish, asker, now) {
            Ok(permit) => Ok(permit),
            Err(blocked) => Err(self.block(lane, blocked)),
        }
    }

    /// Notes that no call can be made, and says so if it is news.
    fn block(&mut self, lane: LaneId, blocked: Blocked) -> Option<NewPause> {
        let used = self.lane_mut(lane);
        used.is_full = true;
        let Blocked::Until { at, is_rest } = blocked else {
            used.opens_at = None;
            return None;
        };
        used.opens_at = Some(at);
        let pause = NewPause {
            lane,
            until: at,
            is_rest,
        };
        let is_known = used
            .told
            .replace(pause)
            .is_some_and(|told| told.until == at);
        (!is_known).then_some(pause)
    }

    /// The pause that was seen last, if it lasts beyond `now`.
    pub(crate) fn pause(&self, lane: LaneId, now: Instant) -> Option<NewPause> {
        self.lane(lane).told.filter(|pause| pause.until > now)
    }

    /// When the first endpoint may be called again that can't be now.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        let waiting = self.lanes.iter().flatten();
        let waiting = waiting.filter(|lane| lane.is_full && !lane.heads.is_empty());
        waiting.filter_map(|lane| lane.opens_at).min()
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

    pub(crate) fn endpoint(&self, lane: LaneId) -> &Arc<EndpointGroup> {
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
