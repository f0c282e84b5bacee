//! [`Pacing`]: at which rate a server is asked that has refused calls, and when
//! it is looked whether it bears more.

use std::time::Duration;

use tokio::time::Instant;

use super::rate_estimate::{Bounds, Counted, RateEstimate, Units};

/// How calls are spaced out: the part of a [`LearntRate`](super::learnt_rate) that
/// there is after the first refusal.
#[derive(Debug)]
pub(super) struct Pacing {
    pub(super) counted: Counted,
    /// Units a second that the server is believed to refill.
    pub(super) rate: f64,
    /// Nothing is sent before.
    pub(super) next: Instant,
    /// Whether `next` is a rest that is worth telling.
    pub(super) is_rest: bool,
    /// Calls that its bucket seems to hold, three at the most.
    depth: f64,
    /// What was in the server's bucket after the last rest.
    rested: f64,
    /// Units in it now, as far as is known.
    level: f64,
    /// Times `rate`: more than one while climbing.
    pub(super) climb: f64,
    is_climbing: bool,
    /// What speaks for tokens, less what speaks for requests.
    evidence: i32,
    /// Whether `rate` was measured, and not guessed at the end of a climb.
    is_measured: bool,
    /// Quick looks that may still be taken until it is.
    quick: u32,
    /// When it last reacted: what was sent before tells nothing new.
    pub(super) reacted: Instant,
    /// Refusals in a row with nothing accepted in between.
    streak: u32,
    /// Refusals lately that came much too early: others use the same quota.
    unrest: f64,
    /// When the last rest ended.
    rest_ends: Instant,
    /// What it may be at the most.
    most: f64,
    /// Calls that may be refused for a look around.
    pub(super) credit: f64,
    /// Seconds that a refusal costs beyond the rest.
    lost: f64,
    /// Seconds after which a refusal comes back.
    pub(super) feedback: f64,
}

/// A call that comes so much later than it might have was not held back.
const ON_TIME: Duration = Duration::from_millis(25);
/// The grain of tokio's clock.
const TICK: Duration = Duration::from_millis(1);

impl Pacing {
    const LONGEST_ASKED: Duration = Duration::from_hours(1);
    const QUICK: u32 = 6;
    /// Seconds between looks at a quota that others use, too: what they leave is
    /// to be found soon, however slow this one is by then.
    const SHARED: f64 = 4.0;

    pub(super) fn new(now: Instant, rate: f64) -> Self {
        Self {
            counted: Counted::Requests,
            rate,
            next: now,
            is_rest: false,
            depth: 3.0,
            rested: 3.0,
            level: 3.0,
            climb: 1.2,
            is_climbing: true,
            evidence: 0,
            is_measured: false,
            quick: Self::QUICK,
            reacted: now,
            streak: 0,
            unrest: 0.0,
            rest_ends: now,
            most: rate,
            credit: 3.0,
            lost: 0.0,
            feedback: 0.1,
        }
    }

    /// The seconds after which it looks whether the server bears more.
    fn period(&self, unit: f64) -> f64 {
        let calls = self.rate / unit;
        if !self.is_measured && self.quick > 0 {
            let longest = if self.is_shared() { Self::SHARED } else { 10.0 };
            return (8.0 / calls).clamp(0.5, longest).max(10.0 * self.lost);
        }
        let frugal = if calls < 40.0 { 0.0075 } else { 0.0045 };
        let frugal = 1.0 / (frugal * calls);
        // Slow servers are looked at more often, as long as there is credit.
        let wanted = if calls < 40.0 && self.credit > 0.0 {
            50.0 / calls
        } else {
            frugal
        };
        let shortest = if calls < 40.0 { 2.5 } else { 4.0 };
        let wanted = if self.is_shared() {
            wanted.min(Self::SHARED)
        } else {
            wanted
        };
        // What a refusal costs is to be two percent at the most.
        wanted.max(shortest).max(50.0 * self.lost).min(600.0)
    }

    /// Notes that a call is sent, `gap` seconds after the one before it.
    pub(super) fn note_sent(&mut self, now: Instant, unit: f64, gap: f64) {
        let is_on_time = now.saturating_duration_since(self.next) < ON_TIME;
        // So that it is empty even if the rate is the highest that it may be.
        let most = self.most.min(1.1 * self.rate);
        self.level = (self.level + most * gap).min(self.rested + unit);
        if self.is_climbing && is_on_time {
            // Slowly at first, and no faster than refusals come back.
            let climbed = self.climb.ln();
            let speed = (0.1 + 3.0 * climbed).min(1.6) * (0.2 / self.feedback).min(1.0);
            // A rest is no time in which it went well.
            let longest = if self.unrest >= 0.25 { 0.4 } else { 0.1 };
            let space = (unit / (self.rate * self.climb)).clamp(0.1, longest);
            self.climb = (self.climb * (gap.min(space) * speed).exp()).min(1_000.0);
        } else if !self.is_climbing {
            let look = (self.rested + 0.8 * unit) / self.period(unit);
            self.climb = ((most + look) / self.rate).min(2.0);
            self.is_climbing = self.level < 0.2 * unit;
        }
        // What was lost by being late is caught up, as far as the bucket bears it.
        let late = (self.depth - 1.0) * unit / self.rate;
        let late = Duration::from_secs_f64(late.min(1.0)).min(ON_TIME) + TICK;
        self.next = self.next.max(now.checked_sub(late).unwrap_or(now));
        self.is_rest = false;
    }

    /// Notes what it cost, of what the server counts.
    pub(super) fn spend(&mut self, cost: f64) {
        const LONGEST: f64 = 600.0;
        self.level -= cost;
        let seconds = (cost.abs() / (self.rate * self.climb)).min(LONGEST);
        let space = Duration::from_secs_f64(seconds);
        self.next = if cost < 0.0 {
            self.next.checked_sub(space).unwrap_or(self.next)
        } else {
            self.next + space
        };
    }

    /// Whether a call sent then was refused so much sooner than the next look that
    /// others seem to use the same quota.
    fn is_disturbed(&self, unit: f64, sent: Instant) -> bool {
        let since = sent.saturating_duration_since(self.rest_ends).as_secs_f64();
        let is_early = self.level > 0.3 * self.rested && since < 0.6 * self.period(unit);
        // A bucket that holds a single call refuses the second one after a rest.
        let is_second = (0.2..1.5).contains(&(since * self.rate / unit));
        !self.is_climbing && is_early && !(self.depth < 1.5 && is_second)
    }

    /// Whether others use the same quota, as far as is known.
    fn is_shared(&self) -> bool {
        self.unrest >= 1.0
    }

    /// Corrects the rate after a refusal of a call sent then. Whether others use a
    /// quota need not be guessed where the server tells (`is_told`) what is left.
    pub(super) fn learn(
        &mut self,
        estimate: &mut RateEstimate,
        unit: f64,
        sent: Instant,
        is_told: bool,
    ) {
        let is_disturbed = !is_told && self.is_disturbed(unit, sent);
        let now = self.rate * self.climb;
        self.unrest = if is_disturbed {
            (self.unrest + 1.0).min(4.0)
        } else {
            0.85 * self.unrest
        };
        let has_accepted = match estimate.last_span() {
            Some((accepted, _)) => accepted.requests > 0.5,
            None => true,
        };
        self.streak = if has_accepted { 0 } else { self.streak + 1 };
        let has_risen = estimate.has_risen(self.counted, self.jitter());
        if self.is_climbing && (has_risen || self.climb > 2.0) {
            estimate.forget_older();
            self.rate = now / 1.25;
            self.most = now;
            self.is_measured = false;
            self.quick = Self::QUICK;
        } else {
            // Refused with so much left: its bucket holds less than was thought,
            // or it has become slower.
            let is_early = self.level > 0.4 * self.rested;
            if !self.is_climbing {
                let depth = if is_early { 0.7 } else { 1.1 } * self.depth;
                self.depth = depth.clamp(1.0, 3.0);
            }
            if !is_early && (self.is_measured || self.quick == 0) {
                self.credit = (self.credit - 1.0).max(-4.0);
            }
            self.quick = self.quick.saturating_sub(1);
            self.measure(estimate);
        }
        if is_disturbed && self.unrest >= 2.0 {
            // Who has most gives most: that is what makes shares equal.
            self.rate = (0.9 * self.rate).max(0.001);
        }
        self.is_climbing = false;
        self.climb = 1.0;
    }

    /// Takes the rate that refusals speak of.
    fn measure(&mut self, estimate: &RateEstimate) {
        if let Some(bounds) = estimate.bounds(self.counted, self.jitter()) {
            self.take(bounds);
        }
    }

    /// Finds out what the server counts. If it counts tokens, those that are
    /// refused are large ones, and what is accepted of requests is uneven; and
    /// the other way round.
    pub(super) fn weigh(&mut self, estimate: &RateEstimate, refused: Units, usual_tokens: f64) {
        const ENOUGH: i32 = 3;
        if usual_tokens <= 0.0 || refused.tokens <= 0.0 {
            return;
        }
        let time = |counted| {
            let bounds = estimate.bounds(counted, self.jitter());
            bounds.map_or(0.0, |bounds| bounds.time)
        };
        let (requests, tokens) = (time(Counted::Requests), time(Counted::Tokens));
        let is_large = refused.tokens > 1.3 * usual_tokens;
        let vote = |is_for: bool| if is_for { 1 } else { -1 };
        self.evidence += vote(is_large);
        if requests > 1.5 * tokens || tokens > 1.5 * requests {
            self.evidence += vote(tokens > requests);
        }
        self.evidence = self.evidence.clamp(-ENOUGH, ENOUGH);
        let counted = match self.evidence {
            ENOUGH => Counted::Tokens,
            evidence if evidence == -ENOUGH => Counted::Requests,
            _ => self.counted,
        };
        if counted != self.counted {
            let factor = match counted {
                Counted::Tokens => usual_tokens,
                Counted::Requests => 1.0 / usual_tokens,
            };
            self.rate *= factor;
            self.most *= factor;
            self.counted = counted;
        }
    }

    fn take(&mut self, bounds: Bounds) {
        let nearest = self.rate.clamp(bounds.least, bounds.most);
        self.is_measured = bounds.most - bounds.least < 0.2 * bounds.guess;
        let guess = if self.is_measured {
            bounds.guess
        } else {
            f64::midpoint(nearest, bounds.guess)
        };
        // Where others were first, a refusal says little of one's own part.
        let fall = if self.is_shared() { 1.35 } else { 3.0 };
        self.rate = guess.max(self.rate / fall).max(0.001);
        self.most = bounds.most.max(self.rate);
    }

    fn jitter(&self) -> f64 {
        0.2 * self.feedback
    }

    /// Leaves the server alone until it has refilled a little, or as long as it
    /// asked.
    pub(super) fn rest(
        &mut self,
        now: Instant,
        asked: Option<Duration>,
        cost: f64,
        unit: f64,
    ) -> f64 {
        const FIRST: Duration = Duration::from_millis(250);
        const LONGEST: Duration = Duration::from_secs(30);
        self.reacted = now;
        // Enough for the call that was refused, and for two more.
        self.rested = cost + (self.depth - 1.0) * unit;
        self.level = self.rested;
        let refilled = Duration::from_secs_f64((self.rested / self.rate).min(60.0));
        let doublings = self.streak.saturating_sub(1).min(7);
        let backoff = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        let wait = match asked {
            // A hint that proved too short is not believed alone.
            Some(asked) if self.streak > 1 => {
                asked.max(Duration::from_millis(1 << self.streak.min(15)))
            }
            Some(asked) => asked.max(refilled),
            None if self.streak > 0 => refilled.max(backoff),
            None => refilled,
        };
        let wait = wait.min(Self::LONGEST_ASKED);
        let beyond = wait.saturating_sub(refilled).as_secs_f64();
        // A rest of its own choice costs nothing that looking more rarely would save.
        let lost = if asked.is_some() { beyond } else { 0.0 };
        self.lost += (lost - self.lost) / 4.0;
        self.wait(now, wait);
        self.rest_ends = self.next;
        beyond
    }

    pub(super) fn wait(&mut self, now: Instant, wait: Duration) {
        const WORTH_TELLING: Duration = Duration::from_millis(250);
        let until = now + wait.min(Self::LONGEST_ASKED);
        self.next = self.next.max(until);
        self.is_rest |= self.next.saturating_duration_since(now) >= WORTH_TELLING;
    }
}
