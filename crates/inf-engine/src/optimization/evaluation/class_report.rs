//! [`ClassReport`]: how good a pipeline is on one kind of example.

use indexmap::IndexMap;

use super::interval::mean;
use super::{Interval, Scored};
use crate::document::shorten;
use crate::value::Value;

/// The examples for which the same is expected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ClassReport {
    /// What is expected, as text.
    pub class: String,
    /// How many examples have a score.
    pub examples: usize,
    /// The mean of their scores: of exact matches the share that was found
    /// (recall).
    pub mean: f64,
    /// How sure that is.
    pub interval: Interval,
    /// The outputs with less than the full score and how often each was given, the
    /// most frequent first; at most three.
    pub instead: Vec<(String, usize)>,
}

/// The most characters of an output that is shown.
const SHOWN: usize = 60;

/// Expected answers that are nearly all different are no classes.
const LEAST_SHARED: usize = 2;

impl ClassReport {
    pub(super) fn of(examples: &[Scored], shown: impl Fn(&Value) -> String) -> Vec<Self> {
        let mut classes: IndexMap<String, Vec<&Scored>> = IndexMap::new();
        let mut count = 0;
        for scored in examples.iter().filter(|scored| scored.score().is_some()) {
            let class = match &scored.expected {
                Some(Value::List(_) | Value::Map(_)) | None => continue,
                Some(class) => class.to_string(),
            };
            count += 1;
            classes.entry(class).or_default().push(scored);
        }
        if classes.len() * LEAST_SHARED > count {
            return Vec::new();
        }
        let mut reports: Vec<Self> = classes
            .into_iter()
            .filter_map(|(class, examples)| Self::new(&class, &examples, &shown))
            .collect();
        // Stable: of classes of one size the one that was met first is first.
        reports.sort_by_key(|report| std::cmp::Reverse(report.examples));
        reports
    }

    fn new(class: &str, examples: &[&Scored], shown: &impl Fn(&Value) -> String) -> Option<Self> {
        let scores: Vec<f64> = examples
            .iter()
            .filter_map(|scored| scored.score())
            .collect();
        let mut instead: IndexMap<String, usize> = IndexMap::new();
        for scored in examples.iter().filter(|scored| scored.score() < Some(1.0)) {
            let shown = match &scored.output {
                Ok(output) => shorten(&shown(output), SHOWN),
                Err(error) => format!("({})", error.kind.as_str()),
            };
            *instead.entry(shown).or_default() += 1;
        }
        let mut instead: Vec<(String, usize)> = instead.into_iter().collect();
        instead.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        instead.truncate(3);
        Some(Self {
            class: shorten(class, SHOWN),
            examples: scores.len(),
            mean: mean(&scores),
            interval: Interval::of(&scores)?,
            instead,
        })
    }
}
