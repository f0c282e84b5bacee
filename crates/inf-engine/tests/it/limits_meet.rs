//! Where limits, budgets, health and the scheduler meet. On a paused clock.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::LlmClient;
use inf_engine::graph::{
    GraphBuilder, GraphNode, LlmCall, NodeRef, Operation, Shape, Template, TemplatePart,
};
use inf_engine::prelude::*;
use inf_engine::resources::{OwnClient, ResourceManager, Strategy};
use inf_engine::value::{Schema, Value};
use tokio::time::Instant;

use crate::support::peer::{Peer, answer, failure, one_call, refusal, texts};

fn several(
    strategy: Strategy,
    clients: impl IntoIterator<Item = OwnClient>,
) -> Arc<ResourceManager> {
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    Arc::new(resources.with_clients("a", strategy, clients))
}

fn own(peer: &Arc<Peer>, most: usize) -> OwnClient {
    let peer: Arc<dyn LlmClient> = Arc::<Peer>::clone(peer);
    OwnClient::new(peer, most)
}

/// One endpoint has too few tokens for a call, and the other one has enough: what
/// was found out at the first is no reason to wait.
#[tokio::test(start_paused = true)]
async fn a_call_goes_where_there_are_tokens() {
    let peer = Peer::of_a_second();
    let scarce = own(&peer, 8).with_tokens_per_minute(600);
    let resources = several(Strategy::RoundRobin, [scarce, own(&peer, 8)]);
    let settings = ExecutionSettings::default().with_max_concurrent(1);
    let start = Instant::now();
    let pipeline = one_call(&resources).with_settings(settings);
    let results = pipeline.run_batch(texts(6)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    assert_eq!(start.elapsed(), Duration::from_secs(6));
}

/// A call that waits for many tokens keeps smaller ones behind it from them; when
/// its input fails it no longer does.
#[tokio::test(start_paused = true)]
async fn an_input_that_failed_waits_for_no_tokens() {
    let limited = Peer::of_a_second();
    let other = Peer::new(|prompt| {
        let refuses = prompt.contains("large");
        let answered = if refuses { refusal() } else { answer() };
        (Duration::from_secs(1), answered)
    });
    // It holds 3,000 tokens, and 50 come in a second.
    let limited = own(&limited, 8)
        .with_requests_per_minute(100)
        .with_burst(50)
        .with_tokens_per_minute(6_000);
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = resources
        .with_clients("a", Strategy::default(), [limited])
        .with_clients("b", Strategy::default(), [own(&other, 8)]);
    let prompt = || {
        let mut prompt = Template::default();
        prompt.push(TemplatePart::Reference(NodeRef::INPUT.into()));
        prompt
    };
    let call = |name: &str| GraphNode::new(name, Operation::Llm(LlmCall::new(name, prompt())));
    let mut graph = GraphBuilder::new("both", Schema::any());
    let first = graph.add(call("a"));
    let second = graph.add(call("b"));
    let output = Shape::List(vec![first.into(), second.into()]);
    let graph = graph.finish(output).unwrap();
    let pipeline = graph.bind(Arc::new(resources)).unwrap();
    let inputs = ["w".repeat(8_000), "large".repeat(2_300), "small".to_owned()];
    let start = Instant::now();
    let mut results = pipeline.stream(inputs.map(Value::from));
    let mut ended = [Duration::ZERO; 3];
    while let Some(result) = results.next().await {
        assert_eq!(result.output.is_ok(), result.index != 1, "{result:?}");
        ended[result.index] = start.elapsed();
    }
    assert_eq!(ended.map(|at| at.as_secs()), [1, 1, 2], "{ended:?}");
}

/// An endpoint that has not answered yet is taken for one like the others, and not
/// for the quickest of all.
#[tokio::test(start_paused = true)]
async fn an_endpoint_of_which_nothing_is_known_is_not_preferred() {
    let quick = Peer::new(|_| (Duration::from_millis(100), answer()));
    let slow = Peer::new(|_| (Duration::from_mins(1), answer()));
    let resources = several(Strategy::LeastLoaded, [own(&quick, 64), own(&slow, 64)]);
    let settings = ExecutionSettings::default().with_max_concurrent(4);
    let pipeline = one_call(&resources).with_settings(settings);
    let results = pipeline.run_batch(texts(40)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    assert!(slow.asked().len() <= 3, "{}", slow.asked().len());
}

/// Two endpoints fail for a moment, as both do when the network does: retries last
/// as long as those of a single one.
#[tokio::test(start_paused = true)]
async fn retries_outlast_a_moment_in_which_all_endpoints_fail() {
    let start = Instant::now();
    let failing = || {
        Peer::new(move |_| {
            let fails = start.elapsed() < Duration::from_millis(600);
            let answered = if fails { failure() } else { answer() };
            (Duration::from_millis(20), answered)
        })
    };
    let (first, second) = (failing(), failing());
    let resources = several(Strategy::LeastLoaded, [own(&first, 4), own(&second, 4)]);
    let answered = one_call(&resources).run("x".to_owned()).await;
    assert_eq!(answered.unwrap(), "answer");
}

/// That a call was given up says how long an answer takes at least: one of two
/// endpoints that never answers within the time of a task is not asked first each
/// time.
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answers_in_time_is_hardly_asked() {
    let hanging = Peer::new(|_| (Duration::from_mins(1), answer()));
    let quick = Peer::new(|_| (Duration::from_millis(100), answer()));
    let resources = several(Strategy::LeastLoaded, [own(&hanging, 64), own(&quick, 64)]);
    let settings = ExecutionSettings::default()
        .with_max_concurrent(1)
        .with_task_timeout(Duration::from_secs(1));
    let pipeline = one_call(&resources).with_settings(settings);
    let results = pipeline.run_batch(texts(100)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    assert!(hanging.asked().len() <= 2, "{}", hanging.asked().len());
}
