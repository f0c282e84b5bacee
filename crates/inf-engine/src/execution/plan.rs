//! [`Plan`]: a graph prepared for running.

use std::sync::Arc;

use super::typed_output::TypedOutput;
use crate::graph::{InferenceGraph, NodeRef, Operation};

/// A graph prepared for running: who waits for whom, as flat arrays that all
/// executions share.
#[derive(Debug)]
pub struct Plan {
    graph: Arc<InferenceGraph>,
    /// The nodes that read each node, behind each other.
    dependents: Vec<NodeRef>,
    /// Where the dependents of each node begin in `dependents`; one more at
    /// the end.
    starts: Vec<usize>,
    /// The nodes that each node reads.
    dependencies: Vec<Vec<NodeRef>>,
    /// How many read each node's value; the output counts as one.
    consumers: Vec<u32>,
    /// The most nodes on a way from each node to the end.
    remaining: Vec<u32>,
    /// What a typed call asks for and how its answer is read.
    typed_outputs: Vec<Option<TypedOutput>>,
}

impl Plan {
    /// Prepares `graph`.
    pub fn new(graph: Arc<InferenceGraph>) -> Self {
        let count = graph.nodes().len();
        let dependencies: Vec<Vec<NodeRef>> = graph
            .nodes()
            .iter()
            .map(|node| node.operation().dependencies())
            .collect();
        let mut readers = vec![Vec::new(); count];
        for (index, dependencies) in dependencies.iter().enumerate() {
            for dependency in dependencies {
                readers[dependency.index()].push(NodeRef::new(index));
            }
        }
        let count_of = |list: &Vec<NodeRef>| u32::try_from(list.len()).unwrap_or(u32::MAX);
        let mut consumers: Vec<u32> = readers.iter().map(count_of).collect();
        let mut in_output = vec![false; count];
        let mut mark =
            |reference: &crate::graph::Reference| in_output[reference.node.index()] = true;
        graph.output().visit_references(&mut mark);
        for (consumers, in_output) in consumers.iter_mut().zip(&in_output) {
            *consumers += u32::from(*in_output);
        }
        let mut remaining = vec![1u32; count];
        for index in (0..count).rev() {
            let longest = readers[index]
                .iter()
                .map(|reader| remaining[reader.index()])
                .max();
            remaining[index] = longest.unwrap_or(0) + 1;
        }
        let mut starts = Vec::with_capacity(count + 1);
        let mut dependents = Vec::new();
        for readers in readers {
            starts.push(dependents.len());
            dependents.extend(readers);
        }
        starts.push(dependents.len());
        let typed_outputs = graph.nodes().iter().map(|node| match node.operation() {
            Operation::Llm(call) => {
                let schema = call.output.as_ref()?;
                Some(TypedOutput::new(node.name(), schema))
            }
            _ => None,
        });
        Self {
            typed_outputs: typed_outputs.collect(),
            dependents,
            starts,
            dependencies,
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
        &self.dependents[self.starts[node.index()]..self.starts[node.index() + 1]]
    }

    pub(super) fn dependencies(&self, node: NodeRef) -> &[NodeRef] {
        &self.dependencies[node.index()]
    }

    pub(super) fn consumers(&self) -> &[u32] {
        &self.consumers
    }

    /// The most nodes on a way from `node` to the end, itself included.
    pub(super) fn remaining(&self, node: NodeRef) -> u32 {
        self.remaining[node.index()]
    }

    pub(super) fn typed_output(&self, node: NodeRef) -> Option<&TypedOutput> {
        self.typed_outputs[node.index()].as_ref()
    }
}
