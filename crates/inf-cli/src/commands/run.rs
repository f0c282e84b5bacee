//! `inf run`: run a pipeline over a file of inputs.

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use inf_engine::execution::{
    Budget, ErrorKind, ErrorPolicy, ExecutionSettings, Hedging, NodeMetrics, Pipeline, Profile,
    Spent,
};
use inf_engine::journal::Journal;
use inf_engine::resources::{ResourceManager, ResourceMetrics};
use tokio::time::Instant;

use super::new_folder::NewFolder;
use super::preparation::{bind, load, load_parameters, problems_of_resources, warn};
use crate::arguments::{InputArguments, Place, Policy, RunArguments};
use crate::command_error::{CommandError, io_reason};
#[cfg(feature = "tui")]
use crate::console::can_redraw;
use crate::console::tell;
use crate::exit_code::Exit;
use crate::input::{InputSource, Records, Total, count_in_background, read_in_background};
use crate::interrupt::{Asks, GRACE, on_interrupt};
#[cfg(feature = "tui")]
use crate::live::LiveView;
use crate::metrics::{MetricsServer, Watched};
use crate::output::{ResultWriter, check_file, journal_files, open_alone};
use crate::progress::ProgressDisplay;
use crate::summary::{Summary, Tally};

/// The most results that are written at once.
const RESULTS_AT_ONCE: usize = 256;

pub(crate) fn execute(arguments: &RunArguments) -> Result<Exit, CommandError> {
    let prepared = prepare(arguments)?;
    let is_simulated = arguments.models.resources.is_none() && !arguments.replay;
    if is_simulated && !arguments.quiet && !arguments.json {
        tell(
            "no --resources: every alias is the built-in simulated provider, and its answers are made up",
        );
    }
    if !arguments.quiet && !arguments.json {
        warn(prepared.pipeline.graph());
    }
    super::block_on(async {
        let last_words = if arguments.checkpoint_dir.is_some() {
            "stopped at once: what was in flight was given up; the same command goes on with what was not finished"
        } else {
            "stopped at once: what was in flight was given up; results that were written stay"
        };
        let is_silent = arguments.quiet || arguments.json;
        let (asks, interrupt) = on_interrupt((!is_silent).then_some(last_words))?;
        Ok(run(arguments, prepared, Some(asks), interrupt, GRACE).await)
    })
}

/// How progress is shown; `asks` is told when a key says to stop. Nothing else is written to
/// the terminal until it is finished.
fn display(
    arguments: &RunArguments,
    pipeline: &Pipeline,
    budget: Option<&Budget>,
    asks: Option<Asks>,
) -> ProgressDisplay {
    let is_silent = arguments.quiet || arguments.json;
    #[cfg(feature = "tui")]
    if let Some(asks) = asks
        && arguments.tui
        && !is_silent
        && can_redraw()
    {
        match LiveView::open(pipeline, budget, asks) {
            Ok(view) => return ProgressDisplay::live(view),
            Err(error) => tell(format_args!("warning: no live view: {error}")),
        }
    }
    #[cfg(not(feature = "tui"))]
    {
        let _ = (pipeline, budget, asks);
        if arguments.tui && !is_silent {
            tell(
                "warning: this `inf` was built without the live view: build it with the feature `tui`",
            );
        }
    }
    let to_terminal = arguments.output == Place::Standard && io::stdout().is_terminal();
    ProgressDisplay::new(is_silent, to_terminal)
}

/// Everything that a run needs, checked; nothing was called or written.
struct Prepared {
    pipeline: Pipeline,
    records: Records,
    total: Total,
    writer: ResultWriter,
    profile: Option<Profile>,
    budget: Option<Budget>,
    journal: Option<Journal>,
    /// Where numbers are served, and those of nodes.
    metrics: Option<(MetricsServer, NodeMetrics)>,
}

/// Checks everything before anything is called, and tells all that is wrong at
/// once.
fn prepare(arguments: &RunArguments) -> Result<Prepared, CommandError> {
    let mut problems = Vec::new();
    let graph = keep(&mut problems, load(&arguments.pipeline));
    let schema = graph.as_ref().map(|graph| graph.input().clone());
    if graph.is_none() {
        problems.extend(problems_of_resources(arguments.models.resources.as_deref()));
    }
    let bound = graph.map(|graph| {
        bind(
            graph,
            &arguments.pipeline,
            arguments.models.resources.as_deref(),
        )
    });
    let pipeline = match bound.transpose() {
        Ok(pipeline) => pipeline,
        Err(more) => {
            problems.extend(more);
            None
        }
    };
    if let (Some(pipeline), Some(path)) = (&pipeline, &arguments.models.params) {
        keep(&mut problems, load_parameters(pipeline, path));
    }
    let InputArguments {
        input,
        input_format,
    } = &arguments.input;
    let source = keep(&mut problems, InputSource::open(input, *input_format));
    let sources = [
        Some(&arguments.pipeline),
        arguments.models.resources.as_ref(),
        arguments.models.params.as_ref(),
        file(input),
    ];
    let folder = arguments.checkpoint_dir.iter();
    let of_journal: Vec<PathBuf> = folder.flat_map(|folder| journal_files(folder)).collect();
    let sources = sources.into_iter().flatten().chain(&of_journal);
    let sources: Vec<&Path> = sources.map(AsRef::as_ref).collect();
    let new_folder = arguments.checkpoint_dir.as_deref();
    let new_folder = new_folder.and_then(NewFolder::unless_there);
    // It is there before it is looked whether something else would be written to it.
    let journal = arguments.checkpoint_dir.as_ref().map(|folder| {
        let opened = if arguments.replay {
            Journal::open_to_replay(folder)
        } else {
            Journal::open(folder)
        };
        opened.map_err(|error| error.to_string())
    });
    let journal = keep(&mut problems, journal.transpose()).flatten();
    // Taken away before the journal is closed, so that no other run has opened it by then; what
    // could not be opened is somebody else's.
    let new_folder = match new_folder {
        Some(folder) if journal.is_none() => {
            folder.keep();
            None
        }
        own => own,
    };
    if let Place::File(output) = &arguments.output {
        keep(&mut problems, check_file("output", output, &sources));
    }
    if let Some(profile) = &arguments.profile {
        let others = sources.iter().copied();
        let others = others.chain(file(&arguments.output).map(AsRef::as_ref));
        let others: Vec<&Path> = others.collect();
        keep(&mut problems, check_file("profile", profile, &others));
    }
    if arguments.tui
        && !arguments.quiet
        && !arguments.json
        && arguments.output == Place::Standard
        && io::stdout().is_terminal()
    {
        problems.push(
            "--tui takes the whole terminal, and results would be written across it: give them a file with --output"
                .to_owned(),
        );
    }
    let budget = keep(&mut problems, budget(arguments, journal.as_ref())).flatten();
    if let Some(pipeline) = &pipeline
        && arguments.budget_usd.is_some()
    {
        let unpriced = unpriced(pipeline);
        if !unpriced.is_empty() {
            problems.push(no_price(&unpriced, arguments.models.resources.as_deref()));
        }
    }
    let metrics = arguments.metrics.map(MetricsServer::at).transpose();
    let metrics = keep(&mut problems, metrics).flatten();
    let mut total = Total::default();
    let records = match (source, schema) {
        (Some(source), Some(schema)) => {
            if !arguments.quiet {
                total = count_in_background(&source, limit(arguments));
            }
            keep(&mut problems, Records::new(source, &schema))
        }
        _ => None,
    };
    let (Some(pipeline), Some(records), true) = (pipeline, records, problems.is_empty()) else {
        return Err(problems.into());
    };
    // Last, because it empties the file that is there.
    let writer = ResultWriter::open(&arguments.output).map_err(CommandError::new)?;
    if let Some(folder) = new_folder {
        folder.keep();
    }
    let mut settings = settings(arguments);
    let profile = arguments.profile.as_ref().map(|_| Profile::new());
    if let Some(profile) = &profile {
        settings = settings.with_profile(profile);
    }
    if let Some(budget) = &budget {
        settings = settings.with_budget(budget);
    }
    if let Some(journal) = &journal {
        settings = settings.with_journal(journal);
    }
    let metrics = metrics.map(|server| (server, NodeMetrics::new()));
    if let Some((_, nodes)) = &metrics {
        settings = settings.with_node_metrics(nodes);
    }
    Ok(Prepared {
        pipeline: pipeline.with_settings(settings),
        profile,
        budget,
        journal,
        metrics,
        records,
        total,
        writer,
    })
}

fn keep<T>(problems: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn file(place: &Place) -> Option<&PathBuf> {
    match place {
        Place::File(path) => Some(path),
        Place::Standard => None,
    }
}

/// The most inputs that are run.
fn limit(arguments: &RunArguments) -> usize {
    arguments.limit.map_or(usize::MAX, NonZeroUsize::get)
}

/// What the run may spend, if that is bounded; what earlier runs with its journal
/// spent is spent.
fn budget(arguments: &RunArguments, journal: Option<&Journal>) -> Result<Option<Budget>, String> {
    let mut budget: Option<Budget> = arguments.budget_usd.map(Budget::dollars);
    if let Some(tokens) = arguments.budget_tokens {
        let tokens = tokens.get() as u64;
        budget = Some(match budget {
            Some(budget) => budget.and_tokens(tokens),
            None => Budget::tokens(tokens),
        });
    }
    if let Some(calls) = arguments.budget_calls {
        let calls = calls.get() as u64;
        budget = Some(match budget {
            Some(budget) => budget.and_calls(calls),
            None => Budget::calls(calls),
        });
    }
    let folder = journal.and_then(Journal::folder);
    let (Some(budget), Some(folder)) = (&budget, folder) else {
        return Ok(budget);
    };
    let spent = Spent::recorded_in(folder).map_err(|error| error.to_string())?;
    Ok(Some(budget.clone().and_already_spent(spent)))
}

/// The aliases that a pipeline calls and whose models have no price.
fn unpriced(pipeline: &Pipeline) -> Vec<String> {
    let aliases = pipeline.graph().aliases().into_iter();
    let aliases = aliases.map(ToString::to_string);
    aliases
        .filter(|alias| pipeline.resources().price(alias).is_none())
        .collect()
}

fn no_price(unpriced: &[String], resources: Option<&Path>) -> String {
    let names: Vec<String> = unpriced.iter().map(|alias| format!("`{alias}`")).collect();
    let names = names.join(", ");
    let place = match resources {
        Some(path) => format!("for {names} in {}", path.display()),
        None => format!("for {names} in a resources file, and give it with --resources"),
    };
    format!(
        "--budget-usd needs the price of every model, and that of {names} is not known: write `price: {{ input: …, \
         output: … }}`, in dollars for a million tokens, {place}"
    )
}

fn settings(arguments: &RunArguments) -> ExecutionSettings {
    let mut settings = ExecutionSettings::default();
    if let Some(most) = arguments.max_concurrent {
        settings = settings.with_max_concurrent(most.get());
    }
    if let Some(most) = arguments.max_inputs_in_flight {
        settings = settings.with_max_inputs_in_flight(most.get());
    }
    if let Some(most) = arguments.max_retries {
        settings = settings.with_max_retries(most);
    }
    if let Some(most) = arguments.max_reasks {
        settings = settings.with_max_reasks(most);
    }
    if let Some(timeout) = arguments.task_timeout {
        settings = settings.with_task_timeout(timeout);
    }
    if let Some(timeout) = arguments.run_timeout {
        settings = settings.with_run_timeout(timeout);
    }
    settings = settings
        .with_retry_failed(arguments.retry_failed)
        .with_cached_requests(arguments.cache)
        .with_replay(arguments.replay);
    if let Some(percentile) = arguments.hedge {
        settings = settings.with_hedging(Hedging::after_percentile(percentile));
    }
    match arguments.error_policy {
        Some(Policy::RetryThenFail) => settings.with_error_policy(ErrorPolicy::RetryThenFail),
        Some(Policy::Continue) => settings.with_error_policy(ErrorPolicy::Continue),
        Some(Policy::FailFast) => settings.with_error_policy(ErrorPolicy::FailFast),
        None => settings,
    }
}

/// Runs everything; `interrupt` resolves at Ctrl-C, after which what has begun
/// is given `grace` to end.
async fn run(
    arguments: &RunArguments,
    prepared: Prepared,
    asks: Option<Asks>,
    interrupt: impl Future,
    grace: Duration,
) -> Exit {
    let Prepared {
        pipeline,
        records,
        total,
        mut writer,
        profile,
        budget,
        journal,
        metrics,
    } = prepared;
    let is_silent = arguments.quiet || arguments.json;
    if let (Some(journal), Some(folder), false) = (&journal, &arguments.checkpoint_dir, is_silent) {
        let file = folder.join("journal.jsonl");
        let notices = journal.notices().iter();
        notices.for_each(|notice| tell(format_args!("warning: {}: {notice}", file.display())));
    }
    let mut interrupt = pin!(interrupt);
    let inputs = read_in_background(records, limit(arguments), total.clone());
    let mut results = pipeline.try_stream(inputs);
    if arguments.preserve_order {
        results = results.in_order();
    }
    let watched = metrics.map(|(server, nodes)| {
        let watched = Watched::new(&pipeline, &nodes, budget.as_ref(), results.progress());
        let url = server.url();
        let served = server.serve(watched.clone());
        match served {
            Err(problem) => tell(format_args!("error: {problem}")),
            Ok(()) if !is_silent => tell(format_args!("metrics at {url}")),
            Ok(()) => {}
        }
        watched
    });
    // What has ended at the same time is written in the same breath.
    let mut results = results.ready_chunks(RESULTS_AT_ONCE);

    let mut display = display(arguments, &pipeline, budget.as_ref(), asks);
    let mut ticks = tokio::time::interval(ProgressDisplay::INTERVAL);
    let mut tally = Tally::default();
    let mut is_interrupted = false;
    let mut is_told = is_silent;
    // After the first Ctrl-C: when what has begun is cancelled.
    let mut grace_ends = None;
    let mut unwritable = None;
    loop {
        tokio::select! {
            biased;
            _ = &mut interrupt, if !is_interrupted => {
                is_interrupted = true;
                grace_ends = Some(Instant::now() + grace);
                results.get_mut().stop();
                // By the next one it is known what has begun.
                ticks.reset();
            }
            () = at(grace_ends), if grace_ends.is_some() => {
                grace_ends = None;
                results.get_mut().cancel();
            }
            // Above the results, of which there may always be one.
            _ = ticks.tick() => {
                let progress = results.get_ref().progress();
                if is_interrupted && !is_told {
                    is_told = true;
                    display.stopping(progress.inputs_in_flight, grace);
                }
                display.show(&progress, total.get());
                if let Some(watched) = &watched {
                    watched.note(progress);
                }
            }
            ended = results.next() => {
                let Some(ended) = ended else { break };
                for result in &ended {
                    tally.note(result);
                    display.note(result);
                    if unwritable.is_none() {
                        writer.take(result);
                    }
                }
                if unwritable.is_none() && let Err(error) = writer.flush() {
                    unwritable = Some(error);
                    tally.is_output_lost = true;
                    results.get_mut().cancel();
                }
            }
        }
    }
    display.finish();
    if let Some(watched) = &watched {
        watched.note(results.get_ref().progress());
    }
    let spent = results.get_ref().ended_early();
    let spent = spent.filter(|error| error.kind == ErrorKind::Budget);
    let is_out_of_budget = spent.is_some() || tally.out_of_budget > 0;
    let not_read = total
        .get()
        .map(|total| total.saturating_sub(tally.inputs()));
    let summary = Summary {
        tally: &tally,
        written: writer.written(),
        metrics: &settled_metrics(pipeline.resources()).await,
        unpriced: &unpriced(&pipeline),
        budget: budget.as_ref(),
        calls_from_journal: results.get_ref().progress().calls_from_journal,
        has_journal: journal.is_some(),
        is_replay: arguments.replay,
        elapsed: results.get_ref().progress().elapsed,
        not_read,
        is_interrupted,
    };
    let is_cut_short = unwritable.is_some();
    let is_journal_whole = match journal.as_ref().and_then(Journal::failure) {
        Some(failure) => {
            tell(format_args!("error: {failure}"));
            false
        }
        None => true,
    };
    match unwritable {
        // The reader has seen enough, as in `inf run … | head`.
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Some(error) => {
            let place = match &arguments.output {
                Place::File(path) => path.display().to_string(),
                Place::Standard => "the results to standard output".to_owned(),
            };
            let problem = format!(
                "error: can't write {place}: {}; the run was stopped, and the lines that were written before are whole",
                io_reason(&error)
            );
            // For programs the summary is the last line, for people what is wrong.
            if arguments.json {
                tell(problem);
                close(arguments, &summary);
            } else {
                close(arguments, &summary);
                tell(format_args!("\n{problem}"));
            }
            return Exit::SomeFailed;
        }
        None => {
            close(arguments, &summary);
            if let (Place::File(path), false) = (&arguments.output, is_silent) {
                tell(format_args!("\nresults in {}", path.display()));
            }
            if is_interrupted && journal.is_none() && !is_silent {
                tell(
                    "\nto go on with a run that was stopped, without paying twice, give it a --checkpoint-dir from the start",
                );
            }
            if is_out_of_budget && !is_silent {
                let advice = if journal.is_some() {
                    "to go on, run the same command with a higher budget: what is finished is not paid again"
                } else {
                    "`inf run` makes every call of the inputs that it is given: to go on later without paying twice, \
                     give a --checkpoint-dir from the start"
                };
                tell(format_args!(
                    "\nthe budget did not allow all calls; what has an output is done and paid for; {advice}"
                ));
            }
        }
    }
    if let (Some(profile), Some(path)) = (&profile, &arguments.profile) {
        // Not into what another run is writing.
        let saved = open_alone(path)
            .and_then(|_alone| profile.save(path).map_err(|error| error.to_string()));
        if let Err(error) = saved {
            tell(format_args!("error: no profile: {error}"));
            return Exit::SomeFailed;
        }
        if !is_silent {
            let path = path.display();
            tell(format_args!(
                "\n{}\nprofile in {path}: open it at https://ui.perfetto.dev",
                profile.summary()
            ));
        }
    }
    if is_interrupted {
        Exit::Interrupted
    } else if is_out_of_budget {
        Exit::OutOfBudget
    } else if tally.failed == 0 && is_journal_whole && (is_cut_short || not_read == Some(0)) {
        Exit::Success
    } else {
        Exit::SomeFailed
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What all endpoints did together, when the calls that were given up are over:
/// their connections are closed beside the run.
async fn settled_metrics(resources: &ResourceManager) -> ResourceMetrics {
    let mut total = ResourceMetrics::default();
    for _ in 0..100 {
        total = ResourceMetrics::default();
        for metrics in resources.metrics().values() {
            total += metrics;
        }
        if total.in_flight == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    total
}

/// Says how the run went.
fn close(arguments: &RunArguments, summary: &Summary<'_>) {
    if arguments.json {
        let mut summary = summary.to_json();
        summary["simulated"] = (arguments.models.resources.is_none() && !arguments.replay).into();
        tell(summary);
        return;
    }
    if arguments.quiet {
        return;
    }
    if let Place::File(_) = arguments.output
        && let Some(first) = summary.tally.first_result()
    {
        tell(format_args!("{first}\n"));
    }
    tell(summary);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use serde_json::Value as Json;

    use super::*;
    use crate::arguments::{Arguments, Command};

    #[tokio::test]
    async fn what_does_not_end_within_the_grace_is_cancelled_and_written() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).expect("writable");
            path.display().to_string()
        };
        let pipeline = "version: 1\nname: one\ninput: any\nnodes:\n  \
                        answer: { llm: slow, prompt: \"{input}\" }\noutput: answer\n";
        let resources = "endpoints:\n  slow: { provider: simulated, model: m, max_concurrent: 5, \
                         simulated: { latency: { median_ms: 500000 } } }\n";
        let output = file("results.jsonl", "");
        let command = Arguments::parse_from([
            "inf",
            "run",
            "--quiet",
            &file("pipeline.yaml", pipeline),
            &format!("--resources={}", file("resources.yaml", resources)),
            &format!("--input={}", file("inputs.jsonl", &"1\n".repeat(5000))),
            &format!("--output={output}"),
        ]);
        let Command::Run(arguments) = command.command else {
            unreachable!("it is `run`")
        };
        let prepared = prepare(&arguments).expect("all is well");
        let resources = Arc::clone(prepared.pipeline.resources());
        let interrupt = async {
            while resources.metrics()["slow"].in_flight < 5 {
                tokio::task::yield_now().await;
            }
        };
        let exit = run(
            &arguments,
            prepared,
            None,
            interrupt,
            Duration::from_millis(10),
        )
        .await;
        assert_eq!(exit, Exit::Interrupted);
        assert_eq!(settled_metrics(&resources).await.cancelled, 5);
        let written = std::fs::read_to_string(output).expect("readable");
        let messages = written.lines().map(|line| {
            let mut line: Json = serde_json::from_str(line).expect("a line of JSON");
            line["error"]["message"].take()
        });
        let messages: Vec<Json> = messages.collect();
        let count = |message: &str| messages.iter().filter(|told| *told == message).count();
        assert_eq!(count("the run was cancelled"), 5);
        let not_begun = count("not begun, because the run was stopped");
        assert_eq!(5 + not_begun, messages.len());
    }
}
