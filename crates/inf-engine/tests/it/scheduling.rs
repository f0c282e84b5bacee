//! What the scheduler does first, and what it never does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry,
};
use inf_engine::execution::{
    Cancellation, ErrorKind, ErrorPolicy, ExecutionManager, ExecutionSettings, Hedging, Observer,
    PauseReport, ResultStream, RunReport, TaskOutcome, TaskReport,
};
use inf_engine::graph::{
    GraphBuilder, GraphNode, HostCall, HostFunction, InferenceGraph, LlmCall, NodeRef, Operation,
    Shape, Template, TemplatePart,
};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_engine::value::Schema;
use tokio::time::{Instant, sleep, timeout};

use crate::support::RawPeer;

/// Longer than any test here takes, on a paused clock.
const DAYS: Duration = Duration::from_hours(240);

type Answers = dyn Fn(&str) -> (Duration, Result<LlmResponse, ClientError>) + Send + Sync;

/// Notes what it is asked; what it answers and when follows from that.
struct Peer {
    asked: Mutex<Vec<String>>,
    answered: AtomicUsize,
    answers: Box<Answers>,
}

impl LlmClient for Peer {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async {
            let prompt = request.prompt();
            self.asked.lock().unwrap().push(prompt.to_owned());
            let (took, outcome) = (self.answers)(prompt);
            sleep(took).await;
            self.answered.fetch_add(1, Ordering::Relaxed);
            outcome
        })
    }
}

impl Peer {
    fn new(
        answers: impl Fn(&str) -> (Duration, Result<LlmResponse, ClientError>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            answered: AtomicUsize::new(0),
            answers: Box::new(answers),
        })
    }

    /// Answers everything after a second.
    fn of_a_second() -> Arc<Self> {
        Self::new(|_| (Duration::from_secs(1), answer()))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer() -> Result<LlmResponse, ClientError> {
    Ok(LlmResponse::from_text("answer"))
}

/// Resources of some aliases, each with its calls at once.
fn resources<'a>(
    peers: impl IntoIterator<Item = (&'a str, &'a Arc<Peer>, usize)>,
) -> Arc<ResourceManager> {
    let mut resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    for (alias, peer, most) in peers {
        let peer: Arc<dyn LlmClient> = Arc::<Peer>::clone(peer);
        resources = resources.with_client(alias, peer, most);
    }
    Arc::new(resources)
}

/// A pipeline of one call of `a`.
fn one_call(resources: &Arc<ResourceManager>) -> Pipeline<String, String> {
    LlmInference::new("a").bind(resources).unwrap()
}

fn texts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|index| index.to_string())
}

/// A call of `alias` whose prompt is `name` and what `read` comes to.
fn call(alias: &str, name: &str, read: NodeRef) -> GraphNode {
    let mut prompt = Template::text(format!("{name} "));
    prompt.push(TemplatePart::Reference(read.into()));
    GraphNode::new(name, Operation::Llm(LlmCall::new(alias, prompt)))
}

fn host(name: &str, read: NodeRef) -> GraphNode {
    let function = name.into();
    let input = Shape::from(read);
    GraphNode::new(name, Operation::Host(HostCall { function, input }))
}

async fn rest<O: inf_engine::value::Data>(mut results: ResultStream<O>) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    while let Some(result) = results.next().await {
        kinds.push(
            result
                .output
                .map_or_else(|error| error.kind.as_str(), |_| "ok"),
        );
    }
    kinds
}

// The order of calls.

#[tokio::test(start_paused = true)]
async fn ready_calls_go_by_priority_then_age_then_what_is_left_to_do() {
    let mut builder = GraphBuilder::new("order", Schema::any());
    let mut add = |name: &str, priority: i32, read: NodeRef| {
        builder.add(call("a", name, read).with_priority(priority))
    };
    let late = add("late", 1, NodeRef::INPUT);
    let short = add("short", 0, NodeRef::INPUT);
    let long = add("long", 0, NodeRef::INPUT);
    let end = add("end", 0, long);
    let urgent = add("urgent", -1, NodeRef::INPUT);
    let ends = [late, short, end, urgent].map(Shape::from).to_vec();
    let graph = builder.finish(Shape::List(ends)).unwrap();

    let peer = Peer::of_a_second();
    let pipeline = graph.bind(resources([("a", &peer, 1)])).unwrap();
    let results = pipeline.run_batch(["0", "1"].map(Value::from)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let asked = peer.asked();
    let order = asked.iter().map(|prompt| prompt.split(' ').next().unwrap());
    assert_eq!(
        order.collect::<Vec<_>>(),
        [
            "urgent", "urgent", // priority before age
            "long", "short", "end", // the older input first, the longer way first
            "long", "short", "end", "late", "late",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn calls_of_runs_go_by_priority_then_age() {
    let peer = Peer::of_a_second();
    let shared = resources([("a", &peer, 1)]);
    let batch = async |name: &str, priority: i32| {
        let settings = ExecutionSettings::default().with_priority(priority);
        let inputs: Vec<String> = (0..2).map(|index| format!("{name}{index}")).collect();
        one_call(&shared)
            .with_settings(settings)
            .run_batch(inputs)
            .await
    };
    tokio::join!(
        batch("late", 1),
        batch("first", 0),
        batch("second", 0),
        batch("urgent", -1)
    );
    assert_eq!(
        peer.asked(),
        [
            "urgent0", "urgent1", "first0", "second0", "first1", "second1", "late0", "late1"
        ]
    );
}

/// A failure leaves calls in the queue that nobody wants any more. What comes
/// behind them is not more urgent than what other runs have there.
#[tokio::test(start_paused = true)]
async fn what_is_behind_a_call_of_a_failed_input_waits_for_its_turn() {
    let mut builder = GraphBuilder::new("fails", Schema::any());
    let fails = builder.add(call("b", "fails", NodeRef::INPUT));
    let urgent = builder.add(call("a", "urgent", NodeRef::INPUT).with_priority(-1));
    let late = builder.add(call("a", "late", NodeRef::INPUT).with_priority(5));
    let ends = [fails, urgent, late].map(Shape::from).to_vec();
    let graph = builder.finish(Shape::List(ends)).unwrap();
    let peer = Peer::of_a_second();
    let refuses = Peer::new(|prompt| {
        let refusal = ClientError::new(ClientErrorKind::Refused, "no");
        let outcome = if prompt.ends_with('0') {
            Err(refusal)
        } else {
            answer()
        };
        (Duration::from_millis(500), outcome)
    });
    let shared = resources([("a", &peer, 1), ("b", &refuses, 9)]);
    let pipeline = graph.bind(&shared).unwrap();
    let other = one_call(&shared);
    let (_, other) = tokio::join!(
        pipeline.run_batch(["1", "0"].map(Value::from)),
        other.run("other".to_owned()),
    );
    other.unwrap();
    assert_eq!(peer.asked(), ["urgent 1", "other", "late 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_endpoint_never_delays_calls_of_another_one() {
    let (slow, quick) = (
        Peer::new(|_| (Duration::from_secs(100), answer())),
        Peer::of_a_second(),
    );
    let shared = resources([("a", &slow, 1), ("b", &quick, 2)]);
    let other = LlmInference::new("b").bind(&shared).unwrap();
    let mut full = one_call(&shared).stream(texts(50));
    sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    let urgent_elsewhere = ExecutionSettings::default().with_priority(9);
    other
        .with_settings(urgent_elsewhere)
        .run_batch(texts(10))
        .await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    full.cancel();

    // Within one graph as well.
    let mut builder = GraphBuilder::new("both", Schema::any());
    let first = builder.add(call("a", "first", NodeRef::INPUT).with_priority(-5));
    let second = builder.add(call("b", "second", NodeRef::INPUT));
    let both = Shape::List([first, second].map(Shape::from).to_vec());
    let pipeline = builder.finish(both).unwrap().bind(&shared).unwrap();
    let asked_before = quick.asked().len();
    let batch = pipeline.run_batch(texts(6).map(Value::from));
    timeout(Duration::from_millis(3_500), batch)
        .await
        .unwrap_err();
    assert_eq!(quick.asked().len() - asked_before, 6);
}

// What ends, and what does not.

/// Calls that leave the queue because their input has failed make room for
/// inputs, and no call of theirs ends to tell of it.
#[tokio::test(start_paused = true)]
async fn a_run_whose_queue_empties_without_a_call_takes_inputs() {
    let mut builder = GraphBuilder::new("fails", Schema::any());
    let first = builder.add(host("fail", NodeRef::INPUT));
    let second = builder.add(call("a", "ask", NodeRef::INPUT));
    let function = HostFunction::fallible("fail", |_: Value| Err::<String, _>("always"));
    builder.set_host_function(first, function.quick());
    let ends = Shape::List([first, second].map(Shape::from).to_vec());
    let graph = builder.finish(ends).unwrap();
    let peer = Peer::of_a_second();
    let pipeline = graph.bind(resources([("a", &peer, 1)])).unwrap();
    let batch = pipeline.run_batch(texts(200).map(Value::from));
    let results = timeout(DAYS, batch).await.expect("it ends");
    assert!(results.iter().all(|result| result.output.is_err()));
    assert!(peer.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn inputs_that_are_late_stay_within_the_managers_bound() {
    let peer = Peer::of_a_second();
    let shared = resources([("a", &peer, 64)]);
    let manager = ExecutionManager::new(2);
    let settings = ExecutionSettings::default().with_manager(&manager);
    let pipeline = one_call(&shared).with_settings(settings);
    let late = |run: usize| {
        let inputs = stream::iter(texts(5)).then(async |text| {
            sleep(Duration::from_millis(500)).await;
            text
        });
        let inputs = inputs.map(move |text| format!("{run} {text}"));
        pipeline.stream(inputs.boxed())
    };
    let in_flight = async {
        let mut most = 0;
        for _ in 0..200 {
            let metrics = &shared.metrics()["a"];
            most = most.max(metrics.in_flight);
            sleep(Duration::from_millis(100)).await;
        }
        most
    };
    let ((), most) = tokio::join!(
        async {
            let all = (0..6).map(|run| rest(late(run)));
            for kinds in futures_util::future::join_all(all).await {
                assert_eq!(kinds, ["ok"; 5]);
            }
        },
        in_flight
    );
    assert_eq!(most, 2);
}

/// A run that begins inside of another one can't wait for the other to end.
#[tokio::test(start_paused = true)]
async fn a_run_inside_of_a_full_manager_goes_on() {
    let peer = Peer::of_a_second();
    let inner = one_call(&resources([("a", &peer, 64)]));
    let outer = Tracer::new("outer").trace(move |text: Proxy<String>| {
        let inner = inner.clone();
        text.then_async("inner", move |text: String| {
            let inner = inner.run(text);
            async { inner.await.unwrap() }
        })
    });
    let outer = outer.unwrap().bind(ResourceConfig::new()).unwrap();
    for most in [1, 2] {
        let settings = ExecutionSettings::default().with_manager(&ExecutionManager::new(most));
        let batch = outer
            .with_settings(settings.clone())
            .run_batch(texts(5).map(Value::from));
        let results = timeout(DAYS, settings.scope(batch)).await.expect("it ends");
        assert!(results.iter().all(|result| result.output.is_ok()));
    }
}

/// Two managers are two schedulers: neither keeps a full endpoint to itself.
#[tokio::test(start_paused = true)]
async fn managers_take_turns_at_a_full_endpoint() {
    let peer = Peer::of_a_second();
    let shared = resources([("a", &peer, 1)]);
    let endless = ExecutionSettings::default().with_manager(&ExecutionManager::new(8));
    let mut endless = one_call(&shared)
        .with_settings(endless)
        .stream((0..).map(|index: usize| index.to_string()));
    endless.next().await.unwrap();
    let other = ExecutionSettings::default().with_manager(&ExecutionManager::new(8));
    let start = Instant::now();
    let reads = async { while endless.next().await.is_some() {} };
    let batch = one_call(&shared).with_settings(other).run_batch(texts(5));
    tokio::select! {
        () = reads => unreachable!("it has no end"),
        results = timeout(DAYS, batch) => {
            assert!(results.expect("it ends").iter().all(|result| result.output.is_ok()));
        }
    }
    assert!(
        start.elapsed() <= Duration::from_secs(11),
        "{:?}",
        start.elapsed()
    );
}
