//! Tracing: what `forward` does becomes the graph that it should.

mod host_code;
mod many_traces;
mod mistakes;
mod modules;
mod priorities;
mod prompts;
mod values;

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{GraphError, GraphNode};
use inf_engine::prelude::*;
use inf_engine::value::Data;

/// A model that is asked for text.
fn ask() -> LlmInference {
    LlmInference::new("fast")
}

fn trace<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>) -> InferenceGraph {
    Tracer::new("test").trace(forward).expect("a graph")
}

/// The nodes and the output of the traced graph, as its file has them.
fn file(graph: &InferenceGraph) -> String {
    let text = graph.to_text(DocumentFormat::Yaml);
    match (text.find("nodes:"), text.find("output:")) {
        (Some(nodes), _) => text[nodes..].to_owned(),
        (None, Some(output)) => text[output..].to_owned(),
        _ => text,
    }
}

/// What `forward` becomes, as a file has it.
#[track_caller]
fn check<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>, expected: &str) {
    let graph = Tracer::new("test").trace(forward).expect("a graph");
    assert_eq!(file(&graph), unindented(expected));
}

/// A text without the indentation that all of its lines have.
fn unindented(text: &str) -> String {
    let Some(text) = text.strip_prefix('\n') else {
        return text.to_owned();
    };
    let indent = text.len() - text.trim_start().len();
    let lines = text.trim_end().lines();
    lines
        .map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// The problems of a trace; lines of the files here are written as `here`.
fn problems<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>) -> String {
    let error = Tracer::new("test").trace(forward).expect_err("a problem");
    without_lines(&error)
}

fn without_lines(error: &GraphError) -> String {
    let error = error.to_string();
    let mut pieces = error.split(file!().trim_end_matches("mod.rs"));
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (_, rest) = piece.split_once(".rs:").expect("a line of a file");
        text.push_str("here");
        text.push_str(rest.trim_start_matches(char::is_numeric));
    }
    text
}

fn names(graph: &InferenceGraph) -> Vec<&str> {
    graph.nodes().iter().skip(1).map(GraphNode::name).collect()
}

fn paths(graph: &InferenceGraph) -> Vec<&str> {
    graph
        .nodes()
        .iter()
        .skip(1)
        .map(GraphNode::module)
        .collect()
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Pair {
    a: String,
    b: Vec<String>,
}

#[derive(Module)]
struct Answer {
    think: LlmInference,
    write: LlmInference,
}

impl Answer {
    fn new() -> Self {
        Self {
            think: ask(),
            write: LlmInference::new("smart"),
        }
    }
}

impl Forward for Answer {
    type Input = String;
    type Output = String;
    fn forward(&self, question: Proxy<String>) -> Proxy<String> {
        let thoughts = self.think.call(question);
        self.write
            .call(prompt!("Q: {question}\nThoughts: {thoughts}"))
    }
}

#[derive(Module)]
struct Debate {
    sides: Vec<Answer>,
    judge: Box<dyn Forward<Input = String, Output = String>>,
}

impl Forward for Debate {
    type Input = String;
    type Output = String;
    fn forward(&self, question: Proxy<String>) -> Proxy<String> {
        let pro = self.sides[0].call(question);
        let con = self.sides[1].call(question);
        self.judge.call(prompt!("{pro} or {con}?"))
    }
}
