//! [`Pace`]: how quick a run is at the moment.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What was counted up to one moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Instant,
    /// Inputs that were run and have ended.
    pub(super) inputs: u64,
    /// By the place of the endpoint: answers and tokens.
    pub(super) endpoints: Vec<(u64, u64)>,
}

impl Sample {
    fn answers(&self) -> u64 {
        self.endpoints.iter().map(|(answers, _)| answers).sum()
    }
}

/// How quick a run is at the moment: the last samples, and the rates between them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The oldest first.
    samples: VecDeque<Sample>,
    /// Answers up to the end of each whole second since the first sample.
    seconds: VecDeque<u64>,
    /// The end of the second that goes on.
    second_ends: Option<Instant>,
    /// Answers when it began.
    counted: u64,
}

impl Pace {
    /// What calls and tokens a second are a mean of.
    const SHORT: Duration = Duration::from_secs(10);
    /// What inputs a second, and with them the time that is left, are a mean of: they
    /// end in bursts.
    const LONG: Duration = Duration::from_mins(1);
    /// The most seconds that are kept: no terminal is wider.
    const SECONDS: usize = 512;

    pub(super) fn note(&mut self, sample: Sample) {
        let ends = *self
            .second_ends
            .get_or_insert(sample.at + Duration::from_secs(1));
        if sample.at >= ends {
            let answers = sample.answers();
            let passed = (sample.at - ends).as_secs() + 1;
            let each = answers.saturating_sub(self.counted) / passed;
            // Of several at once nobody looked between them: they share what there was.
            for _ in 0..passed.min(Self::SECONDS as u64) {
                self.seconds.push_back(each);
            }
            let surplus = self.seconds.len().saturating_sub(Self::SECONDS);
            self.seconds.drain(..surplus);
            self.counted = answers;
            self.second_ends = Some(ends + Duration::from_secs(passed));
        }
        let oldest = sample.at.checked_sub(Self::LONG);
        while oldest.is_some_and(|oldest| self.samples.get(1).is_some_and(|next| next.at <= oldest))
        {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Answers in each whole second, the newest last.
    pub(super) fn answers_by_second(&self) -> Vec<u64> {
        self.seconds.iter().copied().collect()
    }

    pub(super) fn inputs_per_second(&self) -> f64 {
        self.rate(Self::LONG, |sample| sample.inputs)
    }

    pub(super) fn answers_per_second(&self, endpoint: usize) -> f64 {
        self.rate(Self::SHORT, |sample| {
            sample.endpoints.get(endpoint).map_or(0, |counts| counts.0)
        })
    }

    pub(super) fn tokens_per_second(&self, endpoint: usize) -> f64 {
        self.rate(Self::SHORT, |sample| {
            sample.endpoints.get(endpoint).map_or(0, |counts| counts.1)
        })
    }

    /// How quickly something grew in the last `window`; 0 before there are two
    /// samples.
    #[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
    fn rate(&self, window: Duration, count: impl Fn(&Sample) -> u64) -> f64 {
        let Some(last) = self.samples.back() else {
            return 0.0;
        };
        let begins = last.at.checked_sub(window);
        let is_within = |sample: &&Sample| begins.is_none_or(|begins| sample.at >= begins);
        let Some(first) = self.samples.iter().find(is_within) else {
            return 0.0;
        };
        let seconds = (last.at - first.at).as_secs_f64();
        if seconds > 0.0 {
            count(last).saturating_sub(count(first)) as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that is looked at five times a second: `answers` is what there is at a
    /// tick.
    fn pace(ticks: u64, answers: impl Fn(u64) -> u64) -> Pace {
        let began = Instant::now();
        let mut pace = Pace::default();
        for tick in 0..ticks {
            pace.note(Sample {
                at: began + Duration::from_millis(200 * tick),
                inputs: answers(tick) / 2,
                endpoints: vec![(answers(tick), 100 * answers(tick))],
            });
        }
        pace
    }

    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let check = |pace: &Pace, expected: [f64; 3]| {
            let rates = [
                pace.inputs_per_second(),
                pace.answers_per_second(0),
                pace.tokens_per_second(0),
            ];
            for (rate, expected) in rates.into_iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-9, "{rates:?}");
            }
        };
        check(&pace(0, |_| 1), [0.0; 3]);
        check(&pace(1, |_| 1), [0.0; 3]);
        check(&pace(100, |tick| 2 * tick), [5.0, 10.0, 1000.0]);
        // Nothing for a minute, and then for ten seconds something.
        check(
            &pace(351, |tick| 2 * tick.saturating_sub(300)),
            [100.0 / 2.0 / 60.0, 10.0, 1000.0],
        );
        assert_eq!(pace(2, |tick| tick).answers_per_second(7).to_bits(), 0);
    }

    #[test]
    fn answers_of_whole_seconds() {
        assert!(pace(5, |tick| tick).answers_by_second().is_empty());
        assert_eq!(
            pace(16, |tick| tick * tick).answers_by_second(),
            [25, 75, 125]
        );
        // Who was away for three seconds sees them alike.
        let mut pace = pace(6, |_| 0);
        let at = pace.samples[5].at + Duration::from_secs(3);
        pace.note(Sample {
            at,
            inputs: 0,
            endpoints: vec![(30, 0)],
        });
        assert_eq!(pace.answers_by_second(), [0, 10, 10, 10]);
    }

    #[test]
    fn memory_is_bounded() {
        let pace = pace(5 * 1000, |tick| tick);
        assert_eq!(pace.seconds.len(), Pace::SECONDS);
        assert!(pace.samples.len() <= 5 * 60 + 2);
    }
}
