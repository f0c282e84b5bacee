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
//! says nothing about its health, and a refusal for a limit is an answer.
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
}

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

    /// Notes that a call is made, which [`check`](Self::check) allowed.
    pub(super) fn begin(&mut self) {
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
    }

    /// Notes that a call was answered.
    pub(super) fn note_answer(&mut self) {
        self.failures_in_a_row = 0;
        self.count(0.0);
        if let State::HalfOpen { answers, .. } = self.state {
            self.state = if answers + 1 >= Self::ANSWERS {
                self.openings = 0;
                self.failing = 0.0;
                self.seen = 0;
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
    pub(super) fn note_failure(&mut self, now: Instant) {
        self.failures_in_a_row += 1;
        self.count(1.0);
        let opens = match self.state {
            State::Closed => {
                self.failures_in_a_row >= Self::FAILURES_IN_A_ROW
                    || self.seen >= Self::MEMORY && self.failing > 0.5
            }
            State::HalfOpen { .. } => true,
            // It was sent before.
            State::Open { .. } => false,
        };
        if opens {
            let doubled = Self::FIRST_PAUSE.saturating_mul(1 << self.openings.min(5));
            self.openings += 1;
            self.state = State::Open {
                until: now + doubled.min(Self::LONGEST_PAUSE),
            };
        }
    }

    /// Notes that a call ended in a way that says nothing.
    pub(super) fn note_nothing(&mut self) {
        if let State::HalfOpen { probing, .. } = &mut self.state {
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

    #[tokio::test(start_paused = true)]
    async fn it_opens_probes_and_closes() {
        let mut breaker = CircuitBreaker::new();
        let now = Instant::now();
        for _ in 0..4 {
            breaker.note_failure(now);
        }
        breaker.note_answer();
        assert!(breaker.is_closed(), "not in a row");
        for _ in 0..5 {
            assert_eq!(breaker.check(now), Ok(()));
            breaker.note_failure(now);
        }
        let seconds = Duration::from_secs;
        assert_eq!(breaker.check(now), Err(Some(now + seconds(5))));
        breaker.note_failure(now);
        assert_eq!(
            breaker.check(now),
            Err(Some(now + seconds(5))),
            "a late one"
        );

        let later = now + seconds(5);
        assert_eq!(breaker.check(later), Ok(()));
        breaker.begin();
        assert_eq!(breaker.check(later), Err(None), "one at a time");
        breaker.note_failure(later);
        assert_eq!(breaker.check(later), Err(Some(later + seconds(10))));

        let later = later + seconds(10);
        breaker.begin();
        breaker.note_nothing();
        assert_eq!(breaker.check(later), Ok(()), "a probe that was given up");
        breaker.begin();
        breaker.note_answer();
        assert!(!breaker.is_closed());
        breaker.begin();
        breaker.note_answer();
        assert!(breaker.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_latest_calls_are_enough() {
        let mut breaker = CircuitBreaker::new();
        let now = Instant::now();
        let mut calls = 0;
        while breaker.is_closed() && calls < 60 {
            calls += 1;
            if calls % 3 == 0 {
                breaker.note_answer();
            } else {
                breaker.note_failure(now);
            }
        }
        assert!((20..30).contains(&calls), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_end() {
        let mut breaker = CircuitBreaker::new();
        let mut now = Instant::now();
        for _ in 0..5 {
            breaker.note_failure(now);
        }
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let until = breaker.check(now).unwrap_err().unwrap();
            pauses.push((until - now).as_secs());
            now = until;
            breaker.begin();
            breaker.note_failure(now);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }
}
