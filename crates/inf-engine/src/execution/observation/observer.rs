//! [`Observer`]: is told what happens in runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::progress::{Progress, RunCounters};
use crate::clients::Usage;
use crate::execution::{Attempt, ExecutionError};
use crate::graph::{GraphNode, InferenceGraph, NodePath, NodeRef, RegionPath, RegionRef};
use crate::resources::Cost;
use crate::value::Value;

/// Is told what happens in runs; given to them with
/// [`ExecutionSettings::with_observer`](crate::execution::ExecutionSettings::with_observer).
///
/// The methods are called by the scheduler, one after the other and in the
/// order of what happened; while one works, no call is started. What takes
/// longer than a few microseconds belongs elsewhere: send it there through a
/// channel. A run that is waited for in one of them (`run_blocking`) is an
/// error, because it could wait for the scheduler. All of them do nothing unless
/// written.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use inf_engine::execution::{ExecutionSettings, Observer, TaskOutcome, TaskReport};
///
/// #[derive(Default)]
/// struct CountsRetries(AtomicU64);
///
/// impl Observer for CountsRetries {
///     fn task_ended(&self, task: &TaskReport<'_>) {
///         if let TaskOutcome::Retried(_) = task.outcome {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let settings = ExecutionSettings::default().with_observer(Arc::new(CountsRetries::default()));
/// # let _ = settings;
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A run begins.
    fn run_started(&self, run: &RunReport<'_>) {
        let _ = run;
    }

    /// An attempt of a node begins that is not done on the spot: a call, or a
    /// host function that takes long.
    fn task_started(&self, task: &TaskStart<'_>) {
        let _ = task;
    }

    /// An attempt of a node ended, with a value or without one. Nodes that are
    /// done on the spot are told, too: their times are all the same.
    fn task_ended(&self, task: &TaskReport<'_>) {
        let _ = task;
    }

    /// A node of control flow begins to run one of its regions: an arm, a body for
    /// an element, an iteration.
    fn region_started(&self, region: &RegionReport<'_>) {
        let _ = region;
    }

    /// A tool ended that a model had called. The node goes on when all of its
    /// turn have.
    fn tool_ended(&self, tool: &ToolReport<'_>) {
        let _ = tool;
    }

    /// An input has its result.
    fn input_ended(&self, input: &InputReport<'_>) {
        let _ = input;
    }

    /// Nothing is sent to an endpoint for a while, because its provider asked
    /// for that or is refusing calls, or because all endpoints behind the alias
    /// keep failing.
    fn endpoint_paused(&self, pause: &PauseReport<'_>) {
        let _ = pause;
    }

    /// Calls to an endpoint are spaced out, to stay within what it bears: the next
    /// one may not be sent before. This is told for every space between two
    /// calls, which may be thousands a second; what it does must be short.
    fn endpoint_spaced(&self, space: &PauseReport<'_>) {
        let _ = space;
    }

    /// A run ended: every input that it took has its result, unless code of the
    /// program panicked.
    fn run_ended(&self, run: &RunReport<'_>) {
        let _ = run;
    }
}

/// One run: of one input, a batch or a stream.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use inf_engine::execution::{ExecutionSettings, InputReport, Observer, RunId};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// How many inputs each run had, of runs that go on at the same time.
/// #[derive(Default)]
/// struct Counts(Mutex<BTreeMap<RunId, usize>>);
///
/// impl Observer for Counts {
///     fn input_ended(&self, input: &InputReport<'_>) {
///         *self.0.lock().expect("nobody panics").entry(input.run).or_default() += 1;
///     }
/// }
///
/// let counts = Arc::new(Counts::default());
/// let settings = ExecutionSettings::default().with_observer(counts.clone());
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run("One?".to_owned()).await?;
/// pipeline.run_batch(["Two?".to_owned(), "Three?".to_owned()]).await;
/// assert!(counts.0.lock().expect("nobody panics").values().eq(&[1, 2]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub(crate) u64);

impl RunId {
    /// A number that no other run of this process has.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// A run that begins or ends.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use inf_engine::execution::{ExecutionSettings, InputReport, Observer, RunReport};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// A log of runs, a line for each thing that happens.
/// #[derive(Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Log {
///     fn write(&self, line: String) {
///         self.0.lock().expect("nobody panics").push(line);
///     }
/// }
///
/// impl Observer for Log {
///     fn run_started(&self, run: &RunReport<'_>) {
///         self.write(format!("`{}` begins", run.graph.name()));
///     }
///
///     fn input_ended(&self, input: &InputReport<'_>) {
///         let what = input.error.map_or("done".to_owned(), ToString::to_string);
///         self.write(format!("input {}: {what}", input.input));
///     }
///
///     fn run_ended(&self, run: &RunReport<'_>) {
///         self.write(format!("the end, after {} calls", run.progress().calls));
///     }
/// }
///
/// let log = Arc::new(Log::default());
/// let settings = ExecutionSettings::default().with_observer(log.clone());
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run("Why is the sky blue?".to_owned()).await?;
/// let lines = log.0.lock().expect("nobody panics");
/// assert_eq!(lines[..], ["`llm_inference` begins", "input 0: done", "the end, after 1 calls"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RunReport<'r> {
    /// Which one.
    pub run: RunId,
    /// What is run.
    pub graph: &'r Arc<InferenceGraph>,
    /// When this happened.
    pub at: Instant,
    pub(crate) counters: &'r RunCounters,
}

impl RunReport<'_> {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.counters.progress()
    }
}

/// An attempt of a node that begins.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use inf_engine::execution::{ExecutionSettings, Observer, TaskReport, TaskStart};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// The calls that are under way.
/// #[derive(Default)]
/// struct UnderWay(AtomicUsize);
///
/// impl Observer for UnderWay {
///     fn task_started(&self, task: &TaskStart<'_>) {
///         let waited = task.started - task.queued;
///         println!("input {} calls {:?}, after {waited:?}", task.input, task.alias);
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
///
///     fn task_ended(&self, task: &TaskReport<'_>) {
///         // Of what is done on the spot no start is told.
///         if !task.is_inline {
///             self.0.fetch_sub(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let under_way = Arc::new(UnderWay::default());
/// let settings = ExecutionSettings::default().with_observer(under_way.clone());
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run("Why is the sky blue?".to_owned()).await?;
/// assert_eq!(under_way.0.load(Ordering::Relaxed), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TaskStart<'r> {
    /// The run that it is part of.
    pub run: RunId,
    /// The place of its input among those of the run, from 0.
    pub input: usize,
    /// What is run.
    pub graph: &'r InferenceGraph,
    /// Which node of the graph.
    pub node: NodeRef,
    /// The alias that it calls, if it calls a model.
    pub alias: Option<&'r str>,
    /// Which attempt it is, from 1; refusals for a limit do not count.
    pub attempt: u32,
    /// Whether it is the second request for a call that took long.
    pub is_hedge: bool,
    /// When it began to wait for its turn at its endpoint.
    pub queued: Instant,
    /// When it was started.
    pub started: Instant,
    pub(crate) region: &'r RegionPath,
}

impl TaskStart<'_> {
    /// Where the node runs inside of its input: `summaries[17]/summary` if a node
    /// of control flow runs it, its name otherwise.
    pub fn path(&self) -> NodePath {
        let name = self.graph.node(self.node).shared_name();
        self.region.node(Arc::clone(name))
    }
}

/// An attempt of a node that ended.
///
/// ```
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = ExecutionSettings::default().on_task_complete(|task| {
///     if let Some(alias) = task.alias {
///         let took = task.ended - task.started;
///         println!("input {}: {} asked {alias} for {took:?}", task.input, task.path());
///     }
/// });
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run("Why is the sky blue?".to_owned()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TaskReport<'r> {
    /// The run that it is part of.
    pub run: RunId,
    /// The place of its input among those of the run, from 0.
    pub input: usize,
    /// What is run.
    pub graph: &'r InferenceGraph,
    /// Which node of the graph.
    pub node: NodeRef,
    /// The alias that it calls, if it calls a model.
    pub alias: Option<&'r str>,
    /// Which attempt it is, from 1; refusals for a limit do not count.
    pub attempt: u32,
    /// Which turn of its node's conversation it is, from 1: more than one if the
    /// model called tools or was asked again.
    pub turn: u32,
    /// Whether it is the second request for a call that took long.
    pub is_hedge: bool,
    /// When it could have been started: what it reads was there, or its retry
    /// was decided.
    pub ready: Instant,
    /// When it began to wait for its turn at its endpoint: later than `ready` by
    /// the pause before a retry.
    pub queued: Instant,
    /// When it was started.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// From sending the request to the first byte of the answer, if there was
    /// one.
    pub first_byte: Option<Duration>,
    /// The tokens that it was charged for.
    pub usage: Usage,
    /// What its answer cost, as far as that is known; nothing if there was none.
    pub cost: Cost,
    /// What became of it.
    pub outcome: TaskOutcome<'r>,
    /// The value that the node has, where it completed and something reads it.
    pub value: Option<&'r Value>,
    /// Whether it was done on the spot, so that nobody was told of its start.
    pub is_inline: bool,
    /// Whether it is a call that was not made, because the journal had its answer.
    pub from_journal: bool,
    pub(crate) region: &'r RegionPath,
    pub(crate) counters: &'r RunCounters,
}

impl<'r> TaskReport<'r> {
    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.counters.progress()
    }

    /// The node itself: its name, what it does, where it was made.
    pub fn graph_node(&self) -> &'r GraphNode {
        self.graph.node(self.node)
    }

    /// Where the node runs inside of its input: `summaries[17]/summary` if a node
    /// of control flow runs it, its name otherwise.
    pub fn path(&self) -> NodePath {
        let name = self.graph.node(self.node).shared_name();
        self.region.node(Arc::clone(name))
    }
}

/// A region that begins to run: an arm, the body of a map, a fold or a loop.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use inf_engine::execution::{ExecutionSettings, Observer, RegionReport};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// Which element of which list begins.
/// #[derive(Default)]
/// struct Elements(Mutex<Vec<String>>);
///
/// impl Observer for Elements {
///     fn region_started(&self, region: &RegionReport<'_>) {
///         let line = format!("{}: {}", region.path, region.arguments[0]);
///         self.0.lock().expect("nobody panics").push(line);
///     }
/// }
///
/// let shout = Tracer::new("shout").trace(|words: Proxy<Vec<String>>| {
///     map(words, |word| word.then("shout", |word: String| word.to_uppercase()))
/// })?;
/// let elements = Arc::new(Elements::default());
/// let settings = ExecutionSettings::default().with_observer(elements.clone());
/// let pipeline = shout.bind_as::<Vec<String>, Vec<String>>(ResourceConfig::new())?;
/// pipeline.with_settings(settings).run(vec!["one".to_owned(), "two".to_owned()]).await?;
/// assert_eq!(elements.0.lock().expect("nobody panics")[..], ["map[0]: one", "map[1]: two"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RegionReport<'r> {
    /// The run that it is part of.
    pub run: RunId,
    /// The place of its input among those of the run, from 0.
    pub input: usize,
    /// What is run.
    pub graph: &'r InferenceGraph,
    /// Which region of the graph.
    pub region: RegionRef,
    /// Where it runs inside of its input.
    pub path: &'r RegionPath,
    /// The values of its first nodes, which the node gives that runs it: the
    /// element, or the state.
    pub arguments: &'r [Value],
    /// When it begins.
    pub at: Instant,
}

/// What became of an attempt.
///
/// ```
/// use std::sync::Arc;
///
/// use inf_engine::execution::{ExecutionSettings, Observer, TaskOutcome, TaskReport};
///
/// /// Tells what goes wrong, also where it is mended by another attempt.
/// struct TellsTrouble;
///
/// impl Observer for TellsTrouble {
///     fn task_ended(&self, task: &TaskReport<'_>) {
///         let what = match task.outcome {
///             TaskOutcome::Failed(error) => error.message.as_str(),
///             TaskOutcome::Retried(attempt) | TaskOutcome::Reasked(attempt) => &attempt.message,
///             _ => return,
///         };
///         eprintln!("input {}, {}: {what}", task.input, task.path());
///     }
/// }
///
/// let settings = ExecutionSettings::default().with_observer(Arc::new(TellsTrouble));
/// # let _ = settings;
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TaskOutcome<'r> {
    /// The node has its value.
    Completed,
    /// The node failed, and its input with it, unless a node of control flow
    /// around it handles that.
    Failed(&'r ExecutionError),
    /// The attempt failed and the node will be tried again.
    Retried(&'r Attempt),
    /// The answer is not of the asked type, and the model is asked again.
    Reasked(&'r Attempt),
    /// The model called tools; the node goes on with what they give.
    CalledTools,
    /// The provider refused it for a limit: it waits for its turn again.
    RateLimited,
    /// It was given up: its input was cancelled, another request for the same call
    /// was quicker, or what a node of control flow runs has failed.
    Cancelled,
    /// It never runs, because it stands in an arm that was not chosen. This is told
    /// once for each node of the arm, when that is known.
    Skipped,
}

/// A tool that a model had called, and that ended.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use inf_engine::clients::simulated::SimulatedSettings;
/// use inf_engine::conversation::ToolChoice;
/// use inf_engine::execution::{ExecutionSettings, Observer, ToolOutcome, ToolReport};
/// use inf_engine::graph::Tool;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// What went wrong in tools: models are told, and nobody else is.
/// #[derive(Default)]
/// struct ToolTrouble(Mutex<Vec<String>>);
///
/// impl Observer for ToolTrouble {
///     fn tool_ended(&self, tool: &ToolReport<'_>) {
///         if let ToolOutcome::Failed(why) = tool.outcome {
///             let line = format!("{} in turn {}: {why}", tool.tool, tool.turn);
///             self.0.lock().expect("nobody panics").push(line);
///         }
///     }
/// }
///
/// let now = Tool::fallible("now", "The time.", |(): ()| async { Err::<String, _>("no clock") });
/// let ask = LlmInference::new("smart").tools([now]).tool_choice(ToolChoice::Required);
/// let resources = ResourceConfig::simulated(["smart"], &SimulatedSettings::default());
/// let trouble = Arc::new(ToolTrouble::default());
/// let settings = ExecutionSettings::default().with_observer(trouble.clone());
/// ask.bind(resources)?.with_settings(settings).run("What time is it?".to_owned()).await?;
/// assert_eq!(trouble.0.lock().expect("nobody panics")[..], ["now in turn 1: no clock"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ToolReport<'r> {
    /// The run that it is part of.
    pub run: RunId,
    /// The place of its input among those of the run, from 0.
    pub input: usize,
    /// What is run.
    pub graph: &'r InferenceGraph,
    /// The node whose model called it.
    pub node: NodeRef,
    /// The turn of the node's conversation in which it was called, from 1.
    pub turn: u32,
    /// Its name, as the model wrote it: there may be none of that name.
    pub tool: &'r str,
    /// When it was started.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What became of it.
    pub outcome: ToolOutcome<'r>,
    pub(crate) region: &'r RegionPath,
    pub(crate) counters: &'r RunCounters,
}

impl ToolReport<'_> {
    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.counters.progress()
    }

    /// Where the node runs inside of its input: `summaries[17]/summary` if a node
    /// of control flow runs it, its name otherwise.
    pub fn path(&self) -> NodePath {
        let name = self.graph.node(self.node).shared_name();
        self.region.node(Arc::clone(name))
    }
}

/// What became of a tool that a model had called.
///
/// [`ToolReport`] shows an observer that looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolOutcome<'r> {
    /// It gave something.
    Completed,
    /// It failed; the model is told why.
    Failed(&'r str),
    /// It was given up with its input.
    Cancelled,
}

/// An input that has its result.
///
/// [`RunReport`] shows an observer of inputs and runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct InputReport<'r> {
    /// The run that it is part of.
    pub run: RunId,
    /// Its place among the inputs of the run, from 0.
    pub input: usize,
    /// When it was taken.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Why it has no output, if it has none.
    pub error: Option<&'r ExecutionError>,
    pub(crate) counters: &'r RunCounters,
}

impl InputReport<'_> {
    /// How far the run is.
    pub fn progress(&self) -> Progress {
        self.counters.progress()
    }
}

/// An endpoint that is left alone for a while, or until the next call.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use inf_engine::clients::simulated::{Quota, SimulatedSettings};
/// use inf_engine::execution::{ExecutionSettings, Observer, PauseReport};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// /// Tells when a provider has had enough.
/// #[derive(Default)]
/// struct Pauses(AtomicUsize);
///
/// impl Observer for Pauses {
///     fn endpoint_paused(&self, pause: &PauseReport<'_>) {
///         println!("{} is left alone for {:?}", pause.alias, pause.until - pause.from);
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// // Two calls at once, then one in a second; what is more is refused, without a word of when.
/// let quota = Quota { requests_per_second: 1.0, burst: 2, hint: false };
/// let strict = SimulatedSettings { quota: Some(quota), ..Default::default() };
/// let pauses = Arc::new(Pauses::default());
/// let settings = ExecutionSettings::default().with_observer(pauses.clone());
/// let pipeline = LlmInference::new("fast").bind(ResourceConfig::simulated(["fast"], &strict))?;
/// let results = pipeline.with_settings(settings).run_batch((0..5).map(|n| n.to_string())).await;
/// assert!(results.iter().all(|result| result.output.is_ok())); // waiting is no failure
/// assert!(pauses.0.load(Ordering::Relaxed) > 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct PauseReport<'r> {
    /// The alias of the endpoint.
    pub alias: &'r str,
    /// When that was noticed.
    pub from: Instant,
    /// When it may be called again.
    pub until: Instant,
}

/// Calls a function for every node that has its value.
pub(crate) struct OnComplete<F>(pub(crate) F);

impl<F: Fn(&TaskReport<'_>) + Send + Sync + 'static> Observer for OnComplete<F> {
    fn task_ended(&self, task: &TaskReport<'_>) {
        if let TaskOutcome::Completed = task.outcome {
            self.0(task);
        }
    }
}

/// Calls a function for every node that failed.
pub(crate) struct OnFailed<F>(pub(crate) F);

impl<F: Fn(&TaskReport<'_>) + Send + Sync + 'static> Observer for OnFailed<F> {
    fn task_ended(&self, task: &TaskReport<'_>) {
        if let TaskOutcome::Failed(_) = task.outcome {
            self.0(task);
        }
    }
}

/// Calls a function with the progress of a run, now and then.
pub(crate) struct OnProgress<F> {
    interval: Duration,
    function: F,
    /// When the function was last called, for each run that goes on.
    told: Mutex<FxHashMap<RunId, Instant>>,
}

impl<F: Fn(&Progress) + Send + Sync + 'static> OnProgress<F> {
    pub(crate) fn new(interval: Duration, function: F) -> Self {
        Self {
            interval,
            function,
            told: Mutex::default(),
        }
    }

    fn tell_if_due(&self, run: RunId, now: Instant, counters: &RunCounters) {
        {
            let mut told = self.told();
            let last = told.entry(run).or_insert(now);
            if now.duration_since(*last) < self.interval {
                return;
            }
            *last = now;
        }
        (self.function)(&counters.progress());
    }

    fn told(&self) -> MutexGuard<'_, FxHashMap<RunId, Instant>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fn(&Progress) + Send + Sync + 'static> Observer for OnProgress<F> {
    fn run_started(&self, run: &RunReport<'_>) {
        self.told().insert(run.run, run.at);
        (self.function)(&run.progress());
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        self.tell_if_due(task.run, task.ended, task.counters);
    }

    fn input_ended(&self, input: &InputReport<'_>) {
        self.tell_if_due(input.run, input.ended, input.counters);
    }

    fn run_ended(&self, run: &RunReport<'_>) {
        self.told().remove(&run.run);
        (self.function)(&run.progress());
    }
}
