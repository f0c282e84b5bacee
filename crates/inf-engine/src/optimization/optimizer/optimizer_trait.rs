//! [`Optimizer`]: from feedback to other texts.

use std::pin::Pin;
use std::sync::Arc;

use super::{Decision, Gate, GateReport};
use crate::parameter::{Feedback, Parameter, ParameterPath};

/// What a step of an optimizer came to, as it is being waited for.
pub type StepFuture<'a> = Pin<Box<dyn Future<Output = Update> + Send + 'a>>;

/// Makes other texts of the feedback that parameters have gathered, as in PyTorch:
/// `zero_feedback`, backward, `step`.
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
    /// or nothing of it.
    fn step<'a>(&'a mut self, gate: &'a Gate<'a>) -> StepFuture<'a>;
}

/// What a step of an optimizer came to.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unchanged {
    /// Which one.
    pub path: ParameterPath,
    /// Why, in a sentence.
    pub why: String,
}

impl Update {
    /// Whether parameters were changed.
    pub fn is_applied(&self) -> bool {
        let decision = self.gate.as_ref().map(|gate| gate.decision);
        decision == Some(Decision::Accepted)
    }
}
