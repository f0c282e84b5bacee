//! Control flow as a part of graphs: built, checked, drawn, hashed, saved and
//! read again.

mod built;
mod files;
mod mistakes;
mod random;

use inf_engine::graph::NodeRef;
use inf_engine::prelude::*;

fn read(text: &str) -> InferenceGraph {
    InferenceGraph::from_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn names(graph: &InferenceGraph, nodes: &[NodeRef]) -> Vec<String> {
    let names = nodes.iter().map(|node| graph.node(*node).name());
    names.map(str::to_owned).collect()
}

/// A file with every kind of control flow, also one in another.
const EVERYTHING: &str = r#"
version: 1
name: everything
input: { text: string, chunks: [string], urgent: boolean, size: any }
nodes:
  kind: { llm: fast, prompt: "bug, question or praise? {input.text}" }
  tidy: { compute: trim, input: kind }
  reply:
    match: tidy
    cases:
      bug:
        nodes:
          fix: { llm: smart, prompt: "Fix it: {repro} {input.text}" }
          repro: { llm: fast, prompt: "Reproduce {input.text}" }
        output: fix
      question:
        nodes: { answer: { llm: smart, prompt: "Answer {input.text} {kind}" } }
        output: { text: answer }
    default: { output: { $value: thanks } }
  sized:
    match: input.size
    cases:
      1: { output: { $value: one } }
      "\"1\"": { output: { $value: text } }
      2: { output: tidy }
  summaries:
    map: input.chunks
    as: chunk
    nodes:
      summary: { llm: fast, prompt: "Summarize {chunk} about {tidy}" }
      words:
        filter: input.chunks
        as: word
        nodes: { fits: { compute: contains, input: [chunk, word] } }
        output: fits
    output: { summary: summary, words: words }
  tries:
    map: summaries
    results: true
    as: tried
    nodes: { risky: { llm: fast, prompt: "{tried.summary}" } }
    output: risky
  whole:
    fold: summaries
    as: [so_far, next]
    initial: { $value: "" }
    nodes: { more: { llm: fast, prompt: "{so_far} and {next}" } }
    output: more
  merged:
    fold: summaries
    tree: true
    as: [left, right]
    nodes: { both: { llm: fast, prompt: "{left} and {right}" } }
    output: both
  revised:
    repeat: whole
    as: draft
    max: 3
    nodes:
      critique: { llm: smart, prompt: "{draft}", output: { accepted: boolean } }
      better:
        if: critique.accepted
        then: { output: draft }
        else:
          nodes: { rewrite: { llm: fast, prompt: "Better: {draft} {critique}" } }
          output: rewrite
    until: critique.accepted
    output: better
  safe:
    try:
      nodes: { first: { llm: smart, prompt: "{revised.state}" } }
      output: first
    fallback: { output: { $value: sorry } }
    failures: [timeout, refused]
output: [reply, sized, merged, tries, safe]
"#;
