//! Servers that can take only so much, in process: for tests of limits.

use std::sync::Mutex;
use std::time::Duration;

use inf_engine::clients::{
    Allowance, ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse,
    RateLimits, Retry, Usage,
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Refuses what is more than a hidden quota, which changes with time.
pub(crate) struct QuotaServer {
    /// From when on how much a second: requests, or tokens.
    pub(crate) steps: Vec<(Duration, f64)>,
    /// What may be used at once after a pause.
    pub(crate) burst: f64,
    /// Whether tokens are counted.
    pub(crate) counts_tokens: bool,
    pub(crate) has_hint: bool,
    /// Whether answers say what is left of it, as it was when they were begun.
    pub(crate) tells: bool,
    /// How long an answer takes, on average.
    pub(crate) latency: Duration,
    /// How long a refusal takes.
    pub(crate) refusal: Duration,
    /// How many of the calls that are let through fail.
    pub(crate) fails: f64,
    state: Mutex<QuotaState>,
}

struct QuotaState {
    start: Instant,
    level: f64,
    counted: Instant,
    random: Pcg32,
    seen: Vec<Seen>,
}

/// A request, as the server saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) cost: f64,
    pub(crate) accepted: bool,
}

/// Tokens of each answer.
const ANSWER: u64 = 50;

impl QuotaServer {
    pub(crate) fn new(steps: &[(u64, f64)], burst: f64, latency: Duration, seed: u64) -> Self {
        let steps = steps
            .iter()
            .map(|&(from, rate)| (Duration::from_secs(from), rate));
        let now = Instant::now();
        Self {
            steps: steps.collect(),
            burst,
            counts_tokens: false,
            has_hint: false,
            tells: false,
            latency,
            refusal: Duration::from_millis(30),
            fails: 0.0,
            state: Mutex::new(QuotaState {
                start: now,
                level: burst,
                counted: now,
                random: Pcg32::seed_from_u64(seed),
                seen: Vec::new(),
            }),
        }
    }

    /// What it has seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    fn rate(&self, at: Duration) -> f64 {
        let begun = self.steps.iter().rev().find(|(from, _)| *from <= at);
        begun.unwrap().1
    }

    /// Whether a call that was let through fails.
    fn fails(&self) -> bool {
        self.fails > 0.0 && self.state.lock().unwrap().random.random_bool(self.fails)
    }

    /// How long an answer takes and what is left, or a refusal and when there would
    /// be room.
    fn take(&self, cost: f64) -> Result<(Duration, RateLimits), Duration> {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let at = now - state.start;
        let passed = (now - state.counted).as_secs_f64();
        state.counted = now;
        state.level = (state.level + passed * self.rate(at)).min(self.burst);
        let accepted = state.level >= cost - 1e-9;
        state.seen.push(Seen { at, cost, accepted });
        if accepted {
            state.level -= cost;
            let mut left = RateLimits::default();
            left.requests = {
                let mut allowance = Allowance::default();
                allowance.limit = Some(to_u64(self.burst));
                allowance.remaining = Some(to_u64(state.level));
                allowance.resets_in = Some(Duration::from_secs_f64(
                    (self.burst - state.level) / self.rate(at),
                ));
                allowance
            };
            let latency = self.latency.mul_f64(state.random.random_range(0.5..1.5));
            Ok((latency, left))
        } else {
            let missing = cost - state.level;
            Err(Duration::from_secs_f64(missing / self.rate(at)))
        }
    }
}

impl LlmClient for QuotaServer {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let input = request.prompt().len() as u64 / 4;
            let cost = if self.counts_tokens {
                f64::from(u32::try_from(input + ANSWER).unwrap())
            } else {
                1.0
            };
            match self.take(cost) {
                Ok((latency, left)) => {
                    sleep(latency).await;
                    if self.fails() {
                        return Err(ClientError::new(ClientErrorKind::Server, "later"));
                    }
                    let mut answer = LlmResponse::from_text("answer");
                    answer.rate_limits = self.tells.then(|| left.into());
                    answer.usage = Usage::new(input, ANSWER);
                    Ok(answer)
                }
                Err(wait) => {
                    sleep(self.refusal).await;
                    let after = self.has_hint.then_some(wait);
                    let error = ClientError::new(ClientErrorKind::RateLimited, "full");
                    Err(error.with_retry(Retry::RateLimited { after }))
                }
            }
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests"
)]
fn to_u64(requests: f64) -> u64 {
    requests as u64
}

/// Works on so many requests at once and lets the others wait, without a word.
pub(crate) struct QueueServer {
    slots: Semaphore,
    /// How long each takes, and how much longer by chance.
    latency: Duration,
    spread: f64,
    random: Mutex<Pcg32>,
    /// When answers were given, and how long they took.
    answered: Mutex<Vec<(Instant, Duration)>>,
}

impl QueueServer {
    pub(crate) fn new(slots: usize, latency: Duration, spread: f64, seed: u64) -> Self {
        Self {
            slots: Semaphore::new(slots),
            latency,
            spread,
            random: Mutex::new(Pcg32::seed_from_u64(seed)),
            answered: Mutex::default(),
        }
    }

    pub(crate) fn answered(&self) -> Vec<(Instant, Duration)> {
        self.answered.lock().unwrap().clone()
    }
}

impl LlmClient for QueueServer {
    fn send<'a>(&'a self, _: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let start = Instant::now();
            let slot = self.slots.acquire().await;
            let range = 1.0 - self.spread..=1.0 + self.spread;
            let factor = self.random.lock().unwrap().random_range(range);
            sleep(self.latency.mul_f64(factor)).await;
            drop(slot);
            let now = Instant::now();
            self.answered.lock().unwrap().push((now, now - start));
            Ok(LlmResponse::from_text("answer"))
        })
    }
}
