//! [`Rubric`]: what is judged, with levels.

use std::fmt::Write as _;

use serde_json::json;

use crate::value::{Schema, Value};

/// The field of an answer that is of no criterion.
const ADVICE: &str = "advice";

/// What is judged: criteria, each with levels from worst to best. A judge with a
/// rubric names a level for each, which is more even than a number from nowhere.
///
/// ```
/// use inf_engine::optimization::{Criterion, Rubric};
///
/// let rubric = Rubric::new([
///     Criterion::new("faithful", "Everything in the summary is in the text.")
///         .levels(["invents facts", "bends a detail", "says what the text says"])
///         .weighted(2.0),
///     Criterion::new("short", "At most two sentences."),
/// ]);
/// # let _ = rubric;
/// ```
#[derive(Debug, Clone)]
pub struct Rubric {
    criteria: Vec<Criterion>,
}

/// One thing that is judged.
///
/// [`Rubric`] shows two.
#[derive(Debug, Clone)]
pub struct Criterion {
    name: String,
    meaning: String,
    levels: Vec<String>,
    weight: f64,
}

impl Criterion {
    /// A criterion that is met or not; [`levels`](Self::levels) gives it more.
    pub fn new(name: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            meaning: meaning.into(),
            levels: vec!["not met".to_owned(), "met".to_owned()],
            weight: 1.0,
        }
    }

    /// Sets the levels, from the worst (score 0) to the best (score 1), in equal
    /// steps. Fewer than two say nothing: met or not stays then.
    #[must_use]
    pub fn levels<L: Into<String>>(mut self, levels: impl IntoIterator<Item = L>) -> Self {
        let levels: Vec<String> = levels.into_iter().map(Into::into).collect();
        if levels.len() >= 2 {
            self.levels = levels;
        }
        self
    }

    /// Sets how much it counts, 1 by default; what is not above 0 counts as 1.
    #[must_use]
    pub fn weighted(mut self, weight: f64) -> Self {
        self.weight = if weight > 0.0 && weight.is_finite() {
            weight
        } else {
            1.0
        };
        self
    }
}

/// What a judge said of one output.
pub(super) struct Judged {
    pub(super) score: f64,
    pub(super) text: String,
    /// The score of each criterion.
    pub(super) scores: Vec<(String, f64)>,
}

impl Rubric {
    /// A rubric of these criteria.
    pub fn new(criteria: impl IntoIterator<Item = Criterion>) -> Self {
        let mut known: Vec<Criterion> = Vec::new();
        for mut criterion in criteria {
            // They are fields of one answer, and so is the advice.
            let is_taken =
                |name: &str| name == ADVICE || known.iter().any(|other| other.name == name);
            while is_taken(&criterion.name) {
                criterion.name.push('_');
            }
            known.push(criterion);
        }
        Self { criteria: known }
    }

    /// Whether there is nothing to judge by.
    pub(super) fn is_empty(&self) -> bool {
        self.criteria.is_empty()
    }

    /// The rubric as a judge reads it.
    pub(super) fn instructions(&self) -> String {
        let mut text = String::from(
            "Judge each criterion by itself. Give the reason first, then the number of the level:\n",
        );
        for criterion in &self.criteria {
            // Writing to a text can't fail.
            let _ = writeln!(text, "\n`{}`: {}", criterion.name, criterion.meaning);
            for (number, level) in criterion.levels.iter().enumerate() {
                let _ = writeln!(text, "  {number}: {level}");
            }
        }
        text.push_str(
            "\nIn `advice`, say in one or two sentences what would make outputs of this kind better; leave it empty if \
             nothing would.",
        );
        text
    }

    /// The schema of what a judge answers: levels that there are, and no others.
    pub(super) fn schema(&self) -> Schema {
        let properties = self.criteria.iter().map(|criterion| {
            let levels: Vec<usize> = (0..criterion.levels.len()).collect();
            let judged = json!({
                "type": "object",
                "properties": {
                    "reason": {"type": "string"},
                    "level": {"type": "integer", "enum": levels},
                },
                "required": ["reason", "level"],
            });
            (criterion.name.clone(), judged)
        });
        let mut properties: serde_json::Map<String, serde_json::Value> = properties.collect();
        let mut required: Vec<String> = properties.keys().cloned().collect();
        properties.insert(ADVICE.to_owned(), json!({"type": "string"}));
        required.push(ADVICE.to_owned());
        Schema::from_json(json!({"type": "object", "properties": properties, "required": required}))
    }

    /// What an answer of [`schema`](Self::schema) says.
    pub(super) fn read(&self, answer: &Value) -> Judged {
        let mut text = String::new();
        let mut scores = Vec::new();
        let (mut sum, mut weights) = (0.0, 0.0);
        for criterion in &self.criteria {
            let judged = answer.get(&criterion.name);
            let level = judged.and_then(|judged| judged.get("level"));
            let level = level.and_then(|level| match level {
                Value::Number(number) => number.as_f64(),
                _ => None,
            });
            let best = criterion.levels.len() - 1;
            #[expect(clippy::cast_precision_loss, reason = "there are few levels")]
            let score = (level.unwrap_or_default() / best as f64).clamp(0.0, 1.0);
            sum += score * criterion.weight;
            weights += criterion.weight;
            scores.push((criterion.name.clone(), score));
            if score < 1.0 {
                let reason = judged.and_then(|judged| judged.get("reason"));
                let reason = reason.map(ToString::to_string).unwrap_or_default();
                let line_break = if text.is_empty() { "" } else { "\n" };
                let _ = write!(text, "{line_break}{}: {}", criterion.name, reason.trim());
            }
        }
        let advice = answer
            .get(ADVICE)
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !advice.trim().is_empty() && sum < weights {
            let line_break = if text.is_empty() { "" } else { "\n" };
            let _ = write!(text, "{line_break}{}", advice.trim());
        }
        Judged {
            score: if weights > 0.0 { sum / weights } else { 0.0 },
            text,
            scores,
        }
    }
}
