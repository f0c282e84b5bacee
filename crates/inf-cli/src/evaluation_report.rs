//! [`EvaluationReport`]: how good a pipeline was, for people and for programs.

use std::fmt;

use inf_engine::optimization::{ClassReport, Evaluation, Scored};
use serde_json::{Value as Json, json};

use crate::console::{counted, grouped, shorten};
use crate::summary::readable;

/// The most characters of a message or a value that are shown.
const SHOWN: usize = 160;

/// The most characters of an output in a table.
const SHOWN_OUTPUT: usize = 24;

/// How good a pipeline was.
pub(crate) struct EvaluationReport<'e> {
    evaluation: &'e Evaluation,
    /// How scores were given.
    scoring: String,
    /// The most examples that are shown.
    worst: usize,
}

impl<'e> EvaluationReport<'e> {
    pub(crate) fn new(evaluation: &'e Evaluation, scoring: String, worst: usize) -> Self {
        Self {
            evaluation,
            scoring,
            worst,
        }
    }

    /// The reasons why examples have no score, each with how many there are and the
    /// first of them.
    fn reasons(&self) -> Vec<(String, u64, usize)> {
        let mut reasons: Vec<(String, u64, usize)> = Vec::new();
        for scored in self.evaluation.unscored() {
            let why = scored.why_unscored().unwrap_or_default();
            match reasons.iter_mut().find(|(known, ..)| *known == why) {
                Some((_, count, _)) => *count += 1,
                None => reasons.push((why, 1, scored.index)),
            }
        }
        reasons
    }

    /// The report for programs, as one object.
    pub(crate) fn to_json(&self) -> Json {
        let Self { evaluation, .. } = self;
        let interval = evaluation.interval().map(|interval| {
            json!({
                "low": interval.low,
                "high": interval.high,
                "confidence": 0.95,
                "method": interval.method.name(),
            })
        });
        let classes = evaluation.classes().into_iter().map(|class| {
            let instead = class.instead.iter();
            let instead = instead.map(|(output, count)| json!({"output": output, "count": count}));
            json!({
                "class": class.class,
                "examples": class.examples,
                "score": class.mean,
                "interval": {"low": class.interval.low, "high": class.interval.high},
                "precision": class.precision,
                "recall": class.recall,
                "f1": class.f1,
                "instead": instead.collect::<Vec<_>>(),
            })
        });
        let worst = evaluation.worst(self.worst).into_iter().map(|scored| {
            json!({
                "index": scored.index,
                "score": scored.score(),
                "feedback": scored.feedback.as_ref().map(|feedback| &feedback.text),
            })
        });
        let reasons = self
            .reasons()
            .into_iter()
            .map(|(why, count, first)| json!({"message": why, "count": count, "first": first}));
        let spent = evaluation.spent;
        json!({
            "score": evaluation.mean(),
            "interval": interval,
            "scoring": self.scoring,
            "examples": evaluation.examples.len(),
            "scored": evaluation.scores().len(),
            "classes": classes.collect::<Vec<_>>(),
            "macro_f1": evaluation.macro_f1(),
            "worst": worst.collect::<Vec<_>>(),
            "not_scored": reasons.collect::<Vec<_>>(),
            "calls": spent.calls,
            "tokens": spent.tokens,
            "cost_usd": (spent.cost.unknown == 0 || !spent.cost.known.is_zero()).then(|| spent.cost.known.as_f64()),
            "answers_of_unknown_cost": spent.cost.unknown,
            "seconds": evaluation.elapsed.as_secs_f64(),
        })
    }
}

impl fmt::Display for EvaluationReport<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { evaluation, .. } = self;
        writeln!(formatter, "score    {evaluation}")?;
        writeln!(formatter, "scoring  {}", self.scoring)?;
        let spent = evaluation.spent;
        writeln!(formatter, "calls    {}", grouped(spent.calls))?;
        writeln!(formatter, "tokens   {}", grouped(spent.tokens))?;
        writeln!(formatter, "cost     {}", spent.cost)?;
        writeln!(formatter, "time     {}", readable(evaluation.elapsed))?;
        write_classes(formatter, &evaluation.classes())?;
        if let Some(f1) = evaluation.macro_f1() {
            writeln!(formatter, "F1 in the mean of the classes: {f1:.3}")?;
        }
        let worst = evaluation.worst(self.worst);
        if !worst.is_empty() {
            writeln!(formatter, "\nthe worst (inputs are counted from 0)")?;
        }
        for scored in worst {
            write_example(formatter, scored)?;
        }
        let reasons = self.reasons();
        if !reasons.is_empty() {
            writeln!(formatter, "\nwithout a score")?;
        }
        for (why, count, first) in reasons {
            let count = counted(count, "example", "examples");
            writeln!(
                formatter,
                "  {count}, the first is input {first}: {}",
                shorten(&why, 2 * SHOWN)
            )?;
        }
        Ok(())
    }
}

fn write_classes(formatter: &mut fmt::Formatter<'_>, classes: &[ClassReport]) -> fmt::Result {
    if classes.is_empty() {
        return Ok(());
    }
    let width = |text: &str| text.chars().count();
    let longest = classes.iter().map(|class| width(&class.class));
    let longest = longest.max().unwrap_or_default().max("expected".len());
    let are_classes = classes.iter().any(|class| class.recall.is_some());
    let rates = if are_classes {
        "  precision  recall     F1"
    } else {
        ""
    };
    writeln!(
        formatter,
        "\n{:<longest$}  examples  score  95 % confidence{rates}  other outputs",
        "expected"
    )?;
    for class in classes {
        let instead = class.instead.iter();
        let instead =
            instead.map(|(output, count)| format!("{count} × {}", shorten(output, SHOWN_OUTPUT)));
        let rate =
            |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.3}"));
        let rates = if are_classes {
            let [precision, recall, f1] = [class.precision, class.recall, class.f1].map(rate);
            format!("  {precision:>9}  {recall:>6}  {f1:>5}")
        } else {
            String::new()
        };
        let line = format!(
            "{:<longest$}  {:>8}  {:.3}  {:<15}{rates}  {}",
            class.class,
            grouped(class.examples as u64),
            class.mean,
            class.interval.to_string(),
            instead.collect::<Vec<_>>().join(", ")
        );
        writeln!(formatter, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_example(formatter: &mut fmt::Formatter<'_>, scored: &Scored) -> fmt::Result {
    let score = scored.score().unwrap_or_default();
    let text = scored
        .feedback
        .as_ref()
        .map(|feedback| shorten(&feedback.text, SHOWN));
    let input = shorten(&scored.input.to_string(), SHOWN);
    writeln!(
        formatter,
        "  {} ({score:.2}): {}",
        scored.index,
        text.unwrap_or_default()
    )?;
    writeln!(formatter, "      input: {input}")
}
