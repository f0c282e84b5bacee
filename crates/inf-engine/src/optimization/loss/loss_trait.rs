//! [`Loss`]: from an output to a verdict.

use std::pin::Pin;

use futures_util::future::join_all;

use super::LossError;
use crate::optimization::Example;
use crate::parameter::Feedback;
use crate::value::Value;

/// The verdict of [`Loss::evaluate`], as it is being waited for.
///
/// [`Loss`] shows how to make one: `Box::pin(async move { … })`.
pub type LossFuture<'a> = Pin<Box<dyn Future<Output = Result<Feedback, LossError>> + Send + 'a>>;

/// The verdicts of [`Loss::evaluate_batch`], as they are being waited for.
///
/// It is made as [`LossFuture`] is; [`Loss::evaluate_batch`] is for losses that compare outputs.
pub type BatchLossFuture<'a> =
    Pin<Box<dyn Future<Output = Vec<Result<Feedback, LossError>>> + Send + 'a>>;

/// An output, what it is for, and what was expected.
///
/// ```
/// use inf_engine::optimization::{Example, Loss, MatchLoss, Sample};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What a loss says of one output, without a pipeline: how a loss is tried.
/// let example = Example::new("2 + 2").expecting(4);
/// let said = MatchLoss::exact().evaluate(&Sample::new(&example, "five")).await?;
/// assert_eq!((said.score, &*said.text), (Some(0.0), "expected `4`, and the output is `five`"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The input.
    pub input: Value,
    /// What was expected, if that is known.
    pub expected: Option<Value>,
    /// What the pipeline made of the input.
    pub output: Value,
}

impl Sample {
    /// What a pipeline made of `example`.
    pub fn new(example: &Example, output: impl Into<Value>) -> Self {
        Self {
            input: example.input.clone(),
            expected: example.expected.clone(),
            output: output.into(),
        }
    }
}

/// Says what is wrong with an output, in words and with a score from 0 to 1.
///
/// Words are what prompts are improved from, and scores decide whether they are
/// better: a loss that is to serve both gives both.
///
/// ```
/// use inf_engine::optimization::{Loss, LossFuture, Sample};
/// use inf_engine::{Feedback, FeedbackType};
///
/// /// Answers should be short.
/// struct Brevity;
///
/// impl Loss for Brevity {
///     fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
///         Box::pin(async move {
///             let words = sample.output.to_string().split_whitespace().count();
///             let score = if words <= 20 { 1.0 } else { 20.0 / words as f64 };
///             let text = format!("The answer has {words} words; 20 would do.");
///             Ok(Feedback::new(FeedbackType::Verifier, text).with_score(score))
///         })
///     }
/// }
///
/// fn use_it(_: &dyn Loss) {}
/// use_it(&Brevity);
/// ```
pub trait Loss: Send + Sync {
    /// The verdict on one output.
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a>;

    /// The verdicts on several, in their order: all at once, unless a loss has a
    /// better way, such as comparing them with each other.
    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        Box::pin(join_all(samples.iter().map(|sample| self.evaluate(sample))))
    }

    /// Whether outputs are to be judged together:
    /// [`evaluate`](crate::optimization::evaluate()) asks about each output as soon as it is
    /// there, unless this is true; then it waits for all of them and asks
    /// [`evaluate_batch`](Self::evaluate_batch).
    fn takes_batches(&self) -> bool {
        false
    }
}

impl<L: Loss + ?Sized> Loss for Box<L> {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        (**self).evaluate(sample)
    }

    fn takes_batches(&self) -> bool {
        (**self).takes_batches()
    }

    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        (**self).evaluate_batch(samples)
    }
}

impl<L: Loss + ?Sized> Loss for std::sync::Arc<L> {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        (**self).evaluate(sample)
    }

    fn takes_batches(&self) -> bool {
        (**self).takes_batches()
    }

    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        (**self).evaluate_batch(samples)
    }
}
