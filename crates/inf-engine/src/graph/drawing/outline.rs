//! [`GraphOutline`]: a graph as a drawing has it, as data.

use serde::{Deserialize, Serialize};

use super::labels::{self, Edge};
use crate::graph::{InferenceGraph, NodeRef, Operation};

/// A graph as a drawing shows it: its nodes, what flows between them, and the
/// frames around what control flow runs. There are no prompts in it.
///
/// ```
/// use inf_engine::graph::InferenceGraph;
///
/// let graph = InferenceGraph::from_text(
///     "{version: 1, name: greet, nodes: {hello: {llm: fast, prompt: 'Greet {input}.'}}, output: hello}",
/// )?;
/// let outline = graph.outline();
/// assert_eq!(outline.nodes[1].name, "hello");
/// assert_eq!(outline.edges[0].from, 0);
/// assert_eq!(outline.outputs, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GraphOutline {
    /// The nodes, in topological order; the first is the input.
    pub nodes: Vec<OutlineNode>,
    /// The frames: arms of branches, bodies of maps and loops. One that is inside of
    /// another stands after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<OutlineRegion>,
    /// The arrows, each once.
    pub edges: Vec<OutlineEdge>,
    /// The nodes that the output is put together from.
    pub outputs: Vec<usize>,
}

/// A node of a [`GraphOutline`].
///
/// [`GraphOutline`] shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutlineNode {
    /// Its name.
    pub name: String,
    /// What it does, in a few words: `llm fast`, `map`, `host parse`.
    pub does: String,
    /// The alias that it calls, if it calls a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The frame that it stands in, by its place; `None` outside of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<usize>,
}

/// A frame of a [`GraphOutline`].
///
/// ```
/// use inf_engine::prelude::*;
///
/// let sum_up = LlmInference::new("fast");
/// let graph = Tracer::new("summaries")
///     .trace(|texts: Proxy<Vec<String>>| map(texts, |text| sum_up.call(text)))?;
/// let outline = graph.outline();
/// let body = &outline.regions[0];
/// assert_eq!((body.label.as_str(), &*outline.nodes[body.owner].name), ("body", "map"));
/// let inside = outline.nodes.iter().filter(|node| node.region == Some(0));
/// assert!(inside.into_iter().any(|node| node.alias.as_deref() == Some("fast")));
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutlineRegion {
    /// The node that runs what is in it, by its place.
    pub owner: usize,
    /// What it is for that: `then`, `case "bug"`, `body`.
    pub label: String,
}

/// An arrow of a [`GraphOutline`]: the second node reads what the first gives.
///
/// [`GraphOutline`] shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutlineEdge {
    /// The place of the node that is read.
    pub from: usize,
    /// The place of the node that reads.
    pub to: usize,
    /// Of what a frame gives to its owner: in which arm, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
}

impl InferenceGraph {
    /// This graph as a drawing shows it.
    pub fn outline(&self) -> GraphOutline {
        let nodes = self.enumerate().map(|(_, node)| OutlineNode {
            name: node.name().to_owned(),
            does: labels::does(node.operation()),
            alias: match node.operation() {
                Operation::Llm(call) => Some(call.alias.as_str().to_owned()),
                _ => None,
            },
            // The whole graph is the first of its regions, and no frame.
            region: node.region().index().checked_sub(1),
        });
        let regions = self.regions().iter().skip(1).map(|region| OutlineRegion {
            owner: region.owner().map_or(0, NodeRef::index),
            label: region.label().to_string(),
        });
        let edges = labels::edges(self).into_iter();
        let edges = edges.map(|Edge { from, to, arm }| OutlineEdge {
            from: from.index(),
            to: to.index(),
            arm,
        });
        GraphOutline {
            nodes: nodes.collect(),
            regions: regions.collect(),
            edges: edges.collect(),
            outputs: labels::outputs(self)
                .iter()
                .map(|node| node.index())
                .collect(),
        }
    }
}
