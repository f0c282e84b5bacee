//! Runs that end otherwise than by themselves: panics, runtimes that go away,
//! streams that are dropped.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use inf_engine::execution::{
    ErrorKind, ExecutionSettings, InputReport, Observer, PauseReport, Profile, ResultStream,
    RunReport, TaskReport, in_background,
};
use inf_engine::graph::{GraphBuilder, NodeRef, Shape};
use inf_engine::prelude::*;
use inf_engine::resources::EndpointConfig;
use inf_engine::value::Schema;
use tokio::time::{sleep, timeout};

use crate::support::peer::{Peer, answer, call, forever, limit, one_call, resources, rest, texts};
use crate::support::{Answer, RawPeer};

/// Panics where it is told to.
struct Panics(&'static str);

impl Panics {
    fn at(&self, place: &str) {
        assert!(self.0 != place, "in {place}");
    }
}

impl Observer for Panics {
    fn run_started(&self, _: &RunReport<'_>) {
        self.at("run_started");
    }
    fn task_ended(&self, task: &TaskReport<'_>) {
        let is_limit = matches!(
            task.outcome,
            inf_engine::execution::TaskOutcome::RateLimited
        );
        self.at(if is_limit {
            "rate_limited"
        } else {
            "task_ended"
        });
    }
    fn input_ended(&self, _: &InputReport<'_>) {
        self.at("input_ended");
    }
    fn endpoint_paused(&self, _: &PauseReport<'_>) {
        self.at("endpoint_paused");
    }
    fn run_ended(&self, _: &RunReport<'_>) {
        self.at("run_ended");
    }
}

/// Calls of a second, of which the fifth is refused for a limit.
fn limiting() -> Arc<Peer> {
    let is_first = std::sync::atomic::AtomicBool::new(true);
    Peer::new(move |prompt| {
        let is_limit = prompt == "4" && is_first.swap(false, std::sync::atomic::Ordering::SeqCst);
        (
            Duration::from_secs(1),
            if is_limit { limit() } else { answer() },
        )
    })
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_ends_its_run_alone() {
    let places = [
        "run_started",
        "task_ended",
        "input_ended",
        "rate_limited",
        "endpoint_paused",
        "run_ended",
    ];
    for place in places {
        let peer = limiting();
        let shared = resources([("a", &peer, 2)]);
        let observed = ExecutionSettings::default().with_observer(Arc::new(Panics(place)));
        let other = one_call(&shared).stream(texts(20).map(|text| format!("other {text}")));
        let panicking = one_call(&shared).with_settings(observed).stream(texts(9));
        let read = AssertUnwindSafe(rest(panicking)).catch_unwind();
        let (read, kinds) = tokio::join!(read, timeout(Duration::from_hours(1), rest(other)));
        let panic = read.expect_err(place);
        let text = panic.downcast_ref::<String>().unwrap();
        assert_eq!(*text, format!("in {place}"));
        assert_eq!(kinds.expect("it ends"), ["ok"; 20], "{place}");
        assert_eq!(shared.metrics()["a"].in_flight, 0, "{place}");
        // The scheduler works as before.
        one_call(&shared).run("x".to_owned()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_run_that_panicked_are_given_up() {
    let mut builder = GraphBuilder::new("two", Schema::any());
    let quick = builder.add(call("a", "quick", NodeRef::INPUT));
    let slow = builder.add(call("b", "slow", NodeRef::INPUT));
    let ends = Shape::List([quick, slow].map(Shape::from).to_vec());
    let graph = builder.finish(ends).unwrap();
    let slow = Peer::new(|_| (Duration::from_secs(90), answer()));
    let shared = resources([("a", &Peer::of_a_second(), 1), ("b", &slow, 9)]);
    let observed = ExecutionSettings::default().with_observer(Arc::new(Panics("task_ended")));
    let pipeline = graph.bind(&shared).unwrap().with_settings(observed);
    let batch = pipeline.run_batch(texts(3).map(Value::from));
    AssertUnwindSafe(batch).catch_unwind().await.unwrap_err();
    sleep(Duration::from_millis(1)).await;
    let metrics = &shared.metrics()["b"];
    assert_eq!((metrics.in_flight, metrics.cancelled), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_ends_its_run_alone() {
    let shared = resources([("a", &Peer::of_a_second(), 2)]);
    let other = one_call(&shared).stream(texts(20));
    let at_once = (0..9).map(|index: usize| {
        assert!(index < 5, "in the source");
        index.to_string()
    });
    let later = stream::iter(0..9).then(async |index: usize| {
        sleep(Duration::from_millis(100)).await;
        assert!(index < 5, "in the source");
        index.to_string()
    });
    let sources = [
        one_call(&shared).stream(at_once),
        one_call(&shared).stream(later.boxed()),
    ];
    for panicking in sources {
        let read = AssertUnwindSafe(rest(panicking)).catch_unwind();
        let panic = read.await.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the source"));
    }
    let kinds = timeout(Duration::from_hours(1), rest(other)).await;
    assert_eq!(kinds.expect("it ends"), ["ok"; 20]);
    assert_eq!(shared.metrics()["a"].in_flight, 0);
}

#[test]
fn a_runtime_that_goes_away_ends_its_runs() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    };
    let peer = Peer::new(|prompt| {
        let ms = if prompt == "quick" { 1 } else { 1_000_000 };
        (Duration::from_millis(ms), answer())
    });
    let shared = resources([("a", &peer, 3)]);
    let pipeline = one_call(&shared);
    let (first, second) = (runtime(), runtime());
    let inputs = ["quick"].into_iter().map(str::to_owned).chain(texts(5));
    let (mut results, unread) = first.block_on(async {
        let mut results = pipeline.stream(inputs);
        results.next().await.unwrap().output.unwrap();
        (results, tokio::spawn(pipeline.run_batch(texts(2))))
    });
    first.shutdown_background();
    let kinds = second.block_on(async {
        assert!(unread.await.unwrap_err().is_cancelled());
        let mut kinds = Vec::new();
        while let Some(result) = results.next().await {
            kinds.push(result.output.unwrap_err().kind);
        }
        kinds
    });
    assert_eq!(kinds, [ErrorKind::Cancelled; 5]);
    // The same pipeline, endpoint and manager serve another runtime.
    second.block_on(pipeline.run("quick".to_owned())).unwrap();
}

#[tokio::test]
async fn a_dropped_stream_closes_its_connections_and_lets_others_be() {
    let hang = || Answer::Hang(Vec::new());
    let peer = RawPeer::start([hang(), hang(), hang()]).await;
    let reply = br#"{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}"#;
    let other = RawPeer::start([Answer::ok(reply)]).await;
    let endpoint = |peer: &RawPeer| EndpointConfig::openai_compatible(peer.base_url(), "m");
    let config = ResourceConfig::new()
        .with_endpoint("a", endpoint(&peer))
        .with_endpoint("b", endpoint(&other));
    let resources = Arc::new(inf_engine::resources::ResourceManager::new(&config).unwrap());
    let mut results = one_call(&resources).stream(texts(3));
    while peer.requests().len() < 3 {
        assert!(results.next().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.open(), 3);
    drop(results);
    let closed = async {
        while peer.open() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), closed)
        .await
        .expect("closed promptly");
    let metrics = &resources.metrics()["a"];
    assert_eq!((metrics.in_flight, metrics.cancelled), (0, 3));
    let pipeline = LlmInference::new("b").bind(&resources).unwrap();
    assert_eq!(pipeline.run("x".to_owned()).await.unwrap(), "hi");
}

#[test]
fn a_runtime_that_goes_away_tells_observers_of_the_end() {
    let ended = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shared = resources([("a", &Peer::new(|_| (forever(), answer())), 3)]);
    let observed = ExecutionSettings::default().with_observer(Arc::new(CountsEnds(ended.clone())));
    let pipeline = one_call(&shared).with_settings(observed);
    let results = runtime.block_on(async { pipeline.stream(texts(5)) });
    while shared.metrics()["a"].in_flight < 3 {
        std::thread::yield_now();
    }
    drop(runtime);
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    assert_eq!(results.progress().inputs_in_flight, 0);
}

#[test]
fn the_end_of_a_run_was_told_when_its_result_is_there() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let shared = resources([("a", &Peer::new(|_| (Duration::ZERO, answer())), 3)]);
    let pipeline = one_call(&shared);
    for _ in 0..300 {
        let ended = Arc::new(AtomicUsize::new(0));
        let observed =
            ExecutionSettings::default().with_observer(Arc::new(CountsEnds(ended.clone())));
        let run = pipeline.with_settings(observed).run("x".to_owned());
        runtime.block_on(run).unwrap();
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }
}

/// Counts the runs that ended.
struct CountsEnds(Arc<AtomicUsize>);

impl Observer for CountsEnds {
    fn run_ended(&self, _: &RunReport<'_>) {
        // The program has time to go on before it is told.
        std::thread::sleep(Duration::from_micros(100));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panicked_leaves_nothing_in_flight() {
    let shared = resources([("a", &Peer::of_a_second(), 2)]);
    let observed = ExecutionSettings::default().with_observer(Arc::new(Panics("task_ended")));
    let mut results = one_call(&shared).with_settings(observed).stream(texts(9));
    let read = AssertUnwindSafe(results.next()).catch_unwind();
    assert!(read.await.is_err());
    let progress = results.progress();
    assert_eq!(progress.inputs_in_flight, 0);
    assert_eq!(progress.inputs_ended(), 9);
    assert_eq!(
        (
            progress.endpoints[0].in_flight,
            progress.endpoints[0].waiting
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_panic_is_raised_where_a_blocking_run_is_awaited_inside_a_runtime() {
    let shared = resources([("a", &Peer::new(|_| (Duration::ZERO, answer())), 2)]);
    let observed = ExecutionSettings::default().with_observer(Arc::new(Panics("task_ended")));
    let pipeline = one_call(&shared).with_settings(observed);
    let run = AssertUnwindSafe(|| pipeline.run_blocking("x".to_owned()));
    let panic = std::panic::catch_unwind(run).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<String>().map(String::as_str),
        Some("in task_ended")
    );
}

#[test]
fn a_stream_without_a_runtime_is_not_read_past_its_end() {
    let source = stream::unfold(
        0,
        |n| async move { (n < 2).then(|| (n.to_string(), n + 1)) },
    );
    let shared = resources([("a", &Peer::of_a_second(), 2)]);
    let mut results = one_call(&shared).stream(source.boxed());
    for _ in 0..2 {
        let result = results.next().now_or_never().unwrap().unwrap();
        assert_eq!(result.output.unwrap_err().kind, ErrorKind::Runtime);
    }
    assert!(results.next().now_or_never().unwrap().is_none());
    assert!(results.next().now_or_never().unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_counts_too_many_tokens_hurts_nobody() {
    let peer = Peer::new(|_| {
        let mut response = answer();
        if let Ok(response) = &mut response {
            response.usage.input_tokens = u64::MAX;
            response.usage.output_tokens = u64::MAX;
        }
        (Duration::from_secs(1), response)
    });
    let shared = resources([("a", &peer, usize::MAX)]);
    let profile = Profile::new();
    let profiled = ExecutionSettings::default().with_profile(&profile);
    let pipeline = one_call(&shared).with_settings(profiled);
    let results = pipeline.run_batch(texts(3)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let text = profile.summary().to_string();
    assert!(text.contains(&u64::MAX.to_string()), "{text}");
    let mut metrics = shared.metrics()["a"].clone();
    metrics += &shared.metrics()["a"];
    assert_eq!(metrics.usage.input_tokens, u64::MAX);
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_whether_it_ended_early() {
    let shared = resources([("a", &Peer::new(|_| (Duration::from_secs(1), answer())), 3)]);
    let pipeline = one_call(&shared);
    let drain = async |mut results: ResultStream<String>| {
        assert_eq!(results.ended_early(), None, "it goes on");
        while results.next().await.is_some() {}
        results.ended_early().map(|error| error.kind)
    };
    assert_eq!(drain(pipeline.stream(texts(9))).await, None);
    let in_time = ExecutionSettings::default().with_run_timeout(Duration::from_secs(5));
    let endless = || (0..).map(|index: u64| index.to_string());
    let results = pipeline.with_settings(in_time).stream(endless());
    assert_eq!(drain(results).await, Some(ErrorKind::Timeout));
    let mut results = pipeline.stream(endless());
    results.next().await.unwrap().output.unwrap();
    results.stop();
    while results.next().await.is_some() {}
    let kind = results.ended_early().map(|error| error.kind);
    assert_eq!(kind, Some(ErrorKind::Cancelled));
}

#[tokio::test]
async fn a_run_inside_of_blocking_code_ends_with_the_run_around_it() {
    let shared = resources([("a", &Peer::new(|_| (Duration::from_millis(1), answer())), 1)]);
    let inner = one_call(&shared);
    let outer = Tracer::new("outer").trace(|text: Proxy<String>| {
        text.then_blocking("inner", move |text: String| {
            let endless = std::iter::repeat_n(text, 1_000_000);
            inner.run_batch_blocking(endless).map_or(0, |all| all.len())
        })
    });
    let outer = outer.unwrap().bind(ResourceConfig::new()).unwrap();
    let mut results = outer.stream([Value::from("x")]);
    while shared.metrics()["a"].successes < 3 {
        sleep(Duration::from_millis(1)).await;
    }
    results.cancel();
    results.next().await.unwrap().output.unwrap_err();
    let is_quiet = async {
        loop {
            let before = shared.metrics()["a"].requests;
            sleep(Duration::from_millis(20)).await;
            if shared.metrics()["a"].requests == before {
                break;
            }
        }
    };
    timeout(Duration::from_secs(20), is_quiet)
        .await
        .expect("the inner run ends");
}

#[tokio::test]
async fn an_iterator_that_waits_is_read_in_the_background() {
    let shared = resources([("a", &Peer::new(|_| (Duration::ZERO, answer())), 3)]);
    let pipeline = one_call(&shared);
    let (sender, receiver) = std::sync::mpsc::channel();
    sender.send("first".to_owned()).unwrap();
    let mut results = pipeline.stream(in_background(receiver));
    let mut sender = Some(sender);
    let mut ended = 0;
    // Each result makes the next input.
    while let Some(result) = results.next().await {
        result.output.unwrap();
        ended += 1;
        if ended < 5 {
            sender.as_ref().unwrap().send(format!("{ended}")).unwrap();
        } else {
            sender = None;
        }
    }
    assert_eq!(ended, 5);
    assert_eq!(results.ended_early(), None);

    let panics = (0..3).map(|index| {
        if index < 2 {
            index.to_string()
        } else {
            panic!("no more")
        }
    });
    let read = pipeline.stream(in_background(panics)).collect::<Vec<_>>();
    let panic = AssertUnwindSafe(read).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"no more"));
}

/// Whether `body` ends, which may take ten seconds.
fn ends(body: impl FnOnce() + Send + 'static) -> bool {
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        body();
        let _ = sender.send(());
    });
    ended.recv_timeout(Duration::from_secs(10)).is_ok()
}

/// Waits for a run where all runs wait for it.
struct WaitsForRun(Pipeline<String, String>, Arc<Mutex<Vec<ErrorKind>>>);

impl WaitsForRun {
    fn wait(&self) {
        if let Err(error) = self.0.run_blocking("x".to_owned()) {
            self.1.lock().unwrap().push(error.kind);
        }
    }
}

impl Observer for WaitsForRun {
    fn task_ended(&self, _: &TaskReport<'_>) {
        self.wait();
    }
}

#[test]
fn sources_and_observers_that_wait_for_a_run_are_told_that_they_can_not() {
    let shared = resources([("a", &Peer::new(|_| (Duration::ZERO, answer())), 1)]);
    let pipeline = one_call(&shared);
    let found = Arc::new(Mutex::new(Vec::new()));
    let waits = || Arc::new(WaitsForRun(pipeline.clone(), Arc::clone(&found)));

    let observed = pipeline.with_settings(ExecutionSettings::default().with_observer(waits()));
    let body = move || assert_eq!(observed.run_batch_blocking(texts(5)).unwrap().len(), 5);
    assert!(ends(body), "an observer");
    assert_eq!(
        std::mem::take(&mut *found.lock().unwrap()),
        [ErrorKind::Runtime; 5]
    );

    let (waits, read) = (waits(), pipeline.clone());
    let body = move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let inputs = texts(50).inspect(move |_| waits.wait());
        let kinds = runtime.block_on(async { rest(read.stream(inputs)).await });
        assert_eq!(kinds, ["ok"; 50]);
    };
    assert!(ends(body), "a source");
    assert_eq!(*found.lock().unwrap(), [ErrorKind::Runtime; 50]);
}

#[test]
fn a_source_that_still_waits_keeps_no_runtime_from_ending() {
    let (sender, receiver) = std::sync::mpsc::channel();
    sender.send("first".to_owned()).unwrap();
    let body = move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let shared = resources([("a", &Peer::new(|_| (Duration::ZERO, answer())), 1)]);
        runtime.block_on(async {
            let mut results = one_call(&shared).stream(in_background(receiver));
            results.next().await.unwrap().output.unwrap();
        });
    };
    assert!(ends(body));
    drop(sender);
}

#[test]
fn a_stream_without_a_runtime_says_whether_it_ended_early() {
    let shared = resources([("a", &Peer::of_a_second(), 2)]);
    let mut results = one_call(&shared).stream(texts(2));
    while results.next().now_or_never().unwrap().is_some() {}
    assert_eq!(results.ended_early(), None, "each input has its error");
    let mut results = one_call(&shared).stream(texts(2));
    results.cancel();
    assert!(results.next().now_or_never().unwrap().is_none());
    let why = results.ended_early().unwrap().to_string();
    assert_eq!(why, "the run was cancelled before it began");
}

/// Panics when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

impl Observer for Fragile {
    fn task_ended(&self, _: &TaskReport<'_>) {
        panic!("told");
    }
}

#[tokio::test(start_paused = true)]
async fn what_panics_when_it_is_dropped_ends_no_other_run() {
    let shared = resources([("a", &Peer::of_a_second(), 2)]);
    let other = one_call(&shared).stream(texts(10));
    let source = Fragile;
    let waits = stream::pending().inspect(move |_: &String| {
        let _ = &source;
    });
    let mut late = one_call(&shared).stream(waits.boxed());
    let read = timeout(Duration::from_secs(1), late.next());
    assert!(read.await.is_err(), "it waits for its source");
    drop(late);
    let observed = ExecutionSettings::default().with_observer(Arc::new(Fragile));
    let observed = {
        let pipeline = one_call(&shared).with_settings(observed);
        pipeline.stream(texts(3))
    };
    let panic = AssertUnwindSafe(rest(observed)).catch_unwind().await;
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"told"));
    assert_eq!(rest(other).await, ["ok"; 10]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_at_any_moment_leaves_nothing_in_flight() {
    for moment in 0..100 {
        let peer = Peer::new(|prompt| (Duration::from_millis(prompt.len() as u64 * 7), answer()));
        let shared = resources([("a", &peer, 3)]);
        let mut results = one_call(&shared).stream(texts(30));
        for _ in 0..moment {
            tokio::task::yield_now().await;
            if moment % 3 == 0 {
                let _ = results.next().now_or_never();
            }
            if moment % 7 == 1 {
                sleep(Duration::from_millis(1)).await;
            }
        }
        let updates = results.progress_updates(Duration::ZERO);
        drop(results);
        let last = updates.collect::<Vec<_>>().await.pop().unwrap();
        assert_eq!(last.inputs_in_flight, 0, "{moment}");
        assert_eq!(
            (last.endpoints[0].in_flight, last.endpoints[0].waiting),
            (0, 0)
        );
        sleep(Duration::from_millis(1)).await;
        let metrics = &shared.metrics()["a"];
        assert_eq!(metrics.in_flight, 0, "{moment}");
        assert_eq!(
            metrics.requests,
            metrics.successes + metrics.cancelled,
            "{moment}"
        );
    }
}

#[tokio::test]
async fn a_run_inside_of_blocking_code_ends_when_the_run_around_it_panics() {
    let shared = resources([
        ("a", &Peer::new(|_| (Duration::from_millis(1), answer())), 1),
        (
            "b",
            &Peer::new(|_| (Duration::from_millis(30), answer())),
            1,
        ),
    ]);
    let inner = one_call(&shared);
    let outer = Tracer::new("outer").trace(|text: Proxy<String>| {
        let inner = text.then_blocking("inner", move |text: String| {
            let many = std::iter::repeat_n(text, 100_000);
            inner.run_batch_blocking(many).map_or(0, |all| all.len())
        });
        (inner, LlmInference::new("b").call(text)).pack()
    });
    let observed = ExecutionSettings::default().with_observer(Arc::new(Panics("task_ended")));
    let outer = outer.unwrap().bind(&shared).unwrap();
    let results = outer.with_settings(observed).stream([Value::from("x")]);
    let read = AssertUnwindSafe(rest(results)).catch_unwind();
    assert!(read.await.is_err());
    let is_quiet = async {
        loop {
            let before = shared.metrics()["a"].requests;
            sleep(Duration::from_millis(20)).await;
            if shared.metrics()["a"].requests == before {
                break;
            }
        }
    };
    timeout(Duration::from_secs(20), is_quiet)
        .await
        .expect("the inner run ends");
}
