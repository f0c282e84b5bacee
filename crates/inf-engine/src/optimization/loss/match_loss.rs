//! [`MatchLoss`]: compares with the expected answer.

use super::{Loss, LossError, LossFuture, Sample};
use crate::document::shorten;
use crate::execution::answer_json::{self, NoValue};
use crate::parameter::{Feedback, FeedbackType};
use crate::value::Value;

/// The most characters of a value in a message.
const SHOWN: usize = 200;

/// Where feedback says what an output was taken for: what
/// [`ClassReport`](crate::optimization::ClassReport) counts.
const FOUND: &str = "found";

/// Compares an output, or a field of it, with the expected answer: 1 or 0.
///
/// Numbers are compared as numbers, those in texts, too, so that `"5"` is `5.0`; texts
/// without the space around them; a text and something else by their texts.
///
/// ```
/// use inf_engine::optimization::{Example, Loss, MatchLoss, Sample};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let example = Example::new("It crashes.").expecting("bug");
/// let label = MatchLoss::exact().at("label").ignoring_case();
/// let said = label.evaluate(&Sample::new(&example, r#"{"label": "Bug"}"#)).await?;
/// assert_eq!(said.score, Some(1.0));
///
/// let mentions = MatchLoss::contains();
/// let said = mentions.evaluate(&Sample::new(&example, "It is a question.")).await?;
/// assert_eq!(said.score, Some(0.0));
/// assert_eq!(
///     said.text,
///     "expected a text that contains `bug`, and the output is `It is a question.`",
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MatchLoss {
    is_exact: bool,
    ignores_case: bool,
    /// The way into the output.
    path: Vec<String>,
}

impl MatchLoss {
    /// The output is the expected answer.
    pub fn exact() -> Self {
        Self {
            is_exact: true,
            ignores_case: false,
            path: Vec::new(),
        }
    }

    /// The text of the output contains that of the expected answer.
    pub fn contains() -> Self {
        Self {
            is_exact: false,
            ..Self::exact()
        }
    }

    /// The same for a field of the output, dotted where it lies deeper
    /// (`answer.label`, `tags.0`). An output that is text is read as JSON then, in fences,
    /// too, as typed answers are.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = path.split('.').map(str::to_owned).collect();
        self
    }

    /// The same where capitals and small letters are not told apart.
    #[must_use]
    pub fn ignoring_case(mut self) -> Self {
        self.ignores_case = true;
        self
    }

    /// The part of an output that is compared, or a sentence that says why there
    /// is none.
    pub(crate) fn part<'o>(
        &self,
        output: &'o Value,
    ) -> Result<std::borrow::Cow<'o, Value>, String> {
        use std::borrow::Cow;
        let mut part = Cow::Borrowed(output);
        if let (Value::String(text), false) = (output, self.path.is_empty()) {
            let json = json_in(text).map_err(|error| {
                let text = shorten(text, SHOWN);
                format!(
                    "the output is to be JSON with `{}`, and it is none ({error}): {text}",
                    self.path.join(".")
                )
            })?;
            part = Cow::Owned(Value::from(json));
        }
        for (depth, step) in self.path.iter().enumerate() {
            let inside = match (part.get(step), step.parse().ok()) {
                (Some(inside), _) => Some(inside),
                (None, Some(index)) => part.at(index),
                (None, None) => None,
            };
            let inside = inside.cloned().ok_or_else(|| {
                let path = self.path[..=depth].join(".");
                format!(
                    "the output has no `{path}`: it is {}",
                    shorten(&output.to_string(), SHOWN)
                )
            })?;
            part = Cow::Owned(inside);
        }
        Ok(part)
    }

    fn matches(&self, found: &Value, expected: &Value) -> bool {
        let text = |value: &Value| {
            let text = value.to_string();
            let text = text.trim();
            if self.ignores_case {
                text.to_lowercase()
            } else {
                text.to_owned()
            }
        };
        if !self.is_exact {
            return text(found).contains(&text(expected));
        }
        match (found, expected) {
            (Value::Number(found), Value::Number(expected)) => {
                found == expected || found.as_f64() == expected.as_f64()
            }
            (Value::Number(number), Value::String(text))
            | (Value::String(text), Value::Number(number)) => {
                let read: Option<f64> = text.trim().parse().ok();
                read.is_some() && read == number.as_f64()
            }
            (Value::String(_), _) | (_, Value::String(_)) => text(found) == text(expected),
            (found, expected) => found == expected,
        }
    }

    fn verdict(&self, sample: &Sample) -> Result<Feedback, LossError> {
        // Every text contains one that is empty.
        let is_something =
            |expected: &&Value| self.is_exact || !expected.to_string().trim().is_empty();
        let Some(expected) = sample.expected.as_ref().filter(is_something) else {
            let loss = if self.is_exact {
                "exact match"
            } else {
                "contains"
            };
            return Err(LossError::NothingExpected {
                loss: loss.to_owned(),
            });
        };
        let part = self.part(&sample.output);
        let (score, text) = match &part {
            Err(why) => (0.0, why.clone()),
            Ok(found) if self.matches(found, expected) => (1.0, String::new()),
            Ok(found) => {
                let shown = |value: &Value| shorten(&value.to_string(), SHOWN);
                let expected = shown(expected);
                let wanted = if self.is_exact {
                    format!("`{expected}`")
                } else {
                    format!("a text that contains `{expected}`")
                };
                (
                    0.0,
                    format!("expected {wanted}, and the output is `{}`", shown(found)),
                )
            }
        };
        let feedback = Feedback::new(FeedbackType::Verifier, text).with_score(score);
        Ok(match part {
            // However it is written, it is what was expected.
            Ok(_) if self.is_exact && score > 0.0 => {
                feedback.with_metadata(FOUND, expected.clone())
            }
            Ok(found) if self.is_exact => feedback.with_metadata(FOUND, found.into_owned()),
            _ => feedback,
        })
    }
}

/// The JSON in an output, or why there is none.
fn json_in(text: &str) -> Result<serde_json::Value, String> {
    // A number by itself has no fields.
    let accept = |json: serde_json::Value| match json {
        serde_json::Value::Object(_) | serde_json::Value::Array(_) => Ok(json),
        other => Err(format!("it is `{other}`")),
    };
    answer_json::find(text, false, accept).map_err(|why| match why {
        NoValue::NotJson(why) | NoValue::Misfit(why) => why,
    })
}

impl Loss for MatchLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        Box::pin(async move { self.verdict(sample) })
    }
}
