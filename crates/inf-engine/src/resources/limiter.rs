//! [`Limiter`]: when the next call may go to a server, whoever makes it.
//!
//! There is one for each real endpoint (address, key and model), shared by all
//! aliases, managers and runs of the process that use it
//! ([`limiter_registry`](super::limiter_registry)). A call goes when all of these
//! let it:
//!
//! * [`ConcurrencyLimit`]: the calls in flight, learnt from latencies;
//! * [`TokenBucket`]s: the requests and tokens a minute that are declared, and
//!   those that the provider tells in its headers;
//! * [`LearntRate`]: what refusals have taught.
//!
//! Whoever is turned away is told when to come back. Nobody holds a right while
//! waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::concurrency_limit::ConcurrencyLimit;
use super::learnt_rate::{LearntRate, Sent};
use super::token_bucket::TokenBucket;
use super::token_estimate::{TokenEstimate, to_f64};
use super::traffic::{Traffic, Waiter};
use crate::clients::{Allowance, LlmRequest, LlmResponse, RateLimits};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Limiter {
    state: Mutex<State>,
    /// Wakes those of other managers that wait for room; `None` if no other can
    /// use it.
    traffic: Option<Traffic>,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    concurrency: ConcurrencyLimit,
    rate: LearntRate,
    declared: Declared,
    requests: Option<TokenBucket>,
    tokens: Option<TokenBucket>,
    told_requests: Option<TokenBucket>,
    told_tokens: Option<TokenBucket>,
    estimate: TokenEstimate,
    /// How long answers took lately, in seconds.
    latency: f64,
    turn: Turn,
}

/// What a configuration says that a server bears.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Declared {
    pub(super) requests_per_minute: Option<u32>,
    pub(super) tokens_per_minute: Option<u32>,
    pub(super) burst: Option<u32>,
}

/// Whose turn it is among schedulers that wait for the same moment.
#[derive(Debug, Default)]
struct Turn {
    /// Who was let through last.
    last: usize,
    /// Another one that was turned away, and until when it has its turn.
    next: Option<(usize, Instant)>,
}

/// Why a call may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// As many as may be are in flight: one has to end.
    Room,
    /// Not before then.
    Until {
        /// When to ask again.
        at: Instant,
        /// Whether the server is left alone until then, because it asked for
        /// that or keeps refusing; otherwise calls are spaced out.
        is_rest: bool,
    },
}

/// A call that was let through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    sent: Sent,
    /// How many were in flight then, this one included.
    in_flight: usize,
    /// Whether its tokens are counted.
    counts_tokens: bool,
    /// What was taken for it.
    tokens: f64,
}

impl Entry {
    /// When it was let through.
    pub(super) fn at(&self) -> Instant {
        self.sent.at
    }
}

impl Limiter {
    /// How long another scheduler may keep its turn.
    const TURN: Duration = Duration::from_millis(2);

    pub(super) fn new(most: usize, declared: Declared, is_shared: bool) -> Self {
        let mut state = State {
            in_flight: 0,
            concurrency: ConcurrencyLimit::new(most),
            rate: LearntRate::new(),
            declared: Declared::default(),
            requests: None,
            tokens: None,
            told_requests: None,
            told_tokens: None,
            estimate: TokenEstimate::new(),
            latency: 0.0,
            turn: Turn::default(),
        };
        state.declare(declared);
        Self {
            state: Mutex::new(state),
            traffic: is_shared.then(|| Traffic::new(None)),
        }
    }

    /// Takes one more configuration into account: the higher ceiling of calls
    /// at once, which each keeps to itself, and the lower rates.
    pub(super) fn join(&self, most: usize, declared: Declared) {
        let mut state = self.lock();
        state.concurrency.raise(most);
        state.declare(declared);
    }

    /// Registers a scheduler that may have to wait for room.
    pub(super) fn register(&self, waiter: &Arc<Waiter>) {
        if let Some(traffic) = &self.traffic {
            traffic.register(waiter);
        }
    }

    /// Lets a call of `asker` through, or says why not. If it is known, a call's
    /// `tokens` are those of an earlier look at it.
    pub(super) fn try_enter(
        &self,
        now: Instant,
        tokens: f64,
        asker: usize,
    ) -> Result<Entry, Blocked> {
        let mut state = self.lock();
        if state.in_flight >= state.concurrency.window() {
            return Err(Blocked::Room);
        }
        if let Some(blocked) = state.blocked(now, tokens) {
            state.turn.note_turned_away(asker, blocked);
            return Err(blocked);
        }
        if let Some(blocked) = state.turn.is_of_another(asker, now) {
            return Err(blocked);
        }
        state.turn.last = asker;
        state.in_flight += 1;
        if let Some(bucket) = &mut state.requests {
            bucket.take(now, 1.0);
        }
        if let Some(bucket) = &mut state.told_requests {
            bucket.take(now, 1.0);
        }
        Ok(Entry {
            sent: state.rate.note_sent(now),
            in_flight: state.in_flight,
            counts_tokens: state.counts_tokens(),
            tokens: 0.0,
        })
    }

    /// Takes what `request` will cost in tokens, or says how many they are if
    /// there are not as many.
    pub(super) fn charge(
        &self,
        entry: &mut Entry,
        request: &LlmRequest,
        now: Instant,
    ) -> Result<(), f64> {
        if !entry.counts_tokens {
            return Ok(());
        }
        let mut state = self.lock();
        let tokens = state.estimate.of(request);
        if state.tokens_open_at(now, tokens).is_some() {
            return Err(tokens);
        }
        if let Some(bucket) = &mut state.tokens {
            bucket.take(now, tokens);
        }
        if let Some(bucket) = &mut state.told_tokens {
            bucket.take(now, tokens);
        }
        entry.tokens = tokens;
        state.rate.note_tokens(&mut entry.sent, tokens);
        Ok(())
    }

    /// Notes that a call is over, and wakes who waits for room besides `own`.
    pub(super) fn leave(&self, entry: &Entry, was_sent: bool, own: Option<&Waiter>) {
        let mut state = self.lock();
        state.in_flight -= 1;
        if !was_sent {
            state.take_back(entry);
        }
        drop(state);
        if let Some(traffic) = &self.traffic {
            traffic.wake(own);
        }
    }

    /// Learns from an answer.
    pub(super) fn note_answer(
        &self,
        entry: &Entry,
        (request, response): (&LlmRequest, &LlmResponse),
        took: Duration,
        now: Instant,
    ) {
        let usage = response.usage;
        let mut state = self.lock();
        let took = took.as_secs_f64();
        state.latency += (took - state.latency) / if state.latency > 0.0 { 16.0 } else { 1.0 };
        let written = to_f64(usage.output_tokens);
        state
            .concurrency
            .note(entry.in_flight, took, written.min(1e8));
        state.rate.note_accepted(now);
        if entry.tokens > 0.0 {
            state.estimate.note(request, usage);
            let charged = to_f64(usage.input_tokens) + written;
            if charged > 0.0
                && let Some(bucket) = &mut state.tokens
            {
                bucket.take(now, charged - entry.tokens);
            }
        }
        if let Some(told) = &response.rate_limits {
            state.note_told(entry, told, now);
        }
    }

    /// Learns from a refusal, and how long the server wants to be left alone.
    pub(super) fn note_refusal(
        &self,
        entry: &Entry,
        asked: Option<Duration>,
        told: Option<&RateLimits>,
    ) {
        let now = Instant::now();
        let mut state = self.lock();
        let is_told = state.told_requests.is_some() || state.told_tokens.is_some();
        state.rate.note_refused(&entry.sent, now, asked, is_told);
        if let Some(told) = told {
            state.note_told(entry, told, now);
        }
    }

    /// The calls that may be in flight: those that make the server no slower,
    /// and no more than the rate fills.
    pub(super) fn window(&self) -> usize {
        let state = self.lock();
        let window = state.concurrency.window();
        match state.rate.calls_a_second() {
            Some(rate) if state.latency > 0.0 => {
                let filled = (rate * state.latency).ceil().max(1.0);
                window.min(to_count(filled))
            }
            _ => window,
        }
    }

    /// Calls in flight, of everybody.
    pub(super) fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain numbers are whole whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn declare(&mut self, more: Declared) {
        let least = |one: Option<u32>, other: Option<u32>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let before = self.declared;
        let now = Declared {
            requests_per_minute: least(before.requests_per_minute, more.requests_per_minute),
            tokens_per_minute: least(before.tokens_per_minute, more.tokens_per_minute),
            burst: least(before.burst, more.burst),
        };
        if now == before {
            return;
        }
        self.declared = now;
        self.requests = now.requests_per_minute.map(|a_minute| {
            let a_minute = f64::from(a_minute);
            let burst = now.burst.map_or(a_minute / 60.0, f64::from);
            TokenBucket::of_a_minute(a_minute, burst).instead_of(self.requests.take())
        });
        self.tokens = now.tokens_per_minute.map(|a_minute| {
            let a_minute = f64::from(a_minute);
            // Of tokens as large a part of a minute's as of requests.
            let part = match (now.burst, now.requests_per_minute) {
                (Some(burst), Some(requests)) => f64::from(burst) / f64::from(requests),
                _ => 1.0 / 60.0,
            };
            TokenBucket::of_a_minute(a_minute, a_minute * part).instead_of(self.tokens.take())
        });
    }

    fn counts_tokens(&self) -> bool {
        self.tokens.is_some() || self.told_tokens.is_some() || self.rate.wants_tokens()
    }

    fn blocked(&mut self, now: Instant, tokens: f64) -> Option<Blocked> {
        let declared = [&mut self.requests, &mut self.told_requests];
        let opens = declared.into_iter().flatten();
        let opens = opens.filter_map(|bucket| bucket.opens_at(now, 1.0)).max();
        let opens = opens.max(if tokens > 0.0 {
            self.tokens_open_at(now, tokens)
        } else {
            None
        });
        match (opens, self.rate.opens_at(now)) {
            (None, None) => None,
            (Some(at), Some((other, is_rest))) if other > at => {
                Some(Blocked::Until { at: other, is_rest })
            }
            (None, Some((at, is_rest))) => Some(Blocked::Until { at, is_rest }),
            (Some(at), _) => Some(Blocked::Until { at, is_rest: false }),
        }
    }

    fn tokens_open_at(&mut self, now: Instant, tokens: f64) -> Option<Instant> {
        let buckets = [&mut self.tokens, &mut self.told_tokens];
        let opens = buckets.into_iter().flatten();
        opens
            .filter_map(|bucket| bucket.opens_at(now, tokens))
            .max()
    }

    /// Gives back what a call took that was not sent.
    fn take_back(&mut self, entry: &Entry) {
        let now = Instant::now();
        self.rate.take_back(&entry.sent);
        for bucket in [&mut self.requests, &mut self.told_requests]
            .into_iter()
            .flatten()
        {
            bucket.take(now, -1.0);
        }
        for bucket in [&mut self.tokens, &mut self.told_tokens]
            .into_iter()
            .flatten()
        {
            bucket.take(now, -entry.tokens);
        }
    }

    /// Takes over what a provider says about its limits. It may have been said when
    /// the call was let in: what was sent since is not in it, nor what was refilled.
    fn note_told(&mut self, entry: &Entry, told: &RateLimits, now: Instant) {
        let since = self.rate.sent_since(&entry.sent);
        let age = now.saturating_duration_since(entry.sent.at).as_secs_f64();
        if let Some(bucket) = bucket_of(told.requests, since.requests, (now, age)) {
            self.told_requests = Some(bucket);
        }
        let tokens = if told.tokens == Allowance::default() {
            told.input_tokens
        } else {
            told.tokens
        };
        if let Some(bucket) = bucket_of(tokens, since.tokens, (now, age)) {
            self.told_tokens = Some(bucket);
        }
    }
}

/// The bucket that a provider describes: what is missing is there again when it
/// resets, be it steadily or at once. It was said `age` seconds ago at the most,
/// and `since` was sent in that time. Servers that say it when the answer ends
/// counted that already, so that no more is there than they say.
fn bucket_of(told: Allowance, since: f64, (now, age): (Instant, f64)) -> Option<TokenBucket> {
    /// Where it does not say when it resets.
    const MINUTE: f64 = 60.0;
    /// Nobody is left alone for longer without asking again.
    const HOUR: f64 = 3_600.0;
    let (limit, remaining) = (to_f64(told.limit?), to_f64(told.remaining?));
    if limit < 1.0 {
        return None;
    }
    let used = (limit - remaining).max(1.0);
    let resets_in = told.resets_in.map_or(MINUTE, |time| time.as_secs_f64());
    let rate = used / resets_in.clamp(0.001, HOUR);
    let level = remaining + (age * rate - since).min(0.0);
    Some(TokenBucket::new(limit, rate, level, now))
}

impl Turn {
    /// Remembers who else waits for the same moment: who is woken first may be the
    /// same one each time.
    fn note_turned_away(&mut self, asker: usize, blocked: Blocked) {
        if let Blocked::Until { at, .. } = blocked
            && asker != self.last
            && self.next.is_none_or(|(next, _)| next == asker)
        {
            self.next = Some((asker, at + Limiter::TURN));
        }
    }

    /// Whether another one goes first.
    fn is_of_another(&mut self, asker: usize, now: Instant) -> Option<Blocked> {
        let (next, until) = self.next?;
        if next == asker || until <= now {
            self.next = None;
            return None;
        }
        (asker == self.last).then_some(Blocked::Until {
            at: until,
            is_rest: false,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of calls; what is larger than any is cut off"
)]
fn to_count(calls: f64) -> usize {
    calls as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever joins may declare more: what was sent before counts all the same.
    #[tokio::test(start_paused = true)]
    async fn who_joins_brings_no_requests_along() {
        let declared = Declared {
            requests_per_minute: Some(60),
            burst: Some(10),
            ..Declared::default()
        };
        let limiter = Limiter::new(64, declared, true);
        let enter = || limiter.try_enter(Instant::now(), 0.0, 1);
        for _ in 0..10 {
            enter().expect("a burst");
        }
        let blocked = enter().expect_err("it is over");
        let more = Declared {
            tokens_per_minute: Some(1_000_000),
            ..Declared::default()
        };
        limiter.join(64, more);
        assert_eq!(enter().expect_err("still"), blocked);
    }
}
