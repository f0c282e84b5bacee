//! [`ResourceMetrics`]: what an endpoint did.

use std::fmt;
use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::clients::{ClientError, ClientErrorKind, LlmResponse, Usage};

/// What an endpoint did since it was made.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResourceMetrics {
    /// Requests that were sent, retries and refused ones included.
    pub requests: u64,
    /// Requests that were answered.
    pub successes: u64,
    /// Requests that failed, those refused for a limit not included.
    pub failures: u64,
    /// Requests that were given up before their end: their run was cancelled
    /// or had no more time for them, or another request for the same call was
    /// quicker.
    pub cancelled: u64,
    /// Requests refused for a limit; they are sent again and spend no retry.
    pub rate_limited: u64,
    /// Passing failures after which a request was sent again.
    pub retries: u64,
    /// Answers that were not of the asked type, so that the model was asked again.
    pub reasks: u64,
    /// Second requests for calls that took long.
    pub hedges: u64,
    /// Requests on their way at the moment.
    pub in_flight: usize,
    /// The requests that may be on their way at the moment: what the provider
    /// seems to bear, and at most what is configured.
    pub limit: usize,
    /// Tokens charged.
    pub usage: Usage,
    /// From sending a request to the last byte of its answer, in microseconds.
    latencies: Histogram<u64>,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LatencySummary {
    /// Half of the answers took no longer.
    pub p50: Duration,
    /// 95 of 100 answers took no longer.
    pub p95: Duration,
    /// 99 of 100 answers took no longer.
    pub p99: Duration,
}

impl ResourceMetrics {
    /// How long answers took, to three significant digits.
    pub fn latency(&self) -> LatencySummary {
        let at = |quantile| Duration::from_micros(self.latencies.value_at_quantile(quantile));
        LatencySummary {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

/// Says latencies in short: the histogram has thousands of places.
impl fmt::Debug for ResourceMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResourceMetrics")
            .field("requests", &self.requests)
            .field("successes", &self.successes)
            .field("failures", &self.failures)
            .field("cancelled", &self.cancelled)
            .field("rate_limited", &self.rate_limited)
            .field("retries", &self.retries)
            .field("reasks", &self.reasks)
            .field("hedges", &self.hedges)
            .field("in_flight", &self.in_flight)
            .field("limit", &self.limit)
            .field("usage", &self.usage)
            .field("latency", &self.latency())
            .finish_non_exhaustive()
    }
}

impl Default for ResourceMetrics {
    fn default() -> Self {
        Self {
            requests: 0,
            successes: 0,
            failures: 0,
            cancelled: 0,
            rate_limited: 0,
            retries: 0,
            reasks: 0,
            hedges: 0,
            in_flight: 0,
            limit: 0,
            usage: Usage::default(),
            latencies: Histogram::new(3).expect("three significant digits are allowed"),
        }
    }
}

impl AddAssign<&Self> for ResourceMetrics {
    fn add_assign(&mut self, other: &Self) {
        self.requests += other.requests;
        self.successes += other.successes;
        self.failures += other.failures;
        self.cancelled += other.cancelled;
        self.rate_limited += other.rate_limited;
        self.retries += other.retries;
        self.reasks += other.reasks;
        self.hedges += other.hedges;
        self.in_flight += other.in_flight;
        self.limit = self.limit.saturating_add(other.limit);
        self.usage += other.usage;
        // Both grow as they need, so that adding can't fail.
        let _ = self.latencies.add(&other.latencies);
    }
}

/// Where an endpoint notes what it does.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    metrics: Mutex<ResourceMetrics>,
    /// The latency that was asked for last, because looking it up takes longer
    /// than a call may.
    known: Mutex<Option<KnownLatency>>,
}

#[derive(Debug, Clone, Copy)]
struct KnownLatency {
    percentile: f64,
    /// The answers that it is of.
    answers: u64,
    latency: Duration,
}

impl Recorder {
    /// Notes that a request is sent.
    pub(super) fn begin(&self) -> RequestRecord<'_> {
        self.lock().requests += 1;
        RequestRecord {
            recorder: self,
            has_ended: false,
        }
    }

    pub(super) fn note_retry(&self) {
        self.lock().retries += 1;
    }

    pub(super) fn note_reask(&self) {
        self.lock().reasks += 1;
    }

    pub(super) fn note_hedge(&self) {
        self.lock().hedges += 1;
    }

    /// How long the quickest `percentile` of 100 answers took, once there were
    /// `least` of them; what it says may be a few answers old.
    pub(super) fn latency_at(&self, percentile: f64, least: u64) -> Option<Duration> {
        const OLD_AFTER: u64 = 64;
        let metrics = self.lock();
        let answers = metrics.latencies.len();
        if answers < least {
            return None;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |known: &KnownLatency| {
            known.percentile.to_bits() == percentile.to_bits()
                && answers - known.answers < OLD_AFTER.min(known.answers / 8 + 1)
        };
        let current = known.filter(is_good).unwrap_or_else(|| KnownLatency {
            percentile,
            answers,
            latency: Duration::from_micros(metrics.latencies.value_at_percentile(percentile)),
        });
        *known = Some(current);
        Some(current.latency)
    }

    pub(super) fn snapshot(&self) -> ResourceMetrics {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ResourceMetrics> {
        // Counters are whole after every statement, also if one panicked.
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on its way. One that is dropped before its end was given up.
pub(super) struct RequestRecord<'r> {
    recorder: &'r Recorder,
    has_ended: bool,
}

impl RequestRecord<'_> {
    /// Notes what became of the request.
    pub(super) fn end(mut self, outcome: &Result<LlmResponse, ClientError>, took: Duration) {
        self.has_ended = true;
        let mut metrics = self.recorder.lock();
        match outcome {
            Ok(response) => {
                metrics.successes += 1;
                metrics.usage += response.usage;
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                // It grows as it needs, so that recording can't fail.
                let _ = metrics.latencies.record(micros);
            }
            Err(error) if error.kind == ClientErrorKind::RateLimited => metrics.rate_limited += 1,
            Err(_) => metrics.failures += 1,
        }
    }
}

impl Drop for RequestRecord<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.recorder.lock().cancelled += 1;
        }
    }
}
