//! Kills a run in the middle and starts it again: what was paid is not paid twice.
//!
//! ```text
//! cargo run -p inf-examples --example crash_and_resume
//! ```
//!
//! The program starts itself as another process, which describes 120 packages with two
//! calls each, and kills it with SIGKILL after 40 results: nothing of it gets to tidy
//! up. It prints what each of three runs of the same work paid for. Worth reading:
//!
//! * `with_checkpoint_dir` is all that the work has to say. The second run finds what the
//!   first one had finished, call by call, and gives all 120 results.
//! * `Billed` stands for the provider's bill: it counts calls when they are sent, in a
//!   file that outlives whoever is killed. So what is paid is not what the journal says.
//! * What is paid twice was in flight when the process was killed, and nothing else is.
//!
//! `inf run … --checkpoint-dir FOLDER` does the same for a pipeline file.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use inf_engine::clients::simulated::{Latency, SimulatedClient, SimulatedSettings};
use inf_engine::clients::{ClientDescription, LlmClient, LlmFuture, LlmRequest};
use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_examples::file;

/// Calls at once, of either alias.
const AT_ONCE: usize = 8;

/// Results after which the first run is killed.
const KILLED_AFTER: usize = 40;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(folder) => work(Path::new(&folder)),
        None => crash_and_resume(),
    }
}

/// What is to be done, in a process that may be killed at any moment: a line on the
/// standard output for each package that is described.
#[tokio::main]
async fn work(folder: &Path) -> Result<(), Box<dyn Error>> {
    let pipeline = pipeline(folder)?;
    let packages = JsonLines::<Value>::open(file("02_describe_packages/packages.jsonl"))?;
    let mut results = pipeline.try_stream(packages);
    while let Some(result) = results.next().await {
        println!("{}", result.output?);
    }
    Ok(())
}

/// The pipeline of another example, from its file, with a journal in `folder`.
fn pipeline(folder: &Path) -> Result<Pipeline, Box<dyn Error>> {
    let bill = File::options()
        .create(true)
        .append(true)
        .open(folder.join("bill"))?;
    let latency = Latency {
        median_ms: 80.0,
        spread: 0.4,
        ..Latency::default()
    };
    let settings = SimulatedSettings {
        latency,
        ..SimulatedSettings::default()
    };
    let model = SimulatedClient::new("simulated", settings)?;
    let provider = Arc::new(Billed { model, bill });
    let resources = ResourceManager::new(&ResourceConfig::new())?
        .with_client("fast", provider.clone(), AT_ONCE)
        .with_client("smart", provider, AT_ONCE);
    let graph = InferenceGraph::load(file("02_describe_packages/pipeline.yaml"))?;
    let settings = ExecutionSettings::default().with_checkpoint_dir(folder.join("journal"));
    Ok(graph.bind(resources)?.with_settings(settings))
}

/// A provider that writes a line on a bill for each call that it is sent.
struct Billed {
    model: SimulatedClient,
    bill: File,
}

impl LlmClient for Billed {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        writeln!(&self.bill, "a call").expect("a bill that can be written");
        self.model.send(request)
    }

    fn description(&self) -> ClientDescription {
        self.model.description()
    }
}

fn crash_and_resume() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let first = run(folder.path(), Some(KILLED_AFTER))?;
    println!("first run   {first}, then SIGKILL");
    let second = run(folder.path(), None)?;
    println!("second run  {second}");
    let third = run(folder.path(), None)?;
    println!("third run   {third}");

    let needed = 2 * second.results;
    let paid = first.paid + second.paid + third.paid;
    println!("in all      {paid} calls paid, {needed} needed");
    println!("paid twice  {} calls, which were in flight", paid - needed);
    Ok(())
}

struct Run {
    results: usize,
    /// The calls that were sent to the provider.
    paid: usize,
}

impl fmt::Display for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { results, paid } = self;
        write!(formatter, "{results} results, {paid} calls paid")
    }
}

/// Does the work in another process, which is killed after some results.
fn run(folder: &Path, killed_after: Option<usize>) -> Result<Run, Box<dyn Error>> {
    let before = billed(folder)?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("it has no output")?).lines();
    let most = killed_after.unwrap_or(usize::MAX);
    let results = lines.by_ref().take(most).map_while(Result::ok).count();
    if killed_after.is_some() {
        child.kill()?;
    }
    let ended = child.wait()?;
    // Whoever is killed by a signal has no exit code.
    if killed_after.is_some() != ended.code().is_none() {
        return Err(format!("the run ended otherwise than it should: {ended}").into());
    }
    let paid = billed(folder)? - before;
    Ok(Run { results, paid })
}

/// The calls on the bill.
fn billed(folder: &Path) -> Result<usize, Box<dyn Error>> {
    let bill = folder.join("bill");
    if !bill.exists() {
        return Ok(0);
    }
    Ok(fs::read_to_string(bill)?.lines().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: usize = 2 * 120;

    /// The same without a process: the calls that a run pays which is given up after
    /// some results.
    async fn paid(folder: &Path, given_up_after: usize) -> usize {
        let before = billed(folder).unwrap();
        let pipeline = pipeline(folder).unwrap();
        let packages = JsonLines::<Value>::open(file("02_describe_packages/packages.jsonl"));
        let mut results = pipeline.try_stream(packages.unwrap());
        let mut count = 0;
        while count < given_up_after
            && let Some(result) = results.next().await
        {
            result.output.unwrap();
            count += 1;
        }
        assert_eq!(count, given_up_after.min(NEEDED / 2));
        drop(results);
        billed(folder).unwrap() - before
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_was_in_flight_is_paid_twice() {
        let folder = tempfile::tempdir().unwrap();
        let first = paid(folder.path(), KILLED_AFTER).await;
        let second = paid(folder.path(), usize::MAX).await;
        assert!(first >= 2 * KILLED_AFTER, "{first}");
        let twice = first + second - NEEDED;
        assert!(twice <= 2 * AT_ONCE, "{twice}");
        assert_eq!(paid(folder.path(), usize::MAX).await, 0);
    }
}
