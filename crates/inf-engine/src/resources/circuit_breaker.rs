//! [`CircuitBreaker`]: whether an endpoint is left out because it keeps failing.
//!
//! | state | calls | becomes |
//! |---|---|---|
//! | closed | all | open after 5 failures in a row, or if half of the last 20 failed |
//! | open | none | half-open after 5 s, twice as long each time up to a minute |
//! | half-open | one at a time | closed after 2 answers, open after a failure |
//!
//! Failures are those that may pass: an error of the server, no connection, no
//! answer in time, an answer that is none. What the server refuses for good
//! says nothing about its health, nor does a refusal for a limit. What was sent
//! before the circuit opened or closed says nothing about what is now: a hundred
//! calls that run into a timeout one after the other are one failure of the
//! server, and no reason to leave it alone ever longer.
//! (Nygard, "Release It!", 2007.)

use std::time::Duration;

use tokio::time::Instant;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    state: State,
    /// The share of the latest calls that failed.
    failing: f64,
    /// The calls that this is of, up to a number.
    seen: u32,
    failures_in_a_row: u32,
    /// How often it was opened without being closed.
    openings: u32,
    era: Era,
}

/// The time between two openings or closings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Era(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { probing: bool, answers: u32 },
}

impl CircuitBreaker {
    const FAILURES_IN_A_ROW: u32 = 5;
    const MEMORY: u32 = 20;
    const FIRST_PAUSE: Duration = Duration::from_secs(5);
    const LONGEST_PAUSE: Duration = Duration::from_mins(1);
    const ANSWERS: u32 = 2;

    pub(super) fn new() -> Self {
        Self {
            state: State::Closed,
            failing: 0.0,
            seen: 0,
            failures_in_a_row: 0,
            openings: 0,
            era: Era::default(),
        }
    }

    /// Whether a call may be made; otherwise until when none may, if that is
    /// known.
    pub(super) fn check(&self, now: Instant) -> Result<(), Option<Instant>> {
        match self.state {
            State::Closed | State::HalfOpen { probing: false, .. } => Ok(()),
            State::Open { until } if until <= now => Ok(()),
            State::Open { until } => Err(Some(until)),
            State::HalfOpen { probing: true, .. } => Err(None),
        }
    }

    /// Whether calls go there without question.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Notes that a call is made, which [`check`](Self::check) allowed. What came of
    /// it is to be told with what this returns.
    pub(super) fn begin(&mut self) -> Era {
        match &mut self.state {
            State::Closed => {}
            State::Open { .. } => {
                self.state = State::HalfOpen {
                    probing: true,
                    answers: 0,
                }
            }
            State::HalfOpen { probing, .. } => *probing = true,
        }
        self.era
    }

    /// Notes that a call was answered.
    pub(super) fn note_answer(&mut self, era: Era) {
        if era != self.era {
            return;
        }
        self.failures_in_a_row = 0;
        self.count(0.0);
        if let State::HalfOpen { answers, .. } = self.state {
            self.state = if answers + 1 >= Self::ANSWERS {
                self.openings = 0;
                self.failing = 0.0;
                self.seen = 0;
                self.era.0 += 1;
                State::Closed
            } else {
                State::HalfOpen {
                    probing: false,
                    answers: answers + 1,
                }
            };
        }
    }

    /// Notes that a call failed for a reason that may pass.
    pub(super) fn note_failure(&mut self, era: Era, now: Instant) {
        if era != self.era {
            return;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.count(1.0);
        let opens = match self.state {
            State::Closed => {
                self.failures_in_a_row >= Self::FAILURES_IN_A_ROW
                    || self.seen >= Self::MEMORY && self.failing > 0.5
            }
            State::HalfOpen { .. } => true,
            State::Open { .. } => false,
        };
        if opens {
            let doubled = Self::FIRST_PAUSE.saturating_mul(1 << self.openings.min(5));
            self.openings = self.openings.saturating_add(1);
            self.era.0 += 1;
            self.state = State::Open {
                until: now + doubled.min(Self::LONGEST_PAUSE),
            };
        }
    }

    /// Notes that a call ended in a way that says nothing.
    pub(super) fn note_nothing(&mut self, era: Era) {
        if era == self.era
            && let State::HalfOpen { probing, .. } = &mut self.state
        {
            *probing = false;
        }
    }

    fn count(&mut self, failure: f64) {
        self.seen = (self.seen + 1).min(Self::MEMORY);
        self.failing += (failure - self.failing) / f64::from(self.seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(breaker: &mut CircuitBreaker) {
        let era = breaker.begin();
        breaker.note_answer(era);
    }

    fn fail(breaker: &mut CircuitBreaker, now: Instant) {
        let era = breaker.begin();
        breaker.note_failure(era, now);
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_probes_and_closes() {
        let mut breaker = CircuitBreaker::new();
        let now = Instant::now();
        for _ in 0..4 {
            fail(&mut breaker, now);
        }
        answer(&mut breaker);
        assert!(breaker.is_closed(), "not in a row");
        let early = breaker.begin();
        for _ in 0..5 {
            assert_eq!(breaker.check(now), Ok(()));
            fail(&mut breaker, now);
        }
        let seconds = Duration::from_secs;
        assert_eq!(breaker.check(now), Err(Some(now + seconds(5))));
        breaker.note_failure(early, now);
        assert_eq!(
            breaker.check(now),
            Err(Some(now + seconds(5))),
            "a late one"
        );

        let later = now + seconds(5);
        assert_eq!(breaker.check(later), Ok(()));
        let probe = breaker.begin();
        assert_eq!(breaker.check(later), Err(None), "one at a time");
        breaker.note_nothing(early);
        breaker.note_failure(early, later);
        breaker.note_answer(early);
        assert_eq!(breaker.check(later), Err(None), "late ones say nothing");
        breaker.note_failure(probe, later);
        assert_eq!(breaker.check(later), Err(Some(later + seconds(10))));

        let later = later + seconds(10);
        let given_up = breaker.begin();
        breaker.note_nothing(given_up);
        assert_eq!(breaker.check(later), Ok(()), "a probe that was given up");
        answer(&mut breaker);
        assert!(!breaker.is_closed());
        answer(&mut breaker);
        assert!(breaker.is_closed());
        for _ in 0..5 {
            breaker.note_failure(early, later);
        }
        assert!(breaker.is_closed(), "late ones say nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_latest_calls_are_enough() {
        let mut breaker = CircuitBreaker::new();
        let now = Instant::now();
        let mut calls = 0;
        while breaker.is_closed() && calls < 60 {
            calls += 1;
            if calls % 3 == 0 {
                answer(&mut breaker);
            } else {
                fail(&mut breaker, now);
            }
        }
        assert!((20..30).contains(&calls), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_end() {
        let mut breaker = CircuitBreaker::new();
        let mut now = Instant::now();
        for _ in 0..5 {
            fail(&mut breaker, now);
        }
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let until = breaker.check(now).unwrap_err().unwrap();
            pauses.push((until - now).as_secs());
            now = until;
            fail(&mut breaker, now);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }
}
