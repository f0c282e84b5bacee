//! What the boxes and arrows of every drawing say.

use crate::graph::region::Condition;
use crate::graph::{
    FoldOrder, InferenceGraph, Keep, NodeRef, Operation, Reference, RegionRef, Shape,
};

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
            let on: Vec<&str> = fallback.on.iter().map(|kind| kind.as_str()).collect();
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
    if is_given(node.operation()) {
        return lines;
    }
    lines.push(does(node.operation()));
    if node.module() != node.name() && !node.module().is_empty() {
        lines.push(format!("in {}", node.module()));
    }
    lines
}

/// Whether a node is nobody's work: the input, or an argument.
pub(super) fn is_given(operation: &Operation) -> bool {
    matches!(operation, Operation::Input | Operation::Argument)
}

/// One stretch of a drawing, in order.
pub(super) enum Part<'g> {
    /// A region begins.
    Begin(RegionRef, Condition<'g>),
    Node(NodeRef),
    /// The innermost region that has begun ends.
    End,
}

/// The nodes in the regions that they stand in; those without nodes are not
/// drawn.
pub(super) fn parts(graph: &InferenceGraph) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    let close = |parts: &mut Vec<Part<'_>>, ends: &mut Vec<usize>, at: usize| {
        while ends.last().is_some_and(|end| *end <= at) {
            ends.pop();
            parts.push(Part::End);
        }
    };
    let mut regions = graph.regions().iter().enumerate().skip(1).peekable();
    for (node, _) in graph.enumerate() {
        close(&mut parts, &mut ends, node.index());
        while let Some((index, region)) =
            regions.next_if(|(_, region)| region.nodes().start <= node.index())
        {
            if let Some(owner) = region.owner()
                && !region.nodes().is_empty()
            {
                let condition = Condition {
                    owner,
                    owner_name: graph.node(owner).name(),
                    label: region.label(),
                };
                parts.push(Part::Begin(RegionRef::new(index), condition));
                ends.push(region.nodes().end);
            }
        }
        parts.push(Part::Node(node));
    }
    close(&mut parts, &mut ends, graph.nodes().len());
    parts
}

/// An arrow.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub(super) to: NodeRef,
    pub(super) from: NodeRef,
    /// In which arm it is given, if there are several.
    pub(super) arm: Option<String>,
}

/// The arrows between nodes: what each reads, and what regions give to their
/// owners. What the owner of a body reads goes to the body's arguments.
pub(super) fn edges(graph: &InferenceGraph) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, node) in graph.enumerate() {
        let operation = node.operation();
        let regions = operation.regions();
        let mut draw = |shape: &Shape, to: NodeRef, arm: Option<&str>| {
            shape.visit_references(&mut |reference: &Reference| {
                edges.push(Edge {
                    to,
                    from: reference.node,
                    arm: arm.map(str::to_owned),
                });
            });
        };
        let arguments = regions.iter();
        let mut arguments = arguments.flat_map(|region| graph.region(*region).arguments());
        match (operation, arguments.next(), arguments.next()) {
            (Operation::Fold(fold), Some(so_far), Some(next)) => {
                draw(fold.initial.as_ref().unwrap_or(&fold.list), so_far, None);
                draw(&fold.list, next, None);
            }
            (_, Some(argument), None) => {
                operation.visit_references(&mut |reference| {
                    draw(&Shape::Reference(reference.clone()), argument, None);
                });
            }
            _ => operation.visit_references(&mut |reference| {
                draw(&Shape::Reference(reference.clone()), to, None);
            }),
        }
        for region in &regions {
            let region = graph.region(*region);
            let arm = region.label().to_string();
            let arm = (regions.len() > 1).then_some(&*arm);
            draw(region.output(), to, arm);
        }
    }
    edges.sort();
    edges.dedup();
    edges
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
