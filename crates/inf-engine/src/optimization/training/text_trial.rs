//! [`TextTrial`]: a text that a parameter had, or nearly.

use std::fmt;
use std::sync::Arc;

use crate::execution::Spent;
use crate::optimization::Decision;
use crate::parameter::ParameterPath;

/// A text that a parameter had, or nearly: what it was measured as and what that took.
/// As text it is a line.
///
/// [`TrainReport::history`](super::TrainReport::history) gives them; [`TrainReport`](super::TrainReport) shows
/// one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TextTrial {
    /// Which parameter.
    pub path: ParameterPath,
    /// The text.
    pub text: Arc<str>,
    /// The step in which it was tried, from 0, and in the text from 1; `None` for the one that was
    /// there before.
    pub step: Option<usize>,
    /// Whether it was applied.
    pub decision: Decision,
    /// The mean on the validation examples with it and whatever else changed in the
    /// step; `None` if it did not come that far.
    pub score: Option<f64>,
    /// The change of the mean against what there was, as far as that was measured: on
    /// the validation examples, or on the minibatch.
    pub change: Option<f64>,
    /// What the calls of the step took; texts of one step share it.
    pub took: Spent,
}

impl fmt::Display for TextTrial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |score: Option<f64>| {
            score.map_or_else(|| "–".to_owned(), |score| format!("{score:.3}"))
        };
        match self.step {
            None => formatter.write_str("before")?,
            // As the report counts them for people.
            Some(step) => write!(formatter, "step {}", step + 1)?,
        }
        let decision = match self.decision {
            Decision::Accepted => "applied",
            Decision::Rejected => "rejected",
            Decision::Undecided => "undecided",
        };
        let change = self.change.map(|change| format!(" ({change:+.3})"));
        write!(
            formatter,
            ", {}: {decision}, validation {}{}, {} calls",
            self.path,
            number(self.score),
            change.unwrap_or_default(),
            self.took.calls
        )
    }
}
