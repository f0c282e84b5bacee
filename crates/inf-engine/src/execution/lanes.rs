//! [`Lanes`]: the ready calls of a run, by endpoint, and which goes next.

use std::sync::Arc;

use super::ready_queue::{ReadyQueue, Urgency};
use super::task::Task;
use crate::resources::{Endpoint, Permit, Waiter};

/// The ready calls of a run: one queue for each endpoint, so that a full
/// endpoint never keeps calls from another one.
pub(super) struct Lanes {
    by_endpoint: Vec<Lane>,
    /// Lanes that had no room in the present look around; kept to be used again.
    is_full: Vec<bool>,
    waiter: Arc<Waiter>,
}

struct Lane {
    endpoint: Arc<Endpoint>,
    queue: ReadyQueue,
}

impl Lanes {
    pub(super) fn new(endpoints: &[Arc<Endpoint>], waiter: Arc<Waiter>) -> Self {
        let lanes = endpoints.iter().map(|endpoint| Lane {
            endpoint: Arc::clone(endpoint),
            queue: ReadyQueue::default(),
        });
        Self {
            by_endpoint: lanes.collect(),
            is_full: vec![false; endpoints.len()],
            waiter,
        }
    }

    /// Adds a call to the lane of its endpoint.
    pub(super) fn push(&mut self, lane: usize, task: Task, priority: i32, remaining: u32) {
        self.by_endpoint[lane].queue.push(task, priority, remaining);
    }

    /// Takes the most urgent call whose endpoint has room, with the right to
    /// make it.
    pub(super) fn next(&mut self) -> Option<(Task, Permit)> {
        // Said before looking, so that room which comes up later is told.
        self.waiter.want();
        self.is_full.fill(false);
        loop {
            let heads = self.by_endpoint.iter().enumerate();
            let heads = heads.filter(|(index, _)| !self.is_full[*index]);
            let heads = heads.filter_map(|(index, lane)| Some((lane.queue.head()?, index)));
            let (_, index): (Urgency, usize) = heads.min()?;
            let lane = &mut self.by_endpoint[index];
            match lane.endpoint.try_acquire() {
                Some(permit) => return lane.queue.pop().map(|task| (task, permit)),
                None => self.is_full[index] = true,
            }
        }
    }

    /// Waits until there may be room for a call that waits: another one ended,
    /// or a provider wanted to be left alone until now.
    pub(super) async fn room(&self) {
        let waiting = self
            .by_endpoint
            .iter()
            .filter(|lane| !lane.queue.is_empty());
        let pauses = waiting.filter_map(|lane| lane.endpoint.paused_until());
        match pauses.min() {
            None => self.waiter.room().await,
            Some(until) => tokio::select! {
                () = self.waiter.room() => {}
                () = tokio::time::sleep_until(until) => {}
            },
        }
    }

    /// Whether any call waits.
    pub(super) fn is_empty(&self) -> bool {
        self.by_endpoint.iter().all(|lane| lane.queue.is_empty())
    }

    /// Whether a lane has fewer calls waiting than would be good.
    pub(super) fn is_short(&self, lane: usize) -> bool {
        // Enough to choose from by priority, also where one call runs at once.
        const LEAST: usize = 16;
        let lane = &self.by_endpoint[lane];
        lane.queue.len() < lane.endpoint.max_concurrent().max(LEAST)
    }

    /// Forgets every call that waits.
    pub(super) fn clear(&mut self) {
        for lane in &mut self.by_endpoint {
            lane.queue.clear();
        }
    }
}
