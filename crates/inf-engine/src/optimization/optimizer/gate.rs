//! [`Gate`]: measures whether a proposal is better before it is applied.

use crate::execution::{ExecutionSettings, Overlay, Pipeline};
use crate::optimization::{Comparison, Dataset, Evaluation, Loss, evaluate};
use crate::value::Data;

/// Decides whether a proposal is applied: candidates run as an overlay, on the same
/// examples as what is there now, and are compared example by example.
///
/// Without a gate updates hurt as often as they help; switching it off has to be
/// said.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
/// use inf_engine::execution::Overlay;
/// use inf_engine::optimization::{Dataset, Decision, Example, Gate, MatchLoss, evaluate};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A model that is right as soon as it is told anything but to guess.
/// let script = Script::new([ScriptRule::for_system("Guess.", "no")]).with_otherwise("yes");
/// let settings = SimulatedSettings::default().with_answer(script);
/// let resources = ResourceConfig::simulated(["fast"], &settings);
/// let rule = Parameter::new("Guess.").described("How to answer.");
/// let pipeline = LlmInference::new("fast").system_prompt(&rule).bind(resources)?;
/// let examples = (0..12).map(|n| Example::new(format!("Question {n}")).expecting("yes"));
/// let [training, validation] = Dataset::from_iter(examples).split([0.5, 0.5], 0);
/// let loss = MatchLoss::exact();
/// let before = evaluate(&pipeline, &training, &loss).await;
/// let gate = Gate::minibatch(&loss, &training, &before).and_validation(&validation, None);
///
/// let better = Overlay::new().with("system_prompt", "Say yes.");
/// let report = gate.decide(&pipeline, &better).await;
/// assert_eq!(report.decision, Decision::Accepted);
/// assert_eq!(report.why, "+1.000 on 6 validation examples (6 better, 0 worse)");
/// assert_eq!(report.minibatch.map(|compared| compared.mean), Some(1.0));
/// assert_eq!(report.evaluation.and_then(|with_it| with_it.mean()), Some(1.0));
///
/// let no_better = Overlay::new().with("system_prompt", "Guess. Guess again.");
/// let report = gate.decide(&pipeline, &no_better).await;
/// assert_eq!(report.decision, Decision::Undecided); // as bad, and that is not tried on more
/// assert!(report.validation.is_none());
/// assert_eq!(&*rule.value(), "Guess."); // a gate changes nothing
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Gate<'g> {
    /// Every proposal is applied.
    None,
    /// A proposal has to be better on the examples that its feedback is of.
    Minibatch(Trial<'g>),
    /// It has to be better there, and not worse on examples that it has not seen.
    Validation {
        /// Those that its feedback is of.
        minibatch: Trial<'g>,
        /// Others.
        validation: Trial<'g>,
    },
}

/// Examples on which a proposal is tried.
///
/// [`Gate::minibatch`] and [`Gate::and_validation`] make it; [`Gate`] shows both.
#[derive(Clone, Copy)]
pub struct Trial<'g> {
    loss: &'g dyn Loss,
    examples: &'g Dataset,
    /// How it is now, if that was measured.
    before: Option<&'g Evaluation>,
}

impl<'g> Gate<'g> {
    /// A gate on the examples of the minibatch; `before` is how the pipeline is on
    /// them now, as [`evaluate`] said for the backward pass.
    pub fn minibatch(loss: &'g dyn Loss, examples: &'g Dataset, before: &'g Evaluation) -> Self {
        Self::Minibatch(Trial {
            loss,
            examples,
            before: Some(before),
        })
    }

    /// The same, and after it a gate on other examples. `before` is how the pipeline
    /// is on these now; where it is not known, it is measured. Without a minibatch
    /// to begin with, it is no gate still.
    #[must_use]
    pub fn and_validation(self, examples: &'g Dataset, before: Option<&'g Evaluation>) -> Self {
        match self {
            Self::None => Self::None,
            Self::Minibatch(minibatch) | Self::Validation { minibatch, .. } => Self::Validation {
                minibatch,
                validation: Trial {
                    loss: minibatch.loss,
                    examples,
                    before,
                },
            },
        }
    }
}

impl std::fmt::Debug for Trial<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Trial")
            .field("examples", &self.examples.len())
            .field("is_measured", &self.before.is_some())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Gate<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::None => "Gate::None",
            Self::Minibatch(_) => "Gate::Minibatch",
            Self::Validation { .. } => "Gate::Validation",
        })
    }
}

/// What became of a proposal.
///
/// [`Gate`] shows two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// It was applied.
    Accepted,
    /// It was worse, and was not.
    Rejected,
    /// It could not be told whether it is better, and it was not applied.
    Undecided,
}

/// Why a proposal was applied or not.
///
/// [`Gate::decide`] gives it, and [`Update::gate`](super::Update::gate) has it; [`Gate`] shows it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GateReport {
    /// What became of it.
    pub decision: Decision,
    /// Why, in a sentence.
    pub why: String,
    /// How it was on the minibatch, if that was tried.
    pub minibatch: Option<Comparison>,
    /// How it was on other examples, if that was tried.
    pub validation: Option<Comparison>,
    /// The evaluation on the other examples, which is how the pipeline is once it
    /// is applied.
    pub evaluation: Option<Evaluation>,
}

impl GateReport {
    fn new(decision: Decision, why: impl Into<String>) -> Self {
        Self {
            decision,
            why: why.into(),
            minibatch: None,
            validation: None,
            evaluation: None,
        }
    }
}

/// The examples with a score in both that a decision takes at least.
pub(crate) const LEAST_PAIRS: usize = 3;

impl Gate<'_> {
    /// Decides on a candidate for `pipeline`; nothing is changed by it.
    /// [`Update::decide_and_apply`](super::Update::decide_and_apply) is for optimizers.
    pub async fn decide<I: Data, O: Data>(
        &self,
        pipeline: &Pipeline<I, O>,
        candidate: &Overlay,
    ) -> GateReport {
        let pipeline = &pipeline.untyped();
        let (minibatch, validation) = match self {
            Gate::None => return GateReport::new(Decision::Accepted, "there is no gate"),
            Gate::Minibatch(minibatch) => (minibatch, None),
            Gate::Validation {
                minibatch,
                validation,
            } => (minibatch, Some(validation)),
        };
        let (compared, evaluation) = minibatch.compare(pipeline, candidate).await;
        let mut report = judge(&compared, &evaluation, "examples of the minibatch", true);
        report.minibatch = Some(compared);
        let (Decision::Accepted, Some(validation)) = (report.decision, validation) else {
            return report;
        };
        let (compared, evaluation) = validation.compare(pipeline, candidate).await;
        let on_others = judge(&compared, &evaluation, "validation examples", false);
        report.decision = on_others.decision;
        report.why = on_others.why;
        report.validation = Some(compared);
        report.evaluation = Some(evaluation);
        report
    }
}

impl Trial<'_> {
    async fn compare(&self, pipeline: &Pipeline, candidate: &Overlay) -> (Comparison, Evaluation) {
        let with = pipeline.with_settings(ExecutionSettings::default().with_overlay(candidate));
        let after = evaluate(&with, self.examples, self.loss);
        let Some(before) = self.before else {
            let before = evaluate(pipeline, self.examples, self.loss);
            let (before, after) = tokio::join!(before, after);
            return (Comparison::of(&before, &after), after);
        };
        let after = after.await;
        (Comparison::of(before, &after), after)
    }
}

fn judge(compared: &Comparison, after: &Evaluation, what: &str, is_strict: bool) -> GateReport {
    let Comparison {
        pairs,
        better,
        worse,
        mean,
        ..
    } = *compared;
    let change = format!("{mean:+.3} on {pairs} {what} ({better} better, {worse} worse)");
    if after.is_cut_short() {
        GateReport::new(
            Decision::Undecided,
            "undecided: the budget ended while it was tried",
        )
    } else if pairs < LEAST_PAIRS {
        let why = format!(
            "undecided: {pairs} of the {what} have a score before and after, and {LEAST_PAIRS} are needed"
        );
        GateReport::new(Decision::Undecided, why)
    } else if mean > 0.0 || (!is_strict && mean >= 0.0) {
        GateReport::new(Decision::Accepted, change)
    } else if mean < 0.0 {
        GateReport::new(Decision::Rejected, change)
    } else {
        GateReport::new(Decision::Undecided, format!("undecided: {change}"))
    }
}
