//! Branches: one of several arms runs.

use inf_engine::execution::ErrorKind;
use inf_engine::graph::FailureKind;
use insta::assert_snapshot;
use serde_json::json;

use super::{ROUTER, asked, bind, echo, graph, observed, run_all, texts};

#[tokio::test(start_paused = true)]
async fn only_the_chosen_arm_is_run() {
    let peer = echo();
    let (pipeline, told) = observed(&bind(graph(ROUTER), &peer));
    let results = run_all(&pipeline, [json!({"kind": "bug", "urgent": true})]).await;
    assert_eq!(texts(&results), [r#""<fix <repro <before>>>""#]);
    assert_eq!(
        asked(&peer),
        ["before", "fix <repro <before>>", "repro <before>"]
    );
    assert_snapshot!(told.text());

    let results = run_all(&pipeline, [json!({"kind": "question", "urgent": false})]).await;
    assert_eq!(texts(&results), [r#""<write>""#]);
    assert_eq!(peer.asked().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_value_without_an_arm_is_an_error_of_its_input() {
    let peer = echo();
    let pipeline = bind(graph(ROUTER), &peer);
    let inputs = [
        json!({"kind": "praise", "urgent": true}),
        json!({"kind": "question", "urgent": true}),
    ];
    let results = run_all(&pipeline, inputs).await;
    assert_snapshot!(texts(&results).join("\n"));
    let error = results[0].output.as_ref().unwrap_err();
    assert_eq!(
        (error.kind, error.node.as_deref()),
        (ErrorKind::NoMatch, Some("reply"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_is_no_boolean_is_an_error_of_its_input() {
    let peer = echo();
    let graph = graph(
        r#"
nodes:
  reply:
    if: input.urgent
    then: { nodes: { now: { llm: a, prompt: "now" } }, output: now }
    else: { nodes: { later: { llm: a, prompt: "later" } }, output: later }
output: reply
"#,
    );
    let results = run_all(&bind(graph, &peer), [json!({"urgent": "yes"})]).await;
    assert_snapshot!(
        texts(&results).join("\n"),
        @r#"no_match: node `reply`: the condition is `"yes"`, which is neither true nor false: compare it with something"#
    );
}

#[tokio::test(start_paused = true)]
async fn what_decides_may_be_anything_that_has_an_arm() {
    let pipeline = bind(
        graph(
            r#"
nodes:
  size:
    match: input
    cases:
      1: { output: { $value: one } }
      "\"1\"": { output: { $value: text } }
      true: { output: { $value: yes } }
    default: { output: [input] }
output: size
"#,
        ),
        &echo(),
    );
    let inputs = [json!(1), json!(1.0), json!("1"), json!(true), json!(1.5)];
    let results = run_all(&pipeline, inputs).await;
    assert_eq!(
        texts(&results),
        [r#""one""#, r#""one""#, r#""text""#, r#""yes""#, "[1.5]"]
    );
}

#[test]
fn kinds_of_failures_are_called_as_errors_are() {
    use inf_engine::clients::ClientErrorKind;
    let calls = [
        ClientErrorKind::Unreachable,
        ClientErrorKind::Timeout,
        ClientErrorKind::Authentication,
        ClientErrorKind::Refused,
        ClientErrorKind::RateLimited,
        ClientErrorKind::Server,
        ClientErrorKind::MalformedReply,
    ];
    let kinds = [
        ErrorKind::InvalidInput,
        ErrorKind::MissingValue,
        ErrorKind::InvalidValue,
        ErrorKind::NoMatch,
        ErrorKind::HostFunction,
        ErrorKind::InvalidOutput,
        ErrorKind::TooManyTurns,
        ErrorKind::Timeout,
    ];
    let names = kinds.into_iter().chain(calls.map(ErrorKind::Call));
    let mut names: Vec<&str> = names.map(ErrorKind::as_str).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    let mut known = FailureKind::ALL.map(FailureKind::as_str);
    known.sort_unstable();
    assert_eq!(names, known);
}
