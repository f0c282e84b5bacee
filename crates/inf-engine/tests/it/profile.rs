//! Profiles of runs: on the simulated provider, on a paused clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inf_engine::clients::simulated::{Answer, Faults, Latency, Quota, SimulatedSettings};
use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry, Usage,
};
use inf_engine::execution::{ExecutionSettings, Hedging, Profile, ProfileSummary};
use inf_engine::prelude::*;
use inf_engine::resources::{EndpointConfig, ResourceManager};
use serde_json::Value as Json;

/// What a call ends in.
#[derive(Clone, Copy)]
enum Reply {
    Answer,
    /// Refused, with this many milliseconds to wait.
    Refused(u64),
    Broken,
}

/// Gives each reply after its milliseconds, one call after the other; after the
/// last one it answers after 100 ms.
struct Scripted {
    replies: Vec<(u64, Reply)>,
    calls: AtomicUsize,
}

impl LlmClient for Scripted {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let next = self.replies.get(call).copied();
        let (milliseconds, reply) = next.unwrap_or((100, Reply::Answer));
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            match reply {
                Reply::Answer => {
                    let mut answer = LlmResponse::from_text(request.prompt());
                    answer.usage = Usage::new(7, 3);
                    answer.timings.first_byte = Duration::from_millis(milliseconds / 2);
                    Ok(answer)
                }
                Reply::Refused(wait) => Err(ClientError::new(ClientErrorKind::RateLimited, "429")
                    .with_retry(Retry::RateLimited {
                        after: Some(Duration::from_millis(wait)),
                    })),
                Reply::Broken => Err(ClientError::new(ClientErrorKind::Server, "500")),
            }
        })
    }
}

/// A client with these replies.
fn scripted(replies: &[(u64, Reply)]) -> Arc<dyn LlmClient> {
    Arc::new(Scripted {
        replies: replies.to_vec(),
        calls: AtomicUsize::new(0),
    })
}

fn no_resources() -> ResourceManager {
    ResourceManager::new(&ResourceConfig::new()).unwrap()
}

/// Two extractions and a comparison.
fn graph() -> InferenceGraph {
    let graph = InferenceGraph::from_text(
        r#"
version: 1
name: compare
input: { a: string, b: string }
nodes:
  first: { llm: fast, prompt: "{input.a}" }
  second: { llm: fast, prompt: "{input.b}" }
  both: { prompt: "{first} and {second}" }
  compare: { llm: smart, prompt: "{both}" }
output: compare
"#,
    );
    graph.unwrap()
}

fn pair(index: usize) -> Value {
    let pair = serde_json::json!({"a": format!("a{index}"), "b": format!("b{index}")});
    Value::from(pair)
}

/// A batch of two with a refusal, a passing failure, and a wait for room.
async fn small_batch() -> Profile {
    let fast = scripted(&[
        (100, Reply::Answer),
        (120, Reply::Broken),
        (50, Reply::Refused(200)),
    ]);
    let resources = no_resources().with_client("fast", fast, 2).with_client(
        "smart",
        scripted(&[(300, Reply::Answer)]),
        1,
    );
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = graph().bind(resources).unwrap().with_settings(settings);
    let results = pipeline.run_batch((0..2).map(pair)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    profile
}

fn trace_text(profile: &Profile) -> String {
    let mut text = Vec::new();
    profile.chrome_trace(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn events(profile: &Profile) -> Vec<Json> {
    let trace: Json = serde_json::from_str(&trace_text(profile)).unwrap();
    trace["traceEvents"].as_array().unwrap().clone()
}

/// The slices of a category.
fn slices(profile: &Profile, category: &str) -> Vec<Json> {
    let mut events = events(profile);
    events.retain(|event| event["ph"] == "X" && event["cat"] == category);
    events
}

/// The sum of their lengths, in milliseconds.
fn length_of(slices: &[Json], name: &str) -> u64 {
    let named = slices.iter().filter(|slice| slice["name"] == name);
    named
        .map(|slice| slice["dur"].as_u64().unwrap())
        .sum::<u64>()
        / 1_000
}

#[tokio::test(start_paused = true)]
async fn a_small_batch_as_a_timeline() {
    insta::assert_snapshot!(trace_text(&small_batch().await));
}

#[tokio::test(start_paused = true)]
async fn a_small_batch_in_numbers() {
    insta::assert_snapshot!(small_batch().await.summary());
}

#[tokio::test(start_paused = true)]
async fn a_summary_is_data_too() {
    let summary = small_batch().await.summary();
    let data = serde_json::to_value(&summary).unwrap();
    assert_eq!(data["wall"], summary.wall.as_secs_f64());
    let p50 = data["endpoints"][0]["latency"]["p50"].as_f64().unwrap();
    assert!((0.1..=0.101).contains(&p50), "{p50}");
    assert_eq!(data["critical_paths"][0]["steps"][0]["alias"], "fast");
    all_of_the_wall_is_bound_by_something(&summary);
}

fn all_of_the_wall_is_bound_by_something(summary: &ProfileSummary) {
    let by = summary.bound_by;
    let all = by.room + by.limits + by.chains + by.retries + by.elsewhere;
    assert_eq!(all, summary.wall);
}

#[tokio::test(start_paused = true)]
async fn waits_add_up_to_those_of_the_results() {
    let simulated = |median_ms, requests_per_second| SimulatedSettings {
        answer: Answer::Echo,
        latency: Latency {
            median_ms,
            spread: 0.5,
            ..Latency::default()
        },
        quota: Some(Quota {
            requests_per_second,
            burst: 10,
            // Told, it would refuse nothing.
            hint: false,
        }),
        faults: Faults {
            error_ratio: 0.1,
            ..Faults::default()
        },
        ..SimulatedSettings::default()
    };
    let endpoint = |median_ms, rate| {
        EndpointConfig::simulated(simulated(median_ms, rate))
            .with_max_concurrent(12)
            .with_max_retries(9)
    };
    let resources = ResourceConfig::new()
        .with_endpoint("fast", endpoint(100.0, 40.0))
        .with_endpoint("smart", endpoint(200.0, 15.0));
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = graph().bind(resources).unwrap().with_settings(settings);
    let start = tokio::time::Instant::now();
    let results = pipeline.run_batch((0..200).map(pair)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));

    let summary = profile.summary();
    let sum = |of: fn(&inf_engine::execution::ExecutionTimings) -> Duration| -> u128 {
        let times = results.iter().map(|result| of(&result.timings));
        times.sum::<Duration>().as_millis()
    };
    let endpoints = || summary.endpoints.iter();
    let waited: Duration = endpoints().map(|endpoint| endpoint.waits.total()).sum();
    let called: Duration = endpoints().map(|endpoint| endpoint.calling).sum();
    // Each attempt is rounded to a microsecond.
    assert!(waited.as_millis().abs_diff(sum(|timings| timings.waiting)) <= 5);
    assert!(called.as_millis().abs_diff(sum(|timings| timings.calling)) <= 5);
    assert_eq!(summary.wall.as_millis(), start.elapsed().as_millis());
    all_of_the_wall_is_bound_by_something(&summary);
    let metrics = pipeline.resources().metrics();
    for endpoint in &summary.endpoints {
        let metrics = &metrics[&endpoint.alias];
        assert_eq!(endpoint.calls, metrics.requests);
        assert_eq!(endpoint.rate_limited, metrics.rate_limited);
        assert_eq!(endpoint.retried, metrics.retries);
        assert!(
            endpoint.rate_limited > 0 && endpoint.retried > 0,
            "{summary}"
        );
        assert!(endpoint.in_flight <= 12 && endpoint.utilisation <= 1.0);
        assert!(!endpoint.waits.limits.is_zero() && !endpoint.waits.retries.is_zero());
    }

    // The timeline says the same.
    let waits = slices(&profile, "wait");
    let each = |of: fn(&inf_engine::execution::Waits) -> Duration| -> u128 {
        endpoints()
            .map(|endpoint| of(&endpoint.waits))
            .sum::<Duration>()
            .as_millis()
    };
    assert_eq!(
        u128::from(length_of(&waits, "waiting for a limit")),
        each(|waits| waits.limits)
    );
    assert_eq!(
        u128::from(length_of(&waits, "waiting for a retry")),
        each(|waits| waits.retries)
    );
    assert_eq!(
        u128::from(length_of(&waits, "waiting for room")),
        each(|waits| waits.room)
    );
    no_lane_overlaps(&events(&profile));

    // Critical paths are whole: what is done on the spot takes no time here.
    for path in &summary.critical_paths {
        assert_eq!(path.steps.len(), 2);
        assert_eq!(path.steps[1].node, "compare");
        assert!(path.elsewhere < Duration::from_micros(20), "{path:?}");
    }
    let longest = results
        .iter()
        .map(|result| result.timings.total)
        .max()
        .unwrap();
    assert_eq!(
        summary.critical_paths[0].took.as_millis(),
        longest.as_millis()
    );
}

fn no_lane_overlaps(events: &[Json]) {
    let mut ends: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let number = |event: &Json, key: &str| event[key].as_u64().unwrap();
    let mut slices: Vec<&Json> = events.iter().filter(|event| event["ph"] == "X").collect();
    slices.sort_by_key(|event| number(event, "ts"));
    assert!(!slices.is_empty());
    for slice in slices {
        let lane = (number(slice, "pid"), number(slice, "tid"));
        let end = ends.entry(lane).or_default();
        let start = number(slice, "ts");
        assert!(*end <= start, "{slice}");
        *end = start + number(slice, "dur");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_request_is_beside_the_first_one() {
    let mut replies = vec![(100, Reply::Answer); 30];
    replies.push((5_000, Reply::Answer));
    let resources = no_resources().with_client("fast", scripted(&replies), 4);
    let profile = Profile::new();
    let settings = ExecutionSettings::default()
        .with_profile(&profile)
        .with_hedging(Hedging::after_percentile(90.0));
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let pipeline = pipeline.with_settings(settings);
    let results = pipeline
        .run_batch((0..40).map(|index| index.to_string()))
        .await;
    assert!(results.iter().all(|result| result.output.is_ok()));

    let calls = slices(&profile, "call");
    let hedges: Vec<&Json> = calls
        .iter()
        .filter(|call| call["args"]["hedge"] == true)
        .collect();
    assert_eq!((calls.len(), hedges.len()), (41, 1));
    assert_eq!(hedges[0]["args"]["outcome"], "completed");
    let cancelled = calls
        .iter()
        .find(|call| call["args"]["outcome"] == "cancelled");
    let cancelled = cancelled.unwrap();
    assert_eq!(cancelled["args"]["input"], hedges[0]["args"]["input"]);
    assert_ne!(cancelled["tid"], hedges[0]["tid"]);
    no_lane_overlaps(&events(&profile));

    let summary = profile.summary();
    let node = &summary.nodes[0];
    assert_eq!((node.attempts, node.hedges, node.cancelled), (41, 1, 1));
    // The time in which both ran counts once on the way of their input.
    let path = &summary.critical_paths[0];
    assert_eq!((path.steps[0].attempts, path.input), (2, 30));
    assert_eq!(
        path.steps[0].calling + path.steps[0].waits.total(),
        path.took
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_more_than_the_profile_keeps_is_counted() {
    let profile = Profile::new().with_max_calls(10);
    let resources = no_resources().with_client("fast", scripted(&[]), 4);
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let pipeline = pipeline.with_settings(settings);
    pipeline
        .run_batch((0..25).map(|index| index.to_string()))
        .await;

    let trace: Json = serde_json::from_str(&trace_text(&profile)).unwrap();
    assert_eq!(trace["otherData"]["calls"], 10);
    let outline = &trace["otherData"]["outlines"][0];
    assert_eq!(outline["nodes"].as_array().expect("nodes").len(), 2);
    assert_eq!(trace["otherData"]["missing_calls"], 15);
    assert_eq!(slices(&profile, "call").len(), 10);
    let summary = profile.summary();
    assert_eq!((summary.calls, summary.calls_not_kept), (25, 15));
    assert_eq!(summary.nodes[0].attempts, 25);
    assert_eq!(summary.endpoints[0].calling, Duration::from_millis(2_500));
    assert!(
        summary
            .to_string()
            .contains("15 calls more than the profile keeps")
    );
}

#[tokio::test(start_paused = true)]
async fn names_are_whatever_they_are() {
    let alias = "\"fast\"\n\u{7}\\ 😀";
    let resources = no_resources().with_client(alias, scripted(&[]), 1);
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = LlmInference::new(alias).bind(resources).unwrap();
    let pipeline = pipeline.with_settings(settings);
    pipeline.run_batch(["a".to_owned(), "b".to_owned()]).await;
    let names: Vec<Json> = events(&profile)
        .into_iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| event["args"]["name"].clone())
        .collect();
    assert_eq!(names, ["runs", alias, &format!("{alias}: waiting")]);
    assert_eq!(profile.summary().endpoints[0].alias, alias);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_can_be_looked_at() {
    let profile = Profile::new();
    assert_eq!(events(&profile).len(), 2, "the process of the runs");
    let resources = no_resources().with_client("fast", scripted(&[]), 2);
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let pipeline = pipeline.with_settings(settings);
    let mut results = pipeline.stream((0..20).map(|index| index.to_string()));
    results.next().await.unwrap();
    results.next().await.unwrap();
    let summary = profile.summary();
    assert_eq!((summary.runs, summary.calls), (1, 2));
    assert_eq!(slices(&profile, "run")[0]["dur"], 100_000);

    // What is given up is seen, too.
    drop(results);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let summary = profile.summary();
    assert_eq!(summary.endpoints[0].cancelled, 2);
    all_of_the_wall_is_bound_by_something(&summary);
}

#[tokio::test(start_paused = true)]
async fn several_runs_share_a_profile() {
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let resources = no_resources().with_client("fast", scripted(&[]), 2);
    let resources = Arc::new(resources);
    let pipeline = || {
        // Traced anew, and given the profile twice: it is told once.
        let pipeline = LlmInference::new("fast").bind(&resources).unwrap();
        pipeline.with_settings(settings.clone())
    };
    let inputs = || ["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let runs = async {
        tokio::join!(
            pipeline().run_batch(inputs()),
            pipeline().run_batch(inputs())
        );
        tokio::time::sleep(Duration::from_secs(10)).await;
        pipeline().run("d".to_owned()).await.unwrap();
    };
    settings.clone().scope(runs).await;

    let summary = profile.summary();
    assert_eq!((summary.runs, summary.inputs, summary.calls), (3, 7, 7));
    assert_eq!(
        summary.wall,
        Duration::from_millis(400),
        "without the pause"
    );
    assert_eq!(summary.nodes.len(), 1, "the same graph");
    assert_eq!(summary.endpoints[0].idle_bubbles, 1);
    assert_eq!(summary.endpoints[0].idle, Duration::from_secs(10));
    assert_eq!(slices(&profile, "run").len(), 3);
    no_lane_overlaps(&events(&profile));
}

#[tokio::test(start_paused = true)]
async fn host_functions_elsewhere_have_a_process_of_their_own() {
    let graph = Tracer::new("hosts").trace(|input: Proxy<String>| {
        let quick = input.then("quick", |text: String| text);
        quick.then_async("slow", |text: String| async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            text
        })
    });
    let profile = Profile::new();
    let settings = ExecutionSettings::default().with_profile(&profile);
    let pipeline = graph
        .unwrap()
        .bind(ResourceConfig::new())
        .unwrap()
        .with_settings(settings);
    pipeline.run(Value::from("x")).await.unwrap();
    let calls = slices(&profile, "call");
    assert_eq!((calls.len(), length_of(&calls, "slow")), (1, 30));
    let summary = profile.summary();
    assert_eq!((summary.calls, summary.endpoints.len()), (0, 0));
    let done: Vec<(&str, u64, u64)> = summary
        .nodes
        .iter()
        .map(|node| (&*node.node, node.attempts, node.on_the_spot))
        .collect();
    assert_eq!(done, [("slow", 1, 0), ("quick", 0, 1)]);
    assert_eq!(summary.critical_paths[0].steps[0].node, "slow");
}

#[tokio::test(start_paused = true)]
async fn a_profile_is_saved_at_once_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let profile = small_batch().await;
    let path = folder.path().join("trace.json");
    profile.save(&path).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        trace_text(&profile)
    );
    let error = profile.save(folder.path().join("none/trace.json"));
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("none/trace.json: can't be written: there is no such file or folder"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

/// What a call waits for does not depend on who was there when it began.
#[tokio::test(start_paused = true)]
async fn a_run_that_begins_in_a_pause_is_told_of_it() {
    let client = scripted(&[(0, Reply::Refused(1_000))]);
    let resources = Arc::new(no_resources().with_client("fast", client, 9));
    let pipeline = LlmInference::new("fast").bind(&resources).unwrap();
    let first = tokio::spawn(pipeline.run("first".to_owned()));
    tokio::time::sleep(Duration::from_millis(250)).await;
    let profile = Profile::new();
    let profiled = ExecutionSettings::default().with_profile(&profile);
    let second = pipeline.with_settings(profiled).run("second".to_owned());
    second.await.unwrap();
    first.await.unwrap().unwrap();
    let endpoint = &profile.summary().endpoints[0];
    let (limits, room) = (endpoint.waits.limits, endpoint.waits.room);
    // Until the pause is over, and then until the first one is a little ahead.
    let expected = Duration::from_millis(750)..Duration::from_millis(850);
    assert!(expected.contains(&limits), "{limits:?}");
    assert!(room < Duration::from_millis(1), "{room:?}");
}
