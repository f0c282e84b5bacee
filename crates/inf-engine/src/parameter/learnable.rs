//! [`Parameter`]: a shared handle to learnable text.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Feedback;

/// A piece of text that an optimizer may rewrite: a prompt or part of one.
///
/// Cloning gives another handle to the same parameter; put the handle into
/// several modules and they share it. A change is seen by the next run,
/// without a new trace; a run that is under way keeps the values it began with.
///
/// ```
/// use inf_engine::Parameter;
///
/// let style = Parameter::new("Be brief.").described("The tone of the summary.");
/// let shared = style.clone();
/// style.apply_update("Be brief and friendly.")?;
/// assert_eq!(&*shared.value(), "Be brief and friendly.");
/// assert_eq!(shared.version(), 1);
/// # Ok::<(), inf_engine::ParameterError>(())
/// ```
#[derive(Clone)]
pub struct Parameter(Arc<Mutex<State>>);

struct State {
    value: Arc<str>,
    version: u64,
    description: Option<Arc<str>>,
    requires_grad: bool,
    feedback: Vec<Feedback>,
}

/// Why a parameter can't do what was asked.
///
/// ```
/// use inf_engine::Parameter;
/// use inf_engine::parameter::ParameterError;
///
/// let rules = Parameter::new("Never tell the price.").frozen();
/// assert_eq!(rules.apply_update("Tell it."), Err(ParameterError::Frozen));
/// let style = Parameter::new("Be brief.");
/// assert_eq!(style.validate(), Err(ParameterError::NoDescription));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// It learns, but nothing says what it is for.
    #[error(
        "the parameter has `requires_grad` but no description, which an optimizer needs to \
         improve it: add `.described(\"what it controls\")`, or `.frozen()` if it is not to learn"
    )]
    NoDescription,
    /// It does not learn.
    #[error("the parameter is frozen: call `requires_grad_(true)` to let it be updated")]
    Frozen,
}

crate::document::debug_as_display!(ParameterError);

impl Parameter {
    /// A parameter that learns, as in PyTorch. It needs a description too:
    /// see [`Parameter::described`].
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Mutex::new(State {
            value: value.into(),
            version: 0,
            description: None,
            requires_grad: true,
            feedback: Vec::new(),
        })))
    }

    /// Says what the parameter is for; an optimizer reads it.
    #[must_use]
    pub fn described(self, description: impl Into<Arc<str>>) -> Self {
        self.state().description = Some(description.into());
        self
    }

    /// Makes the parameter one that does not learn.
    #[must_use]
    pub fn frozen(self) -> Self {
        self.requires_grad_(false);
        self
    }

    /// The text as it is now.
    pub fn value(&self) -> Arc<str> {
        Arc::clone(&self.state().value)
    }

    /// How many times the text was changed.
    pub fn version(&self) -> u64 {
        self.state().version
    }

    /// What the parameter is for.
    pub fn description(&self) -> Option<Arc<str>> {
        self.state().description.clone()
    }

    /// Whether the parameter learns.
    pub fn requires_grad(&self) -> bool {
        self.state().requires_grad
    }

    /// Sets whether the parameter learns.
    pub fn requires_grad_(&self, requires_grad: bool) {
        self.state().requires_grad = requires_grad;
    }

    /// Replaces the text, whether the parameter learns or not.
    pub fn set_value(&self, value: impl Into<Arc<str>>) {
        self.state().replace(value.into());
    }

    /// Replaces the text as an optimizer does: an error if it is frozen.
    pub fn apply_update(&self, value: impl Into<Arc<str>>) -> Result<(), ParameterError> {
        let mut state = self.state();
        if !state.requires_grad {
            return Err(ParameterError::Frozen);
        }
        state.replace(value.into());
        Ok(())
    }

    /// Adds to the feedback gathered so far.
    pub fn accumulate_feedback(&self, feedback: Feedback) {
        self.state().feedback.push(feedback);
    }

    /// The feedback gathered since it was last zeroed.
    pub fn feedback(&self) -> Vec<Feedback> {
        self.state().feedback.clone()
    }

    /// Forgets the feedback gathered so far.
    pub fn zero_feedback(&self) {
        self.state().feedback.clear();
    }

    /// Whether this can be optimized as it stands: a parameter that learns has
    /// a description.
    pub fn validate(&self) -> Result<(), ParameterError> {
        let state = self.state();
        if state.requires_grad && state.description.is_none() {
            return Err(ParameterError::NoDescription);
        }
        Ok(())
    }

    /// Whether both handles are of the same parameter.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so a poisoned state is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn replace(&mut self, value: Arc<str>) {
        if self.value != value {
            self.value = value;
            self.version += 1;
        }
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        formatter
            .debug_struct("Parameter")
            .field("value", &state.value)
            .field("requires_grad", &state.requires_grad)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::FeedbackType;

    #[test]
    fn frozen_parameters_refuse_updates_but_can_be_set() {
        let parameter = Parameter::new("a").frozen();
        assert_eq!(parameter.apply_update("b"), Err(ParameterError::Frozen));
        assert_eq!(&*parameter.value(), "a");
        parameter.set_value("b");
        assert_eq!((&*parameter.value(), parameter.version()), ("b", 1));
        parameter.set_value("b");
        assert_eq!(parameter.version(), 1, "the same text is no change");
    }

    #[test]
    fn learning_needs_a_description() {
        let parameter = Parameter::new("a");
        assert_eq!(parameter.validate(), Err(ParameterError::NoDescription));
        assert_eq!(parameter.clone().described("tone").validate(), Ok(()));
        assert_eq!(Parameter::new("a").frozen().validate(), Ok(()));
    }

    #[test]
    fn feedback_accumulates_until_zeroed() {
        let parameter = Parameter::new("a").described("tone");
        let feedback = Feedback::new(FeedbackType::Human, "too long").with_score(1.5);
        parameter.accumulate_feedback(feedback.clone());
        assert_eq!(parameter.clone().feedback(), [feedback]);
        assert_eq!(parameter.feedback()[0].score, Some(1.0));
        parameter.zero_feedback();
        assert!(parameter.feedback().is_empty());
    }
}
