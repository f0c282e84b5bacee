//! [`Learning`]: what of a graph learns, and in which order.

use crate::graph::{InferenceGraph, NodeRef, ParameterRef};

/// What of a graph learns.
#[derive(Debug, Clone)]
pub(crate) struct Learning {
    /// By parameter.
    parameters: Vec<bool>,
    /// By node: whether it, or one that it needs, reads a parameter that learns.
    nodes: Vec<bool>,
}

impl Learning {
    pub(crate) fn of(graph: &InferenceGraph) -> Self {
        let table = graph.parameters().iter();
        let parameters: Vec<bool> = table.map(|found| found.parameter.requires_grad()).collect();
        let mut nodes: Vec<bool> = Vec::with_capacity(graph.nodes().len());
        // Nodes come after those that they read.
        for node in graph.nodes() {
            let operation = node.operation();
            let reads = operation.parameters();
            let learns = reads.iter().any(|parameter| parameters[parameter.index()])
                || operation
                    .dependencies()
                    .iter()
                    .any(|read| nodes[read.index()]);
            nodes.push(learns);
        }
        Self { parameters, nodes }
    }

    pub(crate) fn node(&self, node: NodeRef) -> bool {
        self.nodes[node.index()]
    }

    pub(crate) fn parameter(&self, parameter: ParameterRef) -> bool {
        self.parameters[parameter.index()]
    }

    /// The parameters that learn, in levels: those of a level depend on those of
    /// the levels before alone. Such that depend on each other are of one level.
    pub(crate) fn levels(&self, graph: &InferenceGraph) -> Vec<Vec<ParameterRef>> {
        let count = self.parameters.len();
        // By parameter: the nodes that read it, and those that need these.
        let mut readers: Vec<Vec<NodeRef>> = vec![Vec::new(); count];
        for (node, found) in graph.enumerate() {
            for parameter in found.operation().parameters() {
                readers[parameter.index()].push(node);
            }
        }
        let mut before = vec![vec![false; count]; count];
        for first in 0..count {
            let after = readers[first]
                .iter()
                .flat_map(|node| graph.descendants(*node));
            let after: Vec<NodeRef> = after.collect();
            for second in 0..count {
                before[first][second] = readers[second].iter().any(|node| after.contains(node));
            }
        }
        // What is before what is before it is before it.
        for middle in 0..count {
            for first in 0..count {
                if before[first][middle] {
                    let further = before[middle].clone();
                    for (known, further) in before[first].iter_mut().zip(further) {
                        *known |= further;
                    }
                }
            }
        }
        let is_strictly =
            |first: usize, second: usize| before[first][second] && !before[second][first];
        let mut left: Vec<usize> = (0..count)
            .filter(|parameter| self.parameters[*parameter])
            .collect();
        let mut levels = Vec::new();
        while !left.is_empty() {
            let (level, later): (Vec<usize>, Vec<usize>) = left
                .iter()
                .partition(|second| left.iter().all(|first| !is_strictly(*first, **second)));
            levels.push(level.into_iter().map(ParameterRef::new).collect());
            left = later;
        }
        levels
    }
}
