//! [`ForwardRecord`]: what a run in train mode keeps of one input.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::observer::{Observer, RegionReport, RunReport, TaskOutcome, TaskReport};
use crate::execution::ExecutionError;
use crate::graph::{
    InferenceGraph, NodePath, NodeRef, Reference, RegionPath, RegionRef, Template, TemplatePart,
};
use crate::parameter::ParameterPath;
use crate::value::Value;

/// What a run in train mode keeps of one input: the values of all nodes, the
/// texts of the parameters, the order and the times. What a node was given is
/// derived from these.
///
/// What nodes of control flow run is there as it ran: a node of a map's body once
/// for each element, one of an arm that was not chosen not at all.
///
/// `pipeline.train()` has every run keep records, and
/// [`BatchResult::record`](crate::execution::BatchResult) carries them; after
/// `pipeline.eval()`, and before the first `train()`, nothing is kept.
///
/// ```
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let chain = Sequential::new(LlmInference::new("fast").system_prompt("List the facts."))
///     .then(LlmInference::new("fast").system_prompt("Count them."));
/// let pipeline = chain.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// pipeline.train();
/// let results = pipeline.run_batch(["Two plus two is four.".to_owned()]).await;
/// let record = results[0].record.as_ref().expect("the pipeline trains");
/// let facts = record.nodes()[0].node;
/// assert_eq!(record.prompt_of(facts).as_deref(), Some("Two plus two is four."));
/// assert_eq!(record.nodes().len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ForwardRecord {
    graph: Arc<InferenceGraph>,
    parameters: Arc<[RecordedParameter]>,
    input: Value,
    kept: Kept,
    /// Where in `nodes` each is.
    places: FxHashMap<(NodeRef, RegionPath), usize>,
}

/// What happened to one input.
#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    nodes: Vec<NodeRecord>,
    /// By the node that ran them, and where that ran, in the order in which they
    /// began.
    regions: FxHashMap<(NodeRef, RegionPath), Vec<(RegionRef, RegionPath)>>,
    failed: Vec<FailedNode>,
}

/// A node that failed, whether or not its input did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FailedNode {
    pub(crate) node: NodeRef,
    pub(crate) region: RegionPath,
    pub(crate) error: ExecutionError,
}

/// A parameter as a run read it.
///
/// ```
/// use inf_engine::execution::{ExecutionSettings, Overlay};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tone = Parameter::new("Be brief.").described("The tone.");
/// let ask = LlmInference::new("fast").system_prompt(&tone);
/// let pipeline = ask.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// pipeline.train();
/// let other = Overlay::new().with("system_prompt", "Be friendly.");
/// let candidate = pipeline.with_settings(ExecutionSettings::default().with_overlay(&other));
/// for (pipeline, text, version) in
///     [(&pipeline, "Be brief.", Some(0)), (&candidate, "Be friendly.", None)]
/// {
///     let results = pipeline.run_batch(["Hi".to_owned()]).await;
///     let record = results[0].record.as_ref().expect("the pipeline trains");
///     let read = &record.parameters()[0];
///     assert_eq!((read.path.as_str(), &*read.text, read.version), ("system_prompt", text, version));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedParameter {
    /// Where it stands in the tree of modules.
    pub path: ParameterPath,
    /// Its text.
    pub text: Arc<str>,
    /// How many times the parameter had been changed; `None` if the text is of
    /// the run's [overlay](crate::execution::Overlay).
    pub version: Option<u64>,
}

/// A node that has its value.
///
/// [`ForwardRecord::nodes`] gives them; [`ForwardRecord`] shows one, and [`ForwardRecord::at`] those of a map.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NodeRecord {
    /// Which one.
    pub node: NodeRef,
    /// Where it ran inside of the input: `summaries[17]/summary` if a node of
    /// control flow ran it, its name otherwise.
    pub path: NodePath,
    /// Its value.
    pub value: Value,
    /// When the attempt that gave the value was started, from the beginning of
    /// the run.
    pub began: Duration,
    /// How long that attempt took.
    pub took: Duration,
}

impl ForwardRecord {
    /// The graph that was run.
    pub fn graph(&self) -> &Arc<InferenceGraph> {
        &self.graph
    }

    /// The graph's parameters, in the order of its table, as the run read them.
    pub fn parameters(&self) -> &[RecordedParameter] {
        &self.parameters
    }

    /// The input.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// The nodes that have a value which something reads, in the order in which
    /// they came to it, each as often as it ran. Where the input failed, those that
    /// were done before.
    pub fn nodes(&self) -> &[NodeRecord] {
        &self.kept.nodes
    }

    /// What ran at `region`, and what that could read: the values of one element,
    /// say.
    ///
    /// ```
    /// use inf_engine::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let graph = InferenceGraph::from_text(r#"
    /// version: 1
    /// name: summaries
    /// input: [string]
    /// nodes:
    ///   each:
    ///     map: input
    ///     as: chapter
    ///     nodes: { summary: { llm: fast, prompt: "Sum up {chapter}" } }
    ///     output: summary
    /// output: each
    /// "#)?;
    /// let pipeline = graph.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
    /// pipeline.train();
    /// let input = serde_json::json!(["one", "two"]).into();
    /// let results = pipeline.run_batch([input]).await;
    /// let record = results[0].record.as_ref().expect("the pipeline trains");
    /// for node in record.nodes() {
    ///     let prompt = record.at(node.path.region()).prompt_of(node.node);
    ///     println!("{}: {prompt:?}", node.path); // each[0]/summary: Some("Sum up one")
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn at<'r>(&'r self, region: &'r RegionPath) -> RegionView<'r> {
        RegionView {
            record: self,
            region,
        }
    }

    /// The value of `node`, if it came to one. What a node of control flow runs
    /// has its values [there](Self::at).
    pub fn value(&self, node: NodeRef) -> Option<&Value> {
        self.at(&RegionPath::ROOT).value(node)
    }

    /// The part of a value that `reference` means, if it is there.
    pub fn read(&self, reference: &Reference) -> Option<&Value> {
        self.at(&RegionPath::ROOT).read(reference)
    }

    /// The text of a template as the run filled it; `None` where a value is
    /// missing.
    pub fn render(&self, template: &Template) -> Option<String> {
        self.at(&RegionPath::ROOT).render(template)
    }

    /// The prompt that `node` asked its model, or that it is.
    pub fn prompt_of(&self, node: NodeRef) -> Option<String> {
        self.at(&RegionPath::ROOT).prompt_of(node)
    }

    /// The system prompt of `node`, if it calls a model with one.
    pub fn system_prompt_of(&self, node: NodeRef) -> Option<String> {
        self.at(&RegionPath::ROOT).system_prompt_of(node)
    }

    /// What `owner`, a node of control flow at `around`, ran, in the order in which
    /// it began.
    pub(crate) fn regions_of(
        &self,
        owner: NodeRef,
        around: &RegionPath,
    ) -> &[(RegionRef, RegionPath)] {
        let runs = self.kept.regions.get(&(owner, around.clone()));
        runs.map_or(&[], Vec::as_slice)
    }

    /// The nodes that failed, whether or not the input did.
    pub(crate) fn failed(&self) -> &[FailedNode] {
        &self.kept.failed
    }
}

/// What ran in one region, and what that could read; made by
/// [`ForwardRecord::at`].
///
/// That function shows it.
#[derive(Debug, Clone, Copy)]
pub struct RegionView<'r> {
    record: &'r ForwardRecord,
    region: &'r RegionPath,
}

impl<'r> RegionView<'r> {
    /// Where `node` ran, as this region sees it: here, or in a region around it.
    pub(crate) fn place_of(&self, node: NodeRef) -> Option<RegionPath> {
        let graph = self.record.graph();
        let depth = graph.conditions(node).count();
        let mut region = self.region;
        for _ in depth..region.steps().count() {
            region = region.innermost()?.0;
        }
        (region.steps().count() == depth).then(|| region.clone())
    }

    /// The value of `node`, if it came to one.
    pub fn value(&self, node: NodeRef) -> Option<&'r Value> {
        if node == NodeRef::INPUT {
            return Some(&self.record.input);
        }
        let place = self.record.places.get(&(node, self.place_of(node)?))?;
        Some(&self.record.kept.nodes[*place].value)
    }

    /// The part of a value that `reference` means, if it is there.
    pub fn read(&self, reference: &Reference) -> Option<&'r Value> {
        reference.resolve(self.value(reference.node)?).ok()
    }

    /// The text of a template as the run filled it; `None` where a value is
    /// missing.
    pub fn render(&self, template: &Template) -> Option<String> {
        use std::fmt::Write;
        let mut text = String::new();
        for part in template.parts() {
            match part {
                TemplatePart::Text(part) => text.push_str(part),
                TemplatePart::Parameter(parameter) => {
                    text.push_str(&self.record.parameters.get(parameter.index())?.text);
                }
                // Writing to a text can't fail.
                TemplatePart::Reference(reference) => {
                    let _ = write!(text, "{}", self.read(reference)?);
                }
            }
        }
        Some(text)
    }

    /// The prompt that `node` asked its model, or that it is.
    pub fn prompt_of(&self, node: NodeRef) -> Option<String> {
        self.render(self.record.graph.node(node).operation().prompt()?)
    }

    /// The system prompt of `node`, if it calls a model with one.
    pub fn system_prompt_of(&self, node: NodeRef) -> Option<String> {
        self.render(self.record.graph.node(node).operation().system_prompt()?)
    }
}

/// Gathers the records of one run.
pub(crate) struct Recorder {
    graph: Arc<InferenceGraph>,
    parameters: Arc<[RecordedParameter]>,
    began: OnceLock<Instant>,
    /// By the place of the input. Those whose result was not taken yet, which a
    /// run bounds.
    open: Mutex<FxHashMap<usize, Kept>>,
}

impl Recorder {
    pub(crate) fn new(
        graph: &Arc<InferenceGraph>,
        parameters: impl Iterator<Item = RecordedParameter>,
    ) -> Self {
        Self {
            graph: Arc::clone(graph),
            parameters: parameters.collect(),
            began: OnceLock::new(),
            open: Mutex::default(),
        }
    }

    /// The record of an input that has ended.
    pub(crate) fn take(&self, index: usize, input: &Value) -> ForwardRecord {
        let kept = self.open().remove(&index).unwrap_or_default();
        let nodes = kept.nodes.iter().enumerate();
        let places = nodes.map(|(place, found)| {
            let region = found.path.region().clone();
            ((found.node, region), place)
        });
        ForwardRecord {
            graph: Arc::clone(&self.graph),
            parameters: Arc::clone(&self.parameters),
            input: input.clone(),
            places: places.collect(),
            kept,
        }
    }

    fn open(&self) -> MutexGuard<'_, FxHashMap<usize, Kept>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long after the beginning of the run `at` is.
    fn since(&self, at: Instant) -> Duration {
        let began = self.began.get().copied().unwrap_or(at);
        at.duration_since(began)
    }
}

impl Observer for Recorder {
    fn run_started(&self, run: &RunReport<'_>) {
        let _ = self.began.set(run.at);
    }

    fn region_started(&self, started: &RegionReport<'_>) {
        let region = started.graph.region(started.region);
        let (Some(owner), Some((around, _))) = (region.owner(), started.path.innermost()) else {
            return;
        };
        let arguments = region.arguments().zip(started.arguments);
        let arguments = arguments.map(|(node, value)| NodeRecord {
            node,
            path: started
                .path
                .node(Arc::clone(started.graph.node(node).shared_name())),
            value: value.clone(),
            began: self.since(started.at),
            took: Duration::ZERO,
        });
        let mut open = self.open();
        let kept = open.entry(started.input).or_default();
        kept.nodes.extend(arguments);
        let runs = kept.regions.entry((owner, around.clone())).or_default();
        runs.push((started.region, started.path.clone()));
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        match (task.outcome, task.value) {
            (TaskOutcome::Completed, Some(value)) => {
                let record = NodeRecord {
                    node: task.node,
                    path: task.path(),
                    value: value.clone(),
                    began: self.since(task.started),
                    took: task.ended.duration_since(task.started),
                };
                let mut open = self.open();
                open.entry(task.input).or_default().nodes.push(record);
            }
            (TaskOutcome::Failed(error), _) => {
                let failed = FailedNode {
                    node: task.node,
                    region: task.region.clone(),
                    error: error.clone(),
                };
                let mut open = self.open();
                open.entry(task.input).or_default().failed.push(failed);
            }
            _ => {}
        }
    }
}
