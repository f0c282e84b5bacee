//! [`Comparison`]: two evaluations on the same examples.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use super::interval::mean;
use super::{Evaluation, Interval};
use crate::document::counted;

/// Two evaluations on the same examples, example by example: pairs show much
/// smaller differences than two means with their intervals. As text it is a summary for
/// people.
///
/// ```
/// use inf_engine::clients::simulated::{Answer, SimulatedSettings};
/// use inf_engine::optimization::{Comparison, Dataset, Example, MatchLoss, evaluate};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let echo = SimulatedSettings::default().with_answer(Answer::Echo);
/// let pipeline = LlmInference::new("fast").bind(ResourceConfig::simulated(["fast"], &echo))?;
/// let dataset: Dataset = ["yes", "no", "YES"]
///     .map(|input| Example::new(input).expecting("yes"))
///     .into_iter()
///     .collect();
/// let strict = evaluate(&pipeline, &dataset, &MatchLoss::exact()).await;
/// let lenient = evaluate(&pipeline, &dataset, &MatchLoss::exact().ignoring_case()).await;
/// let change = Comparison::of(&strict, &lenient);
/// assert_eq!((change.pairs, change.better, change.worse), (3, 1, 0));
/// println!("{change}"); // +0.333 (95 % confidence: …) on 3 pairs
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// The examples that have a score in both.
    pub pairs: usize,
    /// Those whose score rose.
    pub better: usize,
    /// Those whose score fell.
    pub worse: usize,
    /// The mean of the differences, after minus before; 0 without pairs.
    pub mean: f64,
    /// How sure that is; `None` without pairs.
    pub interval: Option<Interval>,
}

impl Comparison {
    /// What changed from one evaluation to another of the same dataset. Examples are
    /// paired by their place in it; where one has several outputs, in their order.
    pub fn of(before: &Evaluation, after: &Evaluation) -> Self {
        let mut later: HashMap<usize, VecDeque<Option<f64>>> = HashMap::new();
        for scored in &after.examples {
            let scores = later.entry(scored.index).or_default();
            scores.push_back(scored.score());
        }
        let pairs = before.examples.iter().map(|scored| {
            let same = later.get_mut(&scored.index);
            let after = same.and_then(VecDeque::pop_front).flatten();
            (scored.score(), after)
        });
        let (before, after): (Vec<_>, Vec<_>) = pairs.unzip();
        Self::of_scores(&before, &after)
    }

    /// The same for scores in the same order.
    pub(crate) fn of_scores(before: &[Option<f64>], after: &[Option<f64>]) -> Self {
        let pairs = before.iter().zip(after);
        let differences = pairs.filter_map(|(before, after)| Some((*after)? - (*before)?));
        let differences: Vec<f64> = differences.collect();
        let count = |test: fn(&f64) -> bool| differences.iter().filter(|one| test(one)).count();
        Self {
            pairs: differences.len(),
            better: count(|difference| *difference > 0.0),
            worse: count(|difference| *difference < 0.0),
            mean: mean_difference(&differences),
            interval: (!differences.is_empty()).then(|| Interval::bootstrap(&differences)),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(interval) = self.interval else {
            return formatter.write_str("no example has a score in both");
        };
        let (low, high) = (interval.low, interval.high);
        write!(
            formatter,
            "{:+.3} (95 % confidence: {low:+.3} to {high:+.3}) on {}",
            self.mean,
            counted(self.pairs as u64, "pair")
        )
    }
}

/// The mean of differences; 0 of none. What sums of decimal fractions differ by, as
/// 0.7 - 0.6 from 0.4 - 0.3, is no difference.
fn mean_difference(differences: &[f64]) -> f64 {
    const NOTHING: f64 = 1e-9;
    if differences.is_empty() {
        return 0.0;
    }
    let mean = mean(differences);
    if mean.abs() < NOTHING { 0.0 } else { mean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimization::{Dataset, Example, MatchLoss, evaluate};
    use crate::prelude::{Proxy, ResourceConfig, Tracer};

    #[test]
    fn only_examples_with_both_scores_are_pairs() {
        let compared = Comparison::of_scores(
            &[Some(0.0), Some(1.0), Some(0.5), None, Some(1.0)],
            &[Some(1.0), Some(0.5), Some(0.5), Some(1.0), None],
        );
        assert_eq!((compared.pairs, compared.better, compared.worse), (3, 1, 1));
        assert!((compared.mean - 0.5 / 3.0).abs() < 1e-12);
        let level = Comparison::of_scores(&[Some(0.6), Some(0.4)], &[Some(0.7), Some(0.3)]);
        assert_eq!((level.better, level.worse, level.mean), (1, 1, 0.0));
        let nothing = Comparison::of_scores(&[None], &[Some(1.0)]);
        assert_eq!((nothing.pairs, nothing.interval), (0, None));
    }

    #[tokio::test]
    async fn examples_are_paired_by_their_place() {
        let graph = Tracer::new("same")
            .trace(|text: Proxy<String>| text)
            .unwrap();
        let pipeline = graph
            .bind_as::<String, String>(ResourceConfig::new())
            .unwrap();
        let all: Dataset = ["no", "yes", "no"]
            .map(|input| Example::new(input).expecting("yes"))
            .into_iter()
            .collect();
        let loss = MatchLoss::exact();
        let before = evaluate(&pipeline, &all, &loss).await;
        // As of a run that did not come to the first one.
        let mut after = before.clone();
        after.examples.remove(0);
        let compared = Comparison::of(&before, &after);
        assert_eq!((compared.pairs, compared.better, compared.worse), (2, 0, 0));
    }
}
