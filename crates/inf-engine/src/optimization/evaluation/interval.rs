//! [`Interval`]: how sure a mean is.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// The interval in which the mean of scores would lie for all examples of the
/// kind, with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Interval {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// How it was found.
    pub method: IntervalMethod,
}

/// How an [`Interval`] was found.
///
/// ```
/// use inf_engine::optimization::{Interval, IntervalMethod};
///
/// let method = |scores: &[f64]| Interval::of(scores).map(|interval| interval.method);
/// assert_eq!(method(&[0.0, 1.0, 1.0]), Some(IntervalMethod::Wilson));
/// assert_eq!(method(&[0.0, 0.5, 1.0]), Some(IntervalMethod::Bootstrap));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntervalMethod {
    /// The score interval of a proportion, where every score is 0 or 1: it holds
    /// for few examples and near 0 and 1, too. Wilson (1927), *Probable inference,
    /// the law of succession, and statistical inference*, JASA 22.
    Wilson,
    /// The percentiles of the means of 2,000 samples drawn with replacement, always
    /// the same ones. Efron (1979), *Bootstrap methods*, Annals of Statistics 7. With
    /// fewer than ten examples it is too narrow.
    Bootstrap,
}

impl IntervalMethod {
    /// The name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wilson => "Wilson score interval",
            Self::Bootstrap => "bootstrap of 2,000 samples",
        }
    }
}

const RESAMPLES: usize = 2_000;

impl Interval {
    /// The interval for the mean of `scores`; `None` of none.
    ///
    /// ```
    /// use inf_engine::optimization::Interval;
    ///
    /// let all_right = Interval::of(&[1.0; 10]).expect("there are scores");
    /// assert_eq!(format!("{all_right}"), "0.722–1.000");
    /// ```
    pub fn of(scores: &[f64]) -> Option<Self> {
        if scores.is_empty() {
            return None;
        }
        #[expect(clippy::float_cmp, reason = "0 and 1 are exact")]
        let is_binary = scores.iter().all(|score| *score == 0.0 || *score == 1.0);
        Some(if is_binary {
            Self::wilson(scores)
        } else {
            Self::bootstrap(scores)
        })
    }

    fn wilson(scores: &[f64]) -> Self {
        // The 97.5th percentile of the normal distribution.
        const Z: f64 = 1.959_963_984_540_054;
        let count = length(scores);
        let mean = mean(scores);
        let center = mean + Z * Z / (2.0 * count);
        let spread = Z * (mean * (1.0 - mean) / count + Z * Z / (4.0 * count * count)).sqrt();
        let scale = 1.0 + Z * Z / count;
        let (low, high) = ((center - spread) / scale, (center + spread) / scale);
        // At the ends it is exact but for rounding.
        Self {
            low: if mean > 0.0 { low.max(0.0) } else { 0.0 },
            high: if mean < 1.0 { high.min(1.0) } else { 1.0 },
            method: IntervalMethod::Wilson,
        }
    }

    /// By drawing samples, whatever the scores are.
    pub(super) fn bootstrap(scores: &[f64]) -> Self {
        let mut random = Pcg64::seed_from_u64(0);
        let mut means: Vec<f64> = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let drawn = (0..scores.len()).map(|_| scores[random.random_range(0..scores.len())]);
            means.push(drawn.sum::<f64>() / length(scores));
        }
        means.sort_unstable_by(f64::total_cmp);
        Self {
            low: means[RESAMPLES / 40],
            high: means[RESAMPLES - 1 - RESAMPLES / 40],
            method: IntervalMethod::Bootstrap,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}–{:.3}", self.low, self.high)
    }
}

/// The mean of scores, of which there are some.
pub(super) fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / length(scores)
}

#[expect(clippy::cast_precision_loss, reason = "a count of examples")]
fn length(scores: &[f64]) -> f64 {
    scores.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_have_the_intervals_of_the_literature() {
        let check = |right: usize, count: usize, expected: &str| {
            let scores: Vec<f64> = (0..count)
                .map(|at| f64::from(u8::from(at < right)))
                .collect();
            let interval = Interval::of(&scores).expect("there are scores");
            assert_eq!(interval.method, IntervalMethod::Wilson);
            assert_eq!(interval.to_string(), expected);
        };
        // Newcombe (1998), Statistics in Medicine 17, table I.
        check(81, 263, "0.255–0.366");
        check(15, 148, "0.062–0.160");
        check(0, 20, "0.000–0.161");
        check(1, 29, "0.006–0.172");
        let ends = [[0.0; 6], [1.0; 6]].map(|scores| Interval::of(&scores).expect("there are six"));
        assert_eq!((ends[0].low, ends[1].high), (0.0, 1.0));
    }

    #[test]
    fn other_scores_are_drawn_again_and_always_the_same() {
        let scores: Vec<f64> = (0..100).map(|at| f64::from(at) / 99.0).collect();
        let interval = Interval::of(&scores).expect("there are scores");
        assert_eq!(interval.method, IntervalMethod::Bootstrap);
        // The standard error is 0.029.
        assert!((interval.low - 0.443).abs() < 0.006, "{interval}");
        assert!((interval.high - 0.557).abs() < 0.006, "{interval}");
        assert_eq!(Interval::of(&scores), Some(interval));
        assert_eq!(Interval::of(&[]), None);
    }
}
