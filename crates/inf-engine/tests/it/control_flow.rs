//! Control flow while it runs: which calls are made, what an input comes to, and
//! what is told of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{ClientError, LlmResponse};
use inf_engine::execution::{
    BatchResult, Budget, ErrorKind, ErrorPolicy, ExecutionSettings, Observer, Profile, TaskOutcome,
    TaskReport, TokenEvent, TokenStream,
};
use inf_engine::graph::{FailureKind, HostFunction, HostFunctions};
use inf_engine::prelude::*;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::peer::{Peer, failure, refusal, resources};

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

// --------------------------------------------------------------- branches

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

// ------------------------------------------------------------------- maps

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

// ------------------------------------------------------------------ folds

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

// ------------------------------------------------------------------ loops

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

// -------------------------------------------------------------- fallbacks

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

// --------------------------------------------------- endings and settings

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
