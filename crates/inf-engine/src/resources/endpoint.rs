//! [`Endpoint`]: a client, and what it can take.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use super::resource_metrics::{Recorder, ResourceMetrics};
use super::traffic::{Traffic, Waiter};
use crate::clients::{
    ClientDescription, ClientError, ClientErrorKind, DeltaSink, LlmClient, LlmRequest, LlmResponse,
    Retry,
};

/// What is behind an alias, live and shared by all runs.
pub(crate) struct Endpoint {
    alias: String,
    description: ClientDescription,
    client: Arc<dyn LlmClient>,
    max_concurrent: usize,
    traffic: Arc<Traffic>,
    /// `None` if the client keeps its own.
    timeout: Option<Duration>,
    max_retries: u32,
    flow: Mutex<Flow>,
    metrics: Recorder,
}

/// The calls in flight at an endpoint, and how many there should be.
#[derive(Debug)]
struct Flow {
    pace: Pace,
    in_flight: usize,
}

/// The right to one call; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    endpoint: Arc<Endpoint>,
    /// When it was given: what was refused until then was not known.
    since: Instant,
    /// Who need not be woken when it is given back.
    own: Option<Arc<Waiter>>,
}

impl Permit {
    /// Whom the endpoint asks.
    pub(crate) fn description(&self) -> &ClientDescription {
        self.endpoint.description()
    }

    /// Sends a request and notes what became of it. The pieces of its answer go
    /// to `sink`, if there is one.
    pub(crate) async fn send(
        &self,
        request: &LlmRequest,
        sink: Option<&mut DeltaSink<'_>>,
    ) -> Result<LlmResponse, ClientError> {
        self.endpoint.send(request, sink, self.since).await
    }

    /// Gives it back on behalf of `own`, who looks for room next anyway.
    pub(crate) fn give_back(mut self, own: &Arc<Waiter>) {
        self.own = Some(Arc::clone(own));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.endpoint.flow().in_flight -= 1;
        self.endpoint.traffic.leave(self.own.as_deref());
    }
}

/// The limits of an endpoint.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_concurrent: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) max_retries: u32,
}

impl Endpoint {
    pub(super) fn new(
        alias: &str,
        client: Arc<dyn LlmClient>,
        limits: Limits,
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            alias: alias.to_owned(),
            description: client.description(),
            client,
            max_concurrent: limits.max_concurrent,
            traffic,
            timeout: limits.timeout,
            max_retries: limits.max_retries,
            flow: Mutex::new(Flow {
                pace: Pace::new(limits.max_concurrent),
                in_flight: 0,
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

    /// What it is called in the resources.
    pub(crate) fn alias(&self) -> &str {
        &self.alias
    }

    /// Whom its client asks.
    pub(crate) fn description(&self) -> &ClientDescription {
        &self.description
    }

    /// The calls that may be in flight at the moment.
    pub(crate) fn limit(&self) -> usize {
        self.flow().pace.window()
    }

    /// How long the quickest `percentile` of 100 answers took, once there were
    /// `least` of them.
    pub(crate) fn latency_at(&self, percentile: f64, least: u64) -> Option<Duration> {
        self.metrics.latency_at(percentile, least)
    }

    pub(crate) fn metrics(&self) -> ResourceMetrics {
        let mut metrics = self.metrics.snapshot();
        let flow = self.flow();
        metrics.in_flight = flow.in_flight;
        metrics.limit = flow.pace.window();
        metrics
    }

    /// The right to a call, if there is room for one. Otherwise until when the
    /// provider wants to be left alone, if that is why.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Result<Permit, Option<Instant>> {
        let mut flow = self.flow();
        let paused_until = flow.pace.paused_until();
        let is_full = flow.in_flight >= flow.pace.window();
        if paused_until.is_some() || is_full || !self.traffic.try_enter() {
            return Err(paused_until);
        }
        flow.in_flight += 1;
        Ok(Permit {
            endpoint: Arc::clone(self),
            since: Instant::now(),
            own: None,
        })
    }

    async fn send(
        &self,
        request: &LlmRequest,
        sink: Option<&mut DeltaSink<'_>>,
        permitted: Instant,
    ) -> Result<LlmResponse, ClientError> {
        let start = Instant::now();
        let request_of = self.metrics.begin();
        let call = match sink {
            None => self.client.send(request),
            Some(sink) => self.client.stream(request, sink),
        };
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
        request_of.end(&outcome, start.elapsed());
        let mut flow = self.flow();
        match &outcome {
            Ok(_) => flow.pace.note_answer(),
            Err(error) => {
                if let Retry::RateLimited { after } = error.retry {
                    let in_flight = flow.in_flight;
                    flow.pace.note_refusal(permitted, in_flight, after);
                }
            }
        }
        drop(flow);
        outcome
    }

    /// Notes that a failed request will be sent again.
    pub(crate) fn note_retry(&self) {
        self.metrics.note_retry();
    }

    /// Notes that a model is asked again for an answer of the asked type.
    pub(crate) fn note_reask(&self) {
        self.metrics.note_reask();
    }

    /// Notes that a request is the second one for a call.
    pub(crate) fn note_hedge(&self) {
        self.metrics.note_hedge();
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
