//! [`LlmJudge`]: a model that judges.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::wording::{ROLE, shown};
use super::{BatchLossFuture, Loss, LossError, LossFuture, Rubric, Sample};
use crate::execution::ExecutionError;
use crate::optimization::Reasoner;
use crate::parameter::{Feedback, FeedbackType};
use crate::value::{Data, Schema, Value};

/// Asks a model, with a question of yours or by a [`Rubric`]. Its answer is
/// typed; one that is not of the type is asked for again like any other.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
/// use inf_engine::optimization::{Criterion, Example, LlmJudge, Loss, Reasoner, Rubric, Sample};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What a model would answer; yours does it by itself.
/// let answer = r#"{"critique": "It names no date.", "score": 6}"#;
/// let script = Script::new([ScriptRule::containing("<output>", answer)]);
/// let settings = SimulatedSettings::default().with_answer(script);
/// let model = Reasoner::new("judge", ResourceConfig::simulated(["judge"], &settings))?;
///
/// let free = LlmJudge::new(model.clone(), "Is the summary faithful to the text?");
/// let sample = Sample::new(&Example::new("A long text."), "Its summary.");
/// let said = free.evaluate(&sample).await?;
/// assert_eq!((said.score, &*said.text), (Some(0.6), "It names no date."));
///
/// let rubric = Rubric::new([Criterion::new("short", "At most two sentences.")]);
/// let by_rubric = LlmJudge::by_rubric(model, rubric);
/// # let _ = by_rubric;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LlmJudge {
    model: Reasoner,
    asked: Asked,
    system: String,
    schema: Schema,
}

#[derive(Debug)]
enum Asked {
    Critique,
    Rubric(Rubric),
}

/// What a judge answers to a question.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Critique {
    /// What is good and what is wrong, and what would make outputs of this kind
    /// better.
    critique: String,
    /// From 0 (useless) to 10 (could not be better).
    #[schemars(range(min = 0, max = 10))]
    score: u8,
}

/// How its errors call it.
const NAME: &str = "LLM judge";

impl LlmJudge {
    /// A judge who answers `question` with a critique and a score.
    pub fn new(model: Reasoner, question: &str) -> Self {
        let system = format!(
            "{ROLE}\n\nThe question: {question}\n\nFirst write the critique: what is wrong, why, and what would make \
             outputs of this kind better. Then the score, from 0 (useless) to 10 (could not be better)."
        );
        Self {
            model,
            asked: Asked::Critique,
            system,
            schema: Critique::schema(),
        }
    }

    /// A judge who goes by a rubric.
    pub fn by_rubric(model: Reasoner, rubric: Rubric) -> Self {
        Self {
            system: format!("{ROLE}\n\n{}", rubric.instructions()),
            schema: rubric.schema(),
            model,
            asked: Asked::Rubric(rubric),
        }
    }

    async fn judge(&self, samples: Cow<'_, [Sample]>) -> Vec<Result<Feedback, LossError>> {
        if let Asked::Rubric(rubric) = &self.asked
            && rubric.is_empty()
        {
            let nothing = || LossError::Failed {
                loss: NAME.to_owned(),
                problem: "its rubric has no criteria".to_owned(),
            };
            return samples.iter().map(|_| Err(nothing())).collect();
        }
        let prompts = samples.iter().map(shown).collect();
        let answers = self
            .model
            .ask_all("judge", &self.system, &self.schema, prompts);
        let answers = answers.await.into_iter();
        answers.map(|answer| self.read(answer)).collect()
    }

    fn read(&self, answer: Result<Value, ExecutionError>) -> Result<Feedback, LossError> {
        let answer = answer.map_err(no_answer)?;
        match &self.asked {
            Asked::Critique => {
                let critique =
                    Critique::from_value(&answer).map_err(|error| LossError::WrongType {
                        loss: NAME.to_owned(),
                        what: "answer",
                        problem: error.to_string(),
                    })?;
                let feedback = Feedback::new(FeedbackType::LlmJudge, critique.critique);
                Ok(feedback.with_score(f64::from(critique.score) / 10.0))
            }
            Asked::Rubric(rubric) => {
                let judged = rubric.read(&answer);
                let feedback = Feedback::new(FeedbackType::LlmJudge, judged.text);
                let feedback = feedback.with_score(judged.score);
                let scores = judged.scores.into_iter();
                Ok(scores.fold(feedback, |feedback, (criterion, score)| {
                    feedback.with_metadata(criterion, serde_json::Value::from(score))
                }))
            }
        }
    }
}

fn no_answer(error: ExecutionError) -> LossError {
    LossError::NoAnswer {
        loss: NAME.to_owned(),
        error: Box::new(error),
    }
}

impl Loss for LlmJudge {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        Box::pin(async move {
            let judged = self.judge(Cow::Borrowed(std::slice::from_ref(sample)));
            judged.await.pop().unwrap_or_else(|| {
                let loss = NAME.to_owned();
                let problem = "it gave no verdict".to_owned();
                Err(LossError::Failed { loss, problem })
            })
        })
    }

    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        Box::pin(self.judge(Cow::Borrowed(samples)))
    }
}
