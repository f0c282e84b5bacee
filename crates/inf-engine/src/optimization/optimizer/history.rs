//! [`Attempt`]: what was tried for a parameter.

use std::collections::HashMap;
use std::sync::Arc;

/// A text that was tried for a parameter.
///
/// [`LlmOptimizer::history`](super::LlmOptimizer::history) gives them; [`Update`](super::Update) shows one.
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
///
/// [`Update`](super::Update) shows one.
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

/// The texts of which it need not be measured again that they are no good: each was
/// worse by itself, clearly or often. A few examples say little, and a text that had
/// bad luck once is the right one now and then. Of texts that changed together nobody
/// knows which one was to blame.
pub(crate) fn settled(attempts: &[Attempt]) -> Vec<&str> {
    const OFTEN: usize = 3;
    // What was undecided is not known to be worse.
    let is_worse = |attempt: &&Attempt| {
        attempt.outcome == AttemptOutcome::NotApplied
            && !attempt.is_joint
            && attempt.change.is_some_and(|change| change < 0.0)
    };
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut settled = Vec::new();
    for attempt in attempts.iter().filter(is_worse) {
        let count = times.entry(&attempt.text).or_default();
        *count += 1;
        if *count >= OFTEN || attempt.is_clearly_worse {
            settled.push(&*attempt.text);
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_worse_clearly_or_often_is_settled() {
        let attempt = |text: &str, change: f64| Attempt {
            text: text.into(),
            change: Some(change),
            outcome: AttemptOutcome::NotApplied,
            is_joint: false,
            is_clearly_worse: false,
            why: String::new(),
        };
        let clearly = Attempt {
            is_clearly_worse: true,
            ..attempt("clearly", -0.5)
        };
        // Nobody knows which of several texts was to blame.
        let jointly = Attempt {
            text: "jointly".into(),
            is_joint: true,
            ..clearly.clone()
        };
        let tried = [
            jointly.clone(),
            jointly.clone(),
            attempt("often", -0.1),
            attempt("twice", -0.1),
            clearly,
            jointly,
            attempt("often", -0.1),
            attempt("twice", 0.0),
            attempt("twice", -0.1),
            attempt("often", -0.1),
        ];
        assert_eq!(settled(&tried), ["clearly", "often"]);
    }
}
