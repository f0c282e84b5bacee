//! [`Feedback`]: what was said about an output, or about a parameter.

use serde::{Deserialize, Serialize};

/// Who or what gave a [`Feedback`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeedbackType {
    /// A person.
    Human,
    /// A language model.
    LlmJudge,
    /// A function that checks.
    Verifier,
    /// Several of them together.
    Composite,
}

/// A verdict: what is wrong or right, and optionally how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feedback {
    /// What to change, in words.
    pub text: String,
    /// How good the output is, from 0 (worst) to 1 (best).
    pub score: Option<f64>,
    /// Who said so.
    pub kind: FeedbackType,
}

impl Feedback {
    /// Feedback of `kind` that says `text`, without a score.
    pub fn new(kind: FeedbackType, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            score: None,
            kind,
        }
    }

    /// The same feedback with a score; it is held within 0–1.
    #[must_use]
    pub fn with_score(mut self, score: f64) -> Self {
        self.score = Some(score.clamp(0.0, 1.0));
        self
    }
}
