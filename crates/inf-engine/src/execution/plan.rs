//! [`Plan`]: a graph prepared for running.

use std::sync::Arc;

use super::typed_output::TypedOutput;
use crate::conversation::ToolSpec;
use crate::graph::{GraphNode, InferenceGraph, NodeRef, Operation, Reference, RegionRef};

/// A graph prepared for running: who waits for whom, as flat arrays that all
/// executions share.
///
/// Each region of the graph runs by itself: its nodes wait for each other, and
/// what they read from outside (*captures*) is there when it begins. A node of
/// control flow waits for the captures of its regions, too.
#[derive(Debug)]
pub(crate) struct Plan {
    graph: Arc<InferenceGraph>,
    regions: Vec<RegionPlan>,
    /// Where each node stands.
    places: Vec<NodePlace>,
    /// The nodes of its region that each node waits for.
    dependencies: Adjacency,
    /// The nodes of its region that wait for each node.
    dependents: Adjacency,
    /// The most nodes on a way from each node to the end.
    remaining: Vec<u32>,
    /// What a typed call asks for and how its answer is read.
    typed_outputs: Vec<Option<TypedOutput>>,
    /// What models are told of their tools, by node; empty if no node has any.
    tool_specs: Vec<Vec<Arc<ToolSpec>>>,
}

/// What is looked up of a node while it runs.
#[derive(Debug, Clone, Copy)]
struct NodePlace {
    /// The innermost region that it stands in.
    region: RegionRef,
    /// Whether it is a node of control flow.
    runs_regions: bool,
}

/// A node of a region before it runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedNode {
    /// How many nodes of its region it waits for.
    pub(super) reads: u32,
    /// How many of its region read its value; the output counts as one.
    pub(super) consumers: u32,
    /// Whether it is of a region inside of this one: it runs in an execution of
    /// that, and has a place in this one only to keep the places simple.
    pub(super) is_inside: bool,
}

/// A region prepared for running.
#[derive(Debug)]
struct RegionPlan {
    /// Its nodes, in the order of the graph.
    nodes: Vec<PlannedNode>,
    /// The place of its first node in the graph.
    first: usize,
    /// How many of the first are given their values.
    arguments: usize,
    /// The nodes outside of it that it reads, ascending.
    captures: Vec<NodeRef>,
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
    pub(crate) fn new(graph: Arc<InferenceGraph>) -> Self {
        let nodes = graph.nodes();
        let dependencies = graph.enumerate().map(|(node, found)| {
            let mut needed = graph.dependencies(node);
            needed.retain(|other| graph.node(*other).region() == found.region());
            needed
        });
        let dependencies: Vec<Vec<NodeRef>> = dependencies.collect();
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (index, dependencies) in dependencies.iter().enumerate() {
            for dependency in dependencies {
                dependents[dependency.index()].push(NodeRef::new(index));
            }
        }
        let mut in_output = vec![0; nodes.len()];
        for (place, region) in graph.regions().iter().enumerate() {
            let mut mark = |reference: &Reference| {
                let is_own = graph.node(reference.node).region() == RegionRef::new(place);
                in_output[reference.node.index()] |= u32::from(is_own);
            };
            region.output().visit_references(&mut mark);
        }
        let consumers = dependents.iter().zip(in_output);
        let consumers = consumers.map(|(dependents, output)| {
            u32::try_from(dependents.len()).unwrap_or(u32::MAX) + output
        });
        let planned = consumers
            .zip(&dependencies)
            .map(|(consumers, reads)| PlannedNode {
                reads: u32::try_from(reads.len()).unwrap_or(u32::MAX),
                consumers,
                is_inside: false,
            });
        let planned: Vec<PlannedNode> = planned.collect();
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
            remaining: remaining_of(&graph, &dependents),
            dependencies: Adjacency::new(&dependencies),
            dependents: Adjacency::new(&dependents),
            regions: regions_of(&graph, &planned),
            places: graph.nodes().iter().map(NodePlace::of).collect(),
            graph,
        }
    }

    /// The graph that this plan is of.
    pub(crate) fn graph(&self) -> &Arc<InferenceGraph> {
        &self.graph
    }

    /// The nodes of a region, those of regions inside of it included.
    pub(super) fn nodes_of(&self, region: RegionRef) -> &[PlannedNode] {
        &self.regions[region.index()].nodes
    }

    /// The place in the graph of the first node of a region.
    pub(super) fn first_of(&self, region: RegionRef) -> usize {
        self.regions[region.index()].first
    }

    /// How many of the first nodes of a region are given their values: the input,
    /// or the arguments of what a node of control flow runs.
    pub(super) fn arguments(&self, region: RegionRef) -> usize {
        self.regions[region.index()].arguments
    }

    /// The nodes outside of a region that it reads, ascending.
    pub(super) fn captures(&self, region: RegionRef) -> &[NodeRef] {
        &self.regions[region.index()].captures
    }

    /// Whether `node` is one of control flow.
    pub(super) fn runs_regions(&self, node: NodeRef) -> bool {
        self.places[node.index()].runs_regions
    }

    /// The innermost region that `node` stands in.
    pub(super) fn region_of(&self, node: NodeRef) -> RegionRef {
        self.places[node.index()].region
    }

    /// The nodes of its region that wait for `node`.
    pub(super) fn dependents(&self, node: NodeRef) -> &[NodeRef] {
        self.dependents.of(node)
    }

    /// The nodes of its region that `node` waits for.
    pub(super) fn dependencies(&self, node: NodeRef) -> &[NodeRef] {
        self.dependencies.of(node)
    }

    /// The most nodes on a way from `node` to the end, itself included. A region
    /// that runs often counts once.
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

impl NodePlace {
    fn of(node: &GraphNode) -> Self {
        Self {
            region: node.region(),
            runs_regions: !node.operation().regions().is_empty(),
        }
    }
}

fn regions_of(graph: &InferenceGraph, planned: &[PlannedNode]) -> Vec<RegionPlan> {
    let regions = graph.regions().iter().enumerate();
    let regions = regions.map(|(place, region)| {
        let own = RegionRef::new(place);
        let nodes = region.nodes().map(|index| PlannedNode {
            is_inside: graph.nodes()[index].region() != own,
            ..planned[index]
        });
        RegionPlan {
            nodes: nodes.collect(),
            first: region.nodes().start,
            arguments: match region.owner() {
                None => 1,
                Some(_) => region.arguments().len(),
            },
            captures: graph.captures(own),
        }
    });
    regions.collect()
}

/// By node, the most nodes on a way to the end: through those that wait for it,
/// and from a region on through those that wait for its owner.
fn remaining_of(graph: &InferenceGraph, dependents: &[Vec<NodeRef>]) -> Vec<u32> {
    let mut remaining = vec![0u32; graph.nodes().len()];
    let longest = |remaining: &[u32], node: NodeRef| {
        let ways = dependents[node.index()].iter();
        ways.map(|other| remaining[other.index()])
            .max()
            .unwrap_or(0)
    };
    for index in (0..remaining.len()).rev() {
        let node = NodeRef::new(index);
        let mut most = longest(&remaining, node);
        // Those that wait for owners stand after what is inside of these.
        for condition in graph.conditions(node) {
            most = most.max(longest(&remaining, condition.owner));
        }
        for region in graph.node(node).operation().regions() {
            let inside = graph.region(region).nodes();
            most = most.max(remaining[inside].iter().copied().max().unwrap_or(0));
        }
        remaining[index] = most + 1;
    }
    remaining
}
