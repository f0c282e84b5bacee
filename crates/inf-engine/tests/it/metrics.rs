//! What endpoints and nodes count.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{ClientError, ClientErrorKind, LlmClient, LlmResponse, Usage};
use inf_engine::document::DocumentFormat;
use inf_engine::execution::{
    Cancellation, ExecutionSettings, NodeMetrics, NodeReport, Observer, TaskReport, TaskStart,
};
use inf_engine::graph::{GraphBuilder, NodeRef, Shape};
use inf_engine::prelude::*;
use inf_engine::resources::{
    Dollars, OwnClient, Price, ResourceManager, ResourceMetrics, Strategy,
};
use inf_engine::value::Data;
use tokio::time::sleep;

use crate::support::peer::{Peer, call, one_call, resources, rest, texts};

fn answer() -> LlmResponse {
    let mut response = LlmResponse::from_text("answer");
    response.usage = {
        let mut usage = Usage::new(100, 10);
        usage.cached_tokens = 40;
        usage.reasoning_tokens = 5;
        usage
    };
    response
}

/// Fails in several ways, and then answers; each takes a second.
fn of_many_moods() -> Arc<Peer> {
    let asked = AtomicUsize::new(0);
    Peer::new(move |_| {
        let error = |kind| Err(ClientError::new(kind, "no"));
        let outcome = match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 2 => error(ClientErrorKind::Server),
            1 => error(ClientErrorKind::Timeout),
            3 => crate::support::peer::limit(),
            4 => error(ClientErrorKind::Refused),
            _ => Ok(answer()),
        };
        (Duration::from_secs(1), outcome)
    })
}

fn numbers(metrics: &ResourceMetrics) -> [u64; 7] {
    let ResourceMetrics {
        requests,
        successes,
        failures,
        rate_limited,
        retries,
        cancelled,
        ..
    } = *metrics;
    let in_flight = metrics.in_flight as u64;
    [
        requests,
        successes,
        failures,
        rate_limited,
        retries,
        cancelled,
        in_flight,
    ]
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_and_its_only_node_count_the_same() {
    let peer: Arc<dyn LlmClient> = of_many_moods();
    let price = Price::new(1_000.0, 1_000.0).with_cached_input(0.0);
    let manager = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let manager = Arc::new(manager.with_clients(
        "a",
        Strategy::default(),
        [OwnClient::new(peer, 1).with_price(price)],
    ));
    let nodes = NodeMetrics::new();
    let pipeline =
        one_call(&manager).with_settings(ExecutionSettings::default().with_node_metrics(&nodes));
    let kinds = rest(pipeline.stream(texts(4))).await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "ok").count(), 3);

    let endpoint = &manager.metrics()["a"];
    let [
        NodeReport {
            node,
            alias,
            metrics,
            ..
        },
    ] = &nodes.nodes()[..]
    else {
        panic!("one node")
    };
    assert_eq!(alias, "a");
    assert!(!node.is_empty());
    for metrics in [endpoint, metrics] {
        assert_eq!(numbers(metrics), [8, 3, 4, 1, 3, 0, 0], "{metrics:?}");
        let failures: Vec<_> = metrics.failures_by_kind.iter().collect();
        assert_eq!(
            failures,
            [(&"refused", &1), (&"server", &2), (&"timeout", &1)]
        );
        assert_eq!(metrics.usage.input_tokens, 300);
        // Sixty tokens and ten at a tenth of a cent, three times.
        assert_eq!(metrics.cost.total(), Some(Dollars::new(0.21)));
        assert_eq!(metrics.answering, Duration::from_secs(3));
        let within = |seconds| metrics.answered_within(Duration::from_millis(seconds));
        assert_eq!((within(900), within(1_100)), (0, 3));
        assert_eq!(metrics.latency().p99.as_millis() / 10, 100);
        // One at a time: three wait for others, and one for the limit.
        assert!(metrics.waiting > Duration::from_secs(5), "{metrics:?}");
    }
    assert_eq!(endpoint.waiting, metrics.waiting);
}

#[tokio::test(start_paused = true)]
async fn nodes_are_counted_apart_while_they_run() {
    let quick = Peer::of_a_second();
    let mut graph = GraphBuilder::new("chain", String::schema());
    let one = graph.add(call("a", "one", NodeRef::INPUT));
    let two = graph.add(call("a", "two", one));
    let graph = graph.finish(Shape::from(two)).unwrap();
    let resources = resources([("a", &quick, 8)]);
    let pipeline = graph.bind_as::<String, String>(&resources).unwrap();
    let (nodes, cancellation) = (NodeMetrics::new(), Cancellation::new());
    let settings = ExecutionSettings::default()
        .with_node_metrics(&nodes)
        .with_cancellation(&cancellation);
    let pipeline = pipeline.with_settings(settings);
    let results = pipeline.stream(texts(3));
    sleep(Duration::from_millis(1_500)).await;
    let found = |nodes: &NodeMetrics| {
        let reports = nodes.nodes().into_iter();
        let reports = reports.map(|report| (report.node, numbers(&report.metrics)));
        reports.collect::<Vec<_>>()
    };
    assert_eq!(
        found(&nodes),
        [
            ("one".to_owned(), [3, 3, 0, 0, 0, 0, 0]),
            ("two".to_owned(), [3, 0, 0, 0, 0, 0, 3])
        ]
    );
    cancellation.cancel();
    rest(results).await;
    assert_eq!(found(&nodes)[1].1, [3, 0, 0, 0, 0, 3, 0]);
    // A second run of the same graph adds to the same nodes.
    let settings = ExecutionSettings::default().with_node_metrics(&nodes);
    let graph = pipeline.graph();
    assert_eq!(graph.name(), nodes.nodes()[0].graph);
    let again = Arc::unwrap_or_clone(Arc::clone(graph)).bind_as::<String, String>(&resources);
    rest(again.unwrap().with_settings(settings).stream(texts(2))).await;
    let all = nodes.nodes();
    let successes: u64 = all.iter().map(|report| report.metrics.successes).sum();
    assert_eq!(successes, 3 + 4);
}

/// Notes what begins and what ends.
#[derive(Default)]
struct Watcher(Mutex<Vec<(&'static str, usize, u32)>>);

impl Observer for Watcher {
    fn task_started(&self, task: &TaskStart<'_>) {
        assert_eq!(task.alias, Some("a"));
        self.0
            .lock()
            .unwrap()
            .push(("began", task.input, task.attempt));
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        if !task.is_inline {
            self.0
                .lock()
                .unwrap()
                .push(("ended", task.input, task.attempt));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_of_every_start() {
    let watcher = Arc::new(Watcher::default());
    let pipeline = one_call(&resources([("a", &of_many_moods(), 1)]));
    let observer: Arc<dyn Observer> = Arc::<Watcher>::clone(&watcher);
    let settings = ExecutionSettings::default().with_observer(observer);
    rest(pipeline.with_settings(settings).stream(texts(1))).await;
    let told = watcher.0.lock().unwrap();
    let expected = [1, 2, 3, 4, 4].map(|attempt| [("began", 0, attempt), ("ended", 0, attempt)]);
    assert_eq!(*told, expected.concat());
}

#[test]
fn prices_are_those_of_the_resources_or_of_the_providers_list() {
    let text = "endpoints:
  listed: { provider: openai, model: gpt-5-mini-2025-08-07, api_key_env: CARGO_MANIFEST_DIR }
  own: { provider: openai, model: gpt-5-mini, api_key_env: CARGO_MANIFEST_DIR, price: { input: 1, output: 2.5 } }
  gateway: { provider: openai-compatible, base_url: 'http://h/v1', model: gpt-5-mini }
  made_up: { provider: simulated, model: gpt-5-mini, price: { input: 0.5, cached_input: 0, output: 1, long_prompt: { above: 9, input: 1, output: 2 } } }
";
    let config = ResourceConfig::from_text(text).unwrap();
    let resources = ResourceManager::new(&config).unwrap();
    let listed = Price::new(0.25, 2.0).with_cached_input(0.025);
    assert_eq!(resources.price("listed"), Some(listed));
    assert_eq!(resources.price("own"), Some(Price::new(1.0, 2.5)));
    assert_eq!(resources.price("gateway"), None);
    assert_eq!(resources.price("nobody"), None);
    let long = resources
        .price("made_up")
        .and_then(|price| price.long_prompt);
    assert_eq!(
        long.map(|long| (long.above, long.output)),
        Some((9, Dollars::new(2.0)))
    );
    // What is written is read as the same.
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        let written = config.to_text(format);
        assert_eq!(
            ResourceConfig::from_text(&written).unwrap(),
            config,
            "{written}"
        );
    }
    let told = |price: &str| {
        let text =
            format!("endpoints:\n  a: {{ provider: simulated, model: m, price: {price} }}\n");
        ResourceConfig::from_text(&text).unwrap_err().to_string()
    };
    for (price, expected) in [
        (
            "{ input: -1, output: 2 }",
            "-1 is no amount of dollars: write a number from 0",
        ),
        ("{ input: .nan, output: 2 }", "NaN is no amount of dollars"),
        ("{ inptu: 1, output: 2 }", "did you mean `input`?"),
        ("{ input: 1 }", "`output`"),
        ("cheap", "price"),
    ] {
        let told = told(price);
        assert!(told.contains(expected), "{price}: {told}");
    }
}
