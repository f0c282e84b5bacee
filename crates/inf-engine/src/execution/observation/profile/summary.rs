//! [`ProfileSummary`]: where the time went, in numbers.

use std::cmp::Reverse;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::critical_path::{self, CriticalPath};
use super::node_tally::{NodeTally, SlowAttempt};
use super::recording::{EndpointTally, GraphTally, Recording};
use super::slots::slots_of;
use super::spans::{Micros, Spans};
use super::waits::{Waits, WaitsFor, visit_waits};
use crate::clients::Usage;
use crate::resources::LatencySummary;

/// Where the time of runs went, in numbers; made by
/// [`Profile::summary`](crate::execution::Profile::summary).
///
/// As text it is a report for people; serialized, all times are seconds.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::execution::{ExecutionSettings, Profile};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A model that takes a second for an answer, with room for one call.
/// let resources = ResourceConfig::from_text("
/// endpoints:
///   fast: { provider: simulated, model: m, max_concurrent: 1, simulated: { latency: { median_ms: 1000 } } }
/// ")?;
/// let profile = Profile::new();
/// let chain = Sequential::new(LlmInference::new("fast")).then(LlmInference::new("fast"));
/// let settings = ExecutionSettings::default().with_profile(&profile);
/// let pipeline = chain.bind(resources)?.with_settings(settings);
/// pipeline.run_batch(["One?".to_owned(), "Two?".to_owned()]).await;
///
/// let second = Duration::from_secs(1);
/// let summary = profile.summary();
/// println!("{summary}"); // all of it, for people
/// assert_eq!((summary.calls, summary.wall), (4, 4 * second));
/// // Until the first input was done, the second one waited for room.
/// assert_eq!((summary.bound_by.room, summary.bound_by.chains), (2 * second, 2 * second));
/// let fast = &summary.endpoints[0];
/// assert_eq!((fast.busy, fast.idle, fast.longest_idle.len()), (4 * second, Duration::ZERO, 0));
/// assert_eq!(fast.waits.room, summary.nodes.iter().map(|node| node.waits.room).sum());
/// assert_eq!(summary.nodes[0].slowest[0].took, second);
/// // Why the slowest input took as long as it did: two calls, and what they waited for.
/// let slowest = &summary.critical_paths[0];
/// assert_eq!(slowest.steps.len(), 2);
/// assert!(slowest.steps.iter().all(|step| step.calling == second));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProfileSummary {
    /// Runs that were begun.
    pub runs: u64,
    /// Inputs that have their result.
    pub inputs: u64,
    /// Those of them that failed.
    pub inputs_failed: u64,
    /// Attempts of calls that ended.
    pub calls: u64,
    /// Attempts, host functions included, that were only counted, because there
    /// were more than the profile keeps. `bound_by`, `critical_paths`, and what
    /// is said of endpoints to be of the calls that were kept, do not cover
    /// them.
    pub calls_not_kept: u64,
    /// From the beginning of the first run to the last thing that happened; the
    /// time in which there was no run left out.
    #[serde(serialize_with = "seconds")]
    pub wall: Duration,
    /// The tokens that were charged.
    pub usage: Usage,
    /// What the time on the wall was bound by.
    pub bound_by: BoundBy,
    /// The endpoints, in the order of their first use.
    pub endpoints: Vec<EndpointSummary>,
    /// The nodes that did anything or were skipped, those whose attempts took longest in sum
    /// first.
    pub nodes: Vec<NodeSummary>,
    /// The ways of the inputs that took longest, the slowest first.
    pub critical_paths: Vec<CriticalPath>,
}

/// What the time on the wall was bound by. Each moment counts where it is found
/// first, in this order, so that all together are the time on the wall.
///
/// Inputs that were not begun, because their source was slow or
/// `max_inputs_in_flight` of them were under way, have no calls that wait.
///
/// [`ProfileSummary`] has it, and shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BoundBy {
    /// A call waited for room: with a higher concurrency it would have been
    /// made sooner.
    #[serde(serialize_with = "seconds")]
    pub room: Duration,
    /// A call waited for a limit of its provider.
    #[serde(serialize_with = "seconds")]
    pub limits: Duration,
    /// Everything that could be under way was: calls or host functions that
    /// others may need. Quicker answers or shorter chains would help.
    #[serde(serialize_with = "seconds")]
    pub chains: Duration,
    /// Nothing went on but the pauses before retries.
    #[serde(serialize_with = "seconds")]
    pub retries: Duration,
    /// No attempt was ready or under way: what is done on the spot, the source
    /// of the inputs, the program, and attempts that were still under way when
    /// this was asked for.
    #[serde(serialize_with = "seconds")]
    pub elsewhere: Duration,
}

/// What an endpoint did.
///
/// [`ProfileSummary`] has one for each endpoint, and shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EndpointSummary {
    /// Its alias.
    pub alias: String,
    /// Attempts that ended.
    pub calls: u64,
    /// Attempts after which their input failed.
    pub failed: u64,
    /// Attempts that failed and were tried again.
    pub retried: u64,
    /// Attempts that were refused for a limit.
    pub rate_limited: u64,
    /// Attempts that were given up.
    pub cancelled: u64,
    /// The most calls in flight at once, of those that were kept.
    pub in_flight: usize,
    /// How much of that was used, between its first call and its last one: 1 if
    /// there were always that many in flight.
    pub utilisation: f64,
    /// The time in which there was any call in flight, of those that were kept.
    #[serde(serialize_with = "seconds")]
    pub busy: Duration,
    /// The time between its first call and its last one in which there was
    /// none.
    #[serde(serialize_with = "seconds")]
    pub idle: Duration,
    /// How often there was none.
    pub idle_bubbles: usize,
    /// The longest of these times, the longest first.
    pub longest_idle: Vec<IdleBubble>,
    /// How long it was paused.
    #[serde(serialize_with = "seconds")]
    pub paused: Duration,
    /// What its calls waited for, in sum.
    pub waits: Waits,
    /// What its calls took, in sum.
    #[serde(serialize_with = "seconds")]
    pub calling: Duration,
    /// How long answers took, to within 1 %.
    #[serde(serialize_with = "latency")]
    pub latency: LatencySummary,
    /// The tokens that were charged.
    pub usage: Usage,
}

/// A time in which an endpoint had nothing in flight.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::execution::{ExecutionSettings, Profile};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Between two calls of the same model something else takes five seconds.
/// let (first, second) = (LlmInference::new("fast"), LlmInference::new("fast"));
/// let graph = Tracer::new("slow").trace(|text: Proxy<String>| {
///     let looked_up = first.call(text).then_async("look_up", |text: String| async {
///         tokio::time::sleep(Duration::from_secs(5)).await;
///         text
///     });
///     second.call(looked_up)
/// })?;
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let profile = Profile::new();
/// let settings = ExecutionSettings::default().with_profile(&profile);
/// let pipeline = graph.bind_as::<String, String>(resources)?.with_settings(settings);
/// pipeline.run("Why?".to_owned()).await?;
///
/// let summary = profile.summary();
/// let idle = &summary.endpoints[0].longest_idle[0];
/// assert_eq!((idle.from, idle.took), (Duration::ZERO, Duration::from_secs(5)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IdleBubble {
    /// When it began, since the beginning of the first run.
    #[serde(serialize_with = "seconds")]
    pub from: Duration,
    /// How long it was.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
}

/// What a node did.
///
/// [`ProfileSummary`] has one for each node, and shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NodeSummary {
    /// The name of its graph.
    pub graph: String,
    /// Its name.
    pub node: String,
    /// What it calls, if it calls a model.
    pub alias: Option<String>,
    /// How often it came to its end, with a value or as a failure: once for each
    /// input, unless a node of control flow runs it, or it was given up.
    pub runs: u64,
    /// How often it was skipped, because another arm was chosen.
    pub skipped: u64,
    /// How often it was done on the spot, which is not timed.
    pub on_the_spot: u64,
    /// Attempts that ended.
    pub attempts: u64,
    /// How often it failed, and its input with it.
    pub failed: u64,
    /// Attempts that failed and were tried again.
    pub retried: u64,
    /// Attempts whose answer was not of the asked type, and that were followed by
    /// another turn.
    pub reasked: u64,
    /// Attempts in which the model called tools, and that were followed by another
    /// turn.
    pub tool_turns: u64,
    /// Tools that the model called and that ended.
    pub tools: u64,
    /// Those of them that failed, which the model is told.
    pub tools_failed: u64,
    /// What tools took, in sum.
    #[serde(serialize_with = "seconds")]
    pub in_tools: Duration,
    /// Attempts that were refused for a limit.
    pub rate_limited: u64,
    /// Attempts that were given up.
    pub cancelled: u64,
    /// Attempts that were the second request for a call that took long.
    pub hedges: u64,
    /// What attempts took, in sum.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// What an attempt took in the mean.
    #[serde(serialize_with = "seconds")]
    pub mean: Duration,
    /// 99 of 100 answers took no longer, to within 1 %.
    #[serde(serialize_with = "seconds")]
    pub p99: Duration,
    /// What attempts waited for, in sum.
    pub waits: Waits,
    /// The tokens that were charged.
    pub usage: Usage,
    /// The attempts that took longest, the slowest first.
    pub slowest: Vec<SlowAttempt>,
}

/// Seconds, as a number.
pub(super) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn latency<S: Serializer>(found: &LatencySummary, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("LatencySummary", 3)?;
    fields.serialize_field("p50", &found.p50.as_secs_f64())?;
    fields.serialize_field("p95", &found.p95.as_secs_f64())?;
    fields.serialize_field("p99", &found.p99.as_secs_f64())?;
    fields.end()
}

/// The summary of what was recorded.
pub(super) fn of(recording: &Recording) -> ProfileSummary {
    let wall = recording.last.saturating_sub(recording.between_runs);
    let mut timelines = Timelines::of(recording);
    let endpoints = recording.endpoints.iter().enumerate();
    let endpoints = endpoints.map(|(place, endpoint)| {
        let calls = &mut timelines.calls[place];
        endpoint_of(recording, place, endpoint, calls)
    });
    let endpoints: Vec<EndpointSummary> = endpoints.filter(|endpoint| endpoint.calls > 0).collect();
    let mut usage = Usage::default();
    for endpoint in &endpoints {
        usage += endpoint.usage;
    }
    ProfileSummary {
        runs: u64::from(recording.runs_begun),
        inputs: recording.inputs,
        inputs_failed: recording.inputs_failed,
        calls: endpoints.iter().map(|endpoint| endpoint.calls).sum(),
        calls_not_kept: recording.calls_not_kept,
        wall: Duration::from_micros(wall),
        usage,
        bound_by: timelines.bound_by(wall),
        endpoints,
        nodes: nodes_of(recording),
        critical_paths: critical_path::of_slowest(recording),
    }
}

/// When what was the case.
struct Timelines {
    /// By endpoint: its calls.
    calls: Vec<Vec<(Micros, Micros)>>,
    room: Spans,
    limits: Spans,
    running: Spans,
    retries: Spans,
}

impl Timelines {
    fn of(recording: &Recording) -> Self {
        let mut found = Self {
            calls: vec![Vec::new(); recording.endpoints.len()],
            room: Spans::default(),
            limits: Spans::default(),
            running: Spans::default(),
            retries: Spans::default(),
        };
        for call in recording.calls.iter() {
            if let Some(endpoint) = recording.endpoint_of(call) {
                found.calls[endpoint].push((call.started, call.ended));
            }
            found.running.add(call.started, call.ended);
            visit_waits(
                call,
                recording.pauses_for(call),
                |waits_for, from, until| {
                    let spans = match waits_for {
                        WaitsFor::Room => &mut found.room,
                        WaitsFor::Limit => &mut found.limits,
                        WaitsFor::Retry => &mut found.retries,
                    };
                    spans.add(from, until);
                },
            );
        }
        found
    }

    fn bound_by(&self, wall: Micros) -> BoundBy {
        let room = self.room.clone();
        let limits = room.union(&self.limits);
        let chains = limits.union(&self.running);
        let retries = chains.union(&self.retries);
        let more = |with: Micros, without: Micros| Duration::from_micros(with - without);
        BoundBy {
            room: more(room.total(), 0),
            limits: more(limits.total(), room.total()),
            chains: more(chains.total(), limits.total()),
            retries: more(retries.total(), chains.total()),
            elsewhere: Duration::from_micros(wall.saturating_sub(retries.total())),
        }
    }
}

fn endpoint_of(
    recording: &Recording,
    place: usize,
    endpoint: &EndpointTally,
    calls: &mut [(Micros, Micros)],
) -> EndpointSummary {
    const LONGEST: usize = 3;
    let mut busy = Spans::default();
    let mut kept = 0;
    for &(started, ended) in &*calls {
        busy.add(started, ended);
        kept += ended - started;
    }
    calls.sort_unstable();
    let slots = slots_of(calls.iter().copied());
    let in_flight = slots.max().map_or(0, |slot| slot + 1);
    let first = calls.first().map_or(0, |(started, _)| *started);
    let last = calls.iter().map(|(_, ended)| *ended).max().unwrap_or(0);
    let mut bubbles: Vec<IdleBubble> = busy
        .gaps()
        .map(|(from, until)| IdleBubble {
            from: Duration::from_micros(from),
            took: Duration::from_micros(until - from),
        })
        .collect();
    bubbles.sort_by_key(|bubble| Reverse(bubble.took));
    let idle_bubbles = bubbles.len();
    bubbles.truncate(LONGEST);

    let mut sum = NodeTally::default();
    let mut answers: Option<Histogram<u32>> = None;
    for node in tallies_at(recording, place) {
        sum.attempts += node.attempts;
        sum.failed += node.failed;
        sum.retried += node.retried;
        sum.rate_limited += node.rate_limited;
        sum.cancelled += node.cancelled;
        sum.took += node.took;
        sum.waits += node.waits;
        sum.usage += node.usage;
        match (&mut answers, &node.answers) {
            // Both grow as they need, so that adding can't fail.
            (Some(all), Some(more)) => drop(all.add(more)),
            (None, more) => answers.clone_from(more),
            (Some(_), None) => {}
        }
    }
    EndpointSummary {
        alias: endpoint.alias.to_string(),
        calls: sum.attempts,
        failed: sum.failed,
        retried: sum.retried,
        rate_limited: sum.rate_limited,
        cancelled: sum.cancelled,
        in_flight,
        utilisation: share(kept, (last - first).saturating_mul(in_flight as u64)),
        busy: Duration::from_micros(busy.total()),
        idle: bubbles_total(&busy),
        idle_bubbles,
        longest_idle: bubbles,
        paused: Duration::from_micros(endpoint.pauses.covered(0, recording.last)),
        waits: sum.waits,
        calling: Duration::from_micros(sum.took),
        latency: LatencySummary {
            p50: at(answers.as_ref(), 0.5),
            p95: at(answers.as_ref(), 0.95),
            p99: at(answers.as_ref(), 0.99),
        },
        usage: sum.usage,
    }
}

/// The tallies of the nodes that call an endpoint.
fn tallies_at(recording: &Recording, place: usize) -> impl Iterator<Item = &NodeTally> {
    let nodes = recording.graphs.iter().flat_map(|graph| {
        let endpoints = graph.endpoints.iter();
        endpoints.zip(&graph.nodes)
    });
    nodes
        .filter(move |(endpoint, _)| **endpoint == Some(place))
        .map(|(_, node)| node)
}

fn bubbles_total(busy: &Spans) -> Duration {
    let gaps = busy.gaps().map(|(from, until)| until - from);
    Duration::from_micros(gaps.sum())
}

fn nodes_of(recording: &Recording) -> Vec<NodeSummary> {
    let graphs = recording.graphs.iter();
    let mut nodes: Vec<NodeSummary> = graphs
        .flat_map(|graph| nodes_in(recording, graph))
        .filter(|node| node.attempts + node.on_the_spot + node.skipped > 0)
        .collect();
    // Those of equal times stay in the order of the graph.
    nodes.sort_by_key(|node| Reverse(node.took));
    nodes
}

fn nodes_in<'r>(
    recording: &'r Recording,
    graph: &'r GraphTally,
) -> impl Iterator<Item = NodeSummary> {
    let nodes = graph.graph.nodes().iter().zip(&graph.nodes);
    let nodes = nodes.zip(&graph.endpoints);
    nodes.map(|((node, tally), endpoint)| {
        let alias = endpoint.map(|place| recording.endpoints[place].alias.to_string());
        let took = Duration::from_micros(tally.took);
        let mean = tally.took.checked_div(tally.attempts).unwrap_or(0);
        NodeSummary {
            graph: graph.graph.name().to_owned(),
            node: node.name().to_owned(),
            alias,
            runs: tally.runs,
            skipped: tally.skipped,
            on_the_spot: tally.on_the_spot,
            attempts: tally.attempts,
            failed: tally.failed,
            retried: tally.retried,
            reasked: tally.reasked,
            tool_turns: tally.tool_turns,
            tools: tally.tools,
            tools_failed: tally.tools_failed,
            in_tools: Duration::from_micros(tally.in_tools),
            rate_limited: tally.rate_limited,
            cancelled: tally.cancelled,
            hedges: tally.hedges,
            took,
            mean: Duration::from_micros(mean),
            p99: at(tally.answers.as_ref(), 0.99),
            waits: tally.waits,
            usage: tally.usage,
            slowest: tally.slowest.clone(),
        }
    })
}

fn at(answers: Option<&Histogram<u32>>, quantile: f64) -> Duration {
    let micros = answers.map_or(0, |answers| answers.value_at_quantile(quantile));
    Duration::from_micros(micros)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share is shown with two digits"
)]
fn share(part: Micros, whole: Micros) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}
