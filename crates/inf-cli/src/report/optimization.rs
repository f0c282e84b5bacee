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
