//! [`Endpoint`]: a client, and what it can take.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::pace::Pace;
use super::resource_metrics::{Recorder, ResourceMetrics};
use crate::clients::{ClientError, ClientErrorKind, LlmClient, LlmRequest, LlmResponse, Retry};

/// What is behind an alias, live and shared by all runs.
pub(crate) struct Endpoint {
    alias: String,
    client: Arc<dyn LlmClient>,
    max_concurrent: usize,
    /// One for each call that may be in flight here by now.
    permits: Arc<Semaphore>,
    /// One for each call that may be in flight anywhere, if that is bounded.
    total_permits: Option<Arc<Semaphore>>,
    /// `None` if the client keeps its own.
    timeout: Option<Duration>,
    max_retries: u32,
    flow: Mutex<Flow>,
    metrics: Recorder,
}

/// How many permits there are, and how many there should be.
#[derive(Debug)]
struct Flow {
    pace: Pace,
    /// Permits that exist, held or not. Where there are more than the pace
    /// allows, they are destroyed when they come back.
    permits: usize,
}

/// The right to one call; dropping it gives the right to the next.
#[derive(Debug)]
pub(crate) struct Permit {
    endpoint: Arc<Endpoint>,
    /// `None` only while it is being dropped.
    right: Option<OwnedSemaphorePermit>,
    _total: Option<OwnedSemaphorePermit>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut flow = self.endpoint.flow();
        if flow.permits > flow.pace.window()
            && let Some(right) = self.right.take()
        {
            right.forget();
            flow.permits -= 1;
        }
    }
}

/// The limits of an endpoint.
pub(super) struct Limits {
    pub(super) max_concurrent: usize,
    pub(super) total_permits: Option<Arc<Semaphore>>,
    pub(super) timeout: Option<Duration>,
    pub(super) max_retries: u32,
}

impl Endpoint {
    pub(super) fn new(alias: &str, client: Arc<dyn LlmClient>, limits: Limits) -> Self {
        Self {
            alias: alias.to_owned(),
            client,
            max_concurrent: limits.max_concurrent,
            permits: Arc::new(Semaphore::new(limits.max_concurrent)),
            total_permits: limits.total_permits,
            timeout: limits.timeout,
            max_retries: limits.max_retries,
            flow: Mutex::new(Flow {
                pace: Pace::new(limits.max_concurrent),
                permits: limits.max_concurrent,
            }),
            metrics: Recorder::default(),
        }
    }

    /// The most calls at once.
    pub(crate) fn max_concurrent(&self) -> usize {
        self.max_concurrent
    }

    pub(crate) fn max_retries(&self) -> u32 {
        self.max_retries
    }

    pub(crate) fn metrics(&self) -> ResourceMetrics {
        self.metrics.snapshot()
    }

    /// The right to a call, if there is one at once.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        if self.flow().pace.paused_until().is_some() {
            return None;
        }
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let total = match &self.total_permits {
            Some(total) => Some(Arc::clone(total).try_acquire_owned().ok()?),
            None => None,
        };
        Some(self.permit(permit, total))
    }

    /// The right to a call, when there is one; rights are given in the order
    /// in which they were asked for.
    pub(crate) async fn acquire(self: Arc<Self>) -> Permit {
        let acquire = async |semaphore: &Arc<Semaphore>| {
            let permit = Arc::clone(semaphore).acquire_owned().await;
            permit.expect("the semaphore is never closed")
        };
        loop {
            let paused_until = self.flow().pace.paused_until();
            if let Some(until) = paused_until {
                tokio::time::sleep_until(until).await;
            }
            let permit = acquire(&self.permits).await;
            // Asked for last, so that who waits for an endpoint holds nothing
            // that calls of another one need.
            let total = match &self.total_permits {
                Some(total) => Some(acquire(total).await),
                None => None,
            };
            let permit = self.permit(permit, total);
            if self.flow().pace.paused_until().is_none() {
                return permit;
            }
        }
    }

    fn permit(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        total: Option<OwnedSemaphorePermit>,
    ) -> Permit {
        Permit {
            endpoint: Arc::clone(self),
            right: Some(permit),
            _total: total,
        }
    }

    /// Sends a request and notes what became of it.
    pub(crate) async fn send(&self, request: &LlmRequest) -> Result<LlmResponse, ClientError> {
        self.metrics.note_request();
        let start = Instant::now();
        let call = self.client.send(request);
        let outcome = match self.timeout {
            Some(timeout) => tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| {
                let seconds = timeout.as_secs_f64();
                let message = format!(
                    "no answer within {seconds} s: raise the endpoint's `timeout` if it needs longer"
                );
                Err(ClientError::new(ClientErrorKind::Timeout, message))
            }),
            None => call.await,
        };
        self.metrics.note_outcome(&outcome, start.elapsed());
        match &outcome {
            Ok(_) => self.note_answer(),
            Err(error) => {
                if let Retry::RateLimited { after } = error.retry {
                    self.note_refusal(start, after);
                }
            }
        }
        outcome
    }

    /// Notes that a failed request will be sent again.
    pub(crate) fn note_retry(&self) {
        self.metrics.note_retry();
    }

    fn note_answer(&self) {
        let mut flow = self.flow();
        flow.pace.note_answer();
        let window = flow.pace.window();
        if window > flow.permits {
            self.permits.add_permits(window - flow.permits);
            flow.permits = window;
        }
    }

    fn note_refusal(&self, sent: Instant, asked: Option<Duration>) {
        let mut flow = self.flow();
        let in_flight = flow
            .permits
            .saturating_sub(self.permits.available_permits());
        flow.pace.note_refusal(sent, in_flight, asked);
        // Those that are held follow when they come back.
        let surplus = flow.permits.saturating_sub(flow.pace.window());
        flow.permits -= self.permits.forget_permits(surplus);
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        // Plain numbers are whole whatever panicked.
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Endpoint")
            .field("alias", &self.alias)
            .finish_non_exhaustive()
    }
}
