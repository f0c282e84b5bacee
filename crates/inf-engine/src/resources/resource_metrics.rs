//! [`ResourceMetrics`]: what an endpoint did, or what the calls of a node came
//! to.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Cost, Price};
use crate::clients::{ClientError, ClientErrorKind, LlmResponse, Usage};

/// What an endpoint did since it was made, or what the calls of a node came to
/// ([`NodeMetrics`](crate::execution::NodeMetrics)).
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// pipeline.run_batch((0..20).map(|n| format!("Question {n}"))).await;
///
/// let metrics = &pipeline.resources().metrics()["fast"];
/// assert_eq!((metrics.requests, metrics.successes), (20, 20));
/// println!(
///     "{} tokens, {}, half of the answers within {:?}",
///     metrics.usage.input_tokens + metrics.usage.output_tokens,
///     metrics.cost,
///     metrics.latency().p50,
/// );
/// assert_eq!(metrics.answered_within(Duration::from_secs(60)), 20);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ResourceMetrics {
    /// Requests that were sent, retries and refused ones included.
    pub requests: u64,
    /// Requests that were answered.
    pub successes: u64,
    /// Requests that failed, those refused for a limit not included.
    pub failures: u64,
    /// The same by cause, under the names that results have for it:
    /// `timeout`, `server`, ….
    pub failures_by_kind: BTreeMap<&'static str, u64>,
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
    /// What the answers cost, as far as that is known.
    pub cost: Cost,
    /// What calls waited, ready to be made, for room and for limits before they
    /// were; the pauses before retries are not included.
    pub waiting: Duration,
    /// What answers took, all together.
    pub answering: Duration,
    /// From sending a request to the last byte of its answer, in microseconds.
    latencies: Histogram<u64>,
}

/// How long answers took.
///
/// [`ResourceMetrics::latency`] gives it; [`ResourceMetrics`] shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
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

    /// The answers that took no longer than `bound`, to three significant
    /// digits.
    pub fn answered_within(&self, bound: Duration) -> u64 {
        self.latencies.count_between(0, micros(bound))
    }

    /// Counts an answer.
    pub(crate) fn note_answer(&mut self, took: Duration, usage: Usage, cost: Cost) {
        self.successes += 1;
        self.usage += usage;
        self.cost += cost;
        self.answering += took;
        // It grows as it needs, so that recording can't fail.
        let _ = self.latencies.record(micros(took));
    }

    /// Counts a failure of the kind that results name so.
    pub(crate) fn note_failure(&mut self, kind: &'static str) {
        self.failures += 1;
        *self.failures_by_kind.entry(kind).or_default() += 1;
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Says latencies in short: the histogram has thousands of places.
impl fmt::Debug for ResourceMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResourceMetrics")
            .field("requests", &self.requests)
            .field("successes", &self.successes)
            .field("failures", &self.failures)
            .field("failures_by_kind", &self.failures_by_kind)
            .field("cancelled", &self.cancelled)
            .field("rate_limited", &self.rate_limited)
            .field("retries", &self.retries)
            .field("reasks", &self.reasks)
            .field("hedges", &self.hedges)
            .field("in_flight", &self.in_flight)
            .field("limit", &self.limit)
            .field("usage", &self.usage)
            .field("cost", &self.cost)
            .field("waiting", &self.waiting)
            .field("answering", &self.answering)
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
            failures_by_kind: BTreeMap::new(),
            cancelled: 0,
            rate_limited: 0,
            retries: 0,
            reasks: 0,
            hedges: 0,
            in_flight: 0,
            limit: 0,
            usage: Usage::default(),
            cost: Cost::default(),
            waiting: Duration::ZERO,
            answering: Duration::ZERO,
            latencies: Histogram::new(3).expect("three significant digits are allowed"),
        }
    }
}

impl AddAssign<&Self> for ResourceMetrics {
    fn add_assign(&mut self, other: &Self) {
        self.requests += other.requests;
        self.successes += other.successes;
        self.failures += other.failures;
        for (kind, count) in &other.failures_by_kind {
            *self.failures_by_kind.entry(kind).or_default() += count;
        }
        self.cancelled += other.cancelled;
        self.rate_limited += other.rate_limited;
        self.retries += other.retries;
        self.reasks += other.reasks;
        self.hedges += other.hedges;
        self.in_flight += other.in_flight;
        self.limit = self.limit.saturating_add(other.limit);
        self.usage += other.usage;
        self.cost += other.cost;
        self.waiting += other.waiting;
        self.answering += other.answering;
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
    /// Notes that a request is sent which has waited so long for that.
    pub(super) fn begin(&self, waited: Duration) -> RequestRecord<'_> {
        {
            let mut metrics = self.lock();
            metrics.requests += 1;
            metrics.waiting += waited;
        }
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
    /// Notes what became of the request to a model with this price.
    pub(super) fn end(
        mut self,
        outcome: &Result<LlmResponse, ClientError>,
        took: Duration,
        price: Option<&Price>,
    ) {
        self.has_ended = true;
        let mut metrics = self.recorder.lock();
        match outcome {
            Ok(response) => {
                let cost = Cost::of_answer(price, &response.usage);
                metrics.note_answer(took, response.usage, cost);
            }
            Err(error) if error.kind == ClientErrorKind::RateLimited => metrics.rate_limited += 1,
            Err(error) => metrics.note_failure(error.kind.as_str()),
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
