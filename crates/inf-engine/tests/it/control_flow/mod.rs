//! Control flow while it runs: which calls are made, what an input comes to, and
//! what is told of it.

mod branches;
mod endings;
mod fallbacks;
mod lists;
mod loops;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::peer::{Peer, failure, refusal, resources};
use inf_engine::clients::{ClientError, LlmResponse};
use inf_engine::execution::{BatchResult, ExecutionSettings, Observer, TaskOutcome, TaskReport};
use inf_engine::prelude::*;

/// Reads a pipeline whose nodes and output are `text`.
fn graph(text: &str) -> InferenceGraph {
    let text = format!("version: 1\nname: flow\n{text}");
    InferenceGraph::from_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Answers after a second with what it is asked, in brackets; what is asked about
/// `bad` is refused, and about `flaky` fails.
fn echo() -> Arc<Peer> {
    Peer::new(|prompt| (Duration::from_secs(1), said(prompt)))
}

fn said(prompt: &str) -> Result<LlmResponse, ClientError> {
    if prompt.contains("bad") {
        refusal()
    } else if prompt.contains("flaky") {
        failure()
    } else {
        Ok(LlmResponse::from_text(format!("<{prompt}>")))
    }
}

fn bind(graph: InferenceGraph, peer: &Arc<Peer>) -> Pipeline {
    graph.bind(resources([("a", peer, 100)])).unwrap()
}

async fn run_all<const N: usize>(
    pipeline: &Pipeline,
    inputs: [serde_json::Value; N],
) -> Vec<BatchResult<Value>> {
    pipeline.run_batch(inputs.map(Value::from)).await
}

/// What inputs come to, as text.
fn texts(results: &[BatchResult<Value>]) -> Vec<String> {
    let texts = results.iter().map(|result| match &result.output {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{}: {error}", error.kind.as_str()),
    });
    texts.collect()
}

fn asked(peer: &Peer) -> Vec<String> {
    let mut asked = peer.asked();
    asked.sort_unstable();
    asked
}

/// Counts by node what observers are told.
#[derive(Default)]
struct Told(Mutex<BTreeMap<String, Vec<&'static str>>>);

impl Observer for Told {
    fn task_ended(&self, task: &TaskReport<'_>) {
        let outcome = match task.outcome {
            TaskOutcome::Completed => "completed",
            TaskOutcome::Failed(_) => "failed",
            TaskOutcome::Retried(_) => "retried",
            TaskOutcome::Cancelled => "cancelled",
            TaskOutcome::Skipped => "skipped",
            _ => "other",
        };
        let mut told = self.0.lock().unwrap();
        told.entry(task.path().to_string())
            .or_default()
            .push(outcome);
    }
}

impl Told {
    fn text(&self) -> String {
        let told = self.0.lock().unwrap();
        let lines = told
            .iter()
            .map(|(path, what)| format!("{path}: {}\n", what.join(" ")));
        lines.collect()
    }
}

fn observed(pipeline: &Pipeline) -> (Pipeline, Arc<Told>) {
    let told = Arc::<Told>::default();
    let observer: Arc<dyn Observer> = Arc::<Told>::clone(&told);
    let settings = ExecutionSettings::default().with_observer(observer);
    (pipeline.with_settings(settings), told)
}

const ROUTER: &str = r#"
input: { kind: string, urgent: boolean }
nodes:
  before: { llm: a, prompt: "before" }
  reply:
    match: input.kind
    cases:
      bug:
        nodes:
          repro: { llm: a, prompt: "repro {before}" }
          fix: { llm: a, prompt: "fix {repro}" }
        output: fix
      question:
        nodes:
          answer:
            if: input.urgent
            then: { nodes: { call: { llm: a, prompt: "call" } }, output: call }
            else: { nodes: { write: { llm: a, prompt: "write" } }, output: write }
        output: answer
output: reply
"#;

const SUMMARIES: &str = r#"
input: { topic: string, chunks: [string] }
nodes:
  topic: { llm: a, prompt: "{input.topic}" }
  summaries:
    map: input.chunks
    as: chunk
    nodes: { summary: { llm: a, prompt: "{chunk} of {topic}" } }
    output: summary
output: summaries
"#;
