//! [`PreferenceLoss`]: which of two is better.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wording::{ROLE, tagged};
use super::{Loss, LossError, LossFuture, Sample};
use crate::optimization::Reasoner;
use crate::parameter::{Feedback, FeedbackType};
use crate::value::{Data, Value};

/// Asks a model whether the output or the expected answer is better: 1 if it
/// prefers the output, 0 if the other, ½ if it can't decide.
///
/// Models prefer what stands first or second (Zheng et al. 2023,
/// arXiv 2306.05685): it is asked twice, in both orders and at once, and the two
/// answers are averaged; a model that always says "first" gives ½.
///
/// ```
/// use inf_engine::optimization::{PreferenceLoss, Reasoner};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["judge"], &Default::default());
/// let better = PreferenceLoss::new(Reasoner::new("judge", resources)?, "Which answer is friendlier?");
/// # let _ = better;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PreferenceLoss {
    model: Reasoner,
    system: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Preference {
    /// What speaks for either.
    reason: String,
    /// The better one.
    better: Better,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Better {
    A,
    B,
    Equal,
}

/// How its errors call it.
const NAME: &str = "preference";

impl PreferenceLoss {
    /// A judge who answers `question` for two answers to the same input.
    pub fn new(model: Reasoner, question: &str) -> Self {
        let system = format!(
            "{ROLE}\n\nThere are two answers to the same input, A and B. The question: {question}\n\nGive the reason \
             first, then the better one; the order in which they stand means nothing."
        );
        Self { model, system }
    }

    async fn verdict(&self, sample: &Sample) -> Result<Feedback, LossError> {
        let Some(other) = &sample.expected else {
            return Err(LossError::NothingExpected {
                loss: NAME.to_owned(),
            });
        };
        let asked = |a: &Value, b: &Value| {
            let mut text = String::new();
            tagged(&mut text, "input", &sample.input.to_string());
            tagged(&mut text, "A", &a.to_string());
            tagged(&mut text, "B", &b.to_string());
            text
        };
        let prompts = vec![asked(&sample.output, other), asked(other, &sample.output)];
        let schema = Preference::schema();
        let answers = self
            .model
            .ask_all("prefer", &self.system, &schema, prompts)
            .await;
        let mut score = 0.0;
        let mut reasons: Vec<String> = Vec::new();
        for (answer, own) in answers.into_iter().zip([Better::A, Better::B]) {
            let answer = answer.map_err(|error| LossError::NoAnswer {
                loss: NAME.to_owned(),
                error: Box::new(error),
            })?;
            let answer = Preference::from_value(&answer).map_err(|error| LossError::WrongType {
                loss: NAME.to_owned(),
                what: "answer",
                problem: error.to_string(),
            })?;
            score += match answer.better {
                Better::Equal => 0.25,
                better if better == own => 0.5,
                _ => 0.0,
            };
            if answer.better != own && !reasons.contains(&answer.reason) {
                let letter = if own == Better::A { "A" } else { "B" };
                reasons.push(format!("{} (the output is {letter} here)", answer.reason));
            }
        }
        let feedback = Feedback::new(FeedbackType::LlmJudge, reasons.join("\n"));
        Ok(feedback.with_score(score))
    }
}

impl Loss for PreferenceLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        Box::pin(self.verdict(sample))
    }
}
