//! [`Pace`]: how much of an endpoint's concurrency is used, learnt from
//! refusals.
//!
//! Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the
//! increase and decrease algorithms for congestion avoidance in computer
//! networks", 1989): a refusal halves the calls that may be in flight, and as
//! many answers as may be in flight allow one more.

use std::time::Duration;

use tokio::time::Instant;

/// What refusals have taught about a provider.
#[derive(Debug)]
pub(super) struct Pace {
    /// The most calls at once that the configuration allows.
    most: usize,
    /// The calls at once that the provider seems to bear; between 1 and `most`.
    window: f64,
    /// Nothing is sent before.
    paused_until: Option<Instant>,
    /// When the window was last halved.
    halved_at: Option<Instant>,
    /// Halvings since the last answer.
    refusals: u32,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            window: to_f64(most),
            paused_until: None,
            halved_at: None,
            refusals: 0,
        }
    }

    /// The calls that may be in flight.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a window is between 1 and a number of calls"
    )]
    pub(super) fn window(&self) -> usize {
        self.window as usize
    }

    /// Until when nothing is to be sent, if that is still to come.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until.filter(|&until| until > Instant::now())
    }

    /// Learns from an answer.
    pub(super) fn note_answer(&mut self) {
        self.refusals = 0;
        self.window = (self.window + 1.0 / self.window).min(to_f64(self.most));
    }

    /// Learns from the refusal of a call that was permitted at `sent`, while
    /// `in_flight` calls were under way: waits as long as the provider `asked`, an hour at
    /// most, or longer with each refusal in a row if it did not say.
    pub(super) fn note_refusal(
        &mut self,
        sent: Instant,
        in_flight: usize,
        asked: Option<Duration>,
    ) {
        const SHORTEST: Duration = Duration::from_millis(250);
        const LONGEST: Duration = Duration::from_secs(30);
        const LONGEST_ASKED: Duration = Duration::from_hours(1);
        let now = Instant::now();
        // Calls that were under way when the window was halved tell nothing new.
        if self.halved_at.is_none_or(|halved| sent > halved) {
            self.window = (self.window.min(to_f64(in_flight)) / 2.0).max(1.0);
            self.halved_at = Some(now);
            self.refusals += 1;
        }
        let doublings = self.refusals.saturating_sub(1).min(7);
        let unasked = SHORTEST.saturating_mul(1 << doublings).min(LONGEST);
        // A hint that proved too short more than once is not believed alone.
        let floor = Duration::from_millis(1 << self.refusals.saturating_sub(1).min(15));
        let wait = asked
            .map_or(unasked, |asked| asked.max(floor))
            .min(LONGEST_ASKED);
        let until = now + wait;
        self.paused_until = Some(self.paused_until.map_or(until, |paused| paused.max(until)));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of calls are far below 2^52"
)]
fn to_f64(calls: usize) -> f64 {
    calls as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refusals_halve_and_answers_add_one_a_round() {
        let mut pace = Pace::new(64);
        assert_eq!(pace.window(), 64);
        let sent = Instant::now();
        pace.note_refusal(sent, 40, None);
        assert_eq!(pace.window(), 20, "half of what was in flight");
        tokio::time::advance(Duration::from_millis(1)).await;
        pace.note_refusal(sent, 39, None);
        assert_eq!(pace.window(), 20, "a call of the same volley");
        for _ in 0..21 {
            pace.note_answer();
        }
        assert_eq!(pace.window(), 21);
        for _ in 0..10_000 {
            pace.note_answer();
        }
        assert_eq!(pace.window(), 64);
        for _ in 0..20 {
            tokio::time::advance(Duration::from_millis(1)).await;
            pace.note_refusal(Instant::now(), 64, None);
        }
        assert_eq!(pace.window(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_are_as_long_as_asked_or_double() {
        let mut pace = Pace::new(8);
        let wait = |pace: &Pace| pace.paused_until().map(|until| until - Instant::now());
        pace.note_refusal(Instant::now(), 8, Some(Duration::from_millis(5)));
        assert_eq!(wait(&pace), Some(Duration::from_millis(5)));
        tokio::time::advance(Duration::from_millis(5)).await;
        assert_eq!(wait(&pace), None);
        for expected in [500, 1_000, 2_000] {
            pace.note_refusal(Instant::now(), 8, None);
            assert_eq!(wait(&pace), Some(Duration::from_millis(expected)));
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        pace.note_answer();
        pace.note_refusal(Instant::now(), 8, None);
        assert_eq!(wait(&pace), Some(Duration::from_millis(250)));
        tokio::time::advance(Duration::from_secs(10)).await;
        pace.note_answer();
        for expected in [1, 2, 4] {
            pace.note_refusal(Instant::now(), 8, Some(Duration::ZERO));
            assert_eq!(wait(&pace), Some(Duration::from_millis(expected)));
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        pace.note_refusal(Instant::now(), 8, Some(Duration::MAX));
        assert_eq!(wait(&pace), Some(Duration::from_hours(1)));
    }
}
