//! [`StepRecord`]: a step of an optimization that ended.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::super::timestamp::Timestamp;
use super::cost_json;
use crate::resources::Cost;

/// A step of an optimization that ended, for people who want to see how it goes; nothing is
/// continued from it.
///
/// An optimization that is begun anew writes its steps anew, from the first one on.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{JournalReader, Record, StepOutcome};
/// use inf_engine::optimization::{Dataset, Example, LlmOptimizer, MatchLoss, Reasoner, Trainer};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
///
/// // A model that is right as soon as it is told anything but to guess.
/// let script = Script::new([ScriptRule::for_system("Guess.", "no")]).with_otherwise("yes");
/// let settings = SimulatedSettings::default().with_answer(script);
/// let resources = ResourceConfig::simulated(["fast", "smart"], &settings);
/// let rule = Parameter::new("Guess.").described("How to answer.");
/// let settings = ExecutionSettings::default().with_checkpoint_dir(folder);
/// let ask = LlmInference::new("fast").system_prompt(&rule);
/// let pipeline = ask.bind(resources)?.with_settings(settings);
/// let examples = (0..6).map(|n| Example::new(format!("Question {n}")).expecting("yes"));
/// let [training, validation] = Dataset::from_iter(examples).split([0.5, 0.5], 0);
/// let mut optimizer =
///     LlmOptimizer::new(&pipeline, Reasoner::new("smart", pipeline.resources().clone())?);
/// let loss = MatchLoss::exact();
/// let trainer = Trainer::new(&loss, &training, &validation).with_target(1.0);
/// trainer.train(&pipeline, &mut optimizer).await;
/// # drop((trainer, optimizer, pipeline));
///
/// let mut steps = Vec::new();
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Step(step) = record {
///         println!("step {}: {:?}, {:?}", step.step, step.score, step.texts);
///         steps.push((step.outcome, step.score));
///     }
/// })?;
/// assert_eq!(steps, [(StepOutcome::Start, Some(0.0)), (StepOutcome::Accepted, Some(1.0))]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// What optimizes: `trainer` or `gepa`.
    pub optimizer: Cow<'static, str>,
    /// Its place among the steps, from 0: how it was before.
    pub step: u64,
    /// When it ended.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: StepOutcome,
    /// Why, in a sentence, if there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The mean on the validation examples: of the pipeline after the step, or of the
    /// candidate that it is about, if it was tried on all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Of an optimizer with several candidates: the step that each of those became one in which this
    /// one is made of.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub parents: Box<[u64]>,
    /// The texts that are new, by the path of their parameters; in the first step all that may change.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub texts: IndexMap<Arc<str>, Arc<str>>,
    /// The calls of the whole optimization up to its end.
    #[serde(default)]
    pub calls: u64,
    /// What these cost, as far as that is known.
    #[serde(
        default,
        with = "cost_json",
        skip_serializing_if = "cost_json::is_nothing"
    )]
    pub cost: Cost,
}

/// What became of a step.
///
/// [`StepRecord`] has it, and shows two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepOutcome {
    /// It is how it was before.
    Start,
    /// The new texts are better, or a candidate of their own.
    Accepted,
    /// They are not, or that could not be told.
    Rejected,
    /// Nothing new was proposed.
    Unchanged,
    /// What a later version of the engine says.
    #[serde(other)]
    Other,
}
