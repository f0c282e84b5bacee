//! [`ClassReport`]: how good a pipeline is on one kind of example.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::interval::mean;
use super::{Interval, Scored};
use crate::document::shorten;
use crate::value::Value;

/// The examples for which the same is expected.
///
/// Where outputs are classes themselves it has precision, recall and F1. What an output
/// is taken for is the metadata `found` of its feedback, as
/// [`MatchLoss::exact`](crate::optimization::MatchLoss::exact) gives it, or else the
/// output, if that is a text, a number or a yes or no.
///
/// ```
/// use inf_engine::clients::simulated::{Answer, SimulatedSettings};
/// use inf_engine::optimization::{Dataset, Example, MatchLoss, evaluate};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let echo = SimulatedSettings::default().with_answer(Answer::Echo);
/// let pipeline = LlmInference::new("fast").bind(ResourceConfig::simulated(["fast"], &echo))?;
/// let dataset: Dataset = [("bug", "bug"), ("bug", "bug"), ("bug", "praise"), ("praise", "praise")]
///     .map(|(input, expected)| Example::new(input).expecting(expected))
///     .into_iter()
///     .collect();
/// let evaluation = evaluate(&pipeline, &dataset, &MatchLoss::exact()).await;
/// for class in evaluation.classes() {
///     println!("{}: {:.2} of {} examples, F1 {:?}", class.class, class.mean, class.examples, class.f1);
/// }
/// let praise = &evaluation.classes()[1];
/// assert_eq!((&*praise.class, praise.examples), ("praise", 2));
/// assert_eq!((praise.precision, praise.recall), (Some(1.0), Some(0.5)));
/// assert_eq!(praise.instead, [("bug".to_owned(), 1)]); // what was said in its place
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClassReport {
    /// What is expected, as text.
    pub class: String,
    /// How many examples have a score (support).
    pub examples: usize,
    /// The mean of their scores.
    pub mean: f64,
    /// How sure that is.
    pub interval: Interval,
    /// The share of the outputs of this class that are right; `None` if there are none.
    pub precision: Option<f64>,
    /// The share of the examples whose output is of this class; `None` if no output of any
    /// example is a class.
    pub recall: Option<f64>,
    /// The harmonic mean of precision and recall, 0 where nothing was right; `None` if
    /// there is no recall.
    pub f1: Option<f64>,
    /// The outputs with less than the full score and how often each was given, the
    /// most frequent first; at most three.
    pub instead: Vec<(String, usize)>,
}

/// The most characters of an output that is shown.
const SHOWN: usize = 60;

/// Expected answers that are nearly all different are no classes.
const LEAST_SHARED: usize = 2;

impl ClassReport {
    pub(super) fn of(examples: &[Scored]) -> Vec<Self> {
        let mut classes: IndexMap<String, Vec<&Scored>> = IndexMap::new();
        let mut count = 0;
        for scored in examples.iter().filter(|scored| scored.score().is_some()) {
            let Some(class) = scored.expected.as_ref().and_then(as_class) else {
                continue;
            };
            count += 1;
            classes.entry(class).or_default().push(scored);
        }
        if classes.len() * LEAST_SHARED > count {
            return Vec::new();
        }
        let all = classes.values().flatten();
        // By class: how many outputs are of it.
        let mut named: HashMap<String, usize> = HashMap::new();
        for class in all.filter_map(|scored| found(scored)) {
            if classes.contains_key(&class) {
                *named.entry(class).or_default() += 1;
            }
        }
        let mut reports: Vec<Self> = classes
            .iter()
            .filter_map(|(class, examples)| Self::new(class, examples, &named))
            .collect();
        // Stable: of classes of one size the one that was met first is first.
        reports.sort_by_key(|report| std::cmp::Reverse(report.examples));
        reports
    }

    fn new(class: &str, examples: &[&Scored], named: &HashMap<String, usize>) -> Option<Self> {
        let scores: Vec<f64> = examples
            .iter()
            .filter_map(|scored| scored.score())
            .collect();
        let mut instead: IndexMap<String, usize> = IndexMap::new();
        for scored in examples.iter().filter(|scored| scored.score() < Some(1.0)) {
            let shown = match (&scored.output, found(scored)) {
                (Ok(_), Some(found)) => shorten(&found, SHOWN),
                (Ok(output), None) => shorten(&output.to_string(), SHOWN),
                (Err(error), _) => format!("({})", error.kind.as_str()),
            };
            *instead.entry(shown).or_default() += 1;
        }
        let mut instead: Vec<(String, usize)> = instead.into_iter().collect();
        instead.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        instead.truncate(3);
        let right = examples.iter().filter_map(|scored| found(scored));
        let right = right.filter(|found| found == class).count();
        let of_class = named.get(class).copied().unwrap_or_default();
        let are_classes = !named.is_empty();
        Some(Self {
            class: shorten(class, SHOWN),
            examples: scores.len(),
            mean: mean(&scores),
            interval: Interval::of(&scores)?,
            precision: share(right, of_class),
            recall: share(right, examples.len()).filter(|_| are_classes),
            f1: share(2 * right, of_class + examples.len()).filter(|_| are_classes),
            instead,
        })
    }
}

/// A value as the name of a class.
fn as_class(value: &Value) -> Option<String> {
    match value {
        Value::List(_) | Value::Map(_) => None,
        class => Some(class.to_string().trim().to_owned()),
    }
}

/// What an output is taken for.
fn found(scored: &Scored) -> Option<String> {
    let feedback = scored.feedback.as_ref();
    let told = feedback.and_then(|feedback| feedback.metadata.get("found"));
    as_class(told.or(scored.output.as_ref().ok())?)
}

#[expect(clippy::cast_precision_loss, reason = "counts of examples")]
fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}
