//! Fallbacks: something else where the first failed.

use std::time::Duration;

use inf_engine::execution::{Budget, ErrorKind, ErrorPolicy, ExecutionSettings};
use inf_engine::prelude::*;
use insta::assert_snapshot;
use serde_json::json;

use super::{SUMMARIES, bind, echo, graph, observed, run_all, texts};

const SAFE: &str = r#"
nodes:
  safe:
    try:
      nodes:
        first: { llm: a, prompt: "{input}" }
        second: { llm: a, prompt: "second {first}" }
        beside: { llm: a, prompt: "beside" }
      output: [second, beside]
    fallback:
      nodes: { other: { llm: a, prompt: "other" } }
      output: other
output: safe
"#;

#[tokio::test(start_paused = true)]
async fn a_fallback_takes_the_place_of_what_failed() {
    let peer = echo();
    let (pipeline, told) = observed(&bind(graph(SAFE), &peer));
    let results = run_all(&pipeline, [json!("good"), json!("bad"), json!("flaky")]).await;
    assert_eq!(
        texts(&results),
        [
            r#"["<second <good>>","<beside>"]"#,
            r#""<other>""#,
            r#""<other>""#
        ]
    );
    // After its retries, which take longer than the others.
    let tries = peer.asked().into_iter().filter(|asked| asked == "flaky");
    assert_eq!(tries.count(), 4);
    assert_snapshot!(told.text());
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_for_the_failures_that_it_names() {
    let text = SAFE.replace("\noutput: safe", "\n    failures: [server]\noutput: safe");
    let results = run_all(&bind(graph(&text), &echo()), [json!("bad"), json!("flaky")]).await;
    let texts = texts(&results);
    assert_eq!(
        texts[0],
        "refused: node `first` (alias `a`) at `safe/try/first`: no"
    );
    assert_eq!(texts[1], r#""<other>""#);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_for_no_budget_and_no_cancellation() {
    let results = "results: true\n    ";
    for text in [
        SAFE.to_owned(),
        SUMMARIES.replace("as: chunk", &format!("{results}as: chunk")),
    ] {
        let peer = echo();
        let pipeline = bind(graph(&text), &peer);
        let input = if text == SAFE {
            json!("good")
        } else {
            json!({"topic": "t", "chunks": ["1", "2"]})
        };
        let settings = ExecutionSettings::default().with_budget(&Budget::calls(1));
        let results = run_all(&pipeline.with_settings(settings), [input.clone()]).await;
        let error = results[0].output.as_ref().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Budget, "{error}");

        let made = peer.asked().len();
        let mut stream = pipeline.stream([Value::from(input)]);
        let next = tokio::time::timeout(Duration::from_millis(500), stream.next()).await;
        assert!(next.is_err());
        stream.cancel();
        let result = stream.next().await.unwrap();
        assert_eq!(result.output.unwrap_err().kind, ErrorKind::Cancelled);
        assert!(peer.asked().len() - made <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_map_in_a_fallback_is_handled_around_it() {
    let text = r#"
input: [string]
nodes:
  safe:
    try:
      nodes:
        all:
          map: input
          as: one
          nodes: { asked: { llm: a, prompt: "{one}" } }
          output: asked
      output: all
    fallback: { output: { $value: none } }
output: safe
"#;
    let settings = ExecutionSettings::default().with_error_policy(ErrorPolicy::FailFast);
    let pipeline = bind(graph(text), &echo()).with_settings(settings);
    // A failure that is handled ends no run.
    let results = run_all(&pipeline, [json!(["good", "bad"]), json!(["good"])]).await;
    assert_eq!(texts(&results), [r#""none""#, r#"["<good>"]"#]);
}
