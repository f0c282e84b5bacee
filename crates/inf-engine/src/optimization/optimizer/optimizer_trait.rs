//! [`Optimizer`]: from feedback to other texts.

use std::pin::Pin;
use std::sync::Arc;

use super::{Decision, Gate, GateReport};
use crate::execution::{Overlay, Pipeline};
use crate::parameter::{Feedback, Parameter, ParameterPath};
use crate::value::Data;

/// What a step of an optimizer came to, as it is being waited for.
///
/// [`Optimizer`] shows how to make one: `Box::pin(async move { … })`.
pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Update> + Send + 'a>>;

/// Makes other texts of the feedback that parameters have gathered, as in PyTorch:
/// `zero_feedback`, backward, `step`.
///
/// ```
/// use std::sync::Arc;
/// use inf_engine::execution::Overlay;
/// use inf_engine::optimization::{Change, Gate, Optimizer, StepFuture, Unchanged, Update};
/// use inf_engine::prelude::*;
/// use inf_engine::parameter::ParameterPath;
///
/// /// Adds what was said first, word for word.
/// struct Literal {
///     pipeline: Pipeline,
///     parameters: Vec<(ParameterPath, Parameter)>,
/// }
///
/// impl Optimizer for Literal {
///     fn parameters(&self) -> &[(ParameterPath, Parameter)] {
///         &self.parameters
///     }
///
///     fn step<'a>(&'a mut self, gate: &'a Gate<'a>) -> StepFuture<'a> {
///         Box::pin(async move {
///             let mut update = Update::default();
///             for (path, parameter) in &self.parameters {
///                 match parameter.feedback().first() {
///                     Some(said) if parameter.requires_grad() => {
///                         let text = format!("{}\n{}", parameter.value(), said.text);
///                         update.changes.push(Change::new(path.clone(), parameter.value(), text));
///                     }
///                     _ => update.unchanged.push(Unchanged::new(path.clone(), "nothing was said")),
///                 }
///             }
///             update.decide_and_apply(gate, &self.pipeline).await;
///             update
///         })
///     }
/// }
/// ```
pub trait Optimizer: Send + Sync {
    /// The parameters that it may change, with their paths; frozen ones are never
    /// changed.
    fn parameters(&self) -> &[(ParameterPath, Parameter)];

    /// Forgets the feedback of all its parameters.
    fn zero_feedback(&self) {
        for (_, parameter) in self.parameters() {
            parameter.zero_feedback();
        }
    }

    /// Adds to the feedback of the parameter at `path`; whether there is one.
    fn accumulate(&self, path: &ParameterPath, feedback: Feedback) -> bool {
        let known = self.parameters().iter().find(|(known, _)| known == path);
        if let Some((_, parameter)) = known {
            parameter.accumulate_feedback(feedback);
        }
        known.is_some()
    }

    /// Changes parameters by their feedback, if `gate` lets it: all that is proposed
    /// or nothing of it, as [`Update::decide_and_apply`] does.
    fn step<'a>(&'a mut self, gate: &'a Gate<'a>) -> StepFuture<'a>;
}

/// What a step of an optimizer came to.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
/// use inf_engine::optimization::{
///     AttemptOutcome, Dataset, Example, Gate, LlmOptimizer, MatchLoss, Optimizer, Reasoner,
///     backward, evaluate,
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
/// let batch = Dataset::from_iter(examples);
/// let loss = MatchLoss::exact();
/// let reasoner = Reasoner::new("smart", pipeline.resources().clone())?;
/// let mut optimizer = LlmOptimizer::new(&pipeline, reasoner);
/// pipeline.train();
/// let outputs = evaluate(&pipeline, &batch, &loss).await;
/// backward(&pipeline, &outputs, None).await;
///
/// let update = optimizer.step(&Gate::minibatch(&loss, &batch, &outputs)).await;
/// assert!(update.is_applied() && update.unchanged.is_empty());
/// let change = &update.changes[0];
/// assert_eq!((change.path.as_str(), &*change.before), ("system_prompt", "Guess."));
/// assert_eq!(change.after, rule.value()); // the parameter has it
///
/// // What was tried is shown to the model the next time.
/// let tried = &optimizer.history("system_prompt")[0];
/// assert_eq!((&tried.text, tried.outcome), (&change.after, AttemptOutcome::Applied));
/// assert_eq!((tried.change, tried.is_joint), (Some(1.0), false));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Update {
    /// What was proposed, whether it was applied or not.
    pub changes: Vec<Change>,
    /// The parameters with feedback for which nothing was proposed.
    pub unchanged: Vec<Unchanged>,
    /// Why it was applied or not; `None` if there was nothing to decide.
    pub gate: Option<GateReport>,
}

/// Another text for a parameter.
///
/// [`Optimizer`] shows how one is proposed, and [`Update`] one that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Which one.
    pub path: ParameterPath,
    /// Its text before.
    pub before: Arc<str>,
    /// What was proposed.
    pub after: Arc<str>,
}

/// A parameter that has feedback and keeps its text.
///
/// [`Optimizer`] shows how it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unchanged {
    /// Which one.
    pub path: ParameterPath,
    /// Why, in a sentence.
    pub why: String,
}

impl Change {
    /// A proposal for the parameter at `path`, which reads `before` now.
    pub fn new(
        path: impl Into<ParameterPath>,
        before: impl Into<Arc<str>>,
        after: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            path: path.into(),
            before: before.into(),
            after: after.into(),
        }
    }
}

impl Unchanged {
    /// The parameter at `path` keeps its text, for a reason that is a sentence.
    pub fn new(path: impl Into<ParameterPath>, why: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            why: why.into(),
        }
    }
}

impl Update {
    /// Has `gate` decide on all `changes` together, and applies all of them to the
    /// parameters of `pipeline`, or none. Without changes there is nothing to decide; a
    /// frozen parameter among them has none of them applied.
    pub async fn decide_and_apply<I: Data, O: Data>(
        &mut self,
        gate: &Gate<'_>,
        pipeline: &Pipeline<I, O>,
    ) {
        if self.changes.is_empty() {
            return;
        }
        let pipeline = pipeline.untyped();
        let changes = self.changes.iter();
        let changes = changes.map(|change| (change.path.clone(), Arc::clone(&change.after)));
        let candidate: Overlay = changes.collect();
        let mut report = gate.decide(&pipeline, &candidate).await;
        let table = pipeline.graph().parameters();
        let found = self.changes.iter().map(|change| {
            let found = table.iter().find(|found| found.path == change.path)?;
            found.parameter.requires_grad().then_some(&found.parameter)
        });
        let found: Option<Vec<&Parameter>> = found.collect();
        if report.decision == Decision::Accepted {
            if let Some(parameters) = found {
                for (parameter, change) in parameters.into_iter().zip(&self.changes) {
                    // None of them is frozen, as was just seen.
                    let _ = parameter.apply_update(Arc::clone(&change.after));
                }
            } else {
                report.decision = Decision::Rejected;
                report.why = String::from("a parameter is frozen, or there is none of that path");
            }
        }
        self.gate = Some(report);
    }

    /// Whether parameters were changed.
    pub fn is_applied(&self) -> bool {
        let decision = self.gate.as_ref().map(|gate| gate.decision);
        decision == Some(Decision::Accepted)
    }
}
