//! [`Endpoint`]: a client, and what it can take.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::resource_metrics::{Recorder, ResourceMetrics};
use crate::clients::{ClientError, ClientErrorKind, LlmClient, LlmRequest, LlmResponse};

/// What is behind an alias, live and shared by all runs.
pub(crate) struct Endpoint {
    alias: String,
    client: Arc<dyn LlmClient>,
    max_concurrent: usize,
    /// One for each call that may be in flight here.
    permits: Arc<Semaphore>,
    /// One for each call that may be in flight anywhere, if that is bounded.
    total_permits: Option<Arc<Semaphore>>,
    /// `None` if the client keeps its own.
    timeout: Option<Duration>,
    max_retries: u32,
    pause: Mutex<Pause>,
    metrics: Recorder,
}

/// A provider that is full is left alone for a while.
#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    /// Refusals since the last answer.
    refusals: u32,
}

/// The right to one call; dropping it gives the right to the next.
#[derive(Debug)]
pub(crate) struct Permit {
    _endpoint: OwnedSemaphorePermit,
    _total: Option<OwnedSemaphorePermit>,
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
            pause: Mutex::default(),
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
    pub(crate) fn try_acquire(&self) -> Option<Permit> {
        if self.paused_until().is_some() {
            return None;
        }
        let endpoint = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let total = match &self.total_permits {
            Some(total) => Some(Arc::clone(total).try_acquire_owned().ok()?),
            None => None,
        };
        Some(Permit {
            _endpoint: endpoint,
            _total: total,
        })
    }

    /// The right to a call, when there is one; rights are given in the order
    /// in which they were asked for.
    pub(crate) async fn acquire(self: Arc<Self>) -> Permit {
        let acquire = |semaphore: &Arc<Semaphore>| Arc::clone(semaphore).acquire_owned();
        loop {
            if let Some(until) = self.paused_until() {
                tokio::time::sleep_until(until).await;
            }
            let endpoint = acquire(&self.permits).await;
            // Asked for last, so that who waits for an endpoint holds nothing
            // that calls of another one need.
            let total = match &self.total_permits {
                Some(total) => Some(acquire(total).await),
                None => None,
            };
            if self.paused_until().is_none() {
                return Permit {
                    _endpoint: endpoint.expect("the semaphore is never closed"),
                    _total: total.map(|total| total.expect("the semaphore is never closed")),
                };
            }
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
        if outcome.is_ok() {
            self.pause().refusals = 0;
        }
        outcome
    }

    /// Notes that a failed request will be sent again.
    pub(crate) fn note_retry(&self) {
        self.metrics.note_retry();
    }

    /// Leaves the provider alone for as long as it asked, or longer with each
    /// refusal in a row if it did not say.
    pub(crate) fn pause_for(&self, asked: Option<Duration>) {
        const SHORTEST: Duration = Duration::from_millis(250);
        const LONGEST: Duration = Duration::from_secs(30);
        let mut pause = self.pause();
        let now = Instant::now();
        let already = pause.until.is_some_and(|until| until > now);
        let unasked = SHORTEST
            .saturating_mul(1 << pause.refusals.min(7))
            .min(LONGEST);
        let until = now + asked.unwrap_or(unasked);
        pause.until = Some(pause.until.map_or(until, |current| current.max(until)));
        // Calls that were under way when the provider filled up tell nothing new.
        if !already {
            pause.refusals += 1;
        }
    }

    fn paused_until(&self) -> Option<Instant> {
        self.pause().until.filter(|&until| until > Instant::now())
    }

    fn pause(&self) -> std::sync::MutexGuard<'_, Pause> {
        // Two plain numbers are whole whatever panicked.
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
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
