//! One hidden quota of a server, and two who use it and know nothing of each other:
//! two models, or two processes. On a paused clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, Retry};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use tokio::time::{Instant, timeout};

use crate::support::peer::{one_call, texts};
use crate::support::quota_server::QuotaServer;

const RATE: f64 = 20.0;
const BURST: f64 = 10.0;

fn server(rate: f64, fails: f64, seed: u64) -> Arc<QuotaServer> {
    let latency = Duration::from_millis(200);
    let mut server = QuotaServer::new(&[(0, rate)], BURST, latency, seed);
    server.refusal = Duration::from_millis(5);
    server.fails = fails;
    Arc::new(server)
}

/// One of the models of a server.
struct Model {
    server: Arc<QuotaServer>,
    start: Instant,
    /// When calls were made that the server let through.
    accepted: Mutex<Vec<Duration>>,
}

impl Model {
    fn of(server: &Arc<QuotaServer>) -> Arc<Self> {
        Arc::new(Self {
            server: Arc::clone(server),
            start: Instant::now(),
            accepted: Mutex::default(),
        })
    }

    /// What part of the quota it used between two seconds.
    fn used(&self, from: u32, until: u32) -> f64 {
        let span = Duration::from_secs(from.into())..Duration::from_secs(until.into());
        let accepted = self.accepted.lock().unwrap();
        let count = accepted.iter().filter(|at| span.contains(at)).count();
        to_f64(count) / (f64::from(until - from) * RATE)
    }

    /// Asks it for as much as it takes, for so many seconds.
    async fn work(self: &Arc<Self>, seconds: u64) {
        let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
        let resources = Arc::new(resources.with_client("a", Arc::<Self>::clone(self), 64));
        let mut results = one_call(&resources).stream(texts(usize::MAX));
        let read = async { while results.next().await.is_some() {} };
        let seconds = Duration::from_secs(seconds);
        timeout(seconds, read).await.expect_err("there is more");
    }
}

impl LlmClient for Model {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let at = self.start.elapsed();
            let outcome = self.server.send(request).await;
            let is_refused = outcome
                .as_ref()
                .is_err_and(|error| matches!(error.retry, Retry::RateLimited { .. }));
            if !is_refused {
                self.accepted.lock().unwrap().push(at);
            }
            outcome
        })
    }
}

#[derive(Module)]
struct ExtractAndCompare {
    extract: LlmInference,
    compare: LlmInference,
}

impl Forward for ExtractAndCompare {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let one = self.extract.call(prompt!("one {text}"));
        let other = self.extract.call(prompt!("other {text}"));
        self.compare.call(prompt!("{one} and {other}"))
    }
}

/// How much longer 120 inputs take than the quota lets them at best.
async fn times_the_ideal(rate: f64, seed: u64) -> f64 {
    let server = server(rate, 0.02, seed);
    let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    let resources = resources
        .with_client("fast", Arc::<QuotaServer>::clone(&server), 32)
        .with_client("smart", Arc::<QuotaServer>::clone(&server), 16);
    let pipeline = ExtractAndCompare {
        extract: LlmInference::new("fast"),
        compare: LlmInference::new("smart"),
    };
    let pipeline = pipeline.bind(Arc::new(resources)).unwrap();
    let start = Instant::now();
    let results = pipeline.run_batch(texts(120)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let took = start.elapsed().as_secs_f64();
    let accepted = server.seen().iter().filter(|seen| seen.accepted).count();
    took / ((to_f64(accepted) - BURST) / rate)
}

/// What one model leaves, the other one takes, so that a batch is done soon.
#[tokio::test(start_paused = true)]
async fn two_models_of_a_pipeline_share_a_hidden_quota() {
    for rate in [5.0, RATE] {
        let mut times = Vec::new();
        for seed in 0..20 {
            times.push(times_the_ideal(rate, seed).await);
        }
        let mean = times.iter().sum::<f64>() / to_f64(times.len());
        assert!(mean <= 1.25, "{rate} a second: {mean} of {times:?}");
        let worst = times.iter().copied().fold(0.0, f64::max);
        assert!(worst <= 2.0, "{rate} a second: {times:?}");
    }
}

/// Neither is pushed out, and together they use all of it.
#[tokio::test(start_paused = true)]
async fn both_get_their_part() {
    for seed in 0..3 {
        let server = server(RATE, 0.0, seed);
        let (one, other) = (Model::of(&server), Model::of(&server));
        tokio::join!(one.work(120), other.work(120));
        let (one, other) = (one.used(20, 120), other.used(20, 120));
        assert!(one + other >= 0.98, "seed {seed}: {one} and {other}");
        assert!(one.min(other) >= 0.3, "seed {seed}: {one} and {other}");
    }
}

/// When one has done its work the other one has all of it, and is then refused as
/// rarely as with a quota of its own.
#[tokio::test(start_paused = true)]
async fn what_one_leaves_the_other_takes() {
    for seed in 0..3 {
        let server = server(RATE, 0.0, seed);
        let (one, other) = (Model::of(&server), Model::of(&server));
        tokio::join!(one.work(40), other.work(200));
        let soon = other.used(45, 60);
        assert!(soon >= 0.9, "seed {seed}: {soon}");
        let later = other.used(60, 200);
        assert!(later >= 0.98, "seed {seed}: {later}");
        let seen = server.seen();
        let later = seen.iter().filter(|seen| seen.at.as_secs() >= 100);
        let refused = later.clone().filter(|seen| !seen.accepted).count();
        let refused = to_f64(refused) / to_f64(later.count());
        assert!(refused <= 0.01, "seed {seed}: {refused} refused");
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a test are far below 2^52"
)]
fn to_f64(count: usize) -> f64 {
    count as f64
}
