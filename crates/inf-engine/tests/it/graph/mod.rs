//! Graphs as data: built, checked, drawn, hashed, saved and read again.

mod built;
mod drawn;
mod files;
mod hashed;
mod mistakes;
mod random;

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{GraphBuilder, GraphNode, NodeRef, Operation, TemplatePart};
use inf_engine::prelude::*;
use inf_engine::value::Schema;

fn read(text: &str) -> InferenceGraph {
    InferenceGraph::from_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn names<'g>(graph: &'g InferenceGraph, nodes: &[NodeRef]) -> Vec<&'g str> {
    nodes.iter().map(|node| graph.node(*node).name()).collect()
}

/// A file with every kind of node, in no order.
const EVERYTHING: &str = r#"
version: 1
name: everything
input: { title: string, "tags?": [string], size: integer, more: any }
parameters:
  style: { value: Be brief., description: The tone. }
  layers.0.rules:
    value: |
      1. Be kind.
      2. Be brief.
    requires_grad: false
nodes:
  verdict:
    llm: smart
    system: "{parameters.style} {parameters.layers.0.rules}"
    prompt: |
      Title: {input.title}
      Facts: {facts.names.0} {both}
      As JSON: {{"verdict": …}}
    temperature: 0.5
    max_tokens: 100
    stop: [END, "\n\n"]
    output: { verdict: string, "why?": [string] }
    priority: -1
    module: judge.0
  both: { pack: { facts: facts, $$size: input.size, unit: { $value: {kg: [1, 2.5, null]} } } }
  facts:
    llm: fast
    prompt: "{question}"
    output: { $schema: { type: object, properties: { names: { type: array, items: { type: string, minLength: 1 } } } } }
  question: { prompt: "List the facts of {input.title}." }
  count: { host: count_words, input: verdict.verdict, priority: 3 }
  keys: { compute: keys, input: input.more }
  values: { compute: values, input: both }
  unused: { compute: items, input: { a: [both], b: { $value: text } } }
output:
  verdict: verdict.verdict
  count: count
  more: [keys, values.0, { $value: end }]
"#;

/// A node called `name` that reads `of`.
fn prompt_node(name: &str, of: &[NodeRef]) -> GraphNode {
    let parts = of
        .iter()
        .map(|node| TemplatePart::Reference((*node).into()));
    GraphNode::new(name, Operation::Prompt(parts.collect()))
}

/// References to nodes that are added later, without a way to make one up.
fn places(count: usize) -> Vec<NodeRef> {
    let mut builder = GraphBuilder::new("places", Schema::any());
    let added = (0..count).map(|index| builder.add(prompt_node(&format!("n{index}"), &[])));
    [NodeRef::INPUT]
        .into_iter()
        .chain(added.collect::<Vec<_>>())
        .collect()
}

fn check_round_trip(graph: &InferenceGraph) {
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        let text = graph.to_text(format);
        let again = read(&text);
        assert!(again == *graph, "{text}");
        assert_eq!(again.content_hash(), graph.content_hash(), "{text}");
        assert_eq!(again.to_text(format), text);
    }
}
