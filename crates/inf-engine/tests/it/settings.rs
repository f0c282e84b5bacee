//! Every setting does something, and layers of settings lie as they should.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use inf_engine::execution::{
    Cancellation, ErrorKind, ErrorPolicy, ExecutionManager, ExecutionSettings, Observer, Progress,
    TaskReport,
};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use tokio::time::{Instant, sleep, timeout};

use crate::support::peer::{Peer, answer, failure, one_call, refusal, resources, rest, texts};

fn settings() -> ExecutionSettings {
    ExecutionSettings::default()
}

/// Twelve calls of a second each: how long they take with these settings.
async fn seconds(settings: ExecutionSettings) -> u64 {
    let pipeline = one_call(&resources([("a", &Peer::of_a_second(), 12)]));
    seconds_of(&pipeline.with_settings(settings)).await
}

async fn seconds_of(pipeline: &Pipeline<String, String>) -> u64 {
    let start = Instant::now();
    let results = pipeline.run_batch(texts(12)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    start.elapsed().as_secs()
}

/// Which setting a layer has can be told from the seconds: 12 without any.
fn layer(max_concurrent: usize) -> ExecutionSettings {
    settings().with_max_concurrent(max_concurrent)
}

// Layers.

#[tokio::test(start_paused = true)]
async fn the_nearest_layer_counts() {
    let plain = one_call(&resources([("a", &Peer::of_a_second(), 12)]));
    let bound = plain.with_settings(layer(2));
    let called = bound.with_settings(layer(1));
    assert_eq!(seconds_of(&plain).await, 1);
    assert_eq!(seconds_of(&bound).await, 6);
    assert_eq!(seconds_of(&called).await, 12);
    let scoped = layer(4).scope(async {
        assert_eq!(seconds_of(&plain).await, 3);
        layer(3)
            .scope(async { assert_eq!(seconds_of(&plain).await, 4) })
            .await;
        // What an inner scope does not say, an outer one does.
        let inner = settings().with_max_results_waiting(1);
        inner
            .scope(async { assert_eq!(seconds_of(&plain).await, 3) })
            .await;
        assert_eq!(seconds_of(&bound).await, 6);
        assert_eq!(seconds_of(&called).await, 12);
        // One layer says one thing, the next another.
        let other = bound.with_settings(settings().with_max_retries(1));
        assert_eq!(seconds_of(&other).await, 6);
    });
    scoped.await;
    assert_eq!(seconds_of(&plain).await, 1);
}

#[tokio::test(start_paused = true)]
async fn scopes_go_along_into_spawned_tasks() {
    let plain = one_call(&resources([("a", &Peer::of_a_second(), 12)]));
    let (first, second) = (plain.clone(), plain);
    let spawned = layer(4).scope(async move {
        let with = inf_engine::execution::spawn(async move { seconds_of(&first).await });
        let without = tokio::spawn(async move { seconds_of(&second).await });
        (with.await.unwrap(), without.await.unwrap())
    });
    assert_eq!(spawned.await.0, 3);
}

#[tokio::test(start_paused = true)]
async fn scopes_go_along_into_host_functions() {
    let shared = resources([("a", &Peer::of_a_second(), 12)]);
    let inner = one_call(&shared);
    let graph = Tracer::new("outer").trace(move |text: Proxy<String>| {
        let inner = inner.clone();
        text.then_async("inner", move |_: String| {
            let inner = inner.clone();
            async move { seconds_of(&inner).await.to_string() }
        })
    });
    let outer = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    let run = || outer.run(Value::from("x"));
    assert_eq!(run().await.unwrap().to_string(), "1");
    assert_eq!(layer(4).scope(run()).await.unwrap().to_string(), "3");
    // Settings of the outer pipeline are its own.
    let narrow = outer.with_settings(layer(2));
    assert_eq!(narrow.run(Value::from("x")).await.unwrap().to_string(), "1");
}

#[test]
fn scopes_go_along_into_programs_that_are_not_async() {
    let graph = Tracer::new("outer").trace(move |text: Proxy<String>| {
        text.then("current", |_: String| {
            let current = ExecutionSettings::current().max_concurrent;
            format!("{current:?}")
        })
    });
    let outer = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    let run = || outer.run_blocking(Value::from("x")).unwrap().to_string();
    assert_eq!(layer(4).scope_blocking(run), "Some(4)");
    assert_eq!(run(), "None");
}

#[test]
fn scopes_go_along_into_host_functions_that_run_inline() {
    let graph = Tracer::new("outer").trace(move |text: Proxy<String>| {
        text.then("current", |_: String| {
            ExecutionSettings::current().max_concurrent
        })
    });
    let outer = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    // One after the other, so that it is known to be quick soon.
    let outer = outer.with_settings(settings().with_max_inputs_in_flight(1));
    let run = || outer.run_batch_blocking((0..200).map(|_| Value::from("x")));
    for result in layer(4).scope_blocking(run).unwrap() {
        assert_eq!(result.output.unwrap(), Value::from(4));
    }
    for result in run().unwrap() {
        assert_eq!(result.output.unwrap(), Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn observers_and_cancellations_of_all_layers_count() {
    #[derive(Default)]
    struct Counts(AtomicUsize);
    impl Observer for Counts {
        fn task_ended(&self, _: &TaskReport<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let plain = one_call(&resources([("a", &Peer::of_a_second(), 12)]));
    let counts: [Arc<Counts>; 4] = std::array::from_fn(|_| Arc::default());
    let observed = |layer: usize| settings().with_observer(counts[layer].clone());
    let pipeline = plain.with_settings(observed(1)).with_settings(observed(0));
    let run = observed(2).scope(pipeline.run("x".to_owned()));
    observed(3).scope(run).await.unwrap();
    assert!(
        counts
            .iter()
            .all(|counts| counts.0.load(Ordering::Relaxed) == 1)
    );

    for cancelled in 0..4 {
        let handles: [Cancellation; 4] = std::array::from_fn(|_| Cancellation::new());
        let with = |layer: usize| settings().with_cancellation(&handles[layer]);
        let pipeline = plain.with_settings(with(1)).with_settings(with(0));
        let run = with(3).scope(with(2).scope(pipeline.run("x".to_owned())));
        let cancel = async {
            sleep(Duration::from_millis(500)).await;
            handles[cancelled].cancel();
        };
        let (result, ()) = tokio::join!(run, cancel);
        assert_eq!(
            result.unwrap_err().kind,
            ErrorKind::Cancelled,
            "layer {cancelled}"
        );
    }
}

// One setting each.

#[tokio::test(start_paused = true)]
async fn max_concurrent_and_max_inputs_in_flight_bound_a_run() {
    assert_eq!(seconds(settings()).await, 1);
    assert_eq!(seconds(settings().with_max_concurrent(5)).await, 3);
    assert_eq!(seconds(settings().with_max_concurrent(0)).await, 12);
    assert_eq!(seconds(settings().with_max_inputs_in_flight(4)).await, 3);
    assert_eq!(seconds(settings().with_max_inputs_in_flight(0)).await, 12);
    assert_eq!(
        seconds(settings().with_manager(&ExecutionManager::new(2))).await,
        6
    );
    assert_eq!(
        seconds(settings().with_manager(&ExecutionManager::new(0))).await,
        12
    );
}

#[tokio::test(start_paused = true)]
async fn max_results_waiting_bounds_what_nobody_reads() {
    let peer = Peer::of_a_second();
    let bounds = settings()
        .with_max_inputs_in_flight(4)
        .with_max_results_waiting(3);
    let pipeline = one_call(&resources([("a", &peer, 64)])).with_settings(bounds);
    let mut results = pipeline.stream(texts(100));
    sleep(Duration::from_hours(1)).await;
    assert_eq!(peer.asked().len(), 4 + 3);
    for _ in 0..2 {
        results.next().await.unwrap().output.unwrap();
    }
    sleep(Duration::from_hours(1)).await;
    assert_eq!(peer.asked().len(), 4 + 3 + 2);
    assert_eq!(rest(results).await.len(), 98);
}

#[tokio::test(start_paused = true)]
async fn results_in_order_wait_for_older_ones_and_are_bounded() {
    let peer = Peer::new(|prompt| {
        let seconds = if prompt == "0" { 100 } else { 1 };
        (Duration::from_secs(seconds), answer())
    });
    let bounds = settings()
        .with_max_inputs_in_flight(4)
        .with_max_results_waiting(3);
    let pipeline = one_call(&resources([("a", &peer, 64)])).with_settings(bounds);
    let mut results = pipeline.stream(texts(50)).in_order();
    assert!(
        timeout(Duration::from_secs(99), results.next())
            .await
            .is_err()
    );
    assert_eq!(peer.asked().len(), 4 + 3);
    for index in 0..50 {
        assert_eq!(results.next().await.unwrap().index, index);
    }
    assert!(results.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn error_policies_and_retries() {
    let check = async |settings: ExecutionSettings, expected: [usize; 3]| {
        let peer = Peer::new(|prompt| {
            let outcome = match prompt {
                "0" => failure(),
                "1" => refusal(),
                _ => answer(),
            };
            (Duration::from_millis(100), outcome)
        });
        let pipeline = one_call(&resources([("a", &peer, 2)])).with_settings(settings);
        let kinds = rest(pipeline.stream(texts(20))).await;
        let count = |prompt: &str| peer.asked().iter().filter(|asked| *asked == prompt).count();
        let oks = kinds.iter().filter(|kind| **kind == "ok").count();
        assert_eq!([count("0"), count("1"), oks], expected);
    };
    check(settings(), [4, 1, 18]).await;
    check(settings().with_max_retries(1), [2, 1, 18]).await;
    check(settings().with_max_retries(0), [1, 1, 18]).await;
    check(
        settings().with_error_policy(ErrorPolicy::Continue),
        [1, 1, 18],
    )
    .await;
    check(
        settings().with_error_policy(ErrorPolicy::FailFast),
        [1, 1, 0],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_no_failure_for_fail_fast() {
    let peer = Peer::of_a_second();
    let fast = settings().with_error_policy(ErrorPolicy::FailFast);
    let pipeline = one_call(&resources([("a", &peer, 3)])).with_settings(fast);
    let mut results = pipeline.stream(texts(10));
    sleep(Duration::from_millis(500)).await;
    results.stop();
    let mut kinds = rest(results).await;
    kinds.sort_unstable();
    assert_eq!(
        kinds[kinds.len() - 3..],
        ["ok"; 3],
        "what has begun goes on"
    );
}

#[tokio::test(start_paused = true)]
async fn task_timeout_bounds_an_attempt() {
    let peer = Peer::new(|_| (Duration::from_secs(9), answer()));
    let pipeline = one_call(&resources([("a", &peer, 1)]));
    let short = settings()
        .with_task_timeout(Duration::from_secs(3))
        .with_max_retries(1);
    let error = pipeline
        .with_settings(short)
        .run("x".to_owned())
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.attempts()), ("timeout", 2));
    let long = settings().with_task_timeout(Duration::from_secs(10));
    pipeline
        .with_settings(long)
        .run("x".to_owned())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn run_timeout_bounds_a_run() {
    let peer = Peer::of_a_second();
    let timed = |ms| settings().with_run_timeout(Duration::from_millis(ms));
    let pipeline = one_call(&resources([("a", &peer, 2)]));
    let start = Instant::now();
    let results = pipeline
        .with_settings(timed(2_500))
        .run_batch(texts(20))
        .await;
    assert_eq!(start.elapsed(), Duration::from_millis(2_500));
    let kinds = results.iter().map(|result| {
        result
            .output
            .as_ref()
            .map_or_else(|error| error.kind.as_str(), |_| "ok")
    });
    let kinds: Vec<&str> = kinds.collect();
    assert_eq!(kinds[..4], ["ok"; 4]);
    assert_eq!(kinds[4..], ["timeout"; 16]);
    assert_eq!(peer.asked().len(), 6);
    let kinds = rest(pipeline.with_settings(timed(0)).stream(texts(20))).await;
    assert!(kinds.is_empty(), "{kinds:?}");
    assert_eq!(peer.asked().len(), 6, "nothing is begun in no time");
    assert_eq!(seconds(timed(60_000)).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_before_it_begins_calls_nothing() {
    let peer = Peer::of_a_second();
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let cancelled = settings().with_cancellation(&cancellation);
    let pipeline = one_call(&resources([("a", &peer, 9)])).with_settings(cancelled);
    let results = pipeline.run_batch(texts(5)).await;
    let is_cancelled =
        |error: &inf_engine::execution::ExecutionError| error.kind == ErrorKind::Cancelled;
    assert!(
        results
            .iter()
            .all(|result| result.output.as_ref().is_err_and(is_cancelled))
    );
    assert!(peer.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_at_once_and_keeps_what_it_had() {
    let peer = Peer::of_a_second();
    let shared = resources([("a", &peer, 2)]);
    let mut results = one_call(&shared).stream(texts(10));
    sleep(Duration::from_millis(1_500)).await;
    results.cancel();
    let start = Instant::now();
    let kinds = rest(results).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(kinds[..2], ["ok"; 2]);
    assert!(kinds[2..].iter().all(|kind| *kind == "cancelled"));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(peer.asked().len(), 4);
    assert_eq!(shared.metrics()["a"].cancelled, 2);
}

// What is told.

#[tokio::test(start_paused = true)]
async fn functions_are_told_of_nodes_that_end() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (completes, fails) = (Arc::clone(&told), Arc::clone(&told));
    let note = |told: &Mutex<Vec<String>>, what: &str, task: &TaskReport<'_>| {
        let text = format!("{what} {} {:?}", task.input, task.alias);
        told.lock().unwrap().push(text);
    };
    let peer = Peer::new(|prompt| match prompt {
        "1" => (Duration::from_secs(2), refusal()),
        _ => (Duration::from_secs(1), answer()),
    });
    let settings = settings()
        .on_task_complete(move |task| note(&completes, "completed", task))
        .on_task_failed(move |task| note(&fails, "failed", task));
    let pipeline = one_call(&resources([("a", &peer, 9)])).with_settings(settings);
    pipeline.run_batch(texts(2)).await;
    let told = told.lock().unwrap();
    assert_eq!(*told, ["completed 0 Some(\"a\")", "failed 1 Some(\"a\")"]);
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_at_the_ends_and_now_and_then() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let settings = settings().on_progress(Duration::from_millis(2_500), move |progress| {
        let text = (progress.elapsed.as_secs(), progress.inputs_ended());
        tells.lock().unwrap().push(text);
    });
    let shared = resources([("a", &Peer::of_a_second(), 1)]);
    let pipeline = one_call(&shared).with_settings(settings);
    pipeline.run_batch(texts(8)).await;
    let told = told.lock().unwrap();
    let times: Vec<u64> = told.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 3, 6, 8]);
    assert_eq!(told.first().map(|(_, ended)| *ended), Some(0));
    assert_eq!(told.last().map(|(_, ended)| *ended), Some(8));
}

#[tokio::test(start_paused = true)]
async fn progress_can_be_read_apart_from_the_results() {
    let shared: Arc<ResourceManager> = resources([("a", &Peer::of_a_second(), 2)]);
    let results = one_call(&shared).stream(texts(20));
    let updates = results.progress_updates(Duration::from_secs(3));
    let reads = tokio::spawn(rest(results));
    let updates: Vec<_> = timeout(Duration::from_hours(1), updates.collect())
        .await
        .unwrap();
    assert_eq!(reads.await.unwrap().len(), 20);
    let last = updates.last().unwrap();
    assert_eq!(
        (last.inputs_total, last.inputs_succeeded, last.calls),
        (Some(20), 20, 20)
    );
    assert_eq!(last.elapsed.as_secs(), 10);
    assert!((3..7).contains(&updates.len()), "{}", updates.len());
    let ended = updates
        .iter()
        .map(inf_engine::execution::Progress::inputs_ended);
    assert!(ended.is_sorted());
    let within = |update: &inf_engine::execution::Progress| update.endpoints[0].in_flight <= 2;
    assert!(updates.iter().all(within));
}

#[tokio::test(start_paused = true)]
async fn who_reads_the_progress_does_not_wait_for_longer_than_the_run() {
    let shared = resources([("a", &Peer::of_a_second(), 2)]);
    let results = one_call(&shared).stream(texts(4));
    let updates = results.progress_updates(Duration::from_hours(1));
    let start = Instant::now();
    let (kinds, updates) = tokio::join!(rest(results), updates.collect::<Vec<_>>());
    assert_eq!(kinds, ["ok"; 4]);
    assert_eq!(start.elapsed().as_secs(), 2);
    let ended: Vec<usize> = updates.iter().map(Progress::inputs_ended).collect();
    assert_eq!(ended, [4]);
}

#[tokio::test(start_paused = true)]
async fn settings_at_their_limits_mean_what_they_say() {
    let shared = resources([("a", &Peer::of_a_second(), 1)]);
    let run = async |settings: ExecutionSettings| {
        let pipeline = LlmInference::new("a")
            .priority(i32::MAX)
            .with_priority(i32::MAX);
        let pipeline = pipeline.bind(&shared).unwrap().with_settings(settings);
        rest(pipeline.stream(texts(3))).await
    };
    let none = settings()
        .with_max_concurrent(0)
        .with_max_inputs_in_flight(0)
        .with_max_results_waiting(0)
        .with_manager(&ExecutionManager::new(0))
        .with_priority(i32::MIN);
    assert_eq!(run(none).await, ["ok"; 3]);
    let most = settings()
        .with_max_concurrent(usize::MAX)
        .with_max_inputs_in_flight(usize::MAX)
        .with_max_results_waiting(usize::MAX)
        .with_manager(&ExecutionManager::new(usize::MAX))
        .with_max_retries(u32::MAX)
        .with_task_timeout(Duration::MAX)
        .with_run_timeout(Duration::MAX)
        .with_priority(i32::MAX);
    assert_eq!(run(most).await, ["ok"; 3]);
    let no_time = settings().with_run_timeout(Duration::ZERO);
    assert_eq!(run(no_time).await, [] as [&str; 0]);
    let no_time = settings().with_task_timeout(Duration::ZERO);
    assert_eq!(run(no_time).await, ["timeout"; 3]);
}

/// Functions on a pool of one thread: the second waits until the first has
/// ended.
#[test]
fn task_timeout_does_not_count_the_wait_for_a_thread() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .start_paused(true)
        .max_blocking_threads(1);
    let (go_on, waits) = std::sync::mpsc::channel();
    let waits = Mutex::new(waits);
    let graph = Tracer::new("one").trace(|text: Proxy<String>| {
        text.then_blocking("waits", move |text: String| {
            waits.lock().unwrap().recv().unwrap_or(());
            text
        })
    });
    let pipeline = graph.unwrap().bind(ResourceConfig::new()).unwrap();
    let pipeline = pipeline.with_settings(settings().with_task_timeout(Duration::from_secs(5)));
    runtime.build().unwrap().block_on(async move {
        let mut results = pipeline.stream(texts(3).map(Value::from));
        // Everything that can be done is, timers included.
        let settle = async || {
            for _ in 0..500 {
                tokio::task::yield_now().await;
            }
        };
        settle().await;
        assert_eq!(results.progress().inputs_in_flight, 3);
        for _ in 0..2 {
            tokio::time::advance(Duration::from_secs(4)).await;
            settle().await;
            go_on.send(()).unwrap();
            results.next().await.unwrap().output.unwrap();
        }
        let error = loop {
            tokio::time::advance(Duration::from_secs(1)).await;
            if let Some(result) = results.next().now_or_never() {
                break result.unwrap().output.unwrap_err();
            }
        };
        assert_eq!(error.kind, ErrorKind::Timeout);
        // The thread ends with it.
        drop(go_on);
    });
}
