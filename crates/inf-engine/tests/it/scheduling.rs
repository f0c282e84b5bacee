//! What the scheduler does first, and what it never does.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use inf_engine::clients::{ClientError, ClientErrorKind};
use inf_engine::execution::{ExecutionManager, ExecutionSettings, Hedging};
use inf_engine::graph::{GraphBuilder, HostFunction, NodeRef, Shape};
use inf_engine::prelude::*;
use inf_engine::value::Schema;
use tokio::time::{Instant, sleep, timeout};

use crate::support::peer::{
    Peer, answer, call, failure, forever, host, one_call, refusal, resources, rest, texts,
};

/// Longer than any test here takes, on a paused clock.
const DAYS: Duration = Duration::from_hours(240);

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

/// Each runtime has its own scheduler; what one gives back, another has to hear
/// of, from whichever thread.
#[test]
fn runtimes_share_an_endpoint_and_no_wake_up_is_lost() {
    let peer = Peer::new(|_| (Duration::ZERO, answer()));
    let shared = resources([("a", &peer, 1), ("b", &peer, 1)]);
    std::thread::scope(|scope| {
        for threads in [1, 2] {
            let shared = &shared;
            scope.spawn(move || {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                let runtime = builder.worker_threads(threads).enable_all().build();
                runtime.unwrap().block_on(async {
                    let other = LlmInference::new("b").bind(shared).unwrap();
                    let batches = async {
                        tokio::join!(
                            one_call(shared).run_batch(texts(1_000)),
                            other.run_batch(texts(1_000))
                        )
                    };
                    let minute = Duration::from_mins(1);
                    let (first, second) = timeout(minute, batches).await.expect("they end");
                    let mut results = first.iter().chain(&second);
                    assert!(results.all(|result| result.output.is_ok()));
                });
            });
        }
    });
    assert_eq!(peer.asked().len(), 4_000);
}

// Second requests.

/// Answers after a second, and stragglers after as many as their text says.
fn straggling() -> std::sync::Arc<Peer> {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    Peer::new(move |prompt| {
        let is_first = seen.lock().unwrap().insert(prompt.to_owned());
        let straggles = prompt.strip_prefix("slow ").filter(|_| is_first);
        let seconds = straggles.map_or(1, |seconds| seconds.parse().unwrap());
        (Duration::from_secs(seconds), answer())
    })
}

fn hedging(percentile: f64, share: f64) -> ExecutionSettings {
    let hedging = Hedging::after_percentile(percentile).with_max_share(share);
    ExecutionSettings::default().with_hedging(hedging)
}

#[tokio::test(start_paused = true)]
async fn a_straggler_is_sent_twice_and_the_first_answer_counts() {
    let peer = straggling();
    let shared = resources([("a", &peer, 64)]);
    let pipeline = one_call(&shared).with_settings(hedging(90.0, 1.0));
    pipeline.run_batch(texts(30)).await;
    let start = Instant::now();
    let mut results = pipeline.stream(["slow 100".to_owned()]);
    results.next().await.unwrap().output.unwrap();
    // A second until it is a straggler, and one for the second request.
    assert_eq!(start.elapsed().as_secs(), 2);
    assert!(results.next().await.is_none());
    assert_eq!(
        (results.progress().hedges, results.progress().calls),
        (1, 1)
    );
    sleep(Duration::from_millis(1)).await;
    let metrics = &shared.metrics()["a"];
    let counts = (
        metrics.requests,
        metrics.successes,
        metrics.cancelled,
        metrics.failures,
    );
    assert_eq!(counts, (32, 31, 1, 0));
    assert_eq!((metrics.hedges, metrics.in_flight), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn second_requests_are_for_those_who_want_them() {
    let check = async |settings: ExecutionSettings, most_in_all: usize, seconds: u64| {
        let peer = straggling();
        let shared = resources([("a", &peer, most_in_all)]);
        let pipeline = one_call(&shared);
        // Twenty answers that say what is usual.
        pipeline.run_batch(texts(20)).await;
        let start = Instant::now();
        let inputs = ["slow 50", "slow 40"].map(str::to_owned);
        let results = pipeline.with_settings(settings).run_batch(inputs).await;
        assert!(results.iter().all(|result| result.output.is_ok()));
        assert_eq!(start.elapsed().as_secs(), seconds);
    };
    check(ExecutionSettings::default(), 64, 50).await;
    check(hedging(90.0, 1.0), 64, 2).await;
    check(hedging(90.0, 0.0), 64, 50).await;
    // One of two calls.
    check(hedging(90.0, 0.5), 64, 40).await;
    check(hedging(90.0, 0.4), 64, 50).await;
    // Only where there is room: when one has ended.
    check(hedging(90.0, 1.0), 2, 41).await;
    let off = hedging(90.0, 1.0).with_hedging(Hedging::off());
    check(off, 64, 50).await;
}

#[tokio::test(start_paused = true)]
async fn second_requests_of_answers_that_take_no_time() {
    let peer = Peer::new(|prompt| {
        let seconds = if prompt == "slow" { 9 } else { 0 };
        (Duration::from_secs(seconds), answer())
    });
    let shared = resources([("a", &peer, 1)]);
    let pipeline = one_call(&shared).with_settings(hedging(90.0, 1.0));
    pipeline.run_batch(texts(30)).await;
    // There is no room for a second request, now or later.
    let run = pipeline.run("slow".to_owned());
    timeout(DAYS, run).await.expect("it ends").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_input_makes_no_more_calls() {
    let mut builder = GraphBuilder::new("fails", Schema::any());
    let fails = builder.add(call("b", "fails", NodeRef::INPUT));
    let slow = builder.add(call("a", "slow", NodeRef::INPUT));
    let waits = builder.add(call("c", "waits", NodeRef::INPUT));
    let next = builder.add(call("a", "next", slow));
    let retried = builder.add(call("d", "retried", NodeRef::INPUT));
    let ends = [fails, waits, next, retried].map(Shape::from).to_vec();
    let graph = builder.finish(Shape::List(ends)).unwrap();
    let slow = Peer::new(|prompt| {
        let is_slow = prompt.starts_with("slow");
        (Duration::from_secs(if is_slow { 9 } else { 1 }), answer())
    });
    let waits = Peer::new(|_| (Duration::from_secs(5), answer()));
    let fails = Peer::new(|_| (Duration::from_millis(500), refusal()));
    let retried = Peer::new(|_| (Duration::from_secs(1), failure()));
    let all = [
        ("a", &slow, 64),
        ("b", &fails, 9),
        ("c", &waits, 1),
        ("d", &retried, 9),
    ];
    let shared = resources(all);
    let other = LlmInference::new("a").bind(&shared).unwrap();
    other.run_batch(texts(30)).await;
    let full = LlmInference::new("c").bind(&shared).unwrap();
    let full = tokio::spawn(full.run("full".to_owned()));
    sleep(Duration::from_millis(1)).await;
    let pipeline = graph
        .bind(&shared)
        .unwrap()
        .with_settings(hedging(60.0, 1.0));
    let error = pipeline.run(Value::from("x")).await.unwrap_err();
    assert_eq!(error.node.as_deref(), Some("fails"));
    full.await.unwrap().unwrap();
    sleep(DAYS).await;
    let counts = [slow, waits, fails, retried].map(|peer| peer.asked().len());
    assert_eq!(counts, [30 + 1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn clients_that_never_answer_are_given_up_by_the_endpoint() {
    let peer = Peer::new(|_| (forever(), answer()));
    let error = one_call(&resources([("a", &peer, 1)]))
        .run("x".to_owned())
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.attempts()), ("timeout", 4));
    assert_eq!(
        rest(one_call(&resources([("a", &peer, 1)])).stream(texts(0))).await,
        [""; 0]
    );
}

/// A host function that has shown to be quick, and then waits for a run.
#[test]
fn a_host_function_that_waits_for_a_run_does_not_wait_for_itself() {
    let shared = resources([("a", &Peer::new(|_| (Duration::ZERO, answer())), 1)]);
    let inner = one_call(&shared);
    let graph = Tracer::new("outer").trace(move |text: Proxy<String>| {
        let inner = inner.clone();
        text.then("sometimes", move |text: String| match &*text {
            "wait" => inner.run_blocking(text).unwrap(),
            _ => text,
        })
    });
    let settings = ExecutionSettings::default().with_max_inputs_in_flight(1);
    let outer = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    let outer = outer.with_settings(settings);
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let inputs = (0..2000).map(|index| if index % 100 == 99 { "wait" } else { "go on" });
        let results = outer.run_batch_blocking(inputs.map(Value::from)).unwrap();
        let waited = results.iter().filter(|result| {
            let output = result.output.as_ref().unwrap();
            *output == Value::from("answer")
        });
        sender.send(waited.count()).unwrap();
    });
    assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(20));
}

/// A run that has all its results does not wait for a turn in order to end.
#[tokio::test(start_paused = true)]
async fn a_finished_run_ends_in_a_full_manager() {
    let manager = ExecutionManager::new(1);
    let within = |priority| {
        let settings = ExecutionSettings::default().with_manager(&manager);
        settings.with_priority(priority)
    };
    let shared = resources([("a", &Peer::of_a_second(), 9)]);
    let pipeline = one_call(&shared);
    let one = tokio::spawn(pipeline.with_settings(within(1)).run_batch(texts(1)));
    sleep(Duration::from_millis(500)).await;
    let many = pipeline.with_settings(within(0)).stream(texts(100));
    let start = Instant::now();
    one.await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    drop(many);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "before the first result is read")]
async fn results_are_put_in_order_from_the_first_one_on() {
    let shared = resources([("a", &Peer::of_a_second(), 9)]);
    let mut results = one_call(&shared).stream(texts(3));
    results.next().await;
    let _ = results.in_order();
}
