//! `inf run`: run a pipeline over a file of inputs.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use inf_engine::Value;
use inf_engine::execution::{BatchResult, ErrorKind, ErrorPolicy, ExecutionSettings, Pipeline};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::preparation::{bind, load, problems_of_resources};
use crate::arguments::{InputArguments, Place, Policy, RunArguments};
use crate::command_error::CommandError;
use crate::console::{counted, tell};
use crate::exit_code::Exit;
use crate::input::{InputSource, Record, Records, Total, count_in_background, read_in_background};
use crate::interrupt::Interrupts;
use crate::output::{ResultWriter, check_place};
use crate::progress::Progress;
use crate::summary::{Interruption, Summary, Tally, total_metrics};

/// How long inputs that have begun may take to end after the first Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

/// After the first Ctrl-C, the time in which the engine sorts out which inputs
/// have begun.
const SORTING_OUT: Duration = Duration::from_millis(50);

/// With `--preserve-order` the most inputs between the oldest whose result is
/// not written and the youngest that is begun: results that are held back stay
/// in memory.
const ORDER_WINDOW: usize = 8192;

/// The most results that are written at once.
const RESULTS_AT_ONCE: usize = 256;

pub(crate) fn execute(arguments: &RunArguments) -> Result<Exit, CommandError> {
    let prepared = prepare(arguments)?;
    if arguments.resources.is_none() && !arguments.quiet && !arguments.json {
        tell(
            "no --resources: every alias is the built-in simulated provider, and its answers are made up",
        );
    }
    super::block_on(run(arguments, prepared))
}

/// Everything that a run needs, checked; nothing was called or written.
struct Prepared {
    pipeline: Pipeline,
    records: Records,
    total: Total,
    writer: ResultWriter,
}

/// Checks everything before anything is called, and tells all that is wrong at
/// once.
fn prepare(arguments: &RunArguments) -> Result<Prepared, CommandError> {
    let mut problems = Vec::new();
    let graph = keep(&mut problems, load(&arguments.pipeline));
    let schema = graph.as_ref().map(|graph| graph.input().clone());
    if graph.is_none() {
        problems.extend(problems_of_resources(arguments.resources.as_deref()));
    }
    let bound = graph.map(|graph| bind(graph, &arguments.pipeline, arguments.resources.as_deref()));
    let pipeline = match bound.transpose() {
        Ok(pipeline) => pipeline,
        Err(more) => {
            problems.extend(more);
            None
        }
    };
    let InputArguments {
        input,
        input_format,
    } = &arguments.input;
    let source = keep(&mut problems, InputSource::open(input, *input_format));
    let sources = [
        Some(&arguments.pipeline),
        arguments.resources.as_ref(),
        file(input),
    ];
    let sources: Vec<&Path> = sources.into_iter().flatten().map(AsRef::as_ref).collect();
    keep(&mut problems, check_place(&arguments.output, &sources));
    let limit = arguments.limit.map(|limit| limit.get() as u64);
    let mut total = Total::default();
    let records = match (source, schema) {
        (Some(source), Some(schema)) => {
            if !arguments.quiet {
                total = count_in_background(&source, limit);
            }
            keep(&mut problems, Records::new(source, &schema))
        }
        _ => None,
    };
    let (Some(pipeline), Some(records), true) = (pipeline, records, problems.is_empty()) else {
        return Err(problems.into());
    };
    // Last, because it empties the file that is there.
    let writer = ResultWriter::open(&arguments.output, arguments.preserve_order)
        .map_err(CommandError::new)?;
    Ok(Prepared {
        pipeline: pipeline.with_settings(settings(arguments)),
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

fn settings(arguments: &RunArguments) -> ExecutionSettings {
    let mut settings = ExecutionSettings::default();
    if let Some(most) = arguments.max_concurrent {
        settings = settings.with_max_concurrent(most.get());
    }
    if let Some(most) = arguments.max_retries {
        settings = settings.with_max_retries(most);
    }
    if let Some(timeout) = arguments.task_timeout {
        settings = settings.with_task_timeout(timeout);
    }
    match arguments.error_policy {
        Some(Policy::RetryThenFail) => settings.with_error_policy(ErrorPolicy::RetryThenFail),
        Some(Policy::Continue) => settings.with_error_policy(ErrorPolicy::Continue),
        Some(Policy::FailFast) => settings.with_error_policy(ErrorPolicy::FailFast),
        None => settings,
    }
}

/// Why no more results are awaited.
#[derive(Debug)]
enum End {
    /// Every input has ended.
    Complete,
    /// Inputs that had begun took too long to end after Ctrl-C.
    GivenUp,
    /// Results can't be written any more.
    Unwritable(io::Error),
}

async fn run(arguments: &RunArguments, prepared: Prepared) -> Result<Exit, CommandError> {
    let Prepared {
        pipeline,
        records,
        total,
        mut writer,
    } = prepared;
    let start = Instant::now();
    let mut stop = on_interrupt()?;
    let (no_more, ended_early) = oneshot::channel();
    let admission = Admission::new(arguments);
    let inputs = admission.admit(read_in_background(records), ended_early);
    let mut results = pipeline.try_stream(inputs);

    let is_silent = arguments.quiet || arguments.json;
    let to_terminal = arguments.output == Place::Standard && io::stdout().is_terminal();
    let mut progress = Progress::new(total.clone(), is_silent, to_terminal);
    let mut ticks = tokio::time::interval(Progress::INTERVAL);
    let mut tally = Tally::default();
    let mut no_more = Some(no_more);
    let mut grace = pin!(tokio::time::sleep(Duration::MAX));
    let mut told = pin!(tokio::time::sleep(Duration::MAX));
    let mut must_tell = false;
    // Inputs that the engine has seen and that no call was made for.
    let mut not_begun = 0;
    let end = loop {
        tokio::select! {
            biased;
            _ = &mut stop, if no_more.is_some() => {
                // Dropping the sender ends the inputs.
                no_more = None;
                results.stop();
                let now = Instant::now();
                grace.as_mut().reset(now + GRACE);
                told.as_mut().reset(now + SORTING_OUT);
                must_tell = !is_silent;
            }
            () = &mut grace, if no_more.is_none() => break End::GivenUp,
            result = results.next() => {
                let Some(result) = result else { break End::Complete };
                let is_stopped = no_more.is_none();
                let mut done = |result: BatchResult<Value>| {
                    if is_stopped && is_not_begun(&result) {
                        not_begun += 1;
                        return;
                    }
                    tally.note(&result);
                    admission.release(writer.take(&result));
                };
                done(result);
                // What else has ended by now is written in the same breath.
                for _ in 1..RESULTS_AT_ONCE {
                    let Some(Some(result)) = results.next().now_or_never() else { break };
                    done(result);
                }
                if let Err(error) = writer.flush() {
                    break End::Unwritable(error);
                }
            }
            // Below the results, so that those not begun are counted by now.
            () = &mut told, if must_tell => {
                must_tell = false;
                let seen = admission.admitted() - not_begun;
                let finishing = seen.saturating_sub(tally.ended());
                progress.tell(&format!(
                    "stopping: {} being finished, for at most {} s; Ctrl-C again exits at once",
                    counted(finishing, "input is", "inputs are"),
                    GRACE.as_secs(),
                ));
            }
            _ = ticks.tick(), if !progress.is_hidden() => {
                progress.show(&tally, &total_metrics(pipeline.resources()));
            }
        }
    };
    // Closes the connections of what is still in flight.
    drop(results);
    progress.finish();
    let end = match end {
        End::Unwritable(error) => End::Unwritable(error),
        end => writer.close().map_or_else(End::Unwritable, |()| end),
    };
    let is_interrupted = no_more.is_none();
    let begun = admission.admitted() - not_begun;
    let summary = Summary {
        tally: &tally,
        written: writer.written(),
        metrics: &total_metrics(pipeline.resources()),
        elapsed: start.elapsed(),
        given_up: begun.saturating_sub(tally.ended()),
        interruption: is_interrupted.then(|| Interruption {
            not_begun: total.get().map(|total| total.saturating_sub(begun)),
        }),
    };
    match end {
        End::Complete | End::GivenUp => {
            close(arguments, &summary);
            if let (Place::File(path), false) = (&arguments.output, is_silent) {
                tell(format_args!("\nresults in {}", path.display()));
            }
            Ok(exit(&tally, is_interrupted))
        }
        // The reader has seen enough, as in `inf run … | head`.
        End::Unwritable(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(exit(&tally, is_interrupted))
        }
        End::Unwritable(error) => {
            tell(format_args!(
                "error: can't write results ({error}): the run was stopped; what was written before is whole"
            ));
            close(arguments, &summary);
            Ok(Exit::SomeFailed)
        }
    }
}

/// Whether, in a run that was stopped, no call was made for an input.
fn is_not_begun(result: &BatchResult<Value>) -> bool {
    let error = result.output.as_ref().err();
    error.is_some_and(|error| error.kind == ErrorKind::Cancelled)
}

fn exit(tally: &Tally, is_interrupted: bool) -> Exit {
    match (is_interrupted, tally.failed) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Success,
        (false, _) => Exit::SomeFailed,
    }
}

/// Resolves at the first Ctrl-C; the second one ends the program, whatever it
/// is at, such as a write to a pipe that nobody empties.
fn on_interrupt() -> Result<oneshot::Receiver<()>, CommandError> {
    let mut interrupts = Interrupts::listen()
        .map_err(|error| CommandError::new(format!("can't listen for Ctrl-C: {error}")))?;
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        interrupts.next().await;
        let _ = sender.send(());
        interrupts.next().await;
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok(receiver)
}

/// Says how the run went.
fn close(arguments: &RunArguments, summary: &Summary<'_>) {
    if arguments.json {
        let mut summary = summary.to_json();
        summary["simulated"] = arguments.resources.is_none().into();
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

/// Which inputs the engine gets to see.
struct Admission {
    limit: usize,
    admitted: Arc<AtomicU64>,
    /// What bounds the results that are held back for their order.
    window: Option<Arc<Semaphore>>,
}

impl Admission {
    fn new(arguments: &RunArguments) -> Self {
        Self {
            limit: arguments
                .limit
                .map_or(usize::MAX, std::num::NonZeroUsize::get),
            admitted: Arc::default(),
            window: arguments
                .preserve_order
                .then(|| Arc::new(Semaphore::new(ORDER_WINDOW))),
        }
    }

    /// The inputs that the engine gets to see, until `stop` resolves or its
    /// sender is gone.
    fn admit(
        &self,
        records: impl Stream<Item = Record> + Send + 'static,
        stop: oneshot::Receiver<()>,
    ) -> impl Stream<Item = Record> + Send + 'static {
        let (admitted, window) = (Arc::clone(&self.admitted), self.window.clone());
        let limited = records.take(self.limit).then(move |record| {
            let window = window.clone();
            async move {
                if let Some(window) = window
                    && let Ok(permit) = window.acquire_owned().await
                {
                    // Given back when its result is written.
                    permit.forget();
                }
                record
            }
        });
        let counted = limited.inspect(move |_| {
            admitted.fetch_add(1, Ordering::Relaxed);
        });
        counted.take_until(stop)
    }

    /// The inputs that the engine has seen.
    fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Makes room after `written` results were written.
    fn release(&self, written: usize) {
        if let Some(window) = &self.window {
            window.add_permits(written);
        }
    }
}
