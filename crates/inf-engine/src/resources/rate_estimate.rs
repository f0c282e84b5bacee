//! [`RateEstimate`]: how fast a server refills, from when it refused.
//!
//! At a refusal the server's bucket holds less than the call would have cost.
//! Between two refusals nothing is hidden, then: what was accepted in between
//! is what was refilled, but for less than one call at either end. So each
//! earlier refusal says between which two rates the server's must be, the more
//! narrowly the longer ago it was, and all of them together what they have in
//! common. Where an earlier one contradicts the later ones, the rate has changed
//! since: it is forgotten, with all that are older. (Set-membership estimation:
//! Schweppe, "Recursive state estimation: unknown but bounded errors and system
//! inputs", 1968.)

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What a call costs, or what many do: requests, and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Units {
    pub(super) requests: f64,
    pub(super) tokens: f64,
}

/// What a server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Requests,
    Tokens,
}

impl Units {
    pub(super) fn of(self, counted: Counted) -> f64 {
        match counted {
            Counted::Requests => self.requests,
            Counted::Tokens => self.tokens,
        }
    }
}

/// A moment at which the server's bucket was empty.
#[derive(Debug, Clone, Copy)]
struct Refusal {
    /// When the call was sent.
    sent: Instant,
    /// What had been accepted of the calls sent before.
    accepted: Units,
    /// What it would have cost.
    cost: Units,
    /// The seconds in which nothing was sent, up to then.
    rested: f64,
}

/// What refusals say about a server's rate.
#[derive(Debug, Default)]
pub(super) struct RateEstimate {
    /// In the order in which the calls were sent.
    refusals: VecDeque<Refusal>,
}

impl RateEstimate {
    const MOST: usize = 24;
    /// Refusals that are nearer to each other are one.
    const NEAR: Duration = Duration::from_millis(4);

    /// Notes that a call sent then was refused, when of those sent before it
    /// `accepted` had been accepted, as far as is known, and nothing was sent
    /// for `rested` seconds in all. False if another one that was sent later is
    /// known already: it only corrects what was counted.
    pub(super) fn note(
        &mut self,
        sent: Instant,
        accepted: Units,
        cost: Units,
        rested: f64,
    ) -> bool {
        for later in self.refusals.iter_mut().rev() {
            if later.sent <= sent {
                break;
            }
            later.accepted.requests -= cost.requests;
            later.accepted.tokens -= cost.tokens;
        }
        let noted = Refusal {
            sent,
            accepted,
            cost,
            rested,
        };
        match self.refusals.back_mut() {
            Some(last) if last.sent > sent => return false,
            // The latest says most exactly what was accepted until then.
            Some(last) if sent.duration_since(last.sent) < Self::NEAR => *last = noted,
            _ => self.refusals.push_back(noted),
        }
        if self.refusals.len() > Self::MOST {
            self.refusals.pop_front();
        }
        true
    }

    /// Forgets everything but the latest refusal.
    pub(super) fn forget_older(&mut self) {
        let older = self.refusals.len().saturating_sub(1);
        self.refusals.drain(..older);
    }

    /// The rates between which that of the server must be, in units a second,
    /// and the best guess; `None` if there is nothing to compare.
    /// Calls may overtake each other by `jitter` seconds.
    ///
    /// What flowed over while nothing was sent is not known: where that was
    /// long, what was accepted is only the least.
    pub(super) fn bounds(&self, counted: Counted, jitter: f64) -> Option<Bounds> {
        self.bounds_at(self.refusals.len(), counted, jitter)
    }

    /// Whether the latest refusal came so late that the rate must be higher than
    /// it was before.
    pub(super) fn has_risen(&self, counted: Counted, jitter: f64) -> bool {
        let count = self.refusals.len();
        if count < 3 {
            return false;
        }
        let Some(before) = self.bounds_at(count - 1, counted, jitter) else {
            return false;
        };
        let (last, earlier) = (&self.refusals[count - 1], &self.refusals[count - 2]);
        let between = Bounds::between(earlier, last, counted, jitter);
        between.is_some_and(|between| between.least > before.most)
    }

    /// The bounds as they were after the first `count` refusals.
    fn bounds_at(&self, count: usize, counted: Counted, jitter: f64) -> Option<Bounds> {
        let last = self.refusals.get(count.checked_sub(1)?)?;
        let mut known: Option<Bounds> = None;
        for earlier in self.refusals.range(..count - 1).rev() {
            let Some(more) = Bounds::between(earlier, last, counted, jitter) else {
                continue;
            };
            known = match known {
                None => Some(more),
                Some(known) if more.least > known.most || more.most < known.least => break,
                Some(known) => Some(known.and(more)),
            };
        }
        known
    }

    /// What was accepted since the refusal before the last one, and in which
    /// time.
    pub(super) fn last_span(&self) -> Option<(Units, Duration)> {
        let mut latest = self.refusals.iter().rev();
        let (last, before) = (latest.next()?, latest.next()?);
        let accepted = Units {
            requests: last.accepted.requests - before.accepted.requests,
            tokens: last.accepted.tokens - before.accepted.tokens,
        };
        Some((accepted, last.sent.duration_since(before.sent)))
    }
}

/// Between which rates another one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) guess: f64,
    /// The seconds in which nothing contradicts them.
    pub(super) time: f64,
}

impl Bounds {
    /// What two refusals say; `None` if they are too near to each other.
    fn between(earlier: &Refusal, later: &Refusal, counted: Counted, jitter: f64) -> Option<Self> {
        let time = later.sent.duration_since(earlier.sent).as_secs_f64();
        if time < 0.04 + 2.0 * jitter {
            return None;
        }
        let accepted = later.accepted.of(counted) - earlier.accepted.of(counted);
        let rested = later.rested - earlier.rested;
        let busy = (time - rested - jitter).max(0.02);
        // Half a call more than theory, for calls that overtake each other.
        let least = (accepted - 1.5 * earlier.cost.of(counted)) / (time + jitter);
        let most = (accepted + 1.5 * later.cost.of(counted)) / busy;
        Some(Self {
            least: least.max(0.0),
            most,
            guess: (accepted / time).max(0.0),
            time,
        })
    }

    /// These, and what is known from refusals further apart: theirs is the
    /// better guess.
    fn and(self, more: Self) -> Self {
        let (least, most) = (self.least.max(more.least), self.most.min(more.most));
        Self {
            least,
            most,
            guess: more.guess.clamp(least, most),
            ..more
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes refusals at these seconds, each with what had been accepted by then.
    fn estimate(refusals: &[(f64, f64)]) -> RateEstimate {
        let start = Instant::now();
        let mut estimate = RateEstimate::default();
        for &(at, accepted) in refusals {
            let units = |requests| Units {
                requests,
                tokens: 100.0 * requests,
            };
            let sent = start + Duration::from_secs_f64(at);
            estimate.note(sent, units(accepted), units(1.0), 0.0);
        }
        estimate
    }

    fn check(refusals: &[(f64, f64)], expected: Option<(f64, f64)>) {
        let estimate = estimate(refusals);
        for (counted, factor) in [(Counted::Requests, 1.0), (Counted::Tokens, 100.0)] {
            let bounds = estimate.bounds(counted, 0.0);
            let told = bounds.map(|bounds| (bounds.least / factor, bounds.most / factor));
            let Some((least, most)) = expected else {
                assert_eq!(told, None);
                continue;
            };
            let (told_least, told_most) = told.unwrap();
            let is_near = |one: f64, other: f64| (one - other).abs() < 0.01;
            assert!(
                is_near(told_least, least) && is_near(told_most, most),
                "{told:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn the_longer_ago_the_narrower() {
        check(&[], None);
        check(&[(1.0, 10.0)], None);
        check(&[(1.0, 10.0), (1.01, 10.0)], None);
        check(&[(0.0, 10.0), (1.0, 60.0)], Some((48.5, 51.5)));
        check(&[(0.0, 10.0), (10.0, 510.0)], Some((49.85, 50.15)));
        check(
            &[(0.0, 10.0), (9.0, 460.0), (10.0, 510.0)],
            Some((49.85, 50.15)),
        );
    }

    #[test]
    fn what_contradicts_later_refusals_is_forgotten() {
        // 50 a second, and then 20.
        check(
            &[(0.0, 0.0), (10.0, 500.0), (11.0, 520.0), (12.0, 540.0)],
            Some((19.25, 20.75)),
        );
        let risen = estimate(&[(0.0, 0.0), (10.0, 200.0), (12.0, 300.0)]);
        assert!(risen.has_risen(Counted::Requests, 0.0));
        let same = estimate(&[(0.0, 0.0), (10.0, 200.0), (12.0, 240.0)]);
        assert!(!same.has_risen(Counted::Requests, 0.0));
    }

    #[test]
    fn a_refusal_that_is_told_late_corrects_what_was_accepted() {
        // The call of second 5 was believed to be accepted.
        let told = [(0.0, 0.0), (10.0, 501.0), (5.0, 250.0)];
        let bounds = estimate(&told).bounds(Counted::Requests, 0.0).unwrap();
        assert!((bounds.guess - 50.0).abs() < 0.01, "{bounds:?}");
    }
}
