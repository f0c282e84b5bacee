//! What the boxes and arrows of every drawing say.

use crate::graph::{FoldOrder, InferenceGraph, Keep, NodeRef, Operation};

/// What a node does, in a few words.
pub(super) fn does(operation: &Operation) -> String {
    match operation {
        Operation::Input => "input".to_owned(),
        Operation::Llm(call) if call.tools.is_empty() => format!("llm {}", call.alias),
        Operation::Llm(call) => format!("llm {} with {}", call.alias, call.tools.join(", ")),
        Operation::Prompt(_) => "prompt".to_owned(),
        Operation::Host(call) => format!("host {}", call.function),
        Operation::Pack(_) => "pack".to_owned(),
        Operation::Compute { function, .. } => function.name().to_owned(),
        Operation::Branch(branch) if branch.as_condition().is_some() => "if".to_owned(),
        Operation::Branch(_) => "match".to_owned(),
        Operation::Map(map) => match map.keep {
            Keep::Outputs => "map".to_owned(),
            Keep::Elements => "filter".to_owned(),
            Keep::Results => "map, with failures".to_owned(),
        },
        Operation::Fold(fold) => match fold.order {
            FoldOrder::Sequential => "fold".to_owned(),
            FoldOrder::Tree => "fold by tree".to_owned(),
        },
        Operation::Repeat(repeat) => format!("repeat, at most {}", repeat.max),
        Operation::Fallback(fallback) if fallback.on.is_empty() => "fallback".to_owned(),
        Operation::Fallback(fallback) => {
            let on: Vec<&str> = fallback.on.iter().map(|kind| kind.name()).collect();
            format!("fallback on {}", on.join(", "))
        }
        Operation::Argument => "argument".to_owned(),
    }
}

/// The lines of a node's box: its name, what it does, and its module where the
/// name does not say it already.
pub(super) fn lines(graph: &InferenceGraph, node: NodeRef) -> Vec<String> {
    let node = graph.node(node);
    let mut lines = vec![node.name().to_owned()];
    if *node.operation() == Operation::Input {
        return lines;
    }
    lines.push(does(node.operation()));
    if node.module() != node.name() && !node.module().is_empty() {
        lines.push(format!("in {}", node.module()));
    }
    lines
}

/// The arrows between nodes.
pub(super) fn edges(graph: &InferenceGraph) -> impl Iterator<Item = (NodeRef, NodeRef)> {
    graph.enumerate().flat_map(|(to, node)| {
        let from = node.operation().dependencies();
        from.into_iter().map(move |from| (from, to))
    })
}

/// The nodes that the output is put together from, each once.
pub(super) fn outputs(graph: &InferenceGraph) -> Vec<NodeRef> {
    let mut nodes = Vec::new();
    graph
        .output()
        .visit_references(&mut |reference| nodes.push(reference.node));
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
