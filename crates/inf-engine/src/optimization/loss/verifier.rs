//! [`VerifierLoss`]: a function that checks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Loss, LossError, LossFuture, Sample};
use crate::parameter::{Feedback, FeedbackType};
use crate::value::Data;

/// What a function says of an output: whether it passes or how good it is, and
/// what to change.
///
/// Made from what functions like to return: `true` or `false`, a score, a score
/// with a message, or a `Result` whose error is the message.
///
/// ```
/// use inf_engine::optimization::Verdict;
///
/// assert_eq!(Verdict::from(true), Verdict::from(1.0));
/// assert_eq!(Verdict::from(Err::<(), _>("No date.")), Verdict::from((0.0, "No date.")));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// From 0 (worst) to 1 (best).
    pub score: f64,
    /// What to change; empty if the function has nothing to say.
    pub message: String,
}

impl From<bool> for Verdict {
    fn from(passes: bool) -> Self {
        Self::from(f64::from(u8::from(passes)))
    }
}

impl From<f64> for Verdict {
    fn from(score: f64) -> Self {
        Self::from((score, ""))
    }
}

impl<M: Into<String>> From<(f64, M)> for Verdict {
    fn from((score, message): (f64, M)) -> Self {
        Self {
            score,
            message: message.into(),
        }
    }
}

impl<M: Into<String>> From<Result<(), M>> for Verdict {
    fn from(checked: Result<(), M>) -> Self {
        match checked {
            Ok(()) => Self::from(true),
            Err(message) => Self::from((0.0, message)),
        }
    }
}

impl<M: Into<String>> From<Result<f64, M>> for Verdict {
    fn from(checked: Result<f64, M>) -> Self {
        match checked {
            Ok(score) => Self::from(score),
            Err(message) => Self::from((0.0, message)),
        }
    }
}

type Check = dyn Fn(&Sample) -> Result<Verdict, LossError> + Send + Sync;

/// Asks a function of yours. A check that fails without a message says that its
/// name was not passed: give the message, and what is improved from it knows why.
///
/// ```
/// use inf_engine::optimization::{Example, Loss, Sample, VerifierLoss};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let exact = VerifierLoss::new("exact", |output: String, expected: String| output == expected);
/// let short = VerifierLoss::of_output("short", |output: String| {
///     let words = output.split_whitespace().count();
///     if words <= 20 { Ok(()) } else { Err(format!("{words} words; at most 20 are wanted")) }
/// });
/// let sample = Sample::new(&Example::new("Hi").expecting("Hello"), "Hello");
/// assert_eq!(exact.evaluate(&sample).await?.score, Some(1.0));
/// let sample = Sample::new(&Example::new("Hi"), "blah ".repeat(30));
/// assert_eq!(short.evaluate(&sample).await?.text, "30 words; at most 20 are wanted");
/// # Ok(())
/// # }
/// ```
pub struct VerifierLoss {
    name: String,
    check: Box<Check>,
}

impl VerifierLoss {
    /// A function that compares an output with what is expected.
    pub fn new<O: Data, E: Data, V: Into<Verdict>>(
        name: impl Into<String>,
        check: impl Fn(O, E) -> V + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let loss = name.clone();
        let check = move |sample: &Sample| {
            let expected = sample.expected.as_ref();
            let expected =
                expected.ok_or_else(|| LossError::NothingExpected { loss: loss.clone() })?;
            let expected = read(&loss, "expected answer", expected)?;
            Ok(check(read(&loss, "output", &sample.output)?, expected).into())
        };
        Self {
            name,
            check: Box::new(check),
        }
    }

    /// A function that looks at the output alone.
    pub fn of_output<O: Data, V: Into<Verdict>>(
        name: impl Into<String>,
        check: impl Fn(O) -> V + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let loss = name.clone();
        let check = move |sample: &Sample| Ok(check(read(&loss, "output", &sample.output)?).into());
        Self {
            name,
            check: Box::new(check),
        }
    }

    /// A function that looks at everything.
    pub fn of_sample<V: Into<Verdict>>(
        name: impl Into<String>,
        check: impl Fn(&Sample) -> V + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            check: Box::new(move |sample| Ok(check(sample).into())),
        }
    }

    fn verdict(&self, sample: &Sample) -> Result<Feedback, LossError> {
        let checked = catch_unwind(AssertUnwindSafe(|| (self.check)(sample)));
        let verdict = checked.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(LossError::Failed {
                loss: self.name.clone(),
                problem: text.map_or_else(
                    || "it panicked".to_owned(),
                    |text| format!("it panicked: {text}"),
                ),
            })
        })?;
        if verdict.score.is_nan() {
            return Err(LossError::Failed {
                loss: self.name.clone(),
                problem: "its score is no number".to_owned(),
            });
        }
        let text = if verdict.message.is_empty() && verdict.score < 1.0 {
            format!("the output does not pass the check `{}`", self.name)
        } else {
            verdict.message
        };
        Ok(Feedback::new(FeedbackType::Verifier, text).with_score(verdict.score))
    }
}

fn read<T: Data>(loss: &str, what: &'static str, value: &crate::Value) -> Result<T, LossError> {
    T::from_value(value).map_err(|error| LossError::WrongType {
        loss: loss.to_owned(),
        what,
        problem: error.to_string(),
    })
}

impl Loss for VerifierLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        Box::pin(async move { self.verdict(sample) })
    }
}

impl std::fmt::Debug for VerifierLoss {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("VerifierLoss")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
