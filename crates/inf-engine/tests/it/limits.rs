//! What an endpoint can take: hidden quotas, queues, declared rates, several
//! endpoints behind an alias. On a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inf_engine::clients::{LlmClient, LlmResponse};
use inf_engine::execution::{BatchResult, ExecutionManager};
use inf_engine::prelude::*;
use inf_engine::resources::{OwnClient, ResourceManager, Strategy};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use tokio::time::{Instant, timeout};

use crate::support::peer::{Peer, answer, failure, limit, one_call, resources, texts};
use crate::support::quota_server::{QueueServer, QuotaServer, Seen};

fn manager(client: Arc<dyn LlmClient>, most: usize) -> Arc<ResourceManager> {
    let manager = ResourceManager::new(&ResourceConfig::new()).unwrap();
    Arc::new(manager.with_client("a", client, most))
}

/// Gives a server work for so long.
async fn work(
    resources: &Arc<ResourceManager>,
    inputs: impl Iterator<Item = String> + Send + 'static,
    time: Duration,
) {
    let mut results = one_call(resources).stream(inputs);
    let read = async {
        while let Some(result) = results.next().await {
            assert!(result.output.is_ok(), "{:?}", result.output);
        }
    };
    timeout(time, read).await.expect_err("there is more work");
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a test are far below 2^52"
)]
fn to_f64(count: usize) -> f64 {
    count as f64
}

/// What was accepted between two times, as a part of what the quota allows.
fn used(seen: &[Seen], (from, until): (u64, u64), rate: f64) -> f64 {
    let (from, until) = (Duration::from_secs(from), Duration::from_secs(until));
    let within = seen.iter().filter(|seen| (from..until).contains(&seen.at));
    let accepted = within.filter(|seen| seen.accepted);
    accepted.map(|seen| seen.cost).sum::<f64>() / (until.saturating_sub(from).as_secs_f64() * rate)
}

fn refused(seen: &[Seen], from: u64) -> f64 {
    let later = seen
        .iter()
        .filter(|seen| seen.at >= Duration::from_secs(from));
    let refused = later.clone().filter(|seen| !seen.accepted).count();
    to_f64(refused) / to_f64(later.count())
}

// Hidden quotas.

const STEPS: [(u64, f64); 3] = [(0, 50.0), (30, 20.0), (60, 100.0)];
const END: u64 = 90;

async fn hidden_requests(latency_ms: u64, has_hint: bool, seed: u64) {
    let latency = Duration::from_millis(latency_ms);
    let mut server = QuotaServer::new(&STEPS, 10.0, latency, seed);
    server.has_hint = has_hint;
    let server = Arc::new(server);
    let resources = manager(Arc::<QuotaServer>::clone(&server), 512);
    work(&resources, texts(usize::MAX), Duration::from_secs(END)).await;

    let seen = server.seen();
    let case = format!("{latency_ms} ms, hint {has_hint}, seed {seed}");
    for (index, (from, rate)) in STEPS.into_iter().enumerate() {
        let until = STEPS.get(index + 1).map_or(END, |next| next.0);
        // Found within five seconds, from then on nearly all of it is used.
        let all = used(&seen, (from + 5, until), rate);
        assert!(all >= 0.98, "{case}: {all} of {rate}");
        let soon = used(&seen, (from + 5, from + 8), rate);
        assert!(soon >= 0.95, "{case}: {soon} of {rate} at once");
    }
    let refused = refused(&seen, 5);
    assert!(refused <= 0.01, "{case}: {refused} refused");
}

#[tokio::test(start_paused = true)]
async fn a_hidden_quota_of_requests_is_found_and_followed() {
    for (seed, has_hint) in [(1, false), (2, true)] {
        for latency in [50, 500, 3_000] {
            hidden_requests(latency, has_hint, seed).await;
        }
    }
}

/// Prompts of very different lengths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a length of 0 to 3,000"
)]
fn uneven(seed: u64) -> impl Iterator<Item = String> + Send {
    let mut random = Pcg32::seed_from_u64(seed);
    std::iter::repeat_with(move || {
        let tokens = -500.0 * (1.0 - random.random::<f64>()).ln();
        "word".repeat(tokens.min(3_000.0) as usize + 10)
    })
}

async fn hidden_tokens(latency_ms: u64, has_hint: bool, seed: u64) {
    let steps = STEPS.map(|(from, rate)| (from, rate * 600.0));
    let latency = Duration::from_millis(latency_ms);
    let mut server = QuotaServer::new(&steps, 6_000.0, latency, seed);
    server.counts_tokens = true;
    server.has_hint = has_hint;
    let server = Arc::new(server);
    let resources = manager(Arc::<QuotaServer>::clone(&server), 512);
    work(&resources, uneven(seed), Duration::from_secs(END)).await;

    let seen = server.seen();
    let case = format!("{latency_ms} ms, hint {has_hint}, seed {seed}");
    let mut all = Vec::new();
    for (index, (from, rate)) in steps.into_iter().enumerate() {
        let until = STEPS.get(index + 1).map_or(END, |next| next.0);
        let used = used(&seen, (from + 5, until), rate);
        assert!(used >= 0.96, "{case}: {used} of {rate}");
        all.push(used);
    }
    let mean = all.iter().sum::<f64>() / to_f64(all.len());
    assert!(mean >= 0.98, "{case}: {all:?}");
    let refused = refused(&seen, 5);
    assert!(refused <= 0.01, "{case}: {refused} refused");
}

#[tokio::test(start_paused = true)]
async fn a_hidden_quota_of_tokens_is_found_and_followed() {
    for (latency, has_hint, seed) in [(50, false, 1), (500, true, 2), (3_000, false, 3)] {
        hidden_tokens(latency, has_hint, seed).await;
    }
}

/// What a provider says is as old as the answer that it comes with.
#[tokio::test(start_paused = true)]
async fn a_quota_that_is_told_is_used_however_long_answers_take() {
    // The second one holds less than is used while an answer takes.
    for (latency, burst) in [(20, 600.0), (5, 20.0)] {
        let mut server = QuotaServer::new(&[(0, 10.0)], burst, Duration::from_secs(latency), 4);
        server.tells = true;
        let server = Arc::new(server);
        let resources = manager(Arc::<QuotaServer>::clone(&server), 512);
        work(&resources, texts(usize::MAX), Duration::from_mins(5)).await;
        let seen = server.seen();
        let used = used(&seen, (120, 300), 10.0);
        let refused = refused(&seen, 60);
        assert!(used >= 0.97, "{latency} s: {used}");
        assert!(refused <= 0.02, "{latency} s: {refused} refused");
    }
}

/// A pause ends for all who wait, and they do not come all at once.
#[tokio::test(start_paused = true)]
async fn no_herd_comes_after_a_pause() {
    let asked: Arc<std::sync::Mutex<Vec<Instant>>> = Arc::default();
    let start = Instant::now();
    let noted = Arc::clone(&asked);
    let peer = Peer::new(move |_| {
        noted.lock().unwrap().push(Instant::now());
        let is_early = start.elapsed() < Duration::from_millis(500);
        let answered = if is_early { limit() } else { answer() };
        (Duration::from_millis(50), answered)
    });
    let resources = resources([("a", &peer, 64)]);
    let results = one_call(&resources).run_batch(texts(200)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let asked = asked.lock().unwrap();
    let later: Vec<Duration> = asked.iter().map(|at| *at - start).collect();
    let later = later.iter().filter(|at| **at > Duration::from_millis(500));
    let later: Vec<&Duration> = later.collect();
    assert!(*later[0] >= Duration::from_secs(1), "{later:?}");
    // Ten a second at first, and then ever more.
    for (from, most) in [(1_000, 6), (1_250, 8), (1_500, 16)] {
        let from = Duration::from_millis(from);
        let within = |at: &&&Duration| (from..from + Duration::from_millis(250)).contains(**at);
        let count = later.iter().filter(within).count();
        assert!(count <= most, "{count} from {from:?} on: {later:?}");
    }
}

// Queues.

#[tokio::test(start_paused = true)]
async fn a_queue_is_kept_short_and_the_server_busy() {
    for (latency_ms, most) in [(200, 256), (1_000, 64), (2_000, 256)] {
        for spread in [0.0, 0.4] {
            let latency = Duration::from_millis(latency_ms);
            let server = Arc::new(QueueServer::new(32, latency, spread, latency_ms));
            let resources = manager(Arc::<QueueServer>::clone(&server), most);
            let start = Instant::now();
            work(&resources, texts(usize::MAX), latency * 150).await;
            let case = format!("{latency_ms} ms, {most} at once, spread {spread}");
            // Where it has settled.
            let settled = start + latency * 50;
            let answered = server.answered();
            let mut took: Vec<Duration> = answered
                .iter()
                .filter(|(at, _)| *at > settled)
                .map(|(_, took)| *took)
                .collect();
            took.sort_unstable();
            let best = 32.0 * 100.0;
            let throughput = to_f64(took.len()) / best;
            assert!(throughput >= 0.95, "{case}: {throughput} of the best");
            let middle = took[took.len() / 2];
            assert!(middle <= latency.mul_f64(1.5), "{case}: {middle:?}");
            let limit = resources.metrics()["a"].limit;
            assert!((30..=60).contains(&limit), "{case}: {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_queues_nothing_is_held_back() {
    for spread in [0.0, 0.5, 0.95] {
        let server = QueueServer::new(1_000, Duration::from_secs(1), spread, 3);
        let server = Arc::new(server);
        let resources = manager(Arc::<QueueServer>::clone(&server), 64);
        work(&resources, texts(usize::MAX), Duration::from_secs(100)).await;
        let throughput = to_f64(server.answered().len()) / (64.0 * 100.0);
        assert!(throughput > 0.98, "spread {spread}: {throughput}");
        assert_eq!(resources.metrics()["a"].limit, 64, "spread {spread}");
    }
}

// Declared rates.

#[tokio::test(start_paused = true)]
async fn declared_requests_are_never_exceeded_and_all_used() {
    let server = QuotaServer::new(&[(0, 1e9)], 1e9, Duration::from_millis(700), 5);
    let server = Arc::new(server);
    let own = OwnClient::new(Arc::<QuotaServer>::clone(&server), 64)
        .with_requests_per_minute(600)
        .with_burst(20);
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = Arc::new(resources.with_clients("a", Strategy::default(), [own]));
    work(&resources, texts(usize::MAX), Duration::from_mins(5)).await;
    let seen = server.seen();
    let minute = Duration::from_mins(1);
    for (index, first) in seen.iter().enumerate() {
        let within = seen[index..]
            .iter()
            .take_while(|seen| seen.at < first.at + minute);
        let count = within.count();
        assert!(count <= 600, "{count} from {:?} on", first.at);
    }
    assert!(seen.len() > 2_880, "{} of 3,000", seen.len());
    let at_once = seen.iter().filter(|seen| seen.at.is_zero()).count();
    assert_eq!(at_once, 20);
}

#[tokio::test(start_paused = true)]
async fn declared_tokens_are_kept_with_uneven_prompts() {
    let mut server = QuotaServer::new(&[(0, 1e9)], 1e9, Duration::from_millis(300), 5);
    server.counts_tokens = true;
    let server = Arc::new(server);
    let own =
        OwnClient::new(Arc::<QuotaServer>::clone(&server), 64).with_tokens_per_minute(600_000);
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = Arc::new(resources.with_clients("a", Strategy::default(), [own]));
    work(&resources, uneven(7), Duration::from_mins(5)).await;
    let seen = server.seen();
    let used = used(&seen, (0, 300), 10_000.0);
    assert!((0.95..=1.005).contains(&used), "{used}");
    // The first calls are estimated, and settled later.
    for from in (10..240).step_by(5) {
        let minute = self::used(&seen, (from, from + 60), 10_000.0);
        assert!(minute <= 1.005, "{minute} from {from} s on");
    }
}

/// Two schedulers wait for the same moments: neither gets all of them.
#[tokio::test(start_paused = true)]
async fn managers_share_a_declared_rate() {
    let server = QuotaServer::new(&[(0, 1e9)], 1e9, Duration::from_millis(100), 5);
    let own = OwnClient::new(Arc::new(server), 64).with_requests_per_minute(600);
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = Arc::new(resources.with_clients("a", Strategy::default(), [own]));
    let done = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let run = |place: usize| {
        let settings = ExecutionSettings::default().with_manager(&ExecutionManager::new(200));
        let pipeline = one_call(&resources).with_settings(settings);
        let done = &done;
        async move {
            let mut results = pipeline.stream(texts(usize::MAX));
            while results.next().await.is_some() {
                done[place].fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let both = async { tokio::join!(run(0), run(1)) };
    timeout(Duration::from_mins(1), both)
        .await
        .expect_err("no end");
    let [one, other] = done.map(AtomicUsize::into_inner);
    assert!(one + other > 560, "{one} and {other}");
    assert!(one.abs_diff(other) < 60, "{one} and {other}");
}

/// Of two runs of one manager the older inputs go first, whichever run they
/// are of: each is as far behind as it began later.
#[tokio::test(start_paused = true)]
async fn runs_share_a_hidden_quota_by_age() {
    let server = Arc::new(QuotaServer::new(
        &[(0, 20.0)],
        5.0,
        Duration::from_millis(100),
        5,
    ));
    let resources = manager(Arc::<QuotaServer>::clone(&server), 64);
    let first = one_call(&resources).run_batch(texts(400));
    let second = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        one_call(&resources).run_batch(texts(100)).await
    };
    let start = Instant::now();
    let timed = |batch| async move {
        let results: Vec<BatchResult<String>> = batch;
        assert!(results.iter().all(|result| result.output.is_ok()));
        start.elapsed()
    };
    let first = async { timed(first.await).await };
    let second = async { timed(second.await).await };
    let (first, second) = tokio::join!(first, second);
    // Its inputs are taken in turn with those of the first.
    assert!(second < first, "{second:?} {first:?}");
    assert!(first < Duration::from_secs(30), "{first:?}");
}

// Several endpoints.

fn several(
    strategy: Strategy,
    clients: impl IntoIterator<Item = (Arc<dyn LlmClient>, usize, f64)>,
) -> Arc<ResourceManager> {
    let clients = clients
        .into_iter()
        .map(|(client, most, weight)| OwnClient::new(client, most).with_weight(weight));
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    Arc::new(resources.with_clients("a", strategy, clients))
}

fn healthy(seconds: u64) -> Arc<dyn LlmClient> {
    let latency = Duration::from_secs(seconds);
    Arc::new(QueueServer::new(1_000, latency, 0.2, seconds))
}

fn failing() -> Arc<Peer> {
    Peer::new(|_| (Duration::from_millis(20), failure()))
}

#[tokio::test(start_paused = true)]
async fn a_failing_and_a_slow_endpoint_cost_nothing() {
    for strategy in [
        Strategy::LeastLoaded,
        Strategy::RoundRobin,
        Strategy::Weighted,
    ] {
        let clients: [(Arc<dyn LlmClient>, usize, f64); 3] = [
            (failing(), 32, 1.0),
            (healthy(10), 32, 1.0),
            (healthy(1), 32, 1.0),
        ];
        let resources = several(strategy, clients);
        let mut results = one_call(&resources).stream(texts(usize::MAX));
        let mut answered = 0;
        let read = async {
            while let Some(result) = results.next().await {
                assert!(result.output.is_ok(), "{strategy:?}: {:?}", result.output);
                answered += 1;
            }
        };
        timeout(Duration::from_secs(200), read)
            .await
            .expect_err("no end");
        // The slow one is well, and carries 3.2 a second.
        let share = f64::from(answered) / (35.2 * 200.0);
        assert!(share >= 0.95, "{strategy:?}: {share}");
        let broken = &resources.endpoints()[0].metrics;
        // Probes, of which there are ever fewer.
        assert!(broken.requests < 100, "{broken:?}");
        assert_eq!(resources.metrics()["a"].failures, broken.failures);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_healthy_one_has_priority() {
    let healthy_now = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_healthy = Arc::clone(&healthy_now);
    let first = Peer::new(move |_| {
        let is_healthy = is_healthy.load(Ordering::Relaxed);
        let answered = if is_healthy { answer() } else { failure() };
        (Duration::from_millis(100), answered)
    });
    let second = Peer::of_a_second();
    let clients: [(Arc<dyn LlmClient>, usize, f64); 2] = [
        (Arc::<Peer>::clone(&first), 4, 1.0),
        (Arc::<Peer>::clone(&second), 4, 1.0),
    ];
    let resources = several(Strategy::Priority, clients);
    let results = one_call(&resources).run_batch(texts(40)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let stood_in = second.asked().len();
    assert_eq!(stood_in, 40);
    healthy_now.store(true, Ordering::Relaxed);
    // Its next probes are answered, and everything goes there again.
    tokio::time::sleep(Duration::from_mins(2)).await;
    let results = one_call(&resources).run_batch(texts(40)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    assert!(
        second.asked().len() <= stood_in + 8,
        "{}",
        second.asked().len()
    );
}

#[tokio::test(start_paused = true)]
async fn shares_are_by_weight() {
    let clients: [(Arc<dyn LlmClient>, usize, f64); 2] =
        [(healthy(1), 64, 3.0), (healthy(1), 64, 1.0)];
    let resources = several(Strategy::Weighted, clients);
    let settings = ExecutionSettings::default().with_max_concurrent(8);
    let results = one_call(&resources)
        .with_settings(settings)
        .run_batch(texts(400))
        .await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let successes = resources.endpoints().into_iter();
    let successes = successes.map(|report| (report.name, report.metrics.successes));
    let expected = [("a[0]".to_owned(), 300), ("a[1]".to_owned(), 100)];
    assert!(successes.eq(expected));
}

/// What is wrong with a request is wrong everywhere.
#[tokio::test(start_paused = true)]
async fn a_permanent_error_fails_over_to_nobody() {
    let refusing = Peer::new(|_| (Duration::from_millis(1), crate::support::peer::refusal()));
    let other = Peer::of_a_second();
    let clients: [(Arc<dyn LlmClient>, usize, f64); 2] = [
        (Arc::<Peer>::clone(&refusing), 4, 1.0),
        (Arc::<Peer>::clone(&other), 4, 1.0),
    ];
    let resources = several(Strategy::Priority, clients);
    let results = one_call(&resources).run_batch(texts(20)).await;
    assert!(results.iter().all(|result| result.output.is_err()));
    assert!(other.asked().is_empty());
    assert_eq!(refusing.asked().len(), 20);
}

/// A retry spends no attempt where it failed before.
#[tokio::test(start_paused = true)]
async fn a_retry_asks_another_endpoint_at_once() {
    let first = Peer::new(|_| (Duration::from_secs(1), failure()));
    let second = Peer::new(|_| (Duration::from_secs(1), Ok(LlmResponse::from_text("second"))));
    let clients: [(Arc<dyn LlmClient>, usize, f64); 2] = [
        (Arc::<Peer>::clone(&first), 4, 1.0),
        (Arc::<Peer>::clone(&second), 4, 1.0),
    ];
    let resources = several(Strategy::Priority, clients);
    let start = Instant::now();
    let answered = one_call(&resources).run("x".to_owned()).await.unwrap();
    assert_eq!(answered, "second");
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(first.asked().len(), 1);
}
