//! Runs with a journal: what is finished is not paid again.

mod failures_and_caches;
mod going_on;
mod replays;
mod told;

use std::sync::Arc;
use std::time::Duration;

use crate::support::peer::{Peer, resources, texts};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::{BatchResult, ExecutionSettings};
use inf_engine::journal::Journal;
use inf_engine::prelude::*;

fn with(journal: &Journal) -> ExecutionSettings {
    ExecutionSettings::default().with_journal(journal)
}

/// Every answer takes a second and says what was asked.
fn echo() -> Arc<Peer> {
    Peer::new(|prompt| {
        let answer = LlmResponse::from_text(prompt.to_uppercase());
        (Duration::from_secs(1), Ok(answer))
    })
}

/// Two calls of `a` at once, and one of `b` on both.
fn diamond(peer: &Arc<Peer>, verb: &str) -> Pipeline {
    let text = format!(
        "version: 1\nname: diamond\nnodes:\n  left: {{ llm: a, prompt: 'left {{input}}' }}\n  \
         right: {{ llm: a, prompt: 'right {{input}}' }}\n  \
         {verb}: {{ llm: b, prompt: '{verb} {{left}} {{right}}' }}\noutput: {verb}\n"
    );
    let graph = InferenceGraph::from_text(&text).unwrap();
    let resources = resources([("a", peer, 4), ("b", peer, 4)]);
    graph.bind(&resources).unwrap()
}

fn values(count: usize) -> impl Iterator<Item = Value> {
    texts(count).map(Value::from)
}

fn outputs(results: &[BatchResult<Value>]) -> Vec<String> {
    let outputs = results.iter().map(|result| result.output.as_ref());
    outputs.map(|output| output.unwrap().to_string()).collect()
}
