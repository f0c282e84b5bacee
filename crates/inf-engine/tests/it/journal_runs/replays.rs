//! Runs that a journal answers alone.

use std::sync::Arc;
use std::time::Duration;

use crate::support::peer::{Peer, refusal, resources};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::{ErrorKind, ExecutionSettings};
use inf_engine::journal::Journal;
use inf_engine::prelude::*;

use super::{diamond, echo, outputs, values, with};

#[tokio::test(start_paused = true)]
async fn a_replay_fails_where_the_run_did_and_nowhere_else() {
    let text = "version: 1\nname: careful\nnodes:\n  safe:\n    try:\n      nodes:\n        \
                asked: { llm: a, prompt: '{input}' }\n      output: asked\n    \
                fallback: { output: { $value: none } }\n  last: { llm: a, prompt: 'last {input}' }\n\
                output: [safe, last]\n";
    let bind = |peer: &Arc<Peer>| {
        let graph = InferenceGraph::from_text(text).unwrap();
        graph.bind(resources([("a", peer, 1)])).unwrap()
    };
    let peer = Peer::new(|prompt| match prompt {
        "0" | "last 1" => (Duration::ZERO, refusal()),
        _ => (Duration::ZERO, Ok(LlmResponse::from_text("fine"))),
    });
    let journal = Journal::in_memory(1_000);
    let before = bind(&peer).with_settings(with(&journal));
    let before = before.run_batch(values(2)).await;
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = bind(&silent).with_settings(with(&journal).with_replay(true));
    let after = replay.run_batch(values(3)).await;
    assert_eq!(after[0].output, before[0].output);
    let (was, is) = (&before[1].output, &after[1].output);
    let (was, is) = (was.as_ref().unwrap_err(), is.as_ref().unwrap_err());
    assert_eq!((was.kind, &was.message), (is.kind, &is.message));
    // What is missing is no reason to fall back.
    let missing = after[2].output.as_ref().unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotRecorded);
}

#[tokio::test(start_paused = true)]
async fn a_replay_needs_no_right_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let peer = echo();
    let dir = |folder: &std::path::Path| ExecutionSettings::default().with_checkpoint_dir(folder);
    let settings = dir(folder.path());
    let before = diamond(&peer, "join").with_settings(settings);
    let before = outputs(&before.run_batch(values(3)).await);
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let file = "journal.jsonl";
    std::fs::copy(folder.path().join(file), taken.join(file)).unwrap();
    // As another process that has it open does.
    let lock = std::fs::File::create(taken.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = dir(&taken).with_replay(true).with_cached_requests(true);
    let replay = diamond(&silent, "join").with_settings(replay);
    for _ in 0..2 {
        assert_eq!(outputs(&replay.run_batch(values(3)).await), before);
    }
    // It makes no journal.
    let nowhere = folder.path().join("nowhere");
    let replay = replay.with_settings(dir(&nowhere));
    let results = replay.run_batch(values(1)).await;
    let error = results[0].output.as_ref().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Journal);
    assert!(error.message.contains("there is no journal in"), "{error}");
    assert!(!nowhere.exists());
}

#[tokio::test(start_paused = true)]
async fn a_replay_calls_nothing() {
    let peer = echo();
    let journal = Journal::in_memory(1_000);
    diamond(&peer, "join")
        .with_settings(with(&journal))
        .run_batch(values(3))
        .await;
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = with(&journal).with_replay(true);
    let results = diamond(&silent, "join")
        .with_settings(replay.clone())
        .run_batch(values(3))
        .await;
    assert_eq!(outputs(&results)[2], "JOIN LEFT 2 RIGHT 2");
    let results = diamond(&silent, "merge")
        .with_settings(replay)
        .run_batch(values(4))
        .await;
    let kinds = results
        .iter()
        .map(|result| result.output.as_ref().unwrap_err().kind);
    assert!(kinds.into_iter().all(|kind| kind == ErrorKind::NotRecorded));
    let told: Vec<String> = results
        .iter()
        .map(|result| result.output.as_ref().unwrap_err().to_string())
        .collect();
    let told = |index: usize| &told[index];
    assert!(
        told(0).contains("node `merge`") && told(0).contains("no answer to this request"),
        "{}",
        told(0)
    );
    assert!(
        told(3).contains("it holds no call for this input"),
        "{}",
        told(3)
    );
}

/// A pipeline that handles failures: `try_for` are the kinds that it is for.
fn careful(peer: &Arc<Peer>, question: &str, try_for: &str) -> Pipeline {
    let text = format!(
        "version: 1\nname: careful\nnodes:\n  safe:\n    try:\n      nodes: {{ first: {{ llm: a, \
         prompt: '{question} {{input}}' }} }}\n      output: first\n    fallback:\n      nodes: {{ \
         second: {{ llm: a, prompt: 'instead {{input}}' }} }}\n      output: second\n    {try_for}\n  \
         each:\n    map: [input]\n    as: one\n    results: true\n    nodes: {{ third: {{ llm: a, \
         prompt: '{question} {{one}}' }} }}\n    output: third\noutput: [safe, each]\n"
    );
    let graph = InferenceGraph::from_text(&text).unwrap();
    graph.bind(resources([("a", peer, 4)])).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_replay_handles_the_failures_that_were_handled() {
    let peer = Peer::new(|prompt| {
        let answer = if prompt.contains("bad") {
            refusal()
        } else {
            Ok(LlmResponse::from_text(prompt.to_uppercase()))
        };
        (Duration::from_secs(1), answer)
    });
    let journal = Journal::in_memory(1_000);
    let named = "failures: [refused]";
    let recorded = careful(&peer, "bad", named).with_settings(with(&journal));
    let recorded = outputs(&recorded.run_batch(values(2)).await);
    assert!(recorded[0].contains("INSTEAD 0") && recorded[0].contains("refused"));
    let silent = Peer::new(|_| unreachable!("nothing is called"));
    let replay = with(&journal).with_replay(true);
    let again = careful(&silent, "bad", named).with_settings(replay.clone());
    assert_eq!(outputs(&again.run_batch(values(2)).await), recorded);
    // That there is no answer is nothing that a pipeline handles.
    let other = careful(&silent, "other", "").with_settings(replay);
    for result in other.run_batch(values(2)).await {
        assert_eq!(result.output.unwrap_err().kind, ErrorKind::NotRecorded);
    }
}
