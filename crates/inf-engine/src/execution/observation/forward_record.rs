//! [`ForwardRecord`]: what a run in train mode keeps of one input.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::observer::{Observer, RunReport, TaskOutcome, TaskReport};
use crate::graph::{InferenceGraph, NodeRef, Reference, Template, TemplatePart};
use crate::parameter::ParameterPath;
use crate::value::Value;

/// What a run in train mode keeps of one input: the values of all nodes, the
/// texts of the parameters, the order and the times. What a node was given is
/// derived from these.
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
    nodes: Vec<NodeRecord>,
}

/// A parameter as a run read it.
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
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NodeRecord {
    /// Which one.
    pub node: NodeRef,
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
    /// they came to it. Where the input failed, those that were done before.
    pub fn nodes(&self) -> &[NodeRecord] {
        &self.nodes
    }

    /// The value of `node`, if it came to one.
    pub fn value(&self, node: NodeRef) -> Option<&Value> {
        if node == NodeRef::INPUT {
            return Some(&self.input);
        }
        let found = self.nodes.iter().find(|record| record.node == node);
        found.map(|record| &record.value)
    }

    /// The part of a value that `reference` means, if it is there.
    pub fn read(&self, reference: &Reference) -> Option<&Value> {
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
                    text.push_str(&self.parameters.get(parameter.index())?.text);
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
        self.render(self.graph.node(node).operation().prompt()?)
    }

    /// The system prompt of `node`, if it calls a model with one.
    pub fn system_prompt_of(&self, node: NodeRef) -> Option<String> {
        self.render(self.graph.node(node).operation().system_prompt()?)
    }
}

/// Gathers the records of one run.
pub(crate) struct Recorder {
    graph: Arc<InferenceGraph>,
    parameters: Arc<[RecordedParameter]>,
    began: OnceLock<Instant>,
    /// By the place of the input. Those whose result was not taken yet, which a
    /// run bounds.
    open: Mutex<FxHashMap<usize, Vec<NodeRecord>>>,
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
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        ForwardRecord {
            graph: Arc::clone(&self.graph),
            parameters: Arc::clone(&self.parameters),
            input: input.clone(),
            nodes: open.remove(&index).unwrap_or_default(),
        }
    }
}

impl Observer for Recorder {
    fn run_started(&self, run: &RunReport<'_>) {
        let _ = self.began.set(run.at);
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        let TaskOutcome::Completed = task.outcome else {
            return;
        };
        let Some(value) = task.value else { return };
        let began = self.began.get().copied().unwrap_or(task.started);
        let record = NodeRecord {
            node: task.node,
            value: value.clone(),
            began: task.started.duration_since(began),
            took: task.ended.duration_since(task.started),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(task.input).or_default().push(record);
    }
}
