//! `inf-bench journal`: what it costs to keep what is finished, and how soon a
//! run goes on.
//!
//! The same calls are made with and without a journal, taking turns, by a
//! client in this process whose answers take a while, so that a given number of
//! them is made in a second. Then a journal of many records is written, opened
//! again, and the run that it is of is begun anew: nothing is called, and every
//! input has its result.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse};
use inf_engine::execution::{Bind, ExecutionSettings, Pipeline};
use inf_engine::journal::Journal;
use inf_engine::module::LlmInference;
use inf_engine::resources::{ResourceConfig, ResourceManager};
use inf_engine::value::Data;
use tokio::runtime::{Builder, Runtime};

use crate::Failure;
use crate::clock::{Stopwatch, Took};
use crate::extract_and_compare::{ExtractAndCompare, Pair};
use crate::figure::Figure;
use crate::turns::Turns;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Calls with and without a journal, in each repeat.
    #[arg(long, default_value_t = 30_000, value_parser = crate::figure::count)]
    calls: usize,
    /// Calls a second that the provider answers.
    #[arg(long, default_value_t = 5_000, value_parser = crate::figure::count)]
    rate: usize,
    /// Calls in flight at once.
    #[arg(long, default_value_t = 64, value_parser = crate::figure::count)]
    in_flight: usize,
    /// Characters of each answer, about.
    #[arg(long, default_value_t = 400, value_parser = crate::figure::count)]
    answer: usize,
    /// How often both are measured, in alternating order.
    #[arg(long, default_value_t = 7, value_parser = crate::figure::count)]
    repeats: usize,
    /// Records of the journal that is resumed: four for each input, which makes three calls.
    #[arg(long, default_value_t = 1_000_000, value_parser = crate::figure::count)]
    records: usize,
    /// Where the journals are made; a temporary folder by default, and removed
    /// in any case.
    #[arg(long)]
    folder: Option<std::path::PathBuf>,
}

/// Answers every call after the same time with the same text.
struct Answers {
    after: Duration,
    text: String,
}

impl LlmClient for Answers {
    fn send<'a>(&'a self, _: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            if !self.after.is_zero() {
                tokio::time::sleep(self.after).await;
            }
            Ok(LlmResponse::from_text(self.text.clone()))
        })
    }
}

fn resources(options: &Options, after: Duration) -> Result<ResourceManager, Failure> {
    let text = "word ".repeat(options.answer.div_ceil(5));
    let client = Arc::new(Answers { after, text });
    let resources = ResourceManager::new(&ResourceConfig::new())?;
    Ok(resources.with_client("fast", client, options.in_flight))
}

fn with<I: Data, O: Data>(pipeline: &Pipeline<I, O>, journal: &Journal) -> Pipeline<I, O> {
    pipeline.with_settings(ExecutionSettings::default().with_journal(journal))
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = parent.join(format!("inf-bench-journal-{}", std::process::id()));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let figures = overhead(options, &folder.join("overhead"), &runtime).and_then(|mut figures| {
        figures.extend(resume(options, &folder.join("resume"), &runtime)?);
        Ok(figures)
    });
    let removed = std::fs::remove_dir_all(&folder);
    let figures = figures?;
    removed?;
    Ok(figures)
}

/// With a journal against without one.
fn overhead(options: &Options, folder: &Path, runtime: &Runtime) -> Result<Vec<Figure>, Failure> {
    let in_flight = u32::try_from(options.in_flight)?;
    let after = Duration::from_secs(1) * in_flight / u32::try_from(options.rate)?;
    let without: Pipeline<String, String> =
        LlmInference::new("fast").bind(resources(options, after)?)?;
    let with = with(&without, &Journal::open(folder)?);
    let mut next = 0..;
    let run = |is_on: bool, calls: usize| {
        let pipeline = if is_on { &with } else { &without };
        // Inputs that no run had: nothing is taken from the journal.
        let inputs = next
            .by_ref()
            .take(calls)
            .map(|n: usize| format!("What is {n} + {n}?"));
        let inputs: Vec<String> = inputs.collect();
        let stopwatch = Stopwatch::start();
        runtime.block_on(make_calls(pipeline, inputs))?;
        Ok::<Took, Failure>(stopwatch.stop())
    };
    let turns = Turns::take(options.calls, options.repeats, run)?;
    let mut figures = turns.figures(
        ["journal.off", "journal.on"],
        ["journal.off.cpu", "journal.on.cpu"],
    );
    // Throughput: what it is with, of what it is without.
    let of_time = turns.ratios(|took| took.wall).into_iter();
    let ratios = of_time.map(f64::recip).collect();
    figures.push(Figure::new("journal.throughput", "x", ratios));
    let with_settings = |figure: Figure| {
        figure
            .with("calls", options.calls)
            .with("in_flight", options.in_flight)
    };
    Ok(figures.into_iter().map(with_settings).collect())
}

/// The records of an input: its calls and its end.
const RECORDS: usize = ExtractAndCompare::CALLS + 1;

/// From opening a journal to the results of all that is in it.
fn resume(options: &Options, folder: &Path, runtime: &Runtime) -> Result<Vec<Figure>, Failure> {
    let inputs = options.records.div_ceil(RECORDS);
    let pairs = || (0..inputs).map(Pair::of);
    let resources = resources(options, Duration::ZERO)?;
    let bare = ExtractAndCompare::new("fast", "fast").bind(resources)?;
    {
        let journal = Journal::open(folder)?;
        runtime.block_on(make_calls(&with(&bare, &journal), pairs()))?;
        runtime.block_on(journal.flushed())?;
    }
    // Beside it lies its reserve, which holds no record.
    let size = std::fs::metadata(folder.join("journal.jsonl"))?.len();
    let (mut opened, mut resumed, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.repeats {
        // A run lets go of its journal when all of it is on disk, a little after
        // its last result; until then it is open, and not opened again.
        while is_locked(folder)? {
            std::thread::sleep(Duration::from_millis(1));
        }
        let start = Instant::now();
        let journal = Journal::open(folder)?;
        opened.push(start.elapsed().as_secs_f64());
        let pipeline = with(&bare, &journal);
        let start = Instant::now();
        let recalled = runtime.block_on(async {
            let mut results = pipeline.stream(pairs());
            let mut recalled = 0;
            while let Some(result) = results.next().await {
                result.output?;
                recalled += usize::from(result.from_journal);
            }
            Ok::<usize, Failure>(recalled)
        })?;
        assert_eq!(recalled, inputs, "nothing is called again");
        resumed.push(start.elapsed().as_secs_f64());
        // The inputs alone.
        let start = Instant::now();
        let length: usize = pairs().map(|pair| pair.a.len()).sum();
        assert!(length > inputs);
        read.push(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let each = size as f64 / (RECORDS * inputs) as f64;
    let figures = [
        Figure::new("journal.record", "bytes", vec![each; options.repeats]),
        Figure::new("journal.open", "s", opened),
        Figure::new("journal.resume", "s", resumed),
        Figure::new("journal.inputs", "s", read),
    ];
    let with_settings = |figure: Figure| figure.with("records", RECORDS * inputs);
    Ok(figures.into_iter().map(with_settings).collect())
}

/// Whether the journal in `folder` is open.
fn is_locked(folder: &Path) -> Result<bool, Failure> {
    let lock = std::fs::File::open(folder.join("lock"))?;
    Ok(lock.try_lock().is_err())
}

async fn make_calls<I: Data, O: Data>(
    pipeline: &Pipeline<I, O>,
    inputs: impl IntoIterator<Item = I, IntoIter: Send + 'static>,
) -> Result<(), Failure> {
    let mut results = pipeline.stream(inputs.into_iter());
    while let Some(result) = results.next().await {
        result.output?;
    }
    Ok(())
}
