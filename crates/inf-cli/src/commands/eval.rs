//! `inf eval`: how good a pipeline is on inputs with known answers.

use std::fs::File;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::pin::pin;
use std::sync::Mutex;

use futures_util::future::{Either, select};
use inf_engine::Value;
use inf_engine::execution::{Budget, Cancellation, ExecutionSettings, Pipeline};
use inf_engine::optimization::{
    Dataset, Evaluation, LlmJudge, Loss, MatchLoss, Reasoner, Scored, evaluate,
};
use serde_json::{Value as Json, json};

use super::preparation::{bind, load, load_parameters, problems_of_resources, simulated, warn};
use crate::arguments::{EvalArguments, Place, Scoring};
use crate::command_error::CommandError;
use crate::console::tell;
use crate::evaluation_report::EvaluationReport;
use crate::exit_code::Exit;
use crate::input::{InputSource, read_labelled};
use crate::interrupt::on_interrupt;
use crate::output::{cannot_write, check_file, empty, open_alone};
use crate::progress::ProgressDisplay;

pub(crate) fn execute(arguments: &EvalArguments) -> Result<Exit, CommandError> {
    let prepared = prepare(arguments)?;
    if arguments.models.resources.is_none() && !arguments.quiet && !arguments.json {
        tell(
            "no --resources: every alias is the built-in simulated provider, and its answers are made up",
        );
    }
    if prepared.is_shown_answer && !arguments.quiet && !arguments.json {
        let field = &arguments.expect;
        tell(format_args!(
            "`{field}` is a field that the pipeline reads, too: it is given the expected answer"
        ));
    }
    let Prepared {
        pipeline,
        dataset,
        loss,
        budget,
        output,
        ..
    } = prepared;
    if !arguments.quiet && !arguments.json {
        warn(pipeline.graph());
    }
    let cancellation = Cancellation::new();
    let settings = settings(arguments, budget.as_ref()).with_cancellation(&cancellation);
    let (evaluation, is_interrupted) = super::block_on(async {
        let last_words = "stopped at once, without a report: what was in flight was given up";
        let is_silent = arguments.quiet || arguments.json;
        let (_, interrupt) = on_interrupt((!is_silent).then_some(last_words))?;
        let evaluating = pin!(run(arguments, settings, &pipeline, &dataset, &*loss));
        // What is in flight is given up, and what has a score is kept.
        Ok(match select(pin!(interrupt), evaluating).await {
            Either::Left((_, evaluating)) => {
                cancellation.cancel();
                (evaluating.await, true)
            }
            Either::Right((evaluation, _)) => (evaluation, false),
        })
    })?;
    let report = EvaluationReport::new(&evaluation, scoring(arguments), arguments.worst);
    let text = if arguments.json {
        let mut report = report.to_json();
        report["interrupted"] = is_interrupted.into();
        format!("{report}\n")
    } else {
        report.to_string()
    };
    let printed = super::print(&text);
    // What was paid for is kept even if nobody can be told.
    if let (Some(path), Some(file)) = (&arguments.output, output)
        && let Err(error) = write_lines(file, &evaluation)
    {
        tell(format_args!("error: {}", cannot_write(path, &error)));
        return Ok(Exit::SomeFailed);
    }
    printed?;
    Ok(if is_interrupted {
        Exit::Interrupted
    } else if evaluation.is_cut_short() {
        Exit::OutOfBudget
    } else if evaluation.unscored().next().is_some() {
        Exit::SomeFailed
    } else {
        Exit::Success
    })
}

/// Everything that an evaluation needs, checked; nothing was called.
struct Prepared {
    pipeline: Pipeline,
    dataset: Dataset,
    loss: Box<dyn Loss>,
    budget: Option<Budget>,
    /// Whether the expected answer is in the input.
    is_shown_answer: bool,
    /// Where results go; no other run writes there.
    output: Option<File>,
}

/// Checks everything, and tells all that is wrong at once.
fn prepare(arguments: &EvalArguments) -> Result<Prepared, CommandError> {
    let mut problems = Vec::new();
    let resources = arguments.models.resources.as_deref();
    if arguments.judge.is_some() && arguments.score != Scoring::Judge {
        problems.push("--judge names who judges: add `--score judge`".to_owned());
    }
    let is_one_field = arguments.input_field.as_deref() == Some(arguments.expect.as_str());
    if is_one_field {
        let field = &arguments.expect;
        problems.push(format!(
            "--input-field and --expect both name `{field}`: the pipeline would be given the answer"
        ));
    }
    let question = arguments.question.as_deref();
    if question.is_some() && arguments.judge.is_none() {
        problems.push("--question is for who judges: add `--score judge` and --judge".to_owned());
    }
    if question.is_some_and(|question| question.trim().is_empty()) {
        problems.push("--question is empty: say what the model is to judge".to_owned());
    }
    let mut pipeline = None;
    let mut schema = None;
    match load(&arguments.pipeline) {
        Ok(graph) => {
            schema = Some(graph.input().clone());
            match bind(graph, &arguments.pipeline, resources) {
                Ok(bound) => pipeline = Some(bound),
                Err(more) => problems.extend(more),
            }
        }
        Err(problem) => {
            problems.push(problem);
            problems.extend(problems_of_resources(resources));
        }
    }
    if let (Some(pipeline), Some(path)) = (&pipeline, &arguments.models.params)
        && let Err(problem) = load_parameters(pipeline, path)
    {
        problems.push(problem);
    }
    let source = InputSource::open(&arguments.input.input, arguments.input.input_format);
    let dataset = match (source, schema) {
        (Err(problem), _) => Err(vec![problem]),
        (Ok(source), Some(schema)) if !is_one_field => {
            let limit = arguments.limit.map_or(usize::MAX, NonZeroUsize::get);
            let field = arguments.input_field.as_deref();
            read_labelled(source, &schema, &arguments.expect, field, limit)
        }
        // What the pipeline takes is not known, or what is the input.
        (Ok(_), _) => Err(Vec::new()),
    };
    let dataset = dataset.map_err(|more| problems.extend(more)).ok();
    if let (Some(dataset), Some(pipeline)) = (&dataset, &pipeline) {
        problems.extend(problem_of_output(arguments, pipeline, dataset));
    }
    if arguments.output.as_deref() == Some(Path::new("-")) {
        problems.push(
            "--output -: the report is written to the standard output; name a file for the examples"
                .to_owned(),
        );
    } else if let Some(output) = &arguments.output {
        let input = match &arguments.input.input {
            Place::File(path) => Some(path),
            Place::Standard => None,
        };
        let sources = [
            Some(&arguments.pipeline),
            arguments.models.resources.as_ref(),
            arguments.models.params.as_ref(),
            input,
        ];
        let sources: Vec<&Path> = sources.into_iter().flatten().map(AsRef::as_ref).collect();
        if let Err(problem) = check_file("output", output, &sources) {
            problems.push(problem);
        }
    }
    let loss = match pipeline.as_ref().map(|pipeline| loss(arguments, pipeline)) {
        Some(Ok(loss)) => Some(loss),
        Some(Err(problem)) => {
            problems.push(problem);
            None
        }
        None => None,
    };
    let budget = match (arguments.budget_usd, arguments.budget_calls) {
        (None, None) => None,
        (Some(dollars), None) => Some(Budget::dollars(dollars)),
        (None, Some(calls)) => Some(Budget::calls(calls.get() as u64)),
        (Some(dollars), Some(calls)) => {
            Some(Budget::dollars(dollars).and_calls(calls.get() as u64))
        }
    };
    let is_shown_answer = pipeline.as_ref().is_some_and(|pipeline| {
        let input = pipeline.graph().input().as_json();
        input["properties"].get(&arguments.expect).is_some()
    });
    let (Some(pipeline), Some(dataset), Some(loss), true) =
        (pipeline, dataset, loss, problems.is_empty())
    else {
        return Err(problems.into());
    };
    // Last, because it makes the file.
    let output = arguments.output.as_deref().map(open_alone);
    Ok(Prepared {
        pipeline,
        dataset,
        loss,
        budget,
        is_shown_answer,
        output: output.transpose().map_err(CommandError::new)?,
    })
}

/// What can't be compared with what is expected, as far as the graph says what its output
/// is: then every score would be 0.
fn problem_of_output(
    arguments: &EvalArguments,
    pipeline: &Pipeline,
    dataset: &Dataset,
) -> Option<String> {
    let output = pipeline.graph().output_schema();
    let fields = output.as_json().get("properties")?.as_object()?;
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let names = names.join("`, `");
    let expected = dataset.examples().iter().map(|example| &example.expected);
    let mut objects = expected.filter(|expected| matches!(expected, Some(Value::Map(_))));
    match (&arguments.field, arguments.score) {
        (Some(path), Scoring::Exact | Scoring::Contains) => {
            let first = path.split('.').next().unwrap_or_default();
            let is_there = fields.contains_key(first);
            (!is_there).then(|| {
                format!("--field {path}: the output has no field `{first}`; it has `{names}`")
            })
        }
        (None, Scoring::Exact) if objects.next().is_none() => Some(format!(
            "the output is an object, and `{}` holds none: say with --field which field is compared; it has \
             `{names}`",
            arguments.expect
        )),
        _ => None,
    }
}

/// What gives the scores.
fn loss(arguments: &EvalArguments, pipeline: &Pipeline) -> Result<Box<dyn Loss>, String> {
    let refine = |mut loss: MatchLoss| -> Box<dyn Loss> {
        if let Some(field) = &arguments.field {
            loss = loss.at(field);
        }
        if arguments.ignore_case {
            loss = loss.ignoring_case();
        }
        Box::new(loss)
    };
    match arguments.score {
        Scoring::Exact => Ok(refine(MatchLoss::exact())),
        Scoring::Contains => Ok(refine(MatchLoss::contains())),
        Scoring::Judge => {
            // clap sees to it that both are there.
            let alias = arguments.judge.as_deref().unwrap_or_default();
            let question = arguments.question.as_deref().unwrap_or_default();
            let judge = match &arguments.models.resources {
                Some(path) => Reasoner::new(alias, pipeline.resources().clone())
                    .map_err(|error| format!("{}: --judge: {error}", path.display())),
                None => Reasoner::new(alias, simulated([alias]))
                    .map_err(|error| format!("--judge: {error}")),
            }?;
            Ok(Box::new(LlmJudge::new(judge, question)))
        }
    }
}

/// How scores are given, in a few words.
fn scoring(arguments: &EvalArguments) -> String {
    let field = arguments
        .field
        .as_ref()
        .map(|field| format!(" in the field `{field}` of the output"));
    let field = field.unwrap_or_default();
    let case = if arguments.ignore_case {
        ", capitals or not"
    } else {
        ""
    };
    let expect = &arguments.expect;
    match arguments.score {
        Scoring::Exact => format!("exactly `{expect}`{field}{case}"),
        Scoring::Contains => format!("contains `{expect}`{field}{case}"),
        Scoring::Judge => {
            let alias = arguments.judge.as_deref().unwrap_or_default();
            format!("judged by `{alias}`, who is shown `{expect}`")
        }
    }
}

fn settings(arguments: &EvalArguments, budget: Option<&Budget>) -> ExecutionSettings {
    let mut settings = ExecutionSettings::default();
    if let Some(most) = arguments.max_concurrent {
        settings = settings.with_max_concurrent(most.get());
    }
    if let Some(budget) = budget {
        settings = settings.with_budget(budget);
    }
    settings
}

async fn run(
    arguments: &EvalArguments,
    settings: ExecutionSettings,
    pipeline: &Pipeline,
    dataset: &Dataset,
    loss: &dyn Loss,
) -> Evaluation {
    let total = dataset.len() as u64;
    let is_silent = arguments.quiet || arguments.json;
    let display = Mutex::new(Some(ProgressDisplay::new(is_silent, false)));
    let display = std::sync::Arc::new(display);
    let shown = std::sync::Arc::clone(&display);
    // Of the pipeline alone: a judge's calls are no inputs.
    let told =
        ExecutionSettings::default().on_progress(ProgressDisplay::INTERVAL, move |progress| {
            if let Ok(mut display) = shown.lock()
                && let Some(display) = &mut *display
            {
                display.show(progress, Some(total));
            }
        });
    let pipeline = pipeline.with_settings(told);
    let evaluating = evaluate(&pipeline, dataset, loss);
    let evaluation = Box::pin(settings.scope(evaluating)).await;
    if let Ok(mut display) = display.lock()
        && let Some(display) = display.take()
    {
        display.finish();
    }
    evaluation
}

/// Writes one JSON line for each example.
fn write_lines(file: File, evaluation: &Evaluation) -> std::io::Result<()> {
    empty(&file)?;
    let mut file = std::io::BufWriter::new(file);
    for scored in &evaluation.examples {
        writeln!(file, "{}", line(scored))?;
    }
    file.flush()
}

fn line(scored: &Scored) -> Json {
    let mut line = json!({
        "index": scored.index,
        "score": scored.score(),
        "expected": scored.expected,
    });
    match &scored.output {
        Ok(output) => line["output"] = json!(output),
        Err(error) => {
            line["error"] = json!({"kind": error.kind.as_str(), "message": error.to_string()});
        }
    }
    if let Some(feedback) = &scored.feedback {
        line["feedback"] = json!(feedback.text);
    }
    if let Some(error) = &scored.loss_error {
        line["not_scored"] = json!(error.to_string());
    }
    line
}
