//! [`Evaluation`]: how good a pipeline was on a dataset.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::interval::mean;
use super::{ClassReport, Interval};
use crate::execution::{ErrorKind, ExecutionError, ForwardRecord, Spent};
use crate::optimization::LossError;
use crate::parameter::Feedback;
use crate::value::Value;

/// How good a pipeline was on a dataset; made by
/// [`evaluate`](super::evaluate).
///
/// As text it is a summary for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluation {
    /// Every example, in the order of the dataset.
    pub examples: Vec<Scored>,
    /// What all calls took together, those of judges included.
    pub spent: Spent,
    /// How long it took.
    pub elapsed: Duration,
}

/// An example and what became of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Scored {
    /// The place of the example in its dataset.
    pub index: usize,
    /// The input.
    pub input: Value,
    /// What was expected, if anything was.
    pub expected: Option<Value>,
    /// What the pipeline made of the input.
    pub output: Result<Value, ExecutionError>,
    /// The verdict. An output that is missing through a fault of the pipeline (an
    /// answer of the wrong type, a host function that failed) has the score 0; where
    /// it is another's (a call that failed, a budget) there is no verdict.
    pub feedback: Option<Feedback>,
    /// Why the loss has none.
    pub loss_error: Option<LossError>,
    /// What happened on the way, if the pipeline is in train mode.
    pub record: Option<Arc<ForwardRecord>>,
}

impl Scored {
    /// The score, if there is one.
    pub fn score(&self) -> Option<f64> {
        self.feedback.as_ref()?.score
    }

    /// Why there is no score, in a sentence.
    pub fn why_unscored(&self) -> Option<String> {
        match (self.score(), &self.loss_error, &self.output) {
            (Some(_), _, _) => None,
            (None, Some(error), _) => Some(error.to_string()),
            (None, None, Err(error)) => Some(error.to_string()),
            (None, None, Ok(_)) => Some("the loss gave words and no score".to_owned()),
        }
    }
}

impl AsRef<[Scored]> for Evaluation {
    fn as_ref(&self) -> &[Scored] {
        &self.examples
    }
}

impl Evaluation {
    /// The scores that there are, in the order of the examples.
    pub fn scores(&self) -> Vec<f64> {
        self.examples.iter().filter_map(Scored::score).collect()
    }

    /// The mean of the scores; `None` if there are none.
    pub fn mean(&self) -> Option<f64> {
        let scores = self.scores();
        (!scores.is_empty()).then(|| mean(&scores))
    }

    /// How sure the mean is.
    pub fn interval(&self) -> Option<Interval> {
        Interval::of(&self.scores())
    }

    /// The examples without a score.
    pub fn unscored(&self) -> impl Iterator<Item = &Scored> {
        let examples = self.examples.iter();
        examples.filter(|scored| scored.score().is_none())
    }

    /// Whether a budget did not allow all calls.
    pub fn is_cut_short(&self) -> bool {
        let kind = |scored: &Scored| match (&scored.output, &scored.loss_error) {
            (Err(error), _) => Some(error.kind),
            (_, Some(LossError::NoAnswer { error, .. })) => Some(error.kind),
            _ => None,
        };
        let mut kinds = self.examples.iter().filter_map(kind);
        kinds.any(|kind| kind == ErrorKind::Budget)
    }

    /// The `most` examples with the lowest scores, the worst first; those with the
    /// full score are none of them.
    pub fn worst(&self, most: usize) -> Vec<&Scored> {
        let mut worst: Vec<(f64, &Scored)> = self
            .examples
            .iter()
            .filter_map(|scored| Some((scored.score()?, scored)))
            .filter(|(score, _)| *score < 1.0)
            .collect();
        worst.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        worst
            .into_iter()
            .take(most)
            .map(|(_, scored)| scored)
            .collect()
    }

    /// The examples by what is expected, where that is a text, a number or a yes or
    /// no that several examples share; the most frequent class first. Empty if
    /// nothing is a class.
    pub fn classes(&self) -> Vec<ClassReport> {
        ClassReport::of(&self.examples)
    }

    /// The mean of the F1 of all [`classes`](Self::classes), which counts rare ones as much as
    /// frequent ones; `None` where outputs are no classes.
    pub fn macro_f1(&self) -> Option<f64> {
        let classes = self.classes().into_iter();
        let all: Vec<f64> = classes.filter_map(|class| class.f1).collect();
        (!all.is_empty()).then(|| mean(&all))
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scores = self.scores();
        let unscored = self.examples.len() - scores.len();
        let (Some(mean), Some(interval)) = (self.mean(), self.interval()) else {
            match unscored {
                0 => formatter.write_str("there are no examples")?,
                1 => formatter.write_str("the only example has no score")?,
                _ => write!(formatter, "none of {unscored} examples has a score")?,
            }
            let why = self.unscored().next().and_then(Scored::why_unscored);
            return why.map_or(Ok(()), |why| write!(formatter, ": {why}"));
        };
        write!(
            formatter,
            "{mean:.3} (95 % confidence: {interval}, {}) of {} examples",
            interval.method.name(),
            scores.len()
        )?;
        if unscored > 0 {
            write!(formatter, ", {unscored} without a score")?;
        }
        Ok(())
    }
}
