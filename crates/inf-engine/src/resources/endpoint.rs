//! [`Endpoint`]: a client, what it can take, and how it is doing.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Price;
use super::asked::Asked;
use super::circuit_breaker::{CircuitBreaker, Era};
use super::limiter::{Blocked, Declared, Entry, Limiter};
use super::resource_metrics::{Recorder, ResourceMetrics};
use super::traffic::Waiter;
use crate::clients::{
    ClientDescription, ClientError, ClientErrorKind, DeltaSink, ExtraFields, LlmClient, LlmRequest,
    LlmResponse, Retry,
};

/// One of those behind an alias, live and shared by all runs.
pub(super) struct Endpoint {
    client: Arc<dyn LlmClient>,
    description: ClientDescription,
    limits: Limits,
    /// What the model charges, if that is known.
    price: Option<Price>,
    asked: Asked,
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
    /// How long one was waited for in vain, before the first.
    at_least: f64,
}

impl Health {
    fn note_latency(&mut self, seconds: f64) {
        let share = if self.latency > 0.0 { 1.0 / 16.0 } else { 1.0 };
        self.latency += share * (seconds - self.latency);
    }

    /// Notes that an answer was waited for that did not come: it would have taken
    /// longer still.
    fn note_no_answer(&mut self, waited: f64) {
        if self.latency == 0.0 {
            self.at_least = self.at_least.max(waited);
        } else if waited > self.latency {
            self.note_latency(waited);
        }
    }
}

/// A call that was let in.
#[derive(Debug)]
pub(super) struct Entered {
    entry: Entry,
    /// When, as its circuit counts.
    era: Era,
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
        let description = client.description();
        Self {
            asked: Asked::of(&description, &ExtraFields::new()),
            description,
            client,
            limits,
            price: None,
            limiter,
            in_flight: AtomicUsize::new(0),
            health: Mutex::new(Health {
                breaker: CircuitBreaker::new(),
                latency: 0.0,
                at_least: 0.0,
            }),
            metrics: Recorder::default(),
        }
    }

    /// Says what the model charges.
    pub(super) fn with_price(mut self, price: Option<Price>) -> Self {
        self.price = price;
        self
    }

    /// Says which fields all of its requests have.
    pub(super) fn with_extra_body(mut self, extra: &ExtraFields) -> Self {
        self.asked = Asked::of(&self.description, extra);
        self
    }

    /// Whom it asks, for records.
    pub(super) fn asked(&self) -> &Asked {
        &self.asked
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

    /// How long answers take, in seconds, once there were any.
    pub(super) fn latency(&self) -> Option<f64> {
        let latency = self.health().latency;
        (latency > 0.0).then_some(latency)
    }

    /// How much a call more would wait there: the calls in flight, of everybody,
    /// times how long each takes; `unknown` or more where that is not known.
    pub(super) fn load(&self, unknown: f64) -> f64 {
        let in_flight = super::token_estimate::to_f64(self.limiter.in_flight() as u64);
        let health = self.health();
        let latency = if health.latency > 0.0 {
            health.latency
        } else {
            unknown.max(health.at_least)
        };
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
    ) -> Result<Entered, Blocked> {
        if self.in_flight.load(Ordering::Relaxed) >= self.limits.max_concurrent {
            return Err(Blocked::Room);
        }
        if !breaks {
            let entry = self.limiter.try_enter(now, tokens, asker)?;
            self.in_flight.fetch_add(1, Ordering::Relaxed);
            let era = Era::default();
            return Ok(Entered { entry, era });
        }
        let mut health = self.health();
        health.breaker.check(now).map_err(|until| match until {
            Some(at) => Blocked::Until { at, is_rest: true },
            None => Blocked::Room,
        })?;
        let entry = self.limiter.try_enter(now, tokens, asker)?;
        let era = health.breaker.begin();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Entered { entry, era })
    }

    /// Takes what `request` will cost in tokens, or says how many they are if
    /// there are not as many.
    pub(super) fn charge(
        &self,
        entered: &mut Entered,
        request: &LlmRequest,
        now: Instant,
    ) -> Result<(), f64> {
        self.limiter.charge(&mut entered.entry, request, now)
    }

    /// Notes that a call is over.
    pub(super) fn leave(&self, entered: &Entered, has_ended: Ended, own: Option<&Waiter>) {
        let entry = &entered.entry;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if has_ended != Ended::Known {
            let mut health = self.health();
            health.breaker.note_nothing(entered.era);
            if has_ended == Ended::GivenUp {
                let waited = Instant::now().saturating_duration_since(entry.at());
                let waited = waited.as_secs_f64();
                health.note_no_answer(waited);
            }
        }
        self.limiter.leave(entry, has_ended != Ended::NotSent, own);
    }

    /// Sends a request that `waited` so long and notes what became of it. The
    /// pieces of its answer go to `sink`, if there is one.
    pub(super) async fn send(
        &self,
        request: &LlmRequest,
        sink: Option<&mut DeltaSink<'_>>,
        entered: &Entered,
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
        let Entered { entry, era } = entered;
        request_of.end(&outcome, took, self.price());
        match &outcome {
            Ok(response) => {
                let now = start + took;
                self.limiter
                    .note_answer(entry, (request, response), took, now);
                let mut health = self.health();
                health.breaker.note_answer(*era);
                health.note_latency(took.as_secs_f64());
            }
            Err(error) => match error.retry {
                Retry::RateLimited { after } => {
                    let told = error.rate_limits.as_deref();
                    self.limiter.note_refusal(entry, after, told);
                    self.health().breaker.note_nothing(*era);
                }
                Retry::Transient => self.health().breaker.note_failure(*era, Instant::now()),
                Retry::Never => self.health().breaker.note_nothing(*era),
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
