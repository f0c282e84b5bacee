//! [`ResourceMetrics`]: what an endpoint did.

use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::clients::{ClientError, ClientErrorKind, LlmResponse, Usage};

/// What an endpoint did since it was made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResourceMetrics {
    /// Requests that were sent, retries and refused ones included.
    pub requests: u64,
    /// Requests that were answered.
    pub successes: u64,
    /// Requests that failed or were given up, those refused for a limit not
    /// included.
    pub failures: u64,
    /// Requests refused for a limit; they are sent again and spend no retry.
    pub rate_limited: u64,
    /// Passing failures after which a request was sent again.
    pub retries: u64,
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

impl Default for ResourceMetrics {
    fn default() -> Self {
        Self {
            requests: 0,
            successes: 0,
            failures: 0,
            rate_limited: 0,
            retries: 0,
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
        self.rate_limited += other.rate_limited;
        self.retries += other.retries;
        self.usage += other.usage;
        // Both grow as they need, so that adding can't fail.
        let _ = self.latencies.add(&other.latencies);
    }
}

/// Where an endpoint notes what it does.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<ResourceMetrics>);

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

    pub(super) fn snapshot(&self) -> ResourceMetrics {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ResourceMetrics> {
        // Counters are whole after every statement, also if one panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on its way. One that is given up before its end counts as failed.
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
            self.recorder.lock().failures += 1;
        }
    }
}
