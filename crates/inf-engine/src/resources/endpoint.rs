//! [`Endpoint`]: a client, what it can take, and how it is doing.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Price;
use super::circuit_breaker::CircuitBreaker;
use super::limiter::{Blocked, Declared, Entry, Limiter};
use super::resource_metrics::{Recorder, ResourceMetrics};
use super::traffic::Waiter;
use crate::clients::{
    ClientDescription, ClientError, ClientErrorKind, DeltaSink, LlmClient, LlmRequest, LlmResponse,
    Retry,
};

/// One of those behind an alias, live and shared by all runs.
pub(super) struct Endpoint {
    client: Arc<dyn LlmClient>,
    description: ClientDescription,
    limits: Limits,
    /// What the model charges, if that is known.
    price: Option<Price>,
    /// Shared with everybody in the process who asks the same server.
    limiter: Arc<Limiter>,
    /// Calls of this endpoint in flight.
    in_flight: AtomicUsize,
    health: Mutex<Health>,
    metrics: Recorder,
}

/// How an endpoint is doing.
#[derive(Debug)]
struct Health {
    breaker: CircuitBreaker,
    /// How long answers take, in seconds; 0 before the first.
    latency: f64,
}

/// The limits of an endpoint.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_concurrent: usize,
    /// `None` if the client keeps its own.
    pub(super) timeout: Option<Duration>,
    pub(super) max_retries: u32,
    pub(super) declared: Declared,
}

impl Endpoint {
    pub(super) fn new(client: Arc<dyn LlmClient>, limits: Limits, limiter: Arc<Limiter>) -> Self {
        Self {
            description: client.description(),
            client,
            limits,
            price: None,
            limiter,
            in_flight: AtomicUsize::new(0),
            health: Mutex::new(Health {
                breaker: CircuitBreaker::new(),
                latency: 0.0,
            }),
            metrics: Recorder::default(),
        }
    }

    /// Says what the model charges.
    pub(super) fn with_price(mut self, price: Option<Price>) -> Self {
        self.price = price;
        self
    }

    /// What the model charges, if that is known.
    pub(super) fn price(&self) -> Option<&Price> {
        self.price.as_ref()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whom its client asks.
    pub(super) fn description(&self) -> &ClientDescription {
        &self.description
    }

    /// Registers a scheduler that may have to wait for room.
    pub(super) fn register(&self, waiter: &Arc<Waiter>) {
        self.limiter.register(waiter);
    }

    /// The calls that may be in flight at the moment.
    pub(super) fn limit(&self) -> usize {
        self.limits.max_concurrent.min(self.limiter.window())
    }

    pub(super) fn metrics(&self) -> ResourceMetrics {
        let mut metrics = self.metrics.snapshot();
        metrics.in_flight = self.in_flight.load(Ordering::Relaxed);
        metrics.limit = self.limit();
        metrics
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.metrics
    }

    /// Whether its circuit is closed.
    pub(super) fn is_healthy(&self) -> bool {
        self.health().breaker.is_closed()
    }

    /// How much a call more would wait there: the calls in flight, of everybody,
    /// times how long each takes.
    pub(super) fn load(&self) -> f64 {
        let in_flight = super::token_estimate::to_f64(self.limiter.in_flight() as u64);
        let latency = self.health().latency;
        (in_flight + 1.0) * latency.max(1e-6)
    }

    /// Lets a call in, if it can take one. With `breaks`, only if its circuit
    /// does not forbid it.
    pub(super) fn try_enter(
        &self,
        now: Instant,
        tokens: f64,
        asker: usize,
        breaks: bool,
    ) -> Result<Entry, Blocked> {
        if self.in_flight.load(Ordering::Relaxed) >= self.limits.max_concurrent {
            return Err(Blocked::Room);
        }
        if !breaks {
            let entry = self.limiter.try_enter(now, tokens, asker)?;
            self.in_flight.fetch_add(1, Ordering::Relaxed);
            return Ok(entry);
        }
        let mut health = self.health();
        health.breaker.check(now).map_err(|until| match until {
            Some(at) => Blocked::Until { at, is_rest: true },
            None => Blocked::Room,
        })?;
        let entry = self.limiter.try_enter(now, tokens, asker)?;
        health.breaker.begin();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(entry)
    }

    /// Takes what `request` will cost in tokens, or says how many they are and
    /// when there are as many.
    pub(super) fn charge(
        &self,
        entry: &mut Entry,
        request: &LlmRequest,
        now: Instant,
    ) -> Result<(), (f64, Instant)> {
        self.limiter.charge(entry, request, now)
    }

    /// Notes that a call is over.
    pub(super) fn leave(&self, entry: &Entry, has_ended: Ended, own: Option<&Waiter>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if has_ended != Ended::Known {
            self.health().breaker.note_nothing();
        }
        self.limiter.leave(entry, has_ended != Ended::NotSent, own);
    }

    /// Sends a request that `waited` so long and notes what became of it. The
    /// pieces of its answer go to `sink`, if there is one.
    pub(super) async fn send(
        &self,
        request: &LlmRequest,
        sink: Option<&mut DeltaSink<'_>>,
        entry: &Entry,
        waited: Duration,
    ) -> Result<LlmResponse, ClientError> {
        let start = Instant::now();
        let request_of = self.metrics.begin(waited);
        let call = match sink {
            None => self.client.send(request),
            Some(sink) => self.client.stream(request, sink),
        };
        let outcome = match self.limits.timeout {
            Some(timeout) => tokio::time::timeout(timeout, call)
                .await
                .unwrap_or_else(|_| Err(no_answer_within(timeout))),
            None => call.await,
        };
        let took = start.elapsed();
        request_of.end(&outcome, took, self.price());
        match &outcome {
            Ok(response) => {
                let now = start + took;
                self.limiter
                    .note_answer(entry, (request, response), took, now);
                let mut health = self.health();
                health.breaker.note_answer();
                let share = if health.latency > 0.0 {
                    1.0 / 16.0
                } else {
                    1.0
                };
                health.latency += share * (took.as_secs_f64() - health.latency);
            }
            Err(error) => match error.retry {
                Retry::RateLimited { after } => {
                    let told = error.rate_limits.as_deref();
                    self.limiter.note_refusal(entry, after, told);
                    self.health().breaker.note_nothing();
                }
                Retry::Transient => self.health().breaker.note_failure(Instant::now()),
                Retry::Never => self.health().breaker.note_nothing(),
            },
        }
        outcome
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // Plain numbers are whole whatever panicked.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a call that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// What became of it was noted.
    Known,
    /// It was given up.
    GivenUp,
    /// It was not sent at all.
    NotSent,
}

fn no_answer_within(timeout: Duration) -> ClientError {
    let seconds = timeout.as_secs_f64();
    let message =
        format!("no answer within {seconds} s: raise the endpoint's `timeout` if it needs longer");
    ClientError::new(ClientErrorKind::Timeout, message)
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Endpoint")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}
