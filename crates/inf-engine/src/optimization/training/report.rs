//! [`TrainReport`]: what training came to.

use std::fmt;
use std::time::Duration;

use super::{TextChange, TextTrial};
use crate::document::{counted, shorten};
use crate::execution::Spent;
use crate::module::StateDict;
use crate::optimization::{Comparison, Decision, Evaluation, Update};

/// What training came to; made by [`Trainer::train`](super::Trainer::train). As text it is
/// a summary: the scores before and after, every step, and what changed in each parameter.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
/// use inf_engine::optimization::{
///     Dataset, Decision, Example, LlmOptimizer, MatchLoss, Reasoner, StopReason, Trainer,
/// };
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A model that is right as soon as it is told anything but to guess.
/// let script = Script::new([ScriptRule::for_system("Guess.", "no")]).with_otherwise("yes");
/// let settings = SimulatedSettings::default().with_answer(script);
/// let resources = ResourceConfig::simulated(["fast", "smart"], &settings);
/// let rule = Parameter::new("Guess.").described("How to answer.");
/// let pipeline = LlmInference::new("fast").system_prompt(&rule).bind(resources)?;
/// let examples = (0..12).map(|n| Example::new(format!("Question {n}")).expecting("yes"));
/// let [training, validation] = Dataset::from_iter(examples).split([0.5, 0.5], 0);
/// let loss = MatchLoss::exact();
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
/// let mut optimizer = LlmOptimizer::new(&pipeline, reasoner);
/// let trainer = Trainer::new(&loss, &training, &validation).with_target(1.0);
/// let report = trainer.train(&pipeline, &mut optimizer).await;
///
/// println!("{report}"); // all of it, for people
/// assert_eq!((report.before.mean(), report.after.mean()), (Some(0.0), Some(1.0)));
/// assert_eq!(report.stopped, StopReason::Target);
/// let step = &report.steps[0];
/// assert_eq!((step.epoch, step.minibatch, step.validation), (0, Some(0.0), Some(1.0)));
/// let change = &report.changes[0];
/// assert_eq!((change.path.as_str(), &*change.before), ("system_prompt", "Guess."));
/// assert_eq!(*change.after, *rule.value()); // the pipeline has it
/// for tried in report.history() {
///     println!("{tried}: {}", tried.text);
/// }
/// let last = report.history().pop().expect("something was tried");
/// assert_eq!((last.step, last.decision, last.score), (Some(0), Decision::Accepted, Some(1.0)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrainReport {
    /// The texts with the best score on the validation examples, which the pipeline
    /// has now.
    pub best: StateDict,
    /// How the pipeline was on the validation examples before.
    pub before: Evaluation,
    /// How it is on them now.
    pub after: Evaluation,
    /// What changed.
    pub changes: Vec<TextChange>,
    /// The texts that were there before.
    pub texts_before: StateDict,
    /// Every step.
    pub steps: Vec<TrainStep>,
    /// Why it ended.
    pub stopped: StopReason,
    /// What all calls took together.
    pub spent: Spent,
    /// How long it took.
    pub elapsed: Duration,
}

/// One step of training.
///
/// As text it is a line. [`TrainReport::steps`] has all of them, and [`Trainer::on_step`](super::Trainer::on_step)
/// tells each when it ends; [`TrainReport`] shows one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrainStep {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The step in all of training, from 0; the text of a report counts from 1.
    pub step: usize,
    /// The mean on the minibatch before the step.
    pub minibatch: Option<f64>,
    /// What was proposed and what became of it; `None` if nothing was wanting.
    pub update: Option<Update>,
    /// How many questions the reasoner of the backward pass had no answer to; feedback went
    /// on as it was there.
    pub unanswered: usize,
    /// The mean on the validation examples after the step.
    pub validation: Option<f64>,
    /// What all calls took up to its end.
    pub spent: Spent,
    /// What its own calls took.
    pub took: Spent,
}

impl TrainReport {
    /// Every text that every parameter had, or nearly, with its score and what it cost, in
    /// the order in which they were tried; those that were there before are the first.
    pub fn history(&self) -> Vec<TextTrial> {
        let first_step = self.steps.first();
        let before = first_step.map_or(self.spent, |step| step.spent.since(step.took));
        let before = self.texts_before.iter().map(|(path, text)| TextTrial {
            path: path.clone(),
            text: text.into(),
            step: None,
            decision: Decision::Accepted,
            score: self.before.mean(),
            change: None,
            took: before,
        });
        let tried = self.steps.iter().flat_map(|step| {
            let update = step.update.iter();
            update.flat_map(move |update| {
                update
                    .changes
                    .iter()
                    .map(move |change| (step, update, change))
            })
        });
        let tried = tried.filter_map(|(step, update, change)| {
            let gate = update.gate.as_ref()?;
            let compared = gate.validation.or(gate.minibatch);
            let evaluation = gate.evaluation.as_ref();
            Some(TextTrial {
                path: change.path.clone(),
                text: change.after.clone(),
                step: Some(step.step),
                decision: gate.decision,
                score: match evaluation {
                    Some(evaluation) => evaluation.mean(),
                    None if update.is_applied() => step.validation,
                    None => None,
                },
                change: compared.map(|compared| compared.mean),
                took: step.took,
            })
        });
        before.chain(tried).collect()
    }
}

/// Why training ended.
///
/// As text it is a sentence. [`TrainReport`] shows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// All epochs are done.
    Epochs,
    /// The score that was wanted is reached.
    Target,
    /// Nothing was applied for as many steps as patience lasts.
    Patience,
    /// The budget does not allow another step.
    Budget,
    /// It was cancelled.
    Cancelled,
    /// All parameters are frozen, or the optimizer has none of the pipeline's.
    NothingLearns,
    /// There are too few examples to learn from, or too few with a score to decide by.
    TooFewExamples,
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Epochs => "all epochs are done",
            Self::Target => "the target is reached",
            Self::Patience => "nothing helped any more",
            Self::Budget => "the budget does not allow another step",
            Self::Cancelled => "it was cancelled",
            Self::NothingLearns => {
                "nothing learns: the parameters are frozen, or the optimizer's are not the pipeline's"
            }
            Self::TooFewExamples => {
                "too few examples: three in a step, and three with a score for the validation, are the least"
            }
        })
    }
}

/// What was spent, for people.
pub(crate) fn told(spent: Spent) -> String {
    let Spent {
        calls,
        tokens,
        cost,
    } = spent;
    let (calls, tokens) = (counted(calls, "call"), counted(tokens, "token"));
    format!("{calls}, {tokens}, cost: {cost}")
}

impl fmt::Display for TrainReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "before   {}", self.before)?;
        writeln!(formatter, "after    {}", self.after)?;
        let change = Comparison::of(&self.before, &self.after);
        writeln!(formatter, "change   {change}")?;
        writeln!(formatter, "spent    {}", told(self.spent))?;
        writeln!(
            formatter,
            "ended    after {}: {}",
            counted(self.steps.len() as u64, "step"),
            self.stopped
        )?;
        if !self.steps.is_empty() {
            writeln!(formatter, "\nthe steps")?;
        }
        for step in &self.steps {
            writeln!(formatter, "  {step}")?;
        }
        if self.changes.is_empty() {
            write!(formatter, "\nno parameter changed")?;
        }
        for change in &self.changes {
            write!(formatter, "\n{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TrainStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 100;
        let score = |score: Option<f64>| {
            score.map_or_else(|| "–".to_owned(), |score| format!("{score:.3}"))
        };
        let (minibatch, validation) = (score(self.minibatch), score(self.validation));
        write!(
            formatter,
            "{:>3}  minibatch {minibatch}, validation {validation}, {}: ",
            // People count from 1, and so does the journal, whose step 0 is the beginning.
            self.step + 1,
            counted(self.took.calls, "call")
        )?;
        if self.unanswered > 0 {
            let attributions = counted(self.unanswered as u64, "attribution");
            write!(formatter, "{attributions} had no answer; ")?;
        }
        let Some(update) = &self.update else {
            return formatter.write_str(match self.minibatch {
                Some(_) => "nothing is wanting",
                None => "no output has a score",
            });
        };
        let paths = update
            .changes
            .iter()
            .map(|change| format!("`{}`", change.path));
        let paths = paths.collect::<Vec<_>>().join(", ");
        match (&update.gate, update.unchanged.first()) {
            (Some(gate), _) if update.is_applied() => {
                write!(formatter, "{paths} changed, {}", gate.why)
            }
            (Some(gate), _) => write!(formatter, "{paths} kept, {}", gate.why),
            (None, Some(unchanged)) => {
                write!(
                    formatter,
                    "`{}`: {}",
                    unchanged.path,
                    shorten(&unchanged.why, SHOWN)
                )
            }
            (None, None) => formatter.write_str("no feedback came to a parameter"),
        }
    }
}
