//! Second requests for calls that take unusually long.

use std::time::Duration;

use super::Run;
use super::calls::Start;
use crate::execution::Hedging;
use crate::execution::scheduling::scheduler::Board;
use crate::execution::scheduling::task::{Attempted, Task};
use crate::execution::scheduling::timers::Due;
use crate::resources::Wish;

impl Run {
    /// Has a call looked at again when it has taken unusually long; not before
    /// `least` from now.
    pub(super) fn plan_hedge(
        &self,
        board: &mut Board,
        attempted: Attempted,
        place: usize,
        least: Duration,
    ) {
        let Some(hedging) = self.limits.hedging else {
            return;
        };
        let endpoint = &self.bound.endpoints[place];
        let answers = Hedging::LEAST_ANSWERS;
        if let Some(usual) = endpoint.latency_at(hedging.percentile(), answers) {
            // Later than now, also where answers take no time.
            let usual = usual.max(Hedging::SHORTEST_WAIT).max(least);
            board.timers.push(board.now + usual, Due::Hedge(attempted));
        }
    }

    /// Sends a second request for a call that has taken unusually long.
    pub(crate) fn hedge(&mut self, board: &mut Board, attempted: Attempted) {
        let Some(hedging) = self.limits.hedging else {
            return;
        };
        let Task {
            execution, node, ..
        } = attempted.task;
        let place = self.bound.endpoint_of[node.index()];
        let Some(found) = self.executions.get(&execution) else {
            return;
        };
        // Nothing is begun any more for an input that has failed.
        if found.error.is_some() {
            return;
        }
        let Some(running) = found.only_attempt(node, attempted.serial) else {
            return;
        };
        let took = board.now.duration_since(running.started);
        let wish = Wish {
            avoid: running.asked,
            ..Wish::default()
        };
        let lane = self.queues[place].lane;
        let is_allowed = self.has_room() && hedging.allows(self.calls_made, self.hedges);
        // Calls that were not sent at all go first.
        let permit = if is_allowed && !board.lanes.has_waiting(lane) {
            let endpoints = board.lanes.endpoint(lane);
            endpoints.try_acquire(wish, &board.waiter, board.now).ok()
        } else {
            None
        };
        let Some(permit) = permit else {
            // Perhaps there is room later. The longer it takes, the less often it
            // is looked at: a call may take a thousand times what is usual.
            self.plan_hedge(board, attempted, place, took / 64);
            return;
        };
        let Some(mut execution) = self.executions.remove(&execution) else {
            return;
        };
        let start = Start {
            node,
            place,
            ready: board.now,
            queued: board.now,
            is_hedge: true,
        };
        // It was put together once before: only a budget or a limit of tokens may
        // not allow it, and then there is no second request.
        let asked = permit.place();
        if self.send(board, &mut execution, &start, permit).is_ok() {
            self.hedges += 1;
            self.bound.endpoints[place].note_hedge(asked);
        }
        self.executions.insert(execution.id, execution);
    }
}
