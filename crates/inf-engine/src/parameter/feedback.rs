//! [`Feedback`]: what was said about an output, or about a parameter.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::value::Value;

/// Who or what gave a [`Feedback`].
///
/// ```
/// use inf_engine::{Feedback, FeedbackType};
///
/// let feedback = Feedback::new(FeedbackType::Human, "Too long.").with_score(0.5);
/// assert!(feedback.is_wanting());
/// ```
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
///
/// ```
/// use inf_engine::{Feedback, FeedbackType};
///
/// let feedback = Feedback::new(FeedbackType::Verifier, "The date is missing.")
///     .with_score(0.5)
///     .with_metadata("example", 7);
/// assert_eq!(feedback.score, Some(0.5));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Feedback {
    /// What to change, in words; empty if there is nothing to say.
    pub text: String,
    /// How good the output is, from 0 (worst) to 1 (best).
    pub score: Option<f64>,
    /// Who said so.
    pub kind: FeedbackType,
    /// What else is known, such as the example that it is about.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub metadata: IndexMap<String, Value>,
}

impl Feedback {
    /// Feedback of `kind` that says `text`, without a score.
    pub fn new(kind: FeedbackType, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            score: None,
            kind,
            metadata: IndexMap::new(),
        }
    }

    /// The same feedback with a score; it is held within 0–1, and one that is no
    /// number is none.
    #[must_use]
    pub fn with_score(mut self, score: f64) -> Self {
        self.score = (!score.is_nan()).then(|| score.clamp(0.0, 1.0));
        self
    }

    /// The same feedback with another text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The same feedback with something else that is known.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Whether there is something to change: it has a text and is not the best
    /// there is.
    pub fn is_wanting(&self) -> bool {
        !self.text.trim().is_empty() && self.score.is_none_or(|score| score < 1.0)
    }

    /// Several as one: the texts below each other, each once; the mean of the
    /// scores that there are; the kind that all have, or else
    /// [`Composite`](FeedbackType::Composite); and all metadata, where the first
    /// of a key counts. `None` of none, and one alone stays as it is.
    ///
    /// ```
    /// use inf_engine::{Feedback, FeedbackType};
    ///
    /// let terse = Feedback::new(FeedbackType::LlmJudge, "Too terse.").with_score(0.5);
    /// let wrong = Feedback::new(FeedbackType::Verifier, "Wrong.").with_score(0.0);
    /// let both = Feedback::merge([terse, wrong]).expect("there are two");
    /// assert_eq!(both.text, "- Too terse.\n- Wrong.");
    /// assert_eq!((both.score, both.kind), (Some(0.25), FeedbackType::Composite));
    /// ```
    pub fn merge(feedback: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut feedback = feedback.into_iter();
        let first = feedback.next()?;
        let rest: Vec<Self> = feedback.collect();
        if rest.is_empty() {
            return Some(first);
        }
        let all = || std::iter::once(&first).chain(&rest);
        let scores: Vec<f64> = all().filter_map(|one| one.score).collect();
        #[expect(clippy::cast_precision_loss, reason = "there are few")]
        let score = scores.iter().sum::<f64>() / scores.len() as f64;
        let kind = if all().all(|one| one.kind == first.kind) {
            first.kind
        } else {
            FeedbackType::Composite
        };
        let mut texts: Vec<&str> = Vec::new();
        let mut metadata = IndexMap::new();
        for one in all() {
            let text = one.text.trim();
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
            for (key, value) in &one.metadata {
                metadata.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        let text = match &texts[..] {
            [one] => (*one).to_owned(),
            texts => {
                let lines = texts.iter().map(|text| format!("- {text}"));
                lines.collect::<Vec<_>>().join("\n")
            }
        };
        let merged = Self {
            metadata,
            ..Self::new(kind, text)
        };
        Some(merged.with_score(score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_each_text_once_and_means_the_scores_there_are() {
        let say = |text: &str| Feedback::new(FeedbackType::Verifier, text);
        let check = |parts: Vec<Feedback>, text: &str, score: Option<f64>| {
            let merged = Feedback::merge(parts).expect("there are some");
            assert_eq!((&*merged.text, merged.score), (text, score));
            assert_eq!(merged.kind, FeedbackType::Verifier);
        };
        check(vec![say("a")], "a", None);
        check(vec![say("a"), say(" a ")], "a", None);
        check(vec![say(""), say("")], "", None);
        check(
            vec![say("a").with_score(1.0), say("b")],
            "- a\n- b",
            Some(1.0),
        );
        check(
            vec![say("a").with_score(1.0), say("").with_score(0.0)],
            "a",
            Some(0.5),
        );
        assert_eq!(Feedback::merge([]), None);
        let first = say("a")
            .with_metadata("example", 1)
            .with_metadata("x", true);
        let second = say("b")
            .with_metadata("example", 2)
            .with_metadata("y", false);
        let merged = Feedback::merge([first, second]).expect("there are two");
        let keys: Vec<&str> = merged.metadata.keys().map(String::as_str).collect();
        assert_eq!(keys, ["example", "x", "y"]);
        assert_eq!(merged.metadata["example"], Value::from(1));
    }

    #[test]
    fn a_score_that_is_no_number_is_none() {
        let feedback = Feedback::new(FeedbackType::Human, "?");
        assert_eq!(feedback.clone().with_score(f64::NAN).score, None);
        assert_eq!(feedback.clone().with_score(-1.0).score, Some(0.0));
        assert!(feedback.is_wanting());
        assert!(!feedback.with_score(1.0).is_wanting());
    }
}
