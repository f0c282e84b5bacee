//! Random graphs of calls, prompts, host functions and packed values; half of
//! them with control flow, which is drawn in [`flows`](super::flows).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use inf_engine::Value;
use inf_engine::graph::{
    GraphBuilder, GraphNode, HostCall, HostFunction, InferenceGraph, Keep, LlmCall, NodeRef,
    Operation, Reference, Shape, Template, TemplatePart, Tool,
};
use inf_engine::value::Schema;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

use super::flows::{self, Scope};
use super::peers::{ALIASES, hash};

/// A host function that may say no.
pub(super) fn shout(text: &Value) -> Result<String, String> {
    let text = text.to_string().to_uppercase();
    if hash(&[&text]).is_multiple_of(29) {
        Err("hoarse".to_owned())
    } else {
        Ok(text)
    }
}

/// One that takes a while, and may say no then.
pub(super) fn think(text: &Value) -> Result<String, String> {
    let text = text.to_string();
    if hash(&[&text, "think"]).is_multiple_of(29) {
        Err("no idea".to_owned())
    } else {
        Ok(format!("<{:x}>", hash(&[&text, "thought"])))
    }
}

pub(super) fn host_function(name: &str) -> HostFunction {
    if let Some(function) = flows::host_function(name) {
        return function;
    }
    if name == "think" {
        return HostFunction::fallible_async("think", async |text: Value| {
            let took = hash(&[&text.to_string()]) % 700;
            tokio::time::sleep(Duration::from_millis(took)).await;
            think(&text)
        });
    }
    // Not measured: the same every time.
    HostFunction::fallible("shout", |text: Value| shout(&text)).quick()
}

pub(super) fn draw(random: &mut Pcg64) -> Drawn {
    let mut builder = GraphBuilder::new("random", Schema::any());
    let most = if random.random_ratio(1, 4) { 14 } else { 5 };
    let has_flows = random.random_bool(0.5);
    let mut scope = Scope::new(&mut builder, random, has_flows);
    for _ in 0..scope.random.random_range(1..=most) {
        scope.draw_node();
    }
    let ends = scope.nodes.iter().rev().take(3);
    let ends = ends.map(|&node| Shape::from(node)).collect();
    builder.add_tool(look());
    Drawn::new(builder.finish(Shape::List(ends)).unwrap())
}

impl Scope<'_> {
    /// Draws a node of this region that calls nothing that others do, or control
    /// flow.
    pub(super) fn draw_node(&mut self) {
        if self.may_branch() {
            self.draw_flow();
            return;
        }
        let number = self.next_number();
        let mut template = Template::text(format!("node {number}:"));
        // What is asked in two runs of a region is never the same.
        for &given in &self.given {
            template.push(TemplatePart::Reference(Reference::from(given)));
            template.push(TemplatePart::Text(" ".to_owned()));
        }
        for _ in 0..self.random.random_range(1..4) {
            template.push(TemplatePart::Reference(Reference::from(self.any())));
            template.push(TemplatePart::Text(" ".to_owned()));
        }
        let first = Shape::from(self.any());
        let second = Shape::from(self.any());
        let host = |function: &str, input: Shape| Operation::Host(HostCall::new(function, input));
        let operation = match self.random.random_range(0..10) {
            0 => Operation::Prompt(template),
            1 => Operation::Pack(Shape::List(vec![first, second])),
            2 => host("shout", first),
            3 => host("think", first),
            _ => Operation::Llm(call(self.random, template)),
        };
        let node = self.add(number, operation);
        self.nodes.push(node);
    }

    /// Adds a node to this region.
    pub(super) fn add(&mut self, number: usize, operation: Operation) -> NodeRef {
        let function = match &operation {
            Operation::Host(call) => Some(host_function(&call.function)),
            _ => None,
        };
        let node = GraphNode::new(format!("n{number}"), operation);
        let node = node.with_priority(self.random.random_range(-1..2));
        let node = self.builder.add_to(self.region, node);
        if let Some(function) = function {
            self.builder.set_host_function(node, function);
        }
        node
    }
}

/// A call that may have a tool, and may want a number.
fn call(random: &mut Pcg64, prompt: Template) -> LlmCall {
    let mut call = LlmCall::new(*ALIASES.choose(random).unwrap(), prompt);
    if random.random_ratio(1, 5) {
        call.tools.push("look".into());
    }
    if random.random_ratio(1, 5) {
        call.output = Some(Schema::of::<u64>());
    }
    call
}

/// A tool that takes a while, and may fail then.
fn look() -> Tool {
    Tool::fallible(
        "look",
        "Looks.",
        |arguments: BTreeMap<String, u64>| async move {
            let text = format!("{arguments:?}");
            tokio::time::sleep(Duration::from_millis(hash(&[&text]) % 3_000)).await;
            match hash(&[&text, "look"]) % 4 {
                0 => Err("nothing there"),
                1 => panic!("too dark"),
                _ => Ok(text),
            }
        },
    )
}

/// A graph that prints as one line for each node.
#[derive(Clone)]
pub(super) struct Drawn(pub(super) InferenceGraph, Arc<Waits>);

/// Who waits for whom: found out once, because it is asked for every call.
struct Waits {
    dependencies: Vec<Vec<NodeRef>>,
    remaining: Vec<u32>,
}

impl Drawn {
    /// Whether a node is not done on the spot.
    pub(super) fn takes_time(&self, node: usize) -> bool {
        match self.0.nodes()[node].operation() {
            Operation::Llm(_) => true,
            Operation::Host(call) => &*call.function == "think",
            _ => false,
        }
    }

    fn new(graph: InferenceGraph) -> Self {
        let dependencies = graph.enumerate().map(|(node, _)| graph.dependencies(node));
        let dependencies: Vec<Vec<NodeRef>> = dependencies.collect();
        let remaining = remaining(&graph, &dependencies);
        let waits = Waits {
            dependencies,
            remaining,
        };
        Self(graph, Arc::new(waits))
    }

    /// The nodes that must have their values before a node can begin.
    pub(super) fn dependencies(&self, node: usize) -> &[NodeRef] {
        &self.1.dependencies[node]
    }

    /// The most nodes on a way from each node to the end.
    pub(super) fn remaining(&self) -> &[u32] {
        &self.1.remaining
    }

    /// Whether it has failures that are handled.
    pub(super) fn handles_failures(&self) -> bool {
        self.0.nodes().iter().any(|node| match node.operation() {
            Operation::Fallback(_) => true,
            Operation::Map(map) => map.keep == Keep::Results,
            _ => false,
        })
    }
}

/// The most nodes on a way from each node to the end: through those that wait for
/// it, or for what it stands in.
fn remaining(graph: &InferenceGraph, dependencies: &[Vec<NodeRef>]) -> Vec<u32> {
    let waiting_for = |read: NodeRef| {
        let region = graph.node(read).region();
        let others = graph.enumerate();
        let others = others.filter(move |(_, node)| node.region() == region);
        others.filter(move |(other, _)| dependencies[other.index()].contains(&read))
    };
    let mut remaining = vec![1; graph.nodes().len()];
    for (node, found) in graph.enumerate().collect::<Vec<_>>().into_iter().rev() {
        let around = graph.conditions(node).map(|condition| condition.owner);
        let later = around.chain([node]).flat_map(waiting_for);
        let later = later.map(|(other, _)| other.index());
        let regions = found.operation().regions().into_iter();
        let inside = regions.flat_map(|region| graph.region(region).nodes());
        let longest = later.chain(inside).map(|other| remaining[other]).max();
        remaining[node.index()] = longest.unwrap_or(0) + 1;
    }
    remaining
}

impl fmt::Debug for Drawn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = formatter.debug_list();
        for node in self.0.nodes() {
            let what = match node.operation() {
                Operation::Input => "input".to_owned(),
                Operation::Prompt(_) => "prompt".to_owned(),
                Operation::Pack(_) => "pack".to_owned(),
                Operation::Host(call) => call.function.to_string(),
                Operation::Llm(call) => {
                    let number = if call.output.is_some() {
                        " for a number"
                    } else {
                        ""
                    };
                    let tools = call.tools.join(", ");
                    format!("call `{}`{number} with [{tools}]", call.alias.as_str())
                }
                Operation::Argument => "argument".to_owned(),
                other => {
                    let regions = other.regions().into_iter();
                    let regions = regions.map(|region| self.0.region(region).nodes());
                    let regions: Vec<_> = regions.collect();
                    format!("{other:?} which runs {regions:?}")
                }
            };
            let reads = node.operation().dependencies();
            let reads: Vec<usize> = reads.into_iter().map(NodeRef::index).collect();
            let priority = node.priority();
            let name = node.name();
            list.entry(&format_args!(
                "{name}: {what} of {reads:?}, priority {priority}"
            ));
        }
        list.finish()
    }
}
