//! [`Lanes`]: the ready calls of a run, by endpoint, and which goes next.

use std::sync::Arc;

use tokio::time::Instant;

use super::ready_queue::{ReadyQueue, Urgency};
use super::task::Task;
use crate::resources::{Endpoint, Permit, Waiter};

/// The ready calls of a run: one queue for each endpoint, so that a full
/// endpoint never keeps calls from another one.
pub(super) struct Lanes {
    by_endpoint: Vec<Lane>,
    /// Lanes that had no room in the present look around; kept to be used again.
    is_full: Vec<bool>,
    /// When the first provider that wants to be left alone may be called again,
    /// as the last look around found.
    resumes: Option<Instant>,
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
            resumes: None,
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
        self.resumes = None;
        loop {
            let heads = self.by_endpoint.iter().enumerate();
            let heads = heads.filter(|(index, _)| !self.is_full[*index]);
            let heads = heads.filter_map(|(index, lane)| Some((lane.queue.head()?, index)));
            let (_, index): (Urgency, usize) = heads.min()?;
            let lane = &mut self.by_endpoint[index];
            match lane.endpoint.try_acquire() {
                Ok(permit) => return lane.queue.pop().map(|task| (task, permit)),
                Err(paused_until) => {
                    self.is_full[index] = true;
                    let resumes = self.resumes.into_iter().chain(paused_until);
                    self.resumes = resumes.min();
                }
            }
        }
    }

    /// Waits until there may be room for a call that the last look around found
    /// none for: another one ended, or a provider may be called again.
    pub(super) async fn room(&self) {
        match self.resumes {
            None => self.waiter.room().await,
            Some(resumes) => tokio::select! {
                () = self.waiter.room() => {}
                () = tokio::time::sleep_until(resumes) => {}
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clients::{
        ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry,
    };
    use crate::execution::task::ExecutionId;
    use crate::graph::NodeRef;
    use crate::resources::{ResourceConfig, ResourceManager};

    struct Full;

    impl LlmClient for Full {
        fn send<'a>(&'a self, _: &'a LlmRequest) -> LlmFuture<'a> {
            let after = Some(Duration::from_millis(5));
            let error = ClientError::new(ClientErrorKind::RateLimited, "full");
            let error = error.with_retry(Retry::RateLimited { after });
            Box::pin(std::future::ready(Err::<LlmResponse, _>(error)))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_ends_before_it_is_waited_for_is_not_missed() {
        let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
        let resources = resources.with_client("full", Arc::new(Full), 4);
        let endpoint = Arc::clone(resources.endpoint("full").unwrap());
        let refused = endpoint.send(&LlmRequest::from_prompt("x")).await;
        assert!(refused.is_err());
        let mut lanes = Lanes::new(&[endpoint], resources.waiter());
        let task = Task {
            execution: ExecutionId(0),
            node: NodeRef::new(1),
        };
        lanes.push(0, task, 0, 1);
        assert!(
            lanes.next().is_none(),
            "the provider wants to be left alone"
        );
        tokio::time::advance(Duration::from_millis(5)).await;
        let room = tokio::time::timeout(Duration::from_hours(1), lanes.room());
        room.await.expect("the run goes on");
        assert!(lanes.next().is_some());
    }
}
