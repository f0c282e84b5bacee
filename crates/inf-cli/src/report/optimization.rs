//! [`Optimization`]: how the newest optimization of a journal went.

use std::collections::HashMap;
use std::sync::Arc;

use inf_engine::journal::{StepOutcome, StepRecord};
use inf_engine::optimization::TextChange;
use serde::Serialize;

/// How an optimization went.
#[derive(Debug, Serialize)]
pub(super) struct Optimization {
    /// What optimized: `trainer` or `gepa`.
    optimizer: String,
    steps: Vec<Step>,
}

/// Texts by the paths of their parameters.
type Texts = HashMap<Arc<str>, Arc<str>>;

/// One step.
#[derive(Debug, Serialize)]
struct Step {
    #[serde(rename = "step")]
    number: u64,
    at: u64,
    outcome: StepOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    parents: Box<[u64]>,
    calls: u64,
    cost_usd: f64,
    /// What is new against the parent, or against what the pipeline had.
    changes: Vec<Change>,
}

/// Another text of a parameter.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    path: String,
    #[serde(flatten)]
    lines: Lines,
}

/// How a text differs from another.
#[derive(Debug, Serialize)]
pub(super) struct Lines {
    /// Lines that are new, and lines that are gone.
    added: usize,
    removed: usize,
    /// The lines after `+`, `-` or a space; only with `--contents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Vec<String>>,
}

impl Lines {
    pub(super) fn between(path: Arc<str>, before: &str, after: &str, with_contents: bool) -> Self {
        let change = TextChange::new(path, before, after);
        let lines = change.lines();
        let count = |mark| lines.iter().filter(|(known, _)| *known == mark).count();
        let shown = lines.iter().map(|(mark, line)| format!("{mark} {line}"));
        Self {
            added: count('+'),
            removed: count('-'),
            diff: with_contents.then(|| shown.collect()),
        }
    }
}

/// The steps of the optimization that was begun last: one that goes on with another has gone
/// through all steps of that.
#[derive(Default)]
pub(super) struct Steps(Vec<StepRecord>);

impl Steps {
    pub(super) fn take(&mut self, step: StepRecord) {
        if step.step == 0 {
            self.0.clear();
        }
        self.0.push(step);
    }

    pub(super) fn optimization(self, with_contents: bool) -> Option<Optimization> {
        let optimizer = self.0.first()?.optimizer.to_string();
        // By step, what a candidate has, or the pipeline after it.
        let mut texts: HashMap<u64, Texts> = HashMap::new();
        let mut current = Texts::new();
        let mut steps = Vec::new();
        for record in self.0 {
            let before = record.parents.first().and_then(|parent| texts.get(parent));
            let before = before.unwrap_or(&current);
            let mut after = before.clone();
            after.extend(record.texts.clone());
            let is_start = record.outcome == StepOutcome::Start;
            let changed = record.texts.iter().filter(|(path, text)| {
                !is_start && before.get(*path).is_none_or(|known| known != *text)
            });
            let changes = changed.map(|(path, text)| {
                let known = before.get(path).map_or("", |known| known);
                Change {
                    path: path.to_string(),
                    lines: Lines::between(Arc::clone(path), known, text, with_contents),
                }
            });
            let changes = changes.collect();
            if matches!(record.outcome, StepOutcome::Start | StepOutcome::Accepted) {
                if record.parents.is_empty() {
                    current.clone_from(&after);
                }
                texts.insert(record.step, after);
            }
            steps.push(Step {
                number: record.step,
                at: record.at.as_millis(),
                outcome: record.outcome,
                why: record.why,
                score: record.score,
                parents: record.parents,
                calls: record.calls,
                cost_usd: record.cost.known.as_f64(),
                changes,
            });
        }
        Some(Optimization { optimizer, steps })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn went(steps: &[Json], with_contents: bool) -> Json {
        let mut taken = Steps::default();
        for step in steps {
            let mut step = step.clone();
            step["optimizer"] = "gepa".into();
            step["at"] = 1000.into();
            taken.take(serde_json::from_value(step).expect("a step"));
        }
        let optimization = taken.optimization(with_contents);
        serde_json::to_value(optimization.expect("an optimization")).expect("JSON")
    }

    #[test]
    fn a_change_is_told_against_the_parent() {
        let steps = [
            json!({"step": 0, "outcome": "start", "score": 0.1, "texts": {"p": "a\nb"}}),
            json!({"step": 0, "outcome": "start", "score": 0.5, "texts": {"p": "a", "q": "x"}}),
            json!({"step": 1, "outcome": "rejected", "parents": [0], "texts": {"p": "c", "q": "x"}}),
            json!({"step": 2, "outcome": "accepted", "score": 0.6, "parents": [0], "texts": {"p": "a\nd", "q": "x"}}),
            json!({"step": 3, "outcome": "accepted", "score": 0.7, "parents": [2], "texts": {"p": "a\nd", "q": "y"}}),
        ];
        let found = went(&steps, true);
        // The optimization that was begun last counts.
        assert_eq!(found["steps"].as_array().expect("steps").len(), 4);
        let changes: Vec<&Json> = (0..4)
            .map(|step| &found["steps"][step]["changes"])
            .collect();
        let change = |path, added, removed, diff: Json| json!([{"path": path, "added": added, "removed": removed, "diff": diff}]);
        assert_eq!(*changes[0], json!([]));
        assert_eq!(*changes[1], change("p", 1, 1, json!(["- a", "+ c"])));
        assert_eq!(*changes[2], change("p", 1, 0, json!(["  a", "+ d"])));
        assert_eq!(*changes[3], change("q", 1, 1, json!(["- x", "+ y"])));
        assert!(!went(&steps, false).to_string().contains("diff"));
    }

    #[test]
    fn without_parents_a_change_is_told_against_what_the_pipeline_had() {
        let steps = [
            json!({"step": 0, "outcome": "start", "texts": {"p": "a", "q": "b"}}),
            json!({"step": 1, "outcome": "accepted", "texts": {"p": "a\nb"}, "why": "it is better"}),
            json!({"step": 2, "outcome": "a later word", "texts": {"p": "a\nb\nc"}}),
        ];
        let found = went(&steps, false);
        let added: Vec<&Json> = (1..3)
            .map(|step| &found["steps"][step]["changes"][0]["added"])
            .collect();
        assert_eq!(added, [1, 1]);
        assert_eq!(found["steps"][1]["why"], "it is better");
        assert!(went(&steps[..1], false)["steps"][0].get("score").is_none());
    }
}
