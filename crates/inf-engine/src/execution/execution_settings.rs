//! [`ExecutionSettings`]: how a run behaves.

use std::time::Duration;

/// What an error of one input means for the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// Passing failures of a call are retried; what still fails, fails its
    /// input alone.
    #[default]
    RetryThenFail,
    /// An error fails its input at once and alone.
    Continue,
    /// The first error stops the run: what is under way is cancelled, and
    /// nothing more is begun.
    FailFast,
}

/// How a run behaves.
///
/// ```
/// use std::time::Duration;
/// use inf_engine::execution::{ErrorPolicy, ExecutionSettings};
///
/// let settings = ExecutionSettings::default()
///     .with_max_concurrent(8)
///     .with_error_policy(ErrorPolicy::FailFast)
///     .with_task_timeout(Duration::from_secs(30));
/// # let _ = settings;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutionSettings {
    /// The most calls that this run has in flight; only the endpoints' own
    /// limits by default.
    pub max_concurrent: Option<usize>,
    /// The most inputs that are under way; by default enough to keep all
    /// endpoints busy: twice their concurrency, and at least 1,024. Memory is
    /// proportional to it.
    pub max_inputs_in_flight: Option<usize>,
    /// What an error of one input means for the others.
    pub error_policy: ErrorPolicy,
    /// How often a passing failure is retried; the endpoint's `max_retries` by
    /// default.
    pub max_retries: Option<u32>,
    /// How long one task (one attempt of a call, an async host function) may
    /// take; no bound besides the endpoint's `timeout` by default.
    pub task_timeout: Option<Duration>,
}

impl ExecutionSettings {
    /// The inputs that may be under way at least, unless `max_inputs_in_flight`
    /// says otherwise.
    pub const DEFAULT_MAX_INPUTS_IN_FLIGHT: usize = 1024;

    /// Sets the most calls in flight; 0 counts as 1.
    #[must_use]
    pub fn with_max_concurrent(mut self, max_concurrent: usize) -> Self {
        self.max_concurrent = Some(max_concurrent);
        self
    }

    /// Sets the most inputs under way; 0 counts as 1.
    #[must_use]
    pub fn with_max_inputs_in_flight(mut self, max_inputs_in_flight: usize) -> Self {
        self.max_inputs_in_flight = Some(max_inputs_in_flight);
        self
    }

    /// Sets what an error of one input means for the others.
    #[must_use]
    pub fn with_error_policy(mut self, error_policy: ErrorPolicy) -> Self {
        self.error_policy = error_policy;
        self
    }

    /// Sets how often a passing failure is retried.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// Sets how long one task may take.
    #[must_use]
    pub fn with_task_timeout(mut self, task_timeout: Duration) -> Self {
        self.task_timeout = Some(task_timeout);
        self
    }
}
