//! Random graphs of calls, prompts, host functions and packed values.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use inf_engine::Value;
use inf_engine::graph::{
    GraphBuilder, GraphNode, HostCall, HostFunction, InferenceGraph, LlmCall, NodeRef, Operation,
    Reference, Shape, Template, TemplatePart, Tool,
};
use inf_engine::value::Schema;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

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

fn host_function(name: &str) -> HostFunction {
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
    let mut nodes = vec![NodeRef::INPUT];
    let most = if random.random_ratio(1, 4) { 14 } else { 5 };
    for number in 0..random.random_range(1..=most) {
        let mut template = Template::text(format!("node {number}:"));
        for _ in 0..random.random_range(1..4) {
            let node = *nodes.choose(random).unwrap();
            template.push(TemplatePart::Reference(Reference::from(node)));
            template.push(TemplatePart::Text(" ".to_owned()));
        }
        let first = Shape::from(*nodes.choose(random).unwrap());
        let second = Shape::from(*nodes.choose(random).unwrap());
        let host = |function: &str, input| {
            let function = function.into();
            Operation::Host(HostCall { function, input })
        };
        let operation = match random.random_range(0..10) {
            0 => Operation::Prompt(template),
            1 => Operation::Pack(Shape::List(vec![first, second])),
            2 => host("shout", first),
            3 => host("think", first),
            _ => Operation::Llm(call(random, template)),
        };
        let function = match &operation {
            Operation::Host(call) => Some(host_function(&call.function)),
            _ => None,
        };
        let node = GraphNode::new(format!("n{number}"), operation);
        let node = builder.add(node.with_priority(random.random_range(-1..2)));
        if let Some(function) = function {
            builder.set_host_function(node, function);
        }
        nodes.push(node);
    }
    builder.add_tool(look());
    let ends = nodes.iter().rev().take(3).map(|&node| Shape::from(node));
    Drawn(builder.finish(Shape::List(ends.collect())).unwrap())
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
pub(super) struct Drawn(pub(super) InferenceGraph);

impl Drawn {
    /// Whether a node is not done on the spot.
    pub(super) fn takes_time(&self, node: usize) -> bool {
        match self.0.nodes()[node].operation() {
            Operation::Llm(_) => true,
            Operation::Host(call) => &*call.function == "think",
            _ => false,
        }
    }

    /// The most nodes on a way from each node to the end.
    pub(super) fn remaining(&self) -> Vec<u32> {
        let nodes = self.0.nodes();
        let mut remaining = vec![1; nodes.len()];
        for (index, node) in nodes.iter().enumerate().rev() {
            let way = remaining[index] + 1;
            for read in node.operation().dependencies() {
                let known = &mut remaining[read.index()];
                *known = way.max(*known);
            }
        }
        remaining
    }
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
                _ => "other".to_owned(),
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
