//! [`CompositeLoss`]: several losses as one.

use std::fmt;

use futures_util::future::{join_all, try_join_all};

use super::wording::ROLE;
use super::{BatchLossFuture, Loss, LossError, LossFuture, Sample};
use crate::optimization::Reasoner;
use crate::parameter::{Feedback, FeedbackType};

/// Several losses as one: the mean of their scores by weight, and their texts
/// below each other, or made into one by a model.
///
/// All are asked at once. Where one has no verdict, the whole has none: a score
/// that sometimes leaves a part out can't be compared.
///
/// ```
/// use inf_engine::optimization::{CompositeLoss, Example, Loss, MatchLoss, Sample, VerifierLoss};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let short = VerifierLoss::of_output("short", |output: String| output.len() < 200);
/// let loss = CompositeLoss::new().with(3.0, MatchLoss::contains()).with(1.0, short);
/// let example = Example::new("What is the capital of France?").expecting("Paris");
/// let said = loss.evaluate(&Sample::new(&example, "It is London.")).await?;
/// assert_eq!(said.score, Some(0.25)); // three parts of four are wrong
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct CompositeLoss {
    parts: Vec<(f64, Box<dyn Loss>)>,
    synthesis: Option<Reasoner>,
}

impl CompositeLoss {
    /// A loss of no parts, which has nothing to say.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a loss. A weight of 0 has its text count and its score not; one that
    /// is less or no number counts as 0.
    #[must_use]
    pub fn with(mut self, weight: f64, loss: impl Loss + 'static) -> Self {
        let weight = if weight.is_finite() {
            weight.max(0.0)
        } else {
            0.0
        };
        self.parts.push((weight, Box::new(loss)));
        self
    }

    /// Has a model make one text of several, where more than one has something to
    /// say. The scores stay what they are.
    #[must_use]
    pub fn synthesised_by(mut self, model: Reasoner) -> Self {
        self.synthesis = Some(model);
        self
    }

    async fn verdict(&self, sample: &Sample) -> Result<Feedback, LossError> {
        let verdicts = self.parts.iter().map(|(_, loss)| loss.evaluate(sample));
        self.combined(try_join_all(verdicts).await?).await
    }

    /// Each part has its own way with a batch.
    async fn verdicts(&self, samples: &[Sample]) -> Vec<Result<Feedback, LossError>> {
        let parts = self.parts.iter();
        let parts = parts.map(|(_, loss)| loss.evaluate_batch(samples));
        let parts = join_all(parts).await.into_iter();
        let mut parts: Vec<_> = parts.map(Vec::into_iter).collect();
        let combined = samples.iter().map(|_| {
            let verdicts = parts.iter_mut().map(|part| {
                part.next().unwrap_or_else(|| {
                    Err(LossError::Failed {
                        loss: "composite".to_owned(),
                        problem: "a part of it gave fewer verdicts than there are outputs"
                            .to_owned(),
                    })
                })
            });
            let verdicts: Result<Vec<Feedback>, LossError> = verdicts.collect();
            async move { self.combined(verdicts?).await }
        });
        let combined: Vec<_> = combined.collect();
        join_all(combined).await
    }

    async fn combined(&self, verdicts: Vec<Feedback>) -> Result<Feedback, LossError> {
        let scored = self.parts.iter().zip(&verdicts);
        let scored = scored.filter_map(|((weight, _), verdict)| Some((*weight, verdict.score?)));
        let scored: Vec<(f64, f64)> = scored.collect();
        let weights: f64 = scored.iter().map(|(weight, _)| weight).sum();
        let sum: f64 = scored.iter().map(|(weight, score)| weight * score).sum();
        let said = verdicts
            .iter()
            .filter(|verdict| verdict.is_wanting())
            .count();
        let wanting: Vec<Feedback> = verdicts
            .iter()
            .filter(|one| one.is_wanting())
            .cloned()
            .collect();
        let merged = Feedback::merge(wanting)
            .map(|merged| merged.text)
            .unwrap_or_default();
        let all = Feedback::merge(verdicts);
        let metadata = all.map(|all| all.metadata).unwrap_or_default();
        let text = match &self.synthesis {
            Some(model) if said > 1 => self.synthesise(model, merged).await?,
            _ => merged,
        };
        let mut feedback = Feedback::new(FeedbackType::Composite, text);
        feedback.metadata = metadata;
        Ok(if weights > 0.0 {
            feedback.with_score(sum / weights)
        } else {
            feedback
        })
    }

    async fn synthesise(&self, model: &Reasoner, texts: String) -> Result<String, LossError> {
        let system = format!(
            "{ROLE}\n\nYou are given what several judges said of one output. Make one text of it: what to change, \
             most important first. Say what contradicts; leave nothing out and add nothing."
        );
        let said = model.ask::<String>("synthesise", &system, texts).await;
        said.map_err(|error| LossError::NoAnswer {
            loss: "composite".to_owned(),
            error: Box::new(error),
        })
    }
}

impl Loss for CompositeLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        Box::pin(self.verdict(sample))
    }

    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        Box::pin(self.verdicts(samples))
    }

    fn takes_batches(&self) -> bool {
        self.parts.iter().any(|(_, loss)| loss.takes_batches())
    }
}

impl fmt::Debug for CompositeLoss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weights: Vec<f64> = self.parts.iter().map(|(weight, _)| *weight).collect();
        formatter
            .debug_struct("CompositeLoss")
            .field("weights", &weights)
            .field("synthesis", &self.synthesis)
            .finish()
    }
}
