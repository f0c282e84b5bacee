//! [`RankingLoss`]: which of several is best.

use std::fmt::Write as _;

use futures_util::future::join_all;
use indexmap::IndexMap;
use serde_json::json;

use super::wording::{ROLE, tagged};
use super::{BatchLossFuture, Loss, LossError, LossFuture, Sample};
use crate::optimization::Reasoner;
use crate::parameter::{Feedback, FeedbackType};
use crate::value::{Schema, Value};

/// Asks a model to rank the outputs for the same input: 1 for the best, 0 for the
/// worst, in equal steps. It takes a batch in which inputs have several outputs,
/// such as those of several candidates; an output alone has no verdict. Its scores say
/// who is better in a batch and not how good anybody is: a gate, which compares two
/// evaluations, needs another loss.
///
/// The order in which outputs are shown is that of their texts, so that it says
/// nothing of where they come from; equal outputs share the better place.
///
/// ```
/// use inf_engine::optimization::{RankingLoss, Reasoner};
/// use inf_engine::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["judge"], &Default::default());
/// let best = RankingLoss::new(Reasoner::new("judge", resources)?, "Which slogan is catchier?");
/// # let _ = best;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RankingLoss {
    model: Reasoner,
    system: String,
}

/// How its errors call it.
const NAME: &str = "ranking";

impl RankingLoss {
    /// A judge who ranks by `question`.
    pub fn new(model: Reasoner, question: &str) -> Self {
        let system = format!(
            "{ROLE}\n\nThere are several answers to the same input, each with a number. The question: {question}\n\n\
             Give the reason first, then the numbers of all answers from the best to the worst; the order in which \
             they stand means nothing."
        );
        Self { model, system }
    }

    async fn rank(&self, samples: &[Sample]) -> Vec<Result<Feedback, LossError>> {
        let mut groups: IndexMap<String, Vec<usize>> = IndexMap::new();
        for (place, sample) in samples.iter().enumerate() {
            groups
                .entry(sample.input.to_string())
                .or_default()
                .push(place);
        }
        let ranking = groups.values().map(|group| self.rank_group(samples, group));
        let ranked = join_all(ranking).await;
        let mut verdicts: Vec<Option<Result<Feedback, LossError>>> =
            samples.iter().map(|_| None).collect();
        for (group, ranked) in groups.values().zip(ranked) {
            for (place, verdict) in group.iter().zip(ranked) {
                verdicts[*place] = Some(verdict);
            }
        }
        let missing = || Err(failed("it gave no verdict"));
        verdicts
            .into_iter()
            .map(|verdict| verdict.unwrap_or_else(missing))
            .collect()
    }

    /// The verdicts on the outputs at `group`, in that order.
    async fn rank_group(
        &self,
        samples: &[Sample],
        group: &[usize],
    ) -> Vec<Result<Feedback, LossError>> {
        let mut outputs: Vec<String> = group
            .iter()
            .map(|place| samples[*place].output.to_string())
            .collect();
        outputs.sort();
        outputs.dedup();
        let order = match self.ask(&samples[group[0]], &outputs).await {
            Ok(order) => order,
            Err(error) => return group.iter().map(|_| Err(error.clone())).collect(),
        };
        let verdict = |place: &usize| {
            let output = samples[*place].output.to_string();
            let number = outputs.iter().position(|known| *known == output);
            let rank =
                number.and_then(|number| order.0.iter().position(|ranked| *ranked == number));
            let rank = rank.ok_or_else(|| failed("its answer leaves an output out"))?;
            #[expect(clippy::cast_precision_loss, reason = "there are few outputs")]
            let score = 1.0 - rank as f64 / (outputs.len() - 1).max(1) as f64;
            let text = if rank == 0 {
                String::new()
            } else {
                format!("number {} of {}: {}", rank + 1, outputs.len(), order.1)
            };
            Ok(Feedback::new(FeedbackType::LlmJudge, text).with_score(score))
        };
        group.iter().map(verdict).collect()
    }

    /// The places of `outputs` from the best to the worst, and why.
    async fn ask(
        &self,
        sample: &Sample,
        outputs: &[String],
    ) -> Result<(Vec<usize>, String), LossError> {
        if outputs.len() < 2 {
            return Err(failed(
                "there is nothing to compare with: it takes several different outputs for an input",
            ));
        }
        let mut prompt = String::new();
        tagged(&mut prompt, "input", &sample.input.to_string());
        for (number, output) in outputs.iter().enumerate() {
            tagged(&mut prompt, &format!("answer {number}"), output);
        }
        // Writing to a text can't fail.
        let _ = writeln!(prompt, "Rank all {} answers.", outputs.len());
        let numbers: Vec<usize> = (0..outputs.len()).collect();
        let schema = Schema::from_json(json!({
            "type": "object",
            "properties": {
                "reason": {"type": "string"},
                "order": {
                    "type": "array",
                    "items": {"type": "integer", "enum": numbers},
                    "minItems": numbers.len(),
                    "maxItems": numbers.len(),
                    "uniqueItems": true,
                },
            },
            "required": ["reason", "order"],
        }));
        let answers = self
            .model
            .ask_all("rank", &self.system, &schema, vec![prompt])
            .await;
        let answer = answers
            .into_iter()
            .next()
            .unwrap_or_else(|| Ok(Value::Null));
        let answer = answer.map_err(|error| LossError::NoAnswer {
            loss: NAME.to_owned(),
            error: Box::new(error),
        })?;
        let answer = serde_json::Value::from(&answer);
        let order = answer["order"].as_array().into_iter().flatten();
        let order = order.filter_map(serde_json::Value::as_u64);
        let order = order.filter_map(|number| usize::try_from(number).ok());
        let reason = answer["reason"].as_str().unwrap_or_default();
        Ok((order.collect(), reason.to_owned()))
    }
}

fn failed(problem: &str) -> LossError {
    LossError::Failed {
        loss: NAME.to_owned(),
        problem: problem.to_owned(),
    }
}

impl Loss for RankingLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        Box::pin(async move {
            let ranked = self.rank(std::slice::from_ref(sample)).await;
            ranked
                .into_iter()
                .next()
                .unwrap_or_else(|| Err(failed("it gave no verdict")))
        })
    }

    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        Box::pin(self.rank(samples))
    }

    fn takes_batches(&self) -> bool {
        true
    }
}
