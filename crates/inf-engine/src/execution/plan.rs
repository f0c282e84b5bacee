//! [`Plan`]: a graph prepared for running.

use std::sync::Arc;

use super::typed_output::TypedOutput;
use crate::conversation::ToolSpec;
use crate::graph::{GraphNode, InferenceGraph, NodeRef, Operation, Reference};

/// A graph prepared for running: who waits for whom, as flat arrays that all
/// executions share.
#[derive(Debug)]
pub struct Plan {
    graph: Arc<InferenceGraph>,
    /// The nodes that each node reads.
    dependencies: Adjacency,
    /// The nodes that read each node.
    dependents: Adjacency,
    /// How many read each node's value; the output counts as one.
    consumers: Vec<u32>,
    /// The most nodes on a way from each node to the end.
    remaining: Vec<u32>,
    /// What a typed call asks for and how its answer is read.
    typed_outputs: Vec<Option<TypedOutput>>,
    /// What models are told of their tools, by node; empty if no node has any.
    tool_specs: Vec<Vec<Arc<ToolSpec>>>,
}

/// For each node a list of others, all behind each other.
#[derive(Debug)]
struct Adjacency {
    others: Vec<NodeRef>,
    /// Where each node's list begins in `others`; one more at the end.
    starts: Vec<usize>,
}

impl Adjacency {
    fn new(lists: &[Vec<NodeRef>]) -> Self {
        let mut starts = vec![0];
        starts.extend(lists.iter().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        }));
        Self {
            others: lists.concat(),
            starts,
        }
    }

    fn of(&self, node: NodeRef) -> &[NodeRef] {
        &self.others[self.starts[node.index()]..self.starts[node.index() + 1]]
    }
}

impl Plan {
    /// Prepares `graph`.
    pub fn new(graph: Arc<InferenceGraph>) -> Self {
        let nodes = graph.nodes();
        let dependencies = nodes.iter().map(|node| node.operation().dependencies());
        let dependencies: Vec<Vec<NodeRef>> = dependencies.collect();
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (index, dependencies) in dependencies.iter().enumerate() {
            for dependency in dependencies {
                dependents[dependency.index()].push(NodeRef::new(index));
            }
        }
        let mut in_output = vec![0; nodes.len()];
        let mut mark = |reference: &Reference| in_output[reference.node.index()] = 1;
        graph.output().visit_references(&mut mark);
        let consumers = dependents.iter().zip(in_output);
        let consumers = consumers.map(|(dependents, output)| {
            u32::try_from(dependents.len()).unwrap_or(u32::MAX) + output
        });
        let consumers: Vec<u32> = consumers.collect();
        let mut remaining = vec![1u32; nodes.len()];
        for index in (0..nodes.len()).rev() {
            let longest = dependents[index]
                .iter()
                .map(|other| remaining[other.index()])
                .max();
            remaining[index] = longest.unwrap_or(0) + 1;
        }
        let typed_outputs = nodes.iter().map(|node| match node.operation() {
            Operation::Llm(call) => {
                let schema = call.output.as_ref()?;
                Some(TypedOutput::new(node.name(), schema))
            }
            _ => None,
        });
        let has_tools = nodes
            .iter()
            .any(|node| !node.operation().tools().is_empty());
        let specs_of = |node: &GraphNode| {
            let names = node.operation().tools().iter();
            let tools = names.filter_map(|name| graph.tool(name));
            tools.map(|tool| Arc::clone(tool.spec())).collect()
        };
        let tool_specs = nodes.iter().filter(|_| has_tools).map(specs_of).collect();
        Self {
            tool_specs,
            typed_outputs: typed_outputs.collect(),
            dependencies: Adjacency::new(&dependencies),
            dependents: Adjacency::new(&dependents),
            consumers,
            remaining,
            graph,
        }
    }

    /// The graph that this plan is of.
    pub fn graph(&self) -> &Arc<InferenceGraph> {
        &self.graph
    }

    pub(super) fn dependents(&self, node: NodeRef) -> &[NodeRef] {
        self.dependents.of(node)
    }

    pub(super) fn dependencies(&self, node: NodeRef) -> &[NodeRef] {
        self.dependencies.of(node)
    }

    /// How many read the value of `node`; the output counts as one.
    pub(super) fn consumers(&self, node: NodeRef) -> u32 {
        self.consumers[node.index()]
    }

    /// The most nodes on a way from `node` to the end, itself included.
    pub(super) fn remaining(&self, node: NodeRef) -> u32 {
        self.remaining[node.index()]
    }

    /// What the model is told of the tools of `node`.
    pub(super) fn tool_specs(&self, node: NodeRef) -> &[Arc<ToolSpec>] {
        self.tool_specs.get(node.index()).map_or(&[], Vec::as_slice)
    }

    pub(super) fn typed_output(&self, node: NodeRef) -> Option<&TypedOutput> {
        self.typed_outputs[node.index()].as_ref()
    }
}
