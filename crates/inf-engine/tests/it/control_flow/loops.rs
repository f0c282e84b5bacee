//! Loops: a body until a condition holds, or so often.

use std::time::Duration;

use crate::support::peer::{Peer, refusal};
use insta::assert_snapshot;
use serde_json::json;

use super::{bind, echo, graph, observed, run_all, said, texts};

const REVISE: &str = r#"
input: { draft: string, enough: string }
nodes:
  revised:
    repeat: input.draft
    as: text
    max: 3
    nodes:
      better: { llm: a, prompt: "{text}" }
      done: { compute: contains, input: [better, input.enough] }
    until: done
    output: better
output: revised
"#;

#[tokio::test(start_paused = true)]
async fn a_loop_ends_with_its_condition_or_its_maximum() {
    let peer = echo();
    let (pipeline, told) = observed(&bind(graph(REVISE), &peer));
    let inputs = [
        json!({"draft": "x", "enough": "<<"}),
        json!({"draft": "y", "enough": "never"}),
    ];
    let results = run_all(&pipeline, inputs).await;
    assert_eq!(
        texts(&results),
        [
            r#"{"state":"<<x>>","iterations":2,"stopped":"condition"}"#,
            r#"{"state":"<<<y>>>","iterations":3,"stopped":"max"}"#
        ]
    );
    assert_snapshot!(told.text());
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_in_which_iteration_it_was() {
    let peer = Peer::new(|prompt| {
        let outcome = if prompt == "<<x>>" {
            refusal()
        } else {
            said(prompt)
        };
        (Duration::from_secs(1), outcome)
    });
    let results = run_all(
        &bind(graph(REVISE), &peer),
        [json!({"draft": "x", "enough": "never"})],
    )
    .await;
    let error = results[0].output.as_ref().unwrap_err();
    assert_eq!(error.path.as_deref(), Some("revised[2]/better"));
}
