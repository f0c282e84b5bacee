//! Maps and folds: a body for each element of a list.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::peer::{Peer, resources};
use inf_engine::clients::LlmResponse;
use inf_engine::execution::{ErrorKind, ExecutionSettings, Observer, TaskOutcome, TaskReport};
use inf_engine::graph::{HostFunction, HostFunctions};
use inf_engine::prelude::*;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{SUMMARIES, asked, bind, echo, graph, observed, run_all, said, texts};

#[tokio::test(start_paused = true)]
async fn elements_run_in_parallel_and_stay_in_order() {
    let peer = Peer::new(|prompt| {
        // Later ones are quicker.
        let wait = prompt.chars().next().and_then(|first| first.to_digit(10));
        let wait = Duration::from_secs(10 - u64::from(wait.unwrap_or(0)));
        (wait, said(prompt))
    });
    let pipeline = bind(graph(SUMMARIES), &peer);
    let began = Instant::now();
    let chunks = ["1", "2", "3"];
    let results = run_all(&pipeline, [json!({"topic": "t", "chunks": chunks})]).await;
    let expected = r#"["<1 of <t>>","<2 of <t>>","<3 of <t>>"]"#;
    assert_eq!(texts(&results), [expected]);
    // What is read from outside is there before, and once.
    assert_eq!(peer.asked().iter().filter(|asked| *asked == "t").count(), 1);
    assert_eq!(began.elapsed(), Duration::from_secs(10 + 9));
    assert_eq!(
        results[0].timings.calling,
        Duration::from_secs(10 + 9 + 8 + 7)
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_may_be_empty_and_has_to_be_one() {
    let pipeline = bind(graph(&SUMMARIES.replace("[string]", "any")), &echo());
    let inputs = [
        json!({"topic": "t", "chunks": []}),
        json!({"topic": "t", "chunks": "all"}),
    ];
    let results = run_all(&pipeline, inputs).await;
    assert_snapshot!(texts(&results).join("\n"));
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_an_element_fails_its_input() {
    let peer = echo();
    let (pipeline, told) = observed(&bind(graph(SUMMARIES), &peer));
    let chunks = json!({"topic": "t", "chunks": ["good", "bad", "better"]});
    let results = run_all(&pipeline, [chunks]).await;
    let error = results[0].output.as_ref().unwrap_err();
    assert_eq!(error.node.as_deref(), Some("summary"));
    assert_eq!(error.path.as_deref(), Some("summaries[1]/summary"));
    // What was under way was awaited, and is counted.
    assert_eq!(results[0].timings.calling, Duration::from_secs(4));
    assert_snapshot!(format!("{}\n\n{}", texts(&results).join("\n"), told.text()));
}

#[tokio::test(start_paused = true)]
async fn a_failed_element_begins_nothing_more_of_its_input() {
    let text = r#"
input: [string]
nodes:
  both:
    map: input
    as: text
    nodes:
      first: { llm: a, prompt: "{text}" }
      second: { llm: a, prompt: "second of {first}" }
    output: second
output: both
"#;
    // The bad one fails after half a second, the others have a call to make.
    let peer = Peer::new(|prompt| {
        let took = if prompt.contains("bad") { 500 } else { 1_000 };
        (Duration::from_millis(took), said(prompt))
    });
    let pipeline = graph(text).bind(resources([("a", &peer, 2)])).unwrap();
    let results = run_all(&pipeline, [json!(["one", "bad", "two", "three"])]).await;
    assert_eq!(asked(&peer), ["bad", "one"]);
    assert_eq!(results[0].timings.total, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn failures_of_elements_may_be_results() {
    let text = SUMMARIES.replace("as: chunk", "results: true\n    as: chunk");
    let pipeline = bind(graph(&text), &echo());
    let chunks = json!({"topic": "t", "chunks": ["good", "bad"]});
    let results = run_all(&pipeline, [chunks]).await;
    assert_snapshot!(texts(&results).join("\n"), @r#"[{"ok":"<good of <t>>"},{"error":{"kind":"refused","message":"no","node":"summary"}}]"#);
}

#[tokio::test(start_paused = true)]
async fn a_filter_keeps_what_its_body_says() {
    let text = r#"
input: [any]
nodes:
  kept:
    filter: input
    as: word
    nodes: { fits: { compute: contains, input: [word, { $value: "x" }] } }
    output: fits
  odd:
    filter: input
    as: one
    output: one
output: { kept: kept }
"#;
    let only_kept = text.replace(
        "  odd:\n    filter: input\n    as: one\n    output: one\n",
        "",
    );
    let results = run_all(&bind(graph(&only_kept), &echo()), [json!(["ax", "b", "x"])]).await;
    assert_eq!(texts(&results), [r#"{"kept":["ax","x"]}"#]);
    let results = run_all(&bind(graph(text), &echo()), [json!(["ax", "b"])]).await;
    assert_snapshot!(texts(&results).join("\n"));
}

#[tokio::test(start_paused = true)]
async fn what_a_function_is_not_for_is_no_missing_value() {
    let text = "nodes: { n: { compute: divide, input: [input.of, input.by] } }\noutput: n";
    let pipeline = bind(graph(text), &echo());
    let inputs = [
        json!({"of": 1, "by": 0}),
        json!({"of": "1", "by": 1}),
        json!({"of": 1}),
    ];
    let results = run_all(&pipeline, inputs).await;
    let kinds = results
        .iter()
        .map(|result| result.output.as_ref().unwrap_err().kind);
    let kinds: Vec<ErrorKind> = kinds.collect();
    let expected = [
        ErrorKind::InvalidValue,
        ErrorKind::InvalidValue,
        ErrorKind::MissingValue,
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test(start_paused = true)]
async fn maps_run_in_maps() {
    let text = r#"
input: [[string]]
nodes:
  chapters:
    map: input
    as: chapter
    nodes:
      lines:
        map: chapter
        as: line
        nodes: { short: { llm: a, prompt: "{line}" } }
        output: short
    output: lines
output: chapters
"#;
    let peer = echo();
    let (pipeline, told) = observed(&bind(graph(text), &peer));
    let results = run_all(
        &pipeline,
        [json!([["a", "b"], [], ["c", "bad"]]), json!([["d"]])],
    )
    .await;
    let error = results[0].output.as_ref().unwrap_err();
    assert_eq!(error.path.as_deref(), Some("chapters[2]/lines[1]/short"));
    assert_eq!(texts(&results)[1], r#"[["<d>"]]"#);
    assert_snapshot!(told.text());
}

/// Counts out the elements of which a call has ended.
struct Ends(Arc<Mutex<(i64, i64)>>);
impl Observer for Ends {
    fn task_ended(&self, task: &TaskReport<'_>) {
        let is_call = task.alias.is_some() && !matches!(task.outcome, TaskOutcome::Skipped);
        self.0.lock().unwrap().0 -= i64::from(is_call);
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_elements_are_under_way_and_no_more() {
    check_elements_under_way(r#"{ llm: a, prompt: "{begun}" }"#).await;
    // What takes the place of what failed is asked later, if ever.
    check_elements_under_way(
        r#"{ try: { nodes: { first: { llm: a, prompt: "{begun}" } }, output: first }, fallback: {
          nodes: { second: { llm: b, prompt: "{begun}" } }, output: second } }"#,
    )
    .await;
}

/// 100 calls at once: the endpoint is always full, and what waits for it is no
/// more than that.
async fn check_elements_under_way(asked: &str) {
    let text = format!(
        r"
input: [integer]
nodes:
  all:
    map: input
    as: number
    nodes:
      begun: {{ host: begun, input: number }}
      asked: {asked}
    output: asked
output: all
"
    );
    let text = &*text;
    let peer = echo();
    let under_way = Arc::<Mutex<(i64, i64)>>::default();
    let count = Arc::clone(&under_way);
    let begun = HostFunction::new("begun", move |number: Value| {
        let mut count = count.lock().unwrap();
        count.0 += 1;
        count.1 = count.1.max(count.0);
        number
    });
    let functions = HostFunctions::new().with(begun.quick());
    let graph = graph(text).with_host_functions(&functions);
    let pipeline = graph.bind(resources([("a", &peer, 100), ("b", &peer, 100)]));
    let pipeline = pipeline.unwrap();
    let observer = Arc::new(Ends(Arc::clone(&under_way)));
    let settings = ExecutionSettings::default().with_observer(observer);
    let pipeline = pipeline.with_settings(settings);
    let began = Instant::now();
    let numbers: Vec<u32> = (0..10_000).collect();
    let results = run_all(&pipeline, [json!(numbers)]).await;
    assert!(results[0].output.is_ok());
    // A hundred calls of a second at once, always.
    assert_eq!(began.elapsed(), Duration::from_secs(100));
    let (left, most) = *under_way.lock().unwrap();
    assert_eq!(left, 0);
    assert!((200..=201).contains(&most), "{most} elements at once");
}

#[tokio::test(start_paused = true)]
async fn a_long_list_starves_no_other_input() {
    let text = r#"
input: [string]
nodes:
  all:
    map: input
    as: one
    nodes: { asked: { llm: a, prompt: "{one}" } }
    output: asked
  slow:
    map: input
    as: other
    nodes: { waited: { host: wait, input: other } }
    output: waited
output: [all, slow]
"#;
    let wait = HostFunction::new_async("wait", async |text: Value| {
        // Those of the long list take a day.
        let hours = if text.as_str() == Some("long") { 24 } else { 1 };
        sleep(Duration::from_hours(hours)).await;
        text
    });
    let functions = HostFunctions::new().with(wait);
    let peer = echo();
    let pipeline = bind(graph(text).with_host_functions(&functions), &peer);
    let long = json!(vec!["long"; 2_000]);
    let mut results = pipeline.stream([long, json!(["x", "y"])].map(Value::from));
    let began = Instant::now();
    let first = results.next().await.unwrap();
    assert_eq!(first.index, 1);
    assert!(
        began.elapsed() < Duration::from_hours(3),
        "{:?}",
        began.elapsed()
    );
    assert!(results.next().await.unwrap().output.is_ok());
}

#[tokio::test(start_paused = true)]
async fn folds_put_elements_together() {
    let check = async |settings: &str, list: serde_json::Value, expected: &str, seconds: u64| {
        let text = format!(
            r#"
input: [string]
nodes:
  whole:
    fold: input
    as: [left, right]{settings}
    nodes: {{ both: {{ llm: a, prompt: "{{left}}{{right}}" }} }}
    output: both
output: whole
"#
        );
        let peer = Peer::new(|prompt| {
            let answer = LlmResponse::from_text(format!("({prompt})"));
            (Duration::from_secs(1), Ok(answer))
        });
        let began = Instant::now();
        let results = run_all(&bind(graph(&text), &peer), [list]).await;
        assert_eq!(texts(&results), [expected]);
        assert_eq!(began.elapsed().as_secs(), seconds, "{expected}");
    };
    let (five, one) = (json!(["a", "b", "c", "d", "e"]), json!(["a"]));
    let initial = "\n    initial: { $value: i }";
    let tree = "\n    tree: true";
    check("", five.clone(), r#""((((ab)c)d)e)""#, 4).await;
    check("", one.clone(), r#""a""#, 0).await;
    check(initial, five.clone(), r#""(((((ia)b)c)d)e)""#, 5).await;
    check(initial, json!([]), r#""i""#, 0).await;
    check(tree, five.clone(), r#""(((ab)(cd))e)""#, 3).await;
    check(tree, one, r#""a""#, 0).await;
    let empty = "missing_value: node `whole`: the list of a fold is empty, and it has no initial \
                 value to give in its place";
    check("", json!([]), empty, 0).await;
    check(tree, json!([]), empty, 0).await;
    let ten = json!(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    check(tree, ten, r#""((((01)(23))((45)(67)))(89))""#, 4).await;
}
