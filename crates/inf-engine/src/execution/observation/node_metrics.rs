//! [`NodeMetrics`]: what the calls of each node came to.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use super::{Observer, RunId, RunReport, TaskOutcome, TaskReport, TaskStart};
use crate::execution::ErrorKind;
use crate::graph::{InferenceGraph, NodeRef, Operation};
use crate::resources::ResourceMetrics;

/// What the calls of each node came to, while runs go on and afterwards.
///
/// It is a handle and cheap to clone; all clones count the same. Give it to runs
/// with
/// [`ExecutionSettings::with_node_metrics`](crate::execution::ExecutionSettings::with_node_metrics);
/// several may share one, also at the same time. A call costs a tenth of a
/// microsecond more then; a run without one pays nothing.
///
/// ```
/// use inf_engine::execution::{ExecutionSettings, NodeMetrics};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let metrics = NodeMetrics::new();
/// let settings = ExecutionSettings::default().with_node_metrics(&metrics);
/// let pipeline = LlmInference::new("fast").bind(resources)?.with_settings(settings);
/// pipeline.run_batch_blocking(["One?".to_owned(), "Two?".to_owned()])?;
///
/// let nodes = metrics.nodes();
/// assert_eq!((nodes.len(), nodes[0].metrics.successes), (1, 2));
/// println!("{}: {:?}", nodes[0].node, nodes[0].metrics.latency());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct NodeMetrics(Arc<Tally>);

/// What the calls of one node came to.
///
/// [`NodeMetrics`] shows one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeReport {
    /// The name of the graph that it is in.
    pub graph: String,
    /// Its name.
    pub node: String,
    /// The alias that it calls.
    pub alias: String,
    /// What its calls came to. A request that was answered and whose answer is
    /// not what was asked for is a failure here: the node has no value. There is
    /// no limit of a node.
    pub metrics: ResourceMetrics,
}

/// The observer behind it.
#[derive(Default)]
struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    graphs: Vec<GraphCounts>,
    /// Of each run that goes on the graph, and its calls in flight by node.
    runs: FxHashMap<RunId, (usize, Vec<usize>)>,
}

struct GraphCounts {
    graph: Arc<InferenceGraph>,
    /// By node, once it was called.
    nodes: Vec<Option<Box<ResourceMetrics>>>,
}

impl NodeMetrics {
    /// Of no run yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The nodes that call a model, in the order of their graphs, of the runs
    /// that it was given to.
    pub fn nodes(&self) -> Vec<NodeReport> {
        let counts = self.0.counts();
        let mut reports = Vec::new();
        for graph in &counts.graphs {
            for (node, found) in graph.graph.enumerate() {
                let Operation::Llm(call) = found.operation() else {
                    continue;
                };
                let metrics = graph.nodes[node.index()].as_deref();
                reports.push(NodeReport {
                    graph: graph.graph.name().to_owned(),
                    node: found.name().to_owned(),
                    alias: call.alias.to_string(),
                    metrics: metrics.cloned().unwrap_or_default(),
                });
            }
        }
        reports
    }

    /// What tells it of runs.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        let tally: Arc<Tally> = Arc::clone(&self.0);
        tally
    }
}

impl fmt::Debug for NodeMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graphs = self.0.counts().graphs.len();
        formatter
            .debug_struct("NodeMetrics")
            .field("graphs", &graphs)
            .finish_non_exhaustive()
    }
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // At worst a number is missing of what panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// What is counted of a node, and of its calls in flight in a run.
    fn of(&mut self, run: RunId, node: NodeRef) -> Option<(&mut ResourceMetrics, &mut usize)> {
        let (graph, in_flight) = self.runs.get_mut(&run)?;
        let metrics = self.graphs[*graph].nodes[node.index()].get_or_insert_default();
        Some((metrics, &mut in_flight[node.index()]))
    }
}

impl Observer for Tally {
    fn run_started(&self, run: &RunReport<'_>) {
        let mut counts = self.counts();
        let mut known = counts.graphs.iter();
        let nodes = run.graph.nodes().len();
        let place = known.position(|known| Arc::ptr_eq(&known.graph, run.graph));
        let place = place.unwrap_or_else(|| {
            counts.graphs.push(GraphCounts {
                graph: Arc::clone(run.graph),
                nodes: (0..nodes).map(|_| None).collect(),
            });
            counts.graphs.len() - 1
        });
        counts.runs.insert(run.run, (place, vec![0; nodes]));
    }

    fn task_started(&self, task: &TaskStart<'_>) {
        if task.alias.is_none() {
            return;
        }
        if let Some((metrics, in_flight)) = self.counts().of(task.run, task.node) {
            *in_flight += 1;
            metrics.in_flight += 1;
            metrics.requests += 1;
            metrics.hedges += u64::from(task.is_hedge);
            metrics.waiting += task.started.duration_since(task.queued);
        }
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        // One that was never sent fails on the spot.
        let is_call = task.alias.is_some() && !task.is_inline;
        let mut counts = self.counts();
        let Some((metrics, in_flight)) = counts.of(task.run, task.node).filter(|_| is_call) else {
            return;
        };
        *in_flight = in_flight.saturating_sub(1);
        metrics.in_flight = metrics.in_flight.saturating_sub(1);
        match task.outcome {
            // The provider answered, whatever the answer was good for.
            TaskOutcome::Completed | TaskOutcome::CalledTools | TaskOutcome::Reasked(_) => {
                let took = task.ended.duration_since(task.started);
                metrics.note_answer(took, task.usage, task.cost);
                metrics.reasks += u64::from(matches!(task.outcome, TaskOutcome::Reasked(_)));
            }
            TaskOutcome::Failed(error) => {
                metrics.usage += task.usage;
                metrics.cost += task.cost;
                if error.kind == ErrorKind::Call(crate::clients::ClientErrorKind::RateLimited) {
                    metrics.rate_limited += 1;
                } else {
                    metrics.note_failure(error.kind.as_str());
                }
            }
            TaskOutcome::Retried(attempt) => {
                metrics.note_failure(attempt.kind.as_str());
                metrics.retries += 1;
            }
            TaskOutcome::RateLimited => metrics.rate_limited += 1,
            TaskOutcome::Cancelled => metrics.cancelled += 1,
            TaskOutcome::Skipped => {}
        }
    }

    fn run_ended(&self, run: &RunReport<'_>) {
        let mut counts = self.counts();
        let Some((graph, in_flight)) = counts.runs.remove(&run.run) else {
            return;
        };
        // Of a run that panicked there may be some of which nobody told the end.
        for (node, left) in counts.graphs[graph].nodes.iter_mut().zip(in_flight) {
            if let Some(node) = node {
                node.in_flight = node.in_flight.saturating_sub(left);
                node.cancelled += left as u64;
            }
        }
    }
}
