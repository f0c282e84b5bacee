//! [`Figures`]: everything that is shown of a run at one moment.

use std::time::Duration;

use inf_engine::resources::Cost;

use super::failures::Failure;

/// Everything that is shown of a run at one moment.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// The name of the pipeline.
    pub(super) name: String,
    /// What may be waited for what has begun, once the run was asked to stop.
    pub(super) stops_within: Option<Duration>,
    pub(super) elapsed: Duration,
    pub(super) inputs: Inputs,
    pub(super) calls: Calls,
    pub(super) spending: Spending,
    pub(super) endpoints: Vec<EndpointFigures>,
    /// Answers in each second, the newest last.
    pub(super) answers_by_second: Vec<u64>,
    /// How many inputs failed for each cause, the most frequent first.
    pub(super) failures_by_kind: Vec<(&'static str, u64)>,
    /// The newest first.
    pub(super) last_failures: Vec<Failure>,
}

/// How far the inputs are.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs {
    pub(super) ended: u64,
    pub(super) failed: u64,
    pub(super) stopped: u64,
    pub(super) from_journal: u64,
    pub(super) in_flight: u64,
    /// If it is known.
    pub(super) total: Option<u64>,
    pub(super) per_second: f64,
    /// If it can be told by now.
    pub(super) time_left: Option<Duration>,
}

/// What was asked of all endpoints together.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    pub(super) answered: u64,
    pub(super) from_journal: u64,
    pub(super) retries: u64,
    pub(super) refused: u64,
    pub(super) per_second: f64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) tokens_per_second: f64,
}

/// What the run costs.
#[derive(Debug, Clone, Default)]
pub(super) struct Spending {
    pub(super) cost: Cost,
    /// What it will come to, if that can be told by now.
    pub(super) at_the_end: Option<f64>,
    /// What of a budget is left and what it was, ready to be read; one for each of
    /// its limits, with the share that is spent, from 0 to 1.
    pub(super) budgets: Vec<(String, f64)>,
}

/// One endpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct EndpointFigures {
    pub(super) name: String,
    pub(super) in_flight: usize,
    pub(super) limit: usize,
    /// The highest limit that it had, which is what is configured for it.
    pub(super) configured: usize,
    /// Calls that are ready and wait for room; only told of the first endpoint of an
    /// alias, for which they wait.
    pub(super) waiting: Option<usize>,
    pub(super) calls_per_second: f64,
    pub(super) tokens_per_second: f64,
    pub(super) refused: u64,
    pub(super) retries: u64,
    pub(super) failed: u64,
    /// Half of the answers, and 95 of 100, took no longer; `None` before the first.
    pub(super) latency: Option<(Duration, Duration)>,
    pub(super) cost: Cost,
}
