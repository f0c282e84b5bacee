//! [`ExecutionSettings`]: how runs behave.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Budget, Cancellation, Hedging, JournalChoice, Overlay};
use crate::execution::observation::{OnComplete, OnFailed, OnProgress};
use crate::execution::tokens::TokenListener;
use crate::execution::{
    ExecutionManager, NodeMetrics, Observer, Profile, Progress, TaskReport, TokenStream,
};
use crate::journal::Journal;

/// What an error of one input means for the others.
///
/// ```
/// use inf_engine::execution::{ErrorKind, ExecutionSettings};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let check = Tracer::new("check").trace(|text: Proxy<String>| {
///     text.try_then("parse", |text: String| text.parse::<u32>())
/// })?;
/// let pipeline = check.bind_as::<String, u32>(ResourceConfig::new())?;
/// let inputs = || ["1", "two", "3"].map(str::to_owned);
///
/// // By default every input gets its chance.
/// let results = pipeline.run_batch(inputs()).await;
/// let failed = results.iter().filter(|result| result.output.is_err());
/// assert_eq!(failed.count(), 1);
///
/// // Or the first failure ends the run. What had not ended is cancelled.
/// let strict = ExecutionSettings::default().with_error_policy(ErrorPolicy::FailFast);
/// let results = pipeline.with_settings(strict).run_batch(inputs()).await;
/// for error in results.iter().filter_map(|result| result.output.as_ref().err()) {
///     assert!(matches!(error.kind, ErrorKind::HostFunction | ErrorKind::Cancelled));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// Passing failures of a call are retried, with exponential backoff and
    /// jitter; what still fails, fails its input alone.
    #[default]
    RetryThenFail,
    /// An error fails its input at once and alone.
    Continue,
    /// The first error stops the run: what is under way is cancelled, and
    /// nothing more is begun.
    FailFast,
}

/// How runs behave: of one pipeline, of one call, or of everything in a scope.
///
/// Settings come in layers, and each setting is taken from the first layer
/// that has it:
///
/// 1. the call: `pipeline.with_settings(…).run_batch(…)`, the latest first;
/// 2. the pipeline, as it was bound: `module.bind(…)?.with_settings(…)`;
/// 3. the scopes around the call, the innermost first: [`scope`](Self::scope);
/// 4. the defaults, which are given with each setting.
///
/// Cancellations, budgets and observers are the exception: those of all layers
/// count.
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
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ExecutionSettings {
    /// The most calls that a run has in flight; only the endpoints' own limits
    /// by default.
    pub max_concurrent: Option<usize>,
    /// The most inputs of a run that are under way; by default enough to keep
    /// all endpoints busy: twice their concurrency, and at least 1,024. Memory
    /// is proportional to it.
    pub max_inputs_in_flight: Option<usize>,
    /// The most results that wait to be taken, besides those of inputs under
    /// way: because nobody reads the stream, or, in input order, because an
    /// older input has not ended. When inputs under way and results that wait
    /// are `max_inputs_in_flight` and this together, no more inputs are begun.
    /// 8,192 by default.
    pub max_results_waiting: Option<usize>,
    /// What an error of one input means for the others; by default its passing
    /// failures are retried, and it fails alone.
    pub error_policy: Option<ErrorPolicy>,
    /// How often a passing failure is retried; the endpoint's `max_retries` by
    /// default.
    pub max_retries: Option<u32>,
    /// How often a model is asked again when its answer is not of the asked type:
    /// it is shown its answer and told what is wrong with that. Each time is a
    /// call like any other, which waits for its turn and is paid for; 1 by
    /// default, 0 for never, and whatever the error policy.
    pub max_reasks: Option<u32>,
    /// How long one task (one attempt of a call, a host function that does not
    /// run inline, a run of a tool) may take, from when it begins; no bound
    /// besides the endpoint's own timeouts by default.
    pub task_timeout: Option<Duration>,
    /// How long a run, with all of its inputs, may take; no bound by default.
    /// What has not ended by then fails with [`Timeout`](crate::execution::ErrorKind::Timeout).
    pub run_timeout: Option<Duration>,
    /// Added to the priority of all calls of a run, 0 by default: of the calls
    /// that are ready for an endpoint, whichever run they are of, the lowest
    /// number goes first.
    pub priority: Option<i32>,
    /// Whether calls that take unusually long are sent a second time; not by
    /// default.
    pub hedging: Option<Hedging>,
    /// The manager that runs belong to, which bounds the inputs under way over
    /// all of them; [`ExecutionManager::global`] by default.
    pub manager: Option<ExecutionManager>,
    /// Whether prompts, answers and messages of errors that may quote them are
    /// recorded on spans and events; not by default. See
    /// [`telemetry`](crate::telemetry).
    pub recorded_content: Option<bool>,
    /// Whether inputs that failed in an earlier run with the same journal are
    /// run again; by default they are answered with their error from there. See
    /// [`with_journal`](Self::with_journal).
    pub retry_failed: Option<bool>,
    /// Whether a call may be answered by what the journal holds of the same
    /// request, whichever input and run it was for; not by default.
    ///
    /// The same is what is rendered and how it is sampled, at the same models and
    /// addresses. What is asked several times in a run is answered as often by
    /// different answers, as far as there are as many.
    pub cached_requests: Option<bool>,
    /// Whether calls are answered by the journal alone; not by default. A call
    /// that it has no answer to fails with
    /// [`NotRecorded`](crate::execution::ErrorKind::NotRecorded), and nothing is
    /// sent anywhere: for tests of a pipeline without a network. Which models its
    /// aliases are bound to does not matter.
    pub replay: Option<bool>,
    journal: Option<JournalChoice>,
    overlay: Option<Overlay>,
    tokens: Option<Arc<TokenListener>>,
    cancellations: Vec<Cancellation>,
    budgets: Vec<Budget>,
    observers: Vec<Arc<dyn Observer>>,
    /// Whether inputs are gone through call by call that a journal has the end of.
    retraces: bool,
    /// Whether they are those of a scope inside of a host function.
    is_inside: bool,
}

impl ExecutionSettings {
    /// The inputs that may be under way at least, unless `max_inputs_in_flight`
    /// says otherwise.
    pub const DEFAULT_MAX_INPUTS_IN_FLIGHT: usize = 1024;

    /// How often a model is asked again, unless `max_reasks` says otherwise.
    pub const DEFAULT_MAX_REASKS: u32 = 1;

    /// The results that may wait to be taken, unless `max_results_waiting` says
    /// otherwise.
    pub const DEFAULT_MAX_RESULTS_WAITING: usize = 8192;

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

    /// Sets the most results that wait to be taken.
    #[must_use]
    pub fn with_max_results_waiting(mut self, max_results_waiting: usize) -> Self {
        self.max_results_waiting = Some(max_results_waiting);
        self
    }

    /// Sets what an error of one input means for the others.
    #[must_use]
    pub fn with_error_policy(mut self, error_policy: ErrorPolicy) -> Self {
        self.error_policy = Some(error_policy);
        self
    }

    /// Sets how often a passing failure is retried.
    #[must_use]
    pub fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// Sets how often a model is asked again for an answer of the asked type.
    #[must_use]
    pub fn with_max_reasks(mut self, max_reasks: u32) -> Self {
        self.max_reasks = Some(max_reasks);
        self
    }

    /// Sets how long one task may take.
    #[must_use]
    pub fn with_task_timeout(mut self, task_timeout: Duration) -> Self {
        self.task_timeout = Some(task_timeout);
        self
    }

    /// Sets how long a run may take.
    #[must_use]
    pub fn with_run_timeout(mut self, run_timeout: Duration) -> Self {
        self.run_timeout = Some(run_timeout);
        self
    }

    /// Sets what is added to the priority of all calls.
    #[must_use]
    pub fn with_priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Sets which calls are sent a second time.
    #[must_use]
    pub fn with_hedging(mut self, hedging: Hedging) -> Self {
        self.hedging = Some(hedging);
        self
    }

    /// Sets the manager that runs belong to.
    #[must_use]
    pub fn with_manager(mut self, manager: &ExecutionManager) -> Self {
        self.manager = Some(manager.clone());
        self
    }

    /// Sets whether prompts and answers are recorded on spans and events. Keys
    /// and headers never are.
    #[must_use]
    pub fn with_recorded_content(mut self, recorded_content: bool) -> Self {
        self.recorded_content = Some(recorded_content);
        self
    }

    /// Records in `journal` what runs finish, and takes from it what is there
    /// already: an input that it has the end of is not run again, and of any
    /// other input no call is made that has been answered.
    ///
    /// Inputs are matched by their content and the name of the pipeline, wherever
    /// they stand among others; of several with the same content the first is
    /// matched with the first, and so on. A call is matched by its node, the
    /// request that it makes, and the models behind its alias: after a change of
    /// a prompt, a parameter or a model only what depends on it is asked again.
    ///
    /// Several pipelines may share a journal: in a [`scope`](Self::scope), or with
    /// the same settings.
    ///
    /// ```
    /// use inf_engine::execution::ExecutionSettings;
    /// use inf_engine::journal::Journal;
    /// use inf_engine::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let journal = Journal::open(folder)?;
    /// let resources = ResourceConfig::simulated(["fast"], &Default::default());
    /// let pipeline = LlmInference::new("fast").bind(resources)?;
    /// let pipeline = pipeline.with_settings(ExecutionSettings::default().with_journal(&journal));
    /// let texts = || (0..10).map(|n| format!("What is {n} + {n}?"));
    ///
    /// pipeline.run_batch(texts()).await;
    /// // The same again calls nothing.
    /// let again = pipeline.run_batch(texts()).await;
    /// assert!(again.iter().all(|result| result.from_journal));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_journal(mut self, journal: &Journal) -> Self {
        self.journal = Some(JournalChoice::Open(journal.clone()));
        self
    }

    /// Like [`with_journal`](Self::with_journal), with the journal in the folder
    /// `checkpoint_dir`, which is made if it is not there. It is opened when the
    /// first run begins; if it can't be, every input ends in that error. To hear
    /// of it before, open it with [`Journal::open`].
    #[must_use]
    pub fn with_checkpoint_dir(mut self, checkpoint_dir: impl Into<PathBuf>) -> Self {
        self.journal = Some(JournalChoice::folder(checkpoint_dir.into()));
        self
    }

    /// Sets whether inputs that failed in an earlier run are run again.
    #[must_use]
    pub fn with_retry_failed(mut self, retry_failed: bool) -> Self {
        self.retry_failed = Some(retry_failed);
        self
    }

    /// Sets whether calls may be answered by those of other inputs and runs that
    /// made the same request.
    ///
    /// ```
    /// use inf_engine::execution::ExecutionSettings;
    /// use inf_engine::journal::Journal;
    /// use inf_engine::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // In memory, the 10,000 latest; with `Journal::open` on disk.
    /// let cache = Journal::in_memory(10_000);
    /// let settings = ExecutionSettings::default().with_journal(&cache).with_cached_requests(true);
    /// let resources = ResourceConfig::simulated(["fast"], &Default::default());
    /// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
    /// let first = pipeline.run("Why is the sky blue?".to_owned()).await?;
    /// assert_eq!(pipeline.run("Why is the sky blue?".to_owned()).await?, first);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_cached_requests(mut self, cached_requests: bool) -> Self {
        self.cached_requests = Some(cached_requests);
        self
    }

    /// Sets whether calls are answered by the journal alone.
    #[must_use]
    pub fn with_replay(mut self, replay: bool) -> Self {
        self.replay = Some(replay);
        self
    }

    /// Has runs read the texts of `overlay` in place of those of its parameters,
    /// which stay as they are. Of several layers that have one, the nearest
    /// counts. A path that the pipeline does not have fails every input.
    #[must_use]
    pub fn with_overlay(mut self, overlay: &Overlay) -> Self {
        self.overlay = Some(overlay.clone());
        self
    }

    /// Gives the answers of runs to `tokens`, piece by piece. Of several layers
    /// that have one, the nearest counts.
    #[must_use]
    pub fn with_tokens(mut self, tokens: &TokenStream) -> Self {
        self.tokens = Some(Arc::clone(tokens.listener()));
        self
    }

    /// Ends runs when `cancellation` is cancelled. It comes on top of those of
    /// other layers.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: &Cancellation) -> Self {
        self.cancellations.push(cancellation.clone());
        self
    }

    /// Has runs spend no more than `budget`, together with all others that have
    /// it. It comes on top of those of other layers, and holds for runs that
    /// begin inside of host functions, too.
    #[must_use]
    pub fn with_budget(mut self, budget: &Budget) -> Self {
        self.add_budget(budget);
        self
    }

    fn add_budget(&mut self, budget: &Budget) {
        if !self.budgets.iter().any(|known| known.is_same(budget)) {
            self.budgets.push(budget.clone());
        }
    }

    /// Tells `observer` what happens. It comes on top of those of other layers;
    /// one that is given several times is told once.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.add_observer(observer);
        self
    }

    fn add_observer(&mut self, observer: Arc<dyn Observer>) {
        let mut known = self.observers.iter();
        if !known.any(|known| Arc::ptr_eq(known, &observer)) {
            self.observers.push(observer);
        }
    }

    /// Records where the time of runs goes in `profile`, as its observer.
    #[must_use]
    pub fn with_profile(self, profile: &Profile) -> Self {
        self.with_observer(profile.observer())
    }

    /// Counts what the calls of each node come to in `metrics`, as its observer.
    #[must_use]
    pub fn with_node_metrics(self, metrics: &NodeMetrics) -> Self {
        self.with_observer(metrics.observer())
    }

    /// Calls `function` for every node that has its value.
    #[must_use]
    pub fn on_task_complete(
        self,
        function: impl Fn(&TaskReport<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.with_observer(Arc::new(OnComplete(function)))
    }

    /// Calls `function` for every node that failed for good.
    #[must_use]
    pub fn on_task_failed(
        self,
        function: impl Fn(&TaskReport<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.with_observer(Arc::new(OnFailed(function)))
    }

    /// Calls `function` when a run begins, when it ends, and in between when
    /// something happened, at most once every `interval`.
    #[must_use]
    pub fn on_progress(
        self,
        interval: Duration,
        function: impl Fn(&Progress) + Send + Sync + 'static,
    ) -> Self {
        self.with_observer(Arc::new(OnProgress::new(interval, function)))
    }

    /// Has every input gone through call by call, those that a journal has the end
    /// of, too: what optimizes counts calls, whether or not they had to be made.
    #[must_use]
    pub(crate) fn retracing(mut self) -> Self {
        self.retraces = true;
        self
    }

    pub(crate) fn retraces(&self) -> bool {
        self.retraces
    }

    /// Gives runs the journal that `other` has, if it has one.
    #[must_use]
    pub(crate) fn with_journal_of(mut self, other: &Self) -> Self {
        self.journal = other.journal.clone().or(self.journal);
        self
    }

    /// These settings, and those of `below` where these have none.
    pub(crate) fn over(mut self, below: &Self) -> Self {
        for observer in &below.observers {
            self.add_observer(Arc::clone(observer));
        }
        for budget in &below.budgets {
            self.add_budget(budget);
        }
        let mut cancellations = self.cancellations;
        cancellations.extend_from_slice(&below.cancellations);
        Self {
            max_concurrent: self.max_concurrent.or(below.max_concurrent),
            max_inputs_in_flight: self.max_inputs_in_flight.or(below.max_inputs_in_flight),
            max_results_waiting: self.max_results_waiting.or(below.max_results_waiting),
            error_policy: self.error_policy.or(below.error_policy),
            max_retries: self.max_retries.or(below.max_retries),
            max_reasks: self.max_reasks.or(below.max_reasks),
            task_timeout: self.task_timeout.or(below.task_timeout),
            run_timeout: self.run_timeout.or(below.run_timeout),
            priority: self.priority.or(below.priority),
            hedging: self.hedging.or(below.hedging),
            manager: self.manager.or_else(|| below.manager.clone()),
            recorded_content: self.recorded_content.or(below.recorded_content),
            retry_failed: self.retry_failed.or(below.retry_failed),
            cached_requests: self.cached_requests.or(below.cached_requests),
            replay: self.replay.or(below.replay),
            journal: self.journal.or_else(|| below.journal.clone()),
            overlay: self.overlay.or_else(|| below.overlay.clone()),
            tokens: self.tokens.or_else(|| below.tokens.clone()),
            cancellations,
            budgets: self.budgets,
            observers: self.observers,
            retraces: self.retraces || below.retraces,
            is_inside: self.is_inside || below.is_inside,
        }
    }

    /// The settings of a scope, as they are inside of a host function.
    pub(crate) fn inside(self) -> Self {
        let is_inside = true;
        Self { is_inside, ..self }
    }

    pub(crate) fn is_inside(&self) -> bool {
        self.is_inside
    }

    pub(crate) fn journal(&self) -> Option<&JournalChoice> {
        self.journal.as_ref()
    }

    pub(crate) fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }

    pub(crate) fn tokens(&self) -> Option<&Arc<TokenListener>> {
        self.tokens.as_ref()
    }

    pub(crate) fn cancellations(&self) -> &[Cancellation] {
        &self.cancellations
    }

    pub(crate) fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    pub(crate) fn observers(&self) -> &[Arc<dyn Observer>] {
        &self.observers
    }
}

impl fmt::Debug for ExecutionSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExecutionSettings")
            .field("max_concurrent", &self.max_concurrent)
            .field("max_inputs_in_flight", &self.max_inputs_in_flight)
            .field("max_results_waiting", &self.max_results_waiting)
            .field("error_policy", &self.error_policy)
            .field("max_retries", &self.max_retries)
            .field("max_reasks", &self.max_reasks)
            .field("task_timeout", &self.task_timeout)
            .field("run_timeout", &self.run_timeout)
            .field("priority", &self.priority)
            .field("hedging", &self.hedging)
            .field("manager", &self.manager)
            .field("recorded_content", &self.recorded_content)
            .field("retry_failed", &self.retry_failed)
            .field("cached_requests", &self.cached_requests)
            .field("replay", &self.replay)
            .field("journal", &self.journal)
            .field("overlay", &self.overlay)
            .field("tokens", &self.tokens.is_some())
            .field("cancellations", &self.cancellations.len())
            .field("budgets", &self.budgets)
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
