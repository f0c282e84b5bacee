//! [`Progress`]: how far a run is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clients::Usage;
use crate::resources::{Cost, EndpointGroup};

/// How far a run is.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let settings = ExecutionSettings::default().on_progress(Duration::from_secs(1), |progress| {
///     eprintln!("{} done, {} calls, {}", progress.inputs_ended(), progress.calls, progress.cost);
/// });
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// let mut results = pipeline.stream((0..10).map(|n| format!("Question {n}")));
/// while results.next().await.is_some() {}
///
/// let progress = results.progress();
/// assert_eq!((progress.inputs_total, progress.inputs_succeeded), (Some(10), 10));
/// assert_eq!(progress.endpoints[0].alias, "fast");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The inputs that there are, if the source knows.
    pub inputs_total: Option<usize>,
    /// Inputs that have their output.
    pub inputs_succeeded: usize,
    /// Inputs that failed.
    pub inputs_failed: usize,
    /// Inputs that were stopped before they were done: cancelled, or without a
    /// budget for their calls.
    pub inputs_cancelled: usize,
    /// Those of the inputs with a result that were not run but taken from the
    /// journal.
    pub inputs_from_journal: usize,
    /// Inputs that were taken and have no result yet.
    pub inputs_in_flight: usize,
    /// Calls that were answered by their endpoints.
    pub calls: u64,
    /// Calls that were not made, because the journal had their answer.
    pub calls_from_journal: u64,
    /// Calls that were sent again after a passing failure.
    pub retries: u64,
    /// Calls that were refused for a limit; they wait for their turn again.
    pub rate_limited: u64,
    /// Calls that were made because an answer was not of the asked type.
    pub reasks: u64,
    /// Tools that models called.
    pub tool_calls: u64,
    /// Second requests for calls that took long.
    pub hedges: u64,
    /// The tokens charged so far.
    pub usage: Usage,
    /// What the answers cost so far, as far as that is known.
    pub cost: Cost,
    /// Since the run began; it stops when the run ends.
    pub elapsed: Duration,
    /// The endpoints that the run calls.
    pub endpoints: Vec<EndpointProgress>,
}

impl Progress {
    /// Inputs that have their result.
    pub fn inputs_ended(&self) -> usize {
        self.inputs_succeeded + self.inputs_failed + self.inputs_cancelled
    }
}

/// What a run does at one endpoint.
///
/// [`Progress`] has one for each alias that a run calls, and shows it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EndpointProgress {
    /// The alias of the endpoint.
    pub alias: String,
    /// The calls of the run that are in flight.
    pub in_flight: usize,
    /// The calls of the run that are ready and wait for room.
    pub waiting: usize,
    /// The calls that the endpoint may have in flight at the moment, all runs
    /// together: what its provider seems to bear, and at most what is
    /// configured.
    pub limit: usize,
}

/// Where the scheduler notes how far a run is, and others read it.
#[derive(Debug)]
pub(crate) struct RunCounters {
    inputs_total: Option<usize>,
    started: Instant,
    endpoints: Vec<Arc<EndpointGroup>>,
    counts: Mutex<Counts>,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) inputs_succeeded: usize,
    pub(crate) inputs_failed: usize,
    pub(crate) inputs_cancelled: usize,
    pub(crate) inputs_from_journal: usize,
    pub(crate) inputs_in_flight: usize,
    pub(crate) calls: u64,
    pub(crate) calls_from_journal: u64,
    pub(crate) retries: u64,
    pub(crate) rate_limited: u64,
    pub(crate) reasks: u64,
    pub(crate) tool_calls: u64,
    pub(crate) hedges: u64,
    pub(crate) usage: Usage,
    pub(crate) cost: Cost,
    /// By the place of the endpoint in the run: in flight, and waiting.
    pub(crate) at_endpoint: Vec<(usize, usize)>,
    pub(crate) ended: Option<Instant>,
}

impl RunCounters {
    pub(crate) fn new(
        inputs_total: Option<usize>,
        endpoints: &[Arc<EndpointGroup>],
        started: Instant,
    ) -> Self {
        Self {
            inputs_total,
            started,
            endpoints: endpoints.to_vec(),
            counts: Mutex::new(Counts {
                at_endpoint: vec![(0, 0); endpoints.len()],
                ..Counts::default()
            }),
        }
    }

    /// The inputs that there are, if the source knows.
    pub(crate) fn inputs_total(&self) -> Option<usize> {
        self.inputs_total
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        // Plain numbers are whole whatever panicked.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the run has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.counts().ended.is_some()
    }

    pub(crate) fn progress(&self) -> Progress {
        let counts = self.counts();
        let endpoints = self.endpoints.iter().zip(&counts.at_endpoint);
        let endpoints = endpoints.map(|(endpoint, &(in_flight, waiting))| EndpointProgress {
            alias: endpoint.alias().to_owned(),
            in_flight,
            waiting,
            limit: endpoint.limit(),
        });
        Progress {
            inputs_total: self.inputs_total,
            inputs_succeeded: counts.inputs_succeeded,
            inputs_failed: counts.inputs_failed,
            inputs_cancelled: counts.inputs_cancelled,
            inputs_from_journal: counts.inputs_from_journal,
            inputs_in_flight: counts.inputs_in_flight,
            calls: counts.calls,
            calls_from_journal: counts.calls_from_journal,
            retries: counts.retries,
            rate_limited: counts.rate_limited,
            reasks: counts.reasks,
            tool_calls: counts.tool_calls,
            hedges: counts.hedges,
            usage: counts.usage,
            cost: counts.cost,
            elapsed: counts
                .ended
                .unwrap_or_else(Instant::now)
                .duration_since(self.started),
            endpoints: endpoints.collect(),
        }
    }
}
