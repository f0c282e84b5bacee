//! [`Learning`]: what of a graph learns, and in which order.

use crate::graph::{InferenceGraph, NodeRef, Operation, ParameterRef, Shape};

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
        let mut nodes: Vec<bool> = graph
            .nodes()
            .iter()
            .map(|node| {
                let reads = node.operation().parameters();
                reads.iter().any(|parameter| parameters[parameter.index()])
            })
            .collect();
        let sources: Vec<Vec<NodeRef>> = graph
            .enumerate()
            .map(|(node, _)| sources(graph, node))
            .collect();
        // A node of control flow stands before what it runs, and a loop goes round:
        // once through the list is not always enough.
        let mut is_news = true;
        while is_news {
            is_news = false;
            for (node, sources) in sources.iter().enumerate() {
                if !nodes[node] && sources.iter().any(|read| nodes[read.index()]) {
                    nodes[node] = true;
                    is_news = true;
                }
            }
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

/// What the value of a node may be made of: what it reads, what its regions give,
/// and, where it is the argument of a region, what the owner has from either.
fn sources(graph: &InferenceGraph, node: NodeRef) -> Vec<NodeRef> {
    let found = graph.node(node);
    let owner = graph.region(found.region()).owner();
    let from = match (found.operation(), owner) {
        (Operation::Argument, Some(owner)) => graph.node(owner).operation(),
        (operation, _) => operation,
    };
    let mut sources = from.dependencies();
    for region in from.regions() {
        let output: &Shape = graph.region(region).output();
        output.visit_references(&mut |reference| sources.push(reference.node));
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_in_regions_learns_after_what_it_needs() {
        let text = r#"
version: 1
name: flow
parameters:
  arm: { value: arm, description: An arm. }
  verdict: { value: verdict, description: What ends the loop. }
  better: { value: better, description: What the loop does. }
  kind: { value: kind, description: What chooses the arm. }
  fixed: { value: fixed, description: Frozen., requires_grad: false }
nodes:
  kind: { llm: a, system: "{parameters.kind}", prompt: "{input}" }
  alone: { llm: a, system: "{parameters.fixed}", prompt: "{input}" }
  reply:
    match: kind
    cases:
      bug: { nodes: { fix: { llm: a, system: "{parameters.arm}", prompt: "fix" } }, output: fix }
    default: { output: alone }
  revised:
    repeat: reply
    as: draft
    max: 3
    nodes:
      better: { llm: a, system: "{parameters.better}", prompt: "{draft}" }
      done: { llm: a, system: "{parameters.verdict}", prompt: "{better}", output: boolean }
    until: done
    output: better
  plain:
    map: { $value: [1] }
    as: one
    output: one
output: [revised.state, plain]
"#;
        let graph = InferenceGraph::from_text(text).unwrap();
        let learning = Learning::of(&graph);
        let levels = learning.levels(&graph).into_iter();
        let levels: Vec<Vec<&str>> = levels
            .map(|level| {
                let paths = level.into_iter();
                let paths = paths.map(|found| graph.parameters()[found.index()].path.as_str());
                paths.collect()
            })
            .collect();
        assert_eq!(levels, [["kind"], ["arm"], ["better"], ["verdict"]]);
        let learns = |name: &str| learning.node(graph.node_named(name).unwrap());
        // The loop's argument has its value from what learns, the map's from nothing
        // that does.
        assert!(
            ["reply", "fix", "revised", "draft", "done"]
                .into_iter()
                .all(learns)
        );
        assert!(!["alone", "plain", "one"].into_iter().any(learns));
    }
}
