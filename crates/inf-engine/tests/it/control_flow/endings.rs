//! How runs of regions end, what is told of them, and that none holds up others.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::peer::{Peer, resources};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::{
    Budget, ErrorKind, ErrorPolicy, ExecutionSettings, Profile, TokenEvent, TokenStream,
};
use inf_engine::prelude::*;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::Instant;

use super::{ROUTER, SUMMARIES, asked, bind, echo, graph, run_all, said, texts};

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_in_the_middle_is_gone() {
    let peer = echo();
    let pipeline = graph(SUMMARIES)
        .bind(resources([("a", &peer, 10)]))
        .unwrap();
    let chunks: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    let input = Value::from(json!({"topic": "t", "chunks": chunks}));
    let mut stream = pipeline.stream([input.clone(), input.clone()]);
    assert!(
        tokio::time::timeout(Duration::from_millis(5_500), stream.next())
            .await
            .is_err()
    );
    stream.cancel();
    let mut calling = Duration::ZERO;
    for _ in 0..2 {
        let result = stream.next().await.unwrap();
        assert_eq!(result.output.unwrap_err().kind, ErrorKind::Cancelled);
        calling += result.timings.calling;
    }
    let progress = stream.progress();
    assert_eq!(
        (progress.inputs_cancelled, progress.inputs_in_flight),
        (2, 0)
    );
    assert_eq!(
        (
            progress.endpoints[0].in_flight,
            progress.endpoints[0].waiting
        ),
        (0, 0)
    );
    // Two topics, four rounds of ten, and ten of half a second.
    assert_eq!(progress.calls, 42);
    assert_eq!(calling, Duration::from_secs(42 + 5));
    // Nothing is left of it: the next run has all the room.
    let began = Instant::now();
    let results = run_all(&pipeline, [json!({"topic": "t", "chunks": ["x"]})]).await;
    assert!(results[0].output.is_ok());
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_goes_on_when_a_run_is_stopped() {
    let text = r#"
nodes:
  urgent:
    if: input
    then: { nodes: { call: { llm: a, prompt: "call" } }, output: call }
    else: { output: { $value: nothing } }
output: urgent
"#;
    let peer = echo();
    let pipeline = graph(text).bind(resources([("a", &peer, 1)])).unwrap();
    let mut stream = pipeline.stream([true, true, true].map(Value::from));
    assert!(
        tokio::time::timeout(Duration::from_millis(500), stream.next())
            .await
            .is_err()
    );
    stream.stop();
    let mut kinds = Vec::new();
    while let Some(result) = stream.next().await {
        kinds.push((result.index, result.output.is_ok()));
    }
    kinds.sort_unstable();
    assert_eq!(kinds, [(0, true), (1, false), (2, false)]);
    assert_eq!(peer.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_inside_ends_a_run_that_fails_fast() {
    let settings = ExecutionSettings::default().with_error_policy(ErrorPolicy::FailFast);
    let peer = Peer::new(|prompt| {
        let took = if prompt.contains("slow") { 100 } else { 1 };
        (Duration::from_secs(took), said(prompt))
    });
    let pipeline = bind(graph(SUMMARIES), &peer).with_settings(settings);
    let began = Instant::now();
    let inputs = [
        json!({"topic": "t", "chunks": ["slow", "bad"]}),
        json!({"topic": "t", "chunks": ["slow"]}),
    ];
    let results = run_all(&pipeline, inputs).await;
    // At once, also while something of the failed input is under way.
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_snapshot!(texts(&results).join("\n"));
}

#[tokio::test(start_paused = true)]
async fn usage_and_calls_of_what_runs_inside_are_those_of_the_input() {
    let peer = Peer::new(|prompt| {
        let mut response = LlmResponse::from_text(prompt);
        response.usage.input_tokens = 10;
        response.usage.output_tokens = 1;
        (Duration::from_secs(1), Ok(response))
    });
    let budget = Budget::calls(100);
    let settings = ExecutionSettings::default().with_budget(&budget);
    let pipeline = bind(graph(SUMMARIES), &peer).with_settings(settings);
    let results = run_all(
        &pipeline,
        [json!({"topic": "t", "chunks": ["1", "2", "3"]})],
    )
    .await;
    assert_eq!(results[0].usage.input_tokens, 40);
    assert_eq!((budget.spent().calls, budget.spent().tokens), (4, 44));
}

#[tokio::test(start_paused = true)]
async fn pieces_of_answers_say_which_run_they_are_of() {
    let pipeline = bind(graph(SUMMARIES), &echo());
    let mut tokens = TokenStream::of(["summary"]);
    let settings = ExecutionSettings::default().with_tokens(&tokens);
    let pipeline = pipeline.with_settings(settings);
    let input = Value::from(json!({"topic": "t", "chunks": ["1", "2"]}));
    let run = tokio::spawn(async move { pipeline.run(input).await });
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    while let Some(piece) = tokens.next().await {
        if let TokenEvent::Text(text) = &piece.event {
            *texts.entry(piece.path().to_string()).or_default() += text;
        }
    }
    run.await.unwrap().unwrap();
    let texts: Vec<(String, String)> = texts.into_iter().collect();
    let expected = [
        ("summaries[0]/summary", "<1 of <t>>"),
        ("summaries[1]/summary", "<2 of <t>>"),
    ];
    assert_eq!(
        texts,
        expected.map(|(path, text)| (path.to_owned(), text.to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_profile_shows_what_was_skipped_and_how_often_nodes_ran() {
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = bind(graph(ROUTER), &echo()).with_settings(settings);
    let inputs = [
        json!({"kind": "bug", "urgent": true}),
        json!({"kind": "bug", "urgent": true}),
        json!({"kind": "question", "urgent": false}),
    ];
    run_all(&pipeline, inputs).await;
    let summary = profile.summary();
    let mut found: Vec<_> = summary
        .nodes
        .iter()
        .map(|node| (&*node.node, node.runs, node.skipped))
        .collect();
    found.sort_unstable();
    let expected = [
        ("answer", 1, 2),
        ("before", 3, 0),
        ("call", 0, 3),
        ("fix", 2, 1),
        ("reply", 3, 0),
        ("repro", 2, 1),
        ("write", 1, 2),
    ];
    assert_eq!(found, expected);
    let path = &summary.critical_paths[0];
    let steps: Vec<&str> = path.steps.iter().map(|step| &*step.node).collect();
    assert_eq!(steps, ["before", "repro", "fix"]);
    assert_snapshot!(summary.to_string());
}

#[tokio::test(start_paused = true)]
async fn what_elements_wait_for_together_is_on_the_critical_path_once() {
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = graph(SUMMARIES).bind(resources([("a", &echo(), 1)]));
    let pipeline = pipeline.unwrap().with_settings(settings);
    // The topic takes a second, and so does each of the chunks after it.
    let input = json!({"topic": "t", "chunks": ["one", "two", "three", "four"]});
    run_all(&pipeline, [input]).await;
    let summary = profile.summary();
    let path = &summary.critical_paths[0];
    let steps = path.steps.iter();
    let steps: Vec<_> = steps
        .map(|step| {
            (
                &*step.node,
                step.calling.as_secs(),
                step.waits.room.as_secs(),
            )
        })
        .collect();
    assert_eq!(steps, [("topic", 1, 0), ("summary", 4, 0)]);
    assert_eq!((path.took.as_secs(), path.elsewhere.as_secs()), (5, 0));
    // All nodes together: three, two and one second.
    assert_eq!(summary.endpoints[0].waits.room.as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_calls_nothing_lets_others_have_their_turn() {
    let text = r"
input: [integer]
nodes:
  sum:
    fold: input
    as: [left, right]
    nodes: { both: { compute: add, input: [left, right] } }
    output: both
  again:
    repeat: sum
    as: number
    max: 10000
    nodes:
      next: { compute: add, input: [number, { $value: 1 }] }
      done: { compute: less, input: [next, { $value: 0 }] }
    until: done
    output: next
output: again.state
";
    let numbers: Vec<u32> = (0..10_000).collect();
    let pipeline = bind(graph(text), &echo());
    let results = run_all(&pipeline, [json!(numbers), json!([1, 2])]).await;
    assert_eq!(texts(&results), ["50005000", "10003"]);
}

/// A nest of so many regions from `depth` on, with a call in the innermost: the
/// nodes, and which of them gives something.
fn nest(depth: usize, deepest: usize) -> (serde_json::Value, String) {
    if depth == deepest {
        let call = json!({"last": {"llm": "a", "prompt": "{e0}"}});
        return (call, "last".to_owned());
    }
    let (nodes, output) = nest(depth + 1, deepest);
    let (argument, always) = (format!("e{depth}"), json!({"$value": true}));
    let node = match depth % 3 {
        0 => json!({"map": "input", "as": argument, "nodes": nodes, "output": output}),
        1 => json!({
            "if": always,
            "then": {"nodes": nodes, "output": output},
            "else": {"output": "input"},
        }),
        _ => json!({
            "repeat": "input", "as": argument, "max": 2,
            "nodes": nodes, "until": always, "output": output,
        }),
    };
    let name = format!("n{depth}");
    (json!({name.clone(): node}), name)
}

#[tokio::test(start_paused = true)]
async fn regions_nest_as_deep_as_graphs_allow() {
    let (nodes, output) = nest(0, 12);
    let text = json!({"version": 1, "name": "nest", "nodes": nodes, "output": output});
    let graph = InferenceGraph::from_text(&text.to_string()).unwrap();
    let peer = echo();
    let results = run_all(&bind(graph, &peer), [json!(["x"])]).await;
    assert!(results[0].output.is_ok(), "{:?}", results[0].output);
    assert_eq!(asked(&peer), ["x"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_on_the_spot_takes_turns_however_it_nests() {
    let text = r"
input: [integer]
nodes:
  all:
    map: input
    as: a
    nodes:
      inner:
        map: input
        as: b
        nodes:
          sum:
            fold: input
            as: [left, right]
            nodes: { both: { compute: add, input: [left, right] } }
            output: both
        output: sum
    output: inner
output: all
";
    let numbers: Vec<u32> = (0..40).collect();
    let results = run_all(&bind(graph(text), &echo()), [json!(numbers)]).await;
    assert_eq!(
        results[0].output.as_ref().unwrap(),
        &Value::from(json!(vec![vec![780; 40]; 40]))
    );
}
