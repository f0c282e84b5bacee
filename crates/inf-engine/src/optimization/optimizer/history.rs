//! [`Attempt`]: what was tried for a parameter.

use std::sync::Arc;

/// A text that was tried for a parameter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The text.
    pub text: Arc<str>,
    /// The change of the score that it brought, as far as that was measured.
    pub change: Option<f64>,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// Whether other parameters changed in the same step: then it is not known
    /// which of them made it better or worse.
    pub is_joint: bool,
    /// Whether it was worse by more than chance: the confidence interval of the
    /// change is below 0.
    pub is_clearly_worse: bool,
    /// Why, in a sentence.
    pub why: String,
}

/// What became of a text that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// It was applied.
    Applied,
    /// It was measured and not applied.
    NotApplied,
    /// It breaks a constraint, and was not measured.
    Unfit,
}

/// The last attempts as a model is shown them, oldest first.
pub(crate) fn shown(attempts: &[Attempt], most: usize) -> String {
    let first = attempts.len().saturating_sub(most);
    let lines = attempts[first..].iter().map(|attempt| {
        let outcome = match attempt.outcome {
            AttemptOutcome::Applied => "kept",
            AttemptOutcome::NotApplied => "rejected",
            AttemptOutcome::Unfit => "not allowed",
        };
        let joint = if attempt.is_joint {
            " together with another text"
        } else {
            ""
        };
        let Attempt { text, why, .. } = attempt;
        format!("<attempt>\n{text}\n</attempt>\n{outcome}{joint}: {why}\n")
    });
    lines.collect()
}
