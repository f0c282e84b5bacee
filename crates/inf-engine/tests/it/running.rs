//! Pipelines that run: on the simulated provider, on a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inf_engine::clients::simulated::{
    Answer, Faults, Latency, Quota, Script, ScriptRule, SimulatedSettings,
};
use inf_engine::execution::{ErrorKind, ErrorPolicy, ExecutionSettings};
use inf_engine::prelude::*;
use inf_engine::resources::{EndpointConfig, ResourceManager};

#[derive(Serialize, Deserialize, JsonSchema, Record, Clone)]
struct Pair {
    a: String,
    b: String,
}

#[derive(Module)]
struct ExtractAndCompare {
    style: Parameter,
    extract: LlmInference,
    compare: LlmInference,
}

impl ExtractAndCompare {
    fn new() -> Self {
        let style = Parameter::new("Highlight key similarities and differences.")
            .described("Controls the style of the comparison.");
        Self {
            extract: LlmInference::new("fast").system_prompt("List the main facts."),
            compare: LlmInference::new("smart").system_prompt(&style),
            style,
        }
    }
}

impl Forward for ExtractAndCompare {
    type Input = Pair;
    type Output = String;
    fn forward(&self, pair: Proxy<Pair>) -> Proxy<String> {
        let facts_a = self.extract.call(pair.a());
        let facts_b = self.extract.call(pair.b());
        self.compare
            .call(prompt!("Compare:\n{facts_a}\n\nwith:\n{facts_b}"))
    }
}

fn pairs(count: usize) -> Vec<Pair> {
    let pair = |index| Pair {
        a: format!("first {index}"),
        b: format!("second {index}"),
    };
    (0..count).map(pair).collect()
}

fn echo() -> SimulatedSettings {
    SimulatedSettings {
        answer: Answer::Echo,
        ..SimulatedSettings::default()
    }
}

fn latency(median_ms: f64, spread: f64) -> Latency {
    Latency {
        median_ms,
        spread,
        ..Latency::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_keeps_its_order_and_runs_in_parallel() {
    let settings = SimulatedSettings {
        latency: latency(1_000.0, 0.0),
        ..echo()
    };
    let resources = ResourceConfig::simulated(["fast", "smart"], &settings);
    let pipeline = ExtractAndCompare::new().bind(resources).unwrap();
    let start = tokio::time::Instant::now();
    let results = pipeline.run_batch(pairs(20)).await;
    // Two calls deep, all inputs at once.
    assert_eq!(start.elapsed().as_millis(), 2_000);
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result.index, index);
        let expected = format!("Compare:\nfirst {index}\n\nwith:\nsecond {index}");
        assert_eq!(result.output.as_deref(), Ok(expected.as_str()));
    }
    let metrics = pipeline.resources().metrics();
    assert_eq!(
        (metrics["fast"].requests, metrics["smart"].requests),
        (40, 20)
    );
    assert_eq!(metrics["smart"].latency().p50.as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_changed_parameter_is_seen_by_the_next_run_without_a_new_trace() {
    let settings = SimulatedSettings {
        answer: Answer::Template("{system}".to_owned()),
        ..SimulatedSettings::default()
    };
    let resources = ResourceConfig::simulated(["fast", "smart"], &settings);
    let pipeline = ExtractAndCompare::new().bind(resources).unwrap();
    let pair = pairs(1).remove(0);
    let before = pipeline.run(pair.clone()).await.unwrap();
    assert_eq!(before, "Highlight key similarities and differences.");
    pipeline.parameters()[0].set_value("Be brief.");
    assert_eq!(pipeline.run(pair).await.unwrap(), "Be brief.");
}

#[tokio::test(start_paused = true)]
async fn concurrency_stays_within_every_bound() {
    // Alias `fast` takes 4 at once; the run 3; all endpoints together 2.
    let check = async |endpoint: usize, run: Option<usize>, total: Option<usize>, seconds: u64| {
        let settings = SimulatedSettings {
            latency: latency(1_000.0, 0.0),
            ..echo()
        };
        let mut config = ResourceConfig::new().with_endpoint(
            "fast",
            EndpointConfig::simulated(settings).with_max_concurrent(endpoint),
        );
        config.max_total_concurrent = total;
        let mut settings = ExecutionSettings::default();
        settings.max_concurrent = run;
        let pipeline = LlmInference::new("fast")
            .bind(config)
            .unwrap()
            .with_settings(settings);
        let start = tokio::time::Instant::now();
        let results = pipeline
            .run_batch((0..12).map(|index| index.to_string()))
            .await;
        assert!(results.iter().all(|result| result.output.is_ok()));
        assert_eq!(start.elapsed().as_secs(), seconds);
    };
    check(4, None, None, 3).await;
    check(4, Some(3), None, 4).await;
    check(4, Some(3), Some(2), 6).await;
    check(64, None, None, 1).await;
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_retried_and_then_listed() {
    let settings = SimulatedSettings {
        faults: Faults {
            error_ratio: 1.0,
            ..Faults::default()
        },
        ..echo()
    };
    let config = ResourceConfig::new().with_endpoint(
        "fast",
        EndpointConfig::simulated(settings).with_max_retries(2),
    );
    let pipeline = LlmInference::new("fast").bind(&config).unwrap();
    let error = pipeline.run("x".to_owned()).await.unwrap_err();
    assert_eq!((error.attempts(), error.kind.as_str()), (3, "server"));
    assert_eq!(error.node.as_deref(), Some("llm"));
    assert_eq!(error.alias.as_deref(), Some("fast"));

    let once = ExecutionSettings::default().with_error_policy(ErrorPolicy::Continue);
    let error = pipeline
        .clone()
        .with_settings(once)
        .run("x".to_owned())
        .await
        .unwrap_err();
    assert_eq!(error.attempts(), 1);
    let more = ExecutionSettings::default().with_max_retries(4);
    let error = pipeline
        .with_settings(more)
        .run("x".to_owned())
        .await
        .unwrap_err();
    assert_eq!(error.attempts(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_full_provider_is_waited_for_and_spends_no_retry() {
    for hint in [true, false] {
        let settings = SimulatedSettings {
            quota: Some(Quota {
                requests_per_second: 10.0,
                burst: 5,
                hint,
            }),
            ..echo()
        };
        let config = ResourceConfig::new().with_endpoint(
            "fast",
            EndpointConfig::simulated(settings).with_max_retries(0),
        );
        let pipeline = LlmInference::new("fast").bind(&config).unwrap();
        let results = pipeline
            .run_batch((0..200).map(|index| index.to_string()))
            .await;
        assert!(
            results.iter().all(|result| result.output.is_ok()),
            "hint: {hint}"
        );
        let metrics = pipeline.resources().metrics();
        assert_eq!(metrics["fast"].retries, 0);
        assert!(metrics["fast"].rate_limited > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_failure_fails_its_input_alone() {
    let pipeline = Tracer::new("positive").trace(|text: Proxy<String>| {
        text.try_then("parse", |text: String| text.parse::<i64>())
            .then("check", |number: i64| {
                assert!(number >= 0, "{number} is negative");
                number
            })
    });
    let pipeline = pipeline.unwrap().bind(ResourceConfig::new()).unwrap();
    let inputs = ["1", "two", "-3", "4"].map(Value::from);
    let results = pipeline.run_batch(inputs).await;
    let texts: Vec<String> = results
        .into_iter()
        .map(|result| match result.output {
            Ok(value) => value.to_string(),
            Err(mut error) => {
                error.location = None;
                error.to_string()
            }
        })
        .collect();
    assert_eq!(
        texts,
        [
            "1",
            "node `parse`: host function `parse` failed: invalid digit found in string",
            "node `check`: host function `check` panicked: -3 is negative",
            "4",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn fail_fast_stops_the_run_and_still_gives_every_input_a_result() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let graph = Tracer::new("stop").trace(move |text: Proxy<String>| {
        let counted = Arc::clone(&counted);
        let checked = text.try_then("check", move |text: String| {
            counted.fetch_add(1, Ordering::Relaxed);
            if text == "3" { Err("three") } else { Ok(text) }
        });
        LlmInference::new("fast").call(checked)
    });
    let settings = SimulatedSettings {
        latency: latency(1_000.0, 0.0),
        ..echo()
    };
    let pipeline = graph
        .unwrap()
        .bind(ResourceConfig::simulated(["fast"], &settings))
        .unwrap();
    let policy = ExecutionSettings::default()
        .with_error_policy(ErrorPolicy::FailFast)
        .with_max_inputs_in_flight(8);
    let pipeline = pipeline.with_settings(policy);
    let inputs: Vec<Value> = (0..100)
        .map(|index| Value::from(index.to_string()))
        .collect();
    let results = pipeline.run_batch(inputs).await;
    let kinds: Vec<&str> = results
        .iter()
        .map(|result| {
            result
                .output
                .as_ref()
                .map_or_else(|error| error.kind.as_str(), |_| "ok")
        })
        .collect();
    assert_eq!(kinds[3], "host_function");
    // The others are told the first cause.
    let cause = results[3].output.as_ref().unwrap_err().to_string();
    let never = results[99].output.as_ref().unwrap_err().to_string();
    assert_eq!(never, format!("not run, because input 3 failed: {cause}"));
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "cancelled").count(),
        99
    );
    let calls = calls.load(Ordering::Relaxed);
    assert!(
        (4..=8).contains(&calls),
        "nothing is begun after the failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_too_long_is_a_timeout() {
    let graph = Tracer::new("slow").trace(|text: Proxy<String>| {
        text.then_async("sleep", async |text: String| {
            tokio::time::sleep(Duration::from_mins(1)).await;
            text
        })
    });
    let pipeline = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    let settings = ExecutionSettings::default().with_task_timeout(Duration::from_secs(5));
    let error = pipeline
        .with_settings(settings)
        .run(Value::from("x"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(
        error
            .to_string()
            .contains("no result within 5 s, the run's `task_timeout`")
    );
}

#[tokio::test(start_paused = true)]
async fn an_endless_source_is_taken_as_there_is_room() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let settings = SimulatedSettings {
        latency: latency(1_000.0, 0.5),
        ..echo()
    };
    let pipeline = LlmInference::new("fast")
        .bind(ResourceConfig::simulated(["fast"], &settings))
        .unwrap()
        .with_settings(ExecutionSettings::default().with_max_inputs_in_flight(16));
    let mut results = pipeline.stream(
        (0..)
            .inspect(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            })
            .map(|index| index.to_string()),
    );
    for _ in 0..100 {
        results.next().await.unwrap().output.unwrap();
    }
    assert!(taken.load(Ordering::Relaxed) <= 116);
}

#[tokio::test(start_paused = true)]
async fn typed_outputs_arrive_as_their_type() {
    #[derive(Serialize, Deserialize, JsonSchema, Debug)]
    struct Facts {
        name: String,
        tags: Vec<String>,
        stars: u8,
    }
    let resources = ResourceConfig::simulated(["fast"], &SimulatedSettings::default());
    let facts = LlmInference::<Facts>::typed("fast")
        .bind(&resources)
        .unwrap();
    assert!(
        !facts
            .run("Rust is a language.".to_owned())
            .await
            .unwrap()
            .name
            .is_empty()
    );
    let list = LlmInference::<Vec<bool>>::typed("fast")
        .bind(&resources)
        .unwrap();
    list.run("Which are true?".to_owned()).await.unwrap();
    let failing = SimulatedSettings {
        answer: Answer::Script(Script {
            rules: vec![ScriptRule::containing("x", "I would rather not.")],
            otherwise: None,
        }),
        ..SimulatedSettings::default()
    };
    let resources = ResourceConfig::simulated(["fast"], &failing);
    let facts = LlmInference::<Facts>::typed("fast")
        .bind(resources)
        .unwrap();
    let error = facts.run("x".to_owned()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidOutput);
    assert!(
        error.to_string().contains("it was: `I would rather not.`"),
        "{error}"
    );
}

#[test]
fn programs_without_a_runtime_can_run_too() {
    let resources = ResourceConfig::simulated(["fast"], &echo());
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    assert_eq!(pipeline.run_blocking("hello".to_owned()).unwrap(), "hello");
    let inputs = ["a".to_owned(), "b".to_owned()];
    assert_eq!(pipeline.run_batch_blocking(inputs).unwrap().len(), 2);
}

#[tokio::test]
async fn blocking_inside_a_runtime_works_too() {
    let resources = ResourceConfig::simulated(["fast"], &echo());
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    assert_eq!(pipeline.run_blocking("hello".to_owned()).unwrap(), "hello");
}

#[test]
fn what_is_missing_is_told_before_anything_is_called() {
    let resources = ResourceManager::new(&ResourceConfig::simulated(["smrt"], &echo())).unwrap();
    let error = ExtractAndCompare::new().bind(resources).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 problems:\n  - node `facts_a`: the alias `fast` has no endpoint in the resources; there is \
         `smrt`\n  - node `facts_b`: the alias `fast` has no endpoint in the resources; there is \
         `smrt`\n  - node `compare`: the alias `smart` has no endpoint in the resources; did you mean \
         `smrt`?"
    );
}

#[tokio::test(start_paused = true)]
async fn inputs_of_a_saved_graph_are_checked() {
    let graph = ExtractAndCompare::new().trace().unwrap();
    let pipeline = graph
        .bind(ResourceConfig::simulated(["fast", "smart"], &echo()))
        .unwrap();
    let check = async |input: serde_json::Value, expected: Option<&str>| {
        let result = pipeline.run(Value::from(input)).await;
        match (result, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                assert_eq!(error.kind, ErrorKind::InvalidInput);
                assert!(error.to_string().contains(expected), "{error}");
            }
            (result, _) => panic!("{result:?}"),
        }
    };
    check(serde_json::json!({"a": "x", "b": "y", "more": 1}), None).await;
    check(
        serde_json::json!({"a": "x"}),
        Some("\"b\" is a required property"),
    )
    .await;
    check(
        serde_json::json!({"a": "x", "b": 5}),
        Some("at `/b`: 5 is not of type"),
    )
    .await;
}

#[tokio::test]
async fn dropping_a_run_closes_its_connections() {
    use tokio::io::AsyncReadExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let endpoint = EndpointConfig::openai_compatible(base_url, "m");
    let resources = ResourceConfig::new().with_endpoint("fast", endpoint);
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let mut results = pipeline.stream(["a".to_owned(), "b".to_owned()]);
    let mut connections = Vec::new();
    // Both calls are on their way and are never answered.
    while connections.len() < 2 {
        tokio::select! {
            result = results.next() => panic!("{result:?}"),
            accepted = listener.accept() => {
                let (mut connection, _) = accepted.unwrap();
                connection.readable().await.unwrap();
                assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
                connections.push(connection);
            }
        }
    }
    drop(results);
    for mut connection in connections {
        let mut rest = Vec::new();
        // Ends when the other side closes.
        let _ = connection.read_to_end(&mut rest).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_finishes_what_has_begun_and_nothing_else() {
    let settings = SimulatedSettings {
        latency: latency(1_000.0, 0.0),
        ..echo()
    };
    let fast = EndpointConfig::simulated(settings).with_max_concurrent(4);
    let resources = ResourceConfig::new().with_endpoint("fast", fast);
    let ask = LlmInference::new("fast");
    let graph = Tracer::new("twice").trace(|text: Proxy<String>| ask.call(ask.call(text)));
    // What is not begun is cancelled, which is no failure.
    let settings = ExecutionSettings::default().with_error_policy(ErrorPolicy::FailFast);
    let pipeline = graph
        .unwrap()
        .bind(resources)
        .unwrap()
        .with_settings(settings);
    let mut results = pipeline.stream((0..).map(|index| Value::from(index.to_string())));
    results.next().await.unwrap().output.unwrap();
    results.stop();
    let mut kinds = Vec::new();
    while let Some(result) = results.next().await {
        kinds.push(
            result
                .output
                .map_or_else(|error| error.kind.as_str(), |_| "ok"),
        );
    }
    kinds.sort_unstable();
    assert!(kinds.contains(&"cancelled") && kinds.contains(&"ok"));
    // Each input that had begun has both of its calls and no other has one.
    let begun = 1 + kinds.iter().filter(|kind| **kind == "ok").count();
    assert_eq!(
        pipeline.resources().metrics()["fast"].requests,
        2 * begun as u64
    );
}

/// A pipeline of one call of `alias`, a second each.
fn one_call(alias: &str, resources: &Arc<ResourceManager>) -> Pipeline<String, String> {
    LlmInference::new(alias).bind(resources).unwrap()
}

fn slow_resources(aliases: [&str; 2], each: usize, total: Option<usize>) -> Arc<ResourceManager> {
    let settings = SimulatedSettings {
        latency: latency(1_000.0, 0.0),
        ..echo()
    };
    let mut config = ResourceConfig::new();
    config.max_total_concurrent = total;
    for alias in aliases {
        let endpoint = EndpointConfig::simulated(settings.clone()).with_max_concurrent(each);
        config = config.with_endpoint(alias, endpoint);
    }
    Arc::new(ResourceManager::new(&config).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_not_polled_keeps_nothing_from_others() {
    for (each, total) in [(1, None), (4, Some(1))] {
        let resources = slow_resources(["a", "b"], each, total);
        let (outer, same, other) = (
            one_call("a", &resources),
            one_call("a", &resources),
            one_call("b", &resources),
        );
        let mut results = outer.stream((0..5).map(|index| index.to_string()));
        let all = async {
            while let Some(result) = results.next().await {
                // While these run, `results` has calls that wait and is not polled.
                result.output.unwrap();
                same.run("inner".to_owned()).await.unwrap();
                other.run("inner".to_owned()).await.unwrap();
            }
        };
        let hour = Duration::from_hours(1);
        tokio::time::timeout(hour, all).await.expect("no deadlock");
    }
}

#[tokio::test(start_paused = true)]
async fn early_inputs_finish_early_across_endpoints() {
    let resources = slow_resources(["a", "b"], 64, None);
    let (first, second) = (LlmInference::new("a"), LlmInference::new("b"));
    let graph = Tracer::new("two").trace(|text: Proxy<String>| second.call(first.call(text)));
    let pipeline = graph.unwrap().bind(&resources).unwrap();
    let settings = ExecutionSettings::default().with_max_concurrent(4);
    let pipeline = pipeline.with_settings(settings);
    let start = tokio::time::Instant::now();
    let mut results = pipeline.stream((0..200).map(|index| Value::from(index.to_string())));
    results.next().await.unwrap().output.unwrap();
    assert_eq!(start.elapsed().as_secs(), 2, "two calls after each other");
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_that_is_given_up_is_told() {
    let resources = slow_resources(["a", "b"], 4, None);
    let mut results = one_call("a", &resources).stream(["x".to_owned()]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    results.cancel();
    let result = results.next().await.unwrap();
    assert_eq!(result.timings.calling, Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_counts_as_cancelled() {
    let resources = slow_resources(["a", "b"], 4, None);
    let settings = ExecutionSettings::default()
        .with_task_timeout(Duration::from_millis(10))
        .with_error_policy(ErrorPolicy::Continue);
    let pipeline = one_call("a", &resources).with_settings(settings);
    pipeline.run("x".to_owned()).await.unwrap_err();
    let metrics = &resources.metrics()["a"];
    assert_eq!(
        (metrics.requests, metrics.failures, metrics.cancelled),
        (1, 0, 1)
    );
}

#[test]
fn a_saved_graph_is_bound_to_types_that_fit() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct OtherPair {
        a: String,
        c: String,
    }
    let graph = ExtractAndCompare::new().trace().unwrap();
    let resources = ResourceConfig::simulated(["fast", "smart"], &echo());
    graph.clone().bind_as::<Pair, String>(&resources).unwrap();
    let error = graph
        .bind_as::<OtherPair, Vec<String>>(&resources)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 problems:\n  - the type of the inputs: has no field `b`, which is wanted; it has `a`, \
         `c`\n  - the output of the pipeline: is of type string where array is wanted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_heard_at_once_also_where_nothing_is_waited_for() {
    let graph = Tracer::new("quick")
        .trace(|text: Proxy<String>| text.then("trim", |text: String| text.trim().to_owned()));
    let pipeline = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    let mut results = pipeline.stream((0..).map(|index| Value::from(index.to_string())));
    results.next().await.unwrap().output.unwrap();
    results.stop();
    let mut rest = 0;
    while results.next().await.is_some() {
        rest += 1;
    }
    // Results that were there before can be read.
    assert!(rest < 20_000, "an endless source ends");

    let resources = slow_resources(["a", "b"], 4, None);
    let mut results = one_call("a", &resources).stream((0..100).map(|index| index.to_string()));
    results.stop();
    assert!(results.next().await.is_none());
    assert_eq!(resources.metrics()["a"].requests, 0, "nothing was begun");
}

#[tokio::test(start_paused = true)]
async fn a_short_run_gets_its_turn_beside_a_long_one() {
    let wait = async |priority: i32| {
        let resources = slow_resources(["a", "b"], 1, None);
        let long = one_call("a", &resources);
        let short = one_call("a", &resources);
        let inputs = (0..300).map(|index| index.to_string());
        let mut running = long.stream(inputs);
        running.next().await.unwrap();
        let start = tokio::time::Instant::now();
        let settings = ExecutionSettings::default().with_priority(priority);
        let short = short.with_settings(settings).run("x".to_owned());
        short.await.unwrap();
        start.elapsed().as_secs()
    };
    // Behind what the long run has queued, which is little, or before it.
    assert_eq!(wait(0).await, 18);
    assert_eq!(wait(-1).await, 2);
}

#[tokio::test(start_paused = true)]
async fn fail_fast_hears_of_outputs_that_can_not_be_made() {
    let graph = InferenceGraph::from_text(
        "{version: 1, name: x, nodes: {ask: {llm: a, prompt: '{input}'}}, output: [ask, input.foo]}",
    );
    let resources = slow_resources(["a", "b"], 1, None);
    let settings = ExecutionSettings::default().with_error_policy(ErrorPolicy::FailFast);
    let pipeline = graph
        .unwrap()
        .bind(&resources)
        .unwrap()
        .with_settings(settings);
    let results = pipeline
        .run_batch((0..20).map(|index| Value::from(index.to_string())))
        .await;
    assert!(results.iter().all(|result| result.output.is_err()));
    assert_eq!(resources.metrics()["a"].requests, 1);
}

// Not on a paused clock, on which all refusals of a volley come at one time.
#[tokio::test]
async fn a_volley_that_is_refused_at_once_is_one_refusal() {
    let settings = SimulatedSettings {
        latency: latency(1.0, 0.0),
        quota: Some(Quota {
            requests_per_second: 200.0,
            burst: 5,
            hint: true,
        }),
        ..echo()
    };
    let endpoint = EndpointConfig::simulated(settings).with_max_concurrent(64);
    let config = ResourceConfig::new().with_endpoint("m", endpoint);
    let pipeline = LlmInference::new("m").bind(config).unwrap();
    let texts = (0..60).map(|index| index.to_string());
    // A third of a second, or half a minute if each refusal counted.
    let batch = tokio::time::timeout(Duration::from_secs(20), pipeline.run_batch(texts));
    let results = batch
        .await
        .expect("the endpoint is not left alone for long");
    assert!(results.iter().all(|result| result.output.is_ok()));
}
