//! [`LearntRate`]: how fast a server may be asked, learnt from its refusals.
//!
//! As long as nothing is refused, nothing is held back. After a refusal calls
//! are spaced out:
//!
//! 1. **Rest**: for as long as the server needs to refill three calls, or as it
//!    asked. Its bucket is then a little above empty, and only what flows over
//!    at the other end would be lost.
//! 2. **Steady**: at the rate that refusals so far speak of ([`RateEstimate`]),
//!    and a little more, so that the bucket would be empty again after a known
//!    time: the look whether anything has changed. It is refused then, or
//! 3. **Climb**: the server bears more than it did. The rate grows
//!    exponentially until something is refused.
//!
//! How often it looks is a budget: less than one call of a hundred is refused
//! for that in the long run. After a step down each refusal corrects the
//! estimate. The shape is that of CUBIC (RFC 9438), a plateau at what was last
//! known and a probe that accelerates, with rates in place of windows.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::pacing::Pacing;
use super::rate_estimate::{Counted, RateEstimate, Units};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct LearntRate {
    /// What all calls so far cost, refused ones included.
    sent: Units,
    refused: Units,
    /// The latest of these, to know which came before a call.
    latest_refused: VecDeque<(Instant, Units)>,
    /// Seconds in which nothing was sent for the server's sake.
    rested: f64,
    last_sent: Option<Instant>,
    /// Answers in the present second and in the one before.
    recent: Recent,
    /// Tokens of a call, on average.
    usual_tokens: f64,
    /// Calls that this is of, up to a number.
    token_counts: f64,
    estimate: RateEstimate,
    /// `None` until something is refused.
    pacing: Option<Pacing>,
}

/// A call that was let through, as it has to be known when it is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) cost: Units,
    /// What all calls before it cost.
    before: Units,
    rested: f64,
}

/// How many answers there were lately.
#[derive(Debug, Default)]
struct Recent {
    second: Option<Instant>,
    now: f64,
    before: f64,
}

impl LearntRate {
    /// Calls a second after the first refusal, where no answers say more: it
    /// climbs from there at once.
    const FIRST: f64 = 10.0;

    pub(super) fn new() -> Self {
        Self {
            sent: Units::default(),
            refused: Units::default(),
            latest_refused: VecDeque::new(),
            rested: 0.0,
            last_sent: None,
            recent: Recent::default(),
            usual_tokens: 0.0,
            token_counts: 0.0,
            estimate: RateEstimate::default(),
            pacing: None,
        }
    }

    /// When the next call may be sent, if that is not yet; and whether the
    /// server is left alone until then.
    pub(super) fn opens_at(&self, now: Instant) -> Option<(Instant, bool)> {
        let pacing = self.pacing.as_ref()?;
        (pacing.next > now).then_some((pacing.next, pacing.is_rest))
    }

    /// Whether it wants to know what calls cost in tokens.
    pub(super) fn wants_tokens(&self) -> bool {
        self.pacing.is_some()
    }

    /// The calls a second that are sent at the most, if there is a bound.
    pub(super) fn calls_a_second(&self) -> Option<f64> {
        let pacing = self.pacing.as_ref()?;
        Some(pacing.rate * pacing.climb / self.unit())
    }

    /// What a call costs, on average, of what the server counts.
    fn unit(&self) -> f64 {
        match &self.pacing {
            Some(pacing) if pacing.counted == Counted::Tokens => self.usual_tokens.max(1.0),
            _ => 1.0,
        }
    }

    /// Notes that a call is sent; what it costs in tokens is told later.
    pub(super) fn note_sent(&mut self, now: Instant) -> Sent {
        let sent = Sent {
            at: now,
            cost: Units {
                requests: 1.0,
                tokens: 0.0,
            },
            before: self.sent,
            rested: self.rested,
        };
        self.sent.requests += 1.0;
        let gap = self.last_sent.map(|last| now.duration_since(last));
        self.last_sent = Some(now);
        let unit = self.unit();
        if let Some(pacing) = &mut self.pacing {
            let gap = gap.map_or(0.0, |gap| gap.as_secs_f64());
            pacing.note_sent(now, unit, gap);
            if pacing.counted == Counted::Requests {
                pacing.spend(1.0);
            }
        }
        sent
    }

    /// Notes what a call costs in tokens that was just sent.
    pub(super) fn note_tokens(&mut self, sent: &mut Sent, tokens: f64) {
        sent.cost.tokens = tokens;
        self.sent.tokens += tokens;
        self.token_counts = (self.token_counts + 1.0).min(50.0);
        self.usual_tokens += (tokens - self.usual_tokens) / self.token_counts;
        if let Some(pacing) = &mut self.pacing
            && pacing.counted == Counted::Tokens
        {
            pacing.spend(tokens);
        }
    }

    /// Notes that a call was not sent after all.
    pub(super) fn take_back(&mut self, sent: &Sent) {
        self.sent.requests -= sent.cost.requests;
        self.sent.tokens -= sent.cost.tokens;
        if let Some(pacing) = &mut self.pacing {
            pacing.spend(-sent.cost.of(pacing.counted));
        }
    }

    /// What was sent after a call.
    pub(super) fn sent_since(&self, sent: &Sent) -> Units {
        Units {
            requests: self.sent.requests - sent.before.requests - sent.cost.requests,
            tokens: (self.sent.tokens - sent.before.tokens - sent.cost.tokens).max(0.0),
        }
    }

    /// Notes that a call was answered.
    pub(super) fn note_accepted(&mut self, now: Instant) {
        const SHARE: f64 = 0.01;
        const MOST: f64 = 16.0;
        self.recent.note(now);
        if let Some(pacing) = &mut self.pacing {
            pacing.credit = (pacing.credit + SHARE).min(MOST);
        }
    }

    /// Notes that a call was refused, and how long the server wants to be left
    /// alone. With `is_told` it says by itself what is left.
    pub(super) fn note_refused(
        &mut self,
        sent: &Sent,
        now: Instant,
        asked: Option<Duration>,
        is_told: bool,
    ) {
        let accepted = self.accepted_before(sent);
        self.refused.requests += sent.cost.requests;
        self.refused.tokens += sent.cost.tokens;
        self.latest_refused.push_back((sent.at, sent.cost));
        if self.latest_refused.len() > 64 {
            self.latest_refused.pop_front();
        }
        let is_latest = self
            .estimate
            .note(sent.at, accepted, sent.cost, sent.rested);
        let Some(pacing) = &mut self.pacing else {
            let rate = self.recent.a_second(now).max(Self::FIRST);
            let mut pacing = Pacing::new(now, rate);
            self.rested += pacing.rest(now, asked, 1.0, 1.0);
            if let Some(asked) = asked {
                // The rate is a guess, and what the server says is none.
                pacing.next = now;
                pacing.wait(now, asked);
            }
            self.pacing = Some(pacing);
            return;
        };
        let took = now.duration_since(sent.at).as_secs_f64();
        pacing.feedback += (took - pacing.feedback) / 4.0;
        if is_latest && sent.at > pacing.reacted {
            pacing.weigh(&self.estimate, sent.cost, self.usual_tokens);
            let (cost, unit) = match pacing.counted {
                Counted::Requests => (1.0, 1.0),
                Counted::Tokens => (sent.cost.tokens, self.usual_tokens.max(1.0)),
            };
            pacing.learn(&mut self.estimate, unit, sent.at, is_told);
            self.rested += pacing.rest(now, asked, cost, unit);
        } else if let Some(asked) = asked {
            // Of the same volley: how long to wait is all that it says.
            pacing.wait(now, asked);
        }
    }

    /// What was accepted of the calls sent before this one.
    fn accepted_before(&self, sent: &Sent) -> Units {
        let mut accepted = Units {
            requests: sent.before.requests - self.refused.requests,
            tokens: sent.before.tokens - self.refused.tokens,
        };
        for (at, cost) in self.latest_refused.iter().rev() {
            if *at > sent.at {
                accepted.requests += cost.requests;
                accepted.tokens += cost.tokens;
            }
        }
        accepted
    }
}

impl Recent {
    const SECOND: Duration = Duration::from_secs(1);

    fn note(&mut self, now: Instant) {
        let since = *self.second.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= Self::SECOND {
            self.before = if passed < 2 * Self::SECOND {
                self.now
            } else {
                0.0
            };
            self.now = 0.0;
            self.second = Some(now);
        }
        self.now += 1.0;
    }

    /// Answers in the last second or, at the beginning, a quarter of one.
    fn a_second(&self, now: Instant) -> f64 {
        let passed = self.second.map_or(0.0, |since| {
            now.saturating_duration_since(since).as_secs_f64()
        });
        if self.before > 0.0 {
            self.before * (1.0 - passed).max(0.0) + self.now
        } else {
            self.now / passed.clamp(0.25, 1.0)
        }
    }
}
