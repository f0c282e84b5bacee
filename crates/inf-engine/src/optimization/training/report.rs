//! [`TrainReport`]: what training came to.

use std::fmt;
use std::time::Duration;

use super::TextChange;
use crate::document::shorten;
use crate::execution::Spent;
use crate::module::StateDict;
use crate::optimization::{Comparison, Evaluation, Update};

/// What training came to. As text it is a summary: the scores before and after,
/// every step, and what changed in each parameter.
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
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrainStep {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The step in all of training, from 0.
    pub step: usize,
    /// The mean on the minibatch before the step.
    pub minibatch: Option<f64>,
    /// What was proposed and what became of it; `None` if nothing was wanting.
    pub update: Option<Update>,
    /// The mean on the validation examples after the step.
    pub validation: Option<f64>,
    /// What all calls took up to its end.
    pub spent: Spent,
}

/// Why training ended.
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
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Epochs => "all epochs are done",
            Self::Target => "the target is reached",
            Self::Patience => "nothing helped any more",
            Self::Budget => "the budget does not allow another step",
        })
    }
}

impl fmt::Display for TrainReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spent {
            calls,
            tokens,
            cost,
        } = self.spent;
        writeln!(formatter, "before   {}", self.before)?;
        writeln!(formatter, "after    {}", self.after)?;
        let change = Comparison::of(&self.before, &self.after);
        let interval = change.interval.map_or_else(String::new, |interval| {
            format!(
                " (95 % confidence: {:+.3} to {:+.3})",
                interval.low, interval.high
            )
        });
        writeln!(
            formatter,
            "change   {:+.3}{interval} on {} pairs",
            change.mean, change.pairs
        )?;
        writeln!(formatter, "spent    {calls} calls, {tokens} tokens, {cost}")?;
        writeln!(
            formatter,
            "ended    after {} steps: {}",
            self.steps.len(),
            self.stopped
        )?;
        writeln!(formatter, "\nthe steps")?;
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
            "{:>3}  minibatch {minibatch}, validation {validation}: ",
            self.step
        )?;
        let Some(update) = &self.update else {
            return formatter.write_str("nothing is wanting");
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
