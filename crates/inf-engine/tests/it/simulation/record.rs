//! What happened in a scenario.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::Value;
use inf_engine::clients::Usage;
use inf_engine::execution::{
    Budget, ErrorKind, InputReport, Observer, Progress, RunReport, TaskOutcome, TaskReport,
    ToolReport,
};
use inf_engine::graph::{Place, RegionPath};
use inf_engine::resources::ResourceMetrics;
use tokio::time::Instant;

use super::peers::{Seen, hash};

/// What an observer was told of an attempt; times since the scenario began.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) run: usize,
    pub(super) input: usize,
    pub(super) node: usize,
    /// The runs of the regions that it stands in, each as [`place_of`] says it;
    /// that of the whole graph first.
    pub(super) places: Vec<u64>,
    /// Why it failed, if it did.
    pub(super) error: Option<ErrorKind>,
    pub(super) alias: Option<String>,
    /// From 1.
    pub(super) number: u32,
    pub(super) is_hedge: bool,
    /// Whether it ended without having been started.
    pub(super) is_inline: bool,
    pub(super) ready: Duration,
    pub(super) started: Duration,
    pub(super) ended: Duration,
    pub(super) usage: Usage,
    pub(super) outcome: AttemptOutcome,
    /// How many inputs the run had under way then, by its progress.
    pub(super) inputs_in_flight: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    Completed,
    Failed,
    Retried,
    Reasked,
    CalledTools,
    RateLimited,
    Cancelled,
    Skipped,
}

impl Attempt {
    /// The run of its region.
    pub(super) fn place(&self) -> u64 {
        *self.places.last().unwrap()
    }
}

/// A run of a region, as a number.
pub(super) fn place_of(path: &RegionPath) -> u64 {
    hash(&[&path.to_string()])
}

/// The runs of the regions around a node, that of the whole graph first.
fn places_of(path: &RegionPath) -> Vec<u64> {
    let steps: Vec<(&str, &Place)> = path.steps().collect();
    let mut around = RegionPath::ROOT;
    let mut places = vec![place_of(&around)];
    for (owner, place) in steps.into_iter().rev() {
        around = around.within(&owner.into(), place.clone());
        places.push(place_of(&around));
    }
    places
}

/// What an observer was told of an input.
#[derive(Debug, Clone)]
pub(super) struct InputEnd {
    pub(super) input: usize,
    pub(super) started: Duration,
    pub(super) ended: Duration,
    pub(super) error: Option<ErrorKind>,
}

/// A result, as its reader got it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Got {
    pub(super) at: Duration,
    pub(super) index: usize,
    pub(super) output: Result<Value, (Option<String>, ErrorKind, String)>,
    pub(super) usage: Usage,
}

/// What became of one run.
#[derive(Debug, Default)]
pub(super) struct RunRecord {
    pub(super) inputs: Vec<InputEnd>,
    pub(super) results: Vec<Got>,
    /// Inputs that were taken from the source.
    pub(super) pulled: usize,
    /// The most that were taken and had no result with the reader yet.
    pub(super) most_unread: usize,
    /// When the reader or a handle ended it.
    pub(super) ended_by_hand: Option<Duration>,
    pub(super) was_dropped: bool,
    /// How often it began and ended, as observers were told.
    pub(super) begins: usize,
    pub(super) ends: Vec<(Duration, Progress)>,
    /// Tools that ended, as observers were told.
    pub(super) tools: u64,
    /// What the stream itself says at the end.
    pub(super) progress: Option<Progress>,
}

/// What became of a scenario.
pub(super) struct Record {
    pub(super) calls: Vec<Seen>,
    /// In the order in which they were told.
    pub(super) attempts: Vec<Attempt>,
    pub(super) runs: Vec<RunRecord>,
    /// By endpoint.
    pub(super) metrics: Vec<ResourceMetrics>,
    /// As they are at the end.
    pub(super) budgets: Vec<Budget>,
}

impl Record {
    /// What happened otherwise in `again`.
    pub(super) fn difference(&self, again: &Self) -> Option<String> {
        let calls = self.calls.iter().zip(&again.calls);
        if let Some((first, second)) = calls.clone().find(|(first, second)| first != second) {
            return Some(format!("played again, {second:?} instead of {first:?}"));
        }
        if self.calls.len() != again.calls.len() {
            return Some("played again, another number of calls".to_owned());
        }
        let runs = self.runs.iter().zip(&again.runs).enumerate();
        let mut differing = runs.filter(|(_, (first, second))| first.results != second.results);
        let (run, _) = differing.next()?;
        Some(format!("played again, other results of run {run}"))
    }
}

/// What observers of all runs note.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) attempts: Vec<Attempt>,
    pub(super) runs: Vec<RunRecord>,
}

/// Notes what it is told of one run.
pub(super) struct Notary {
    pub(super) run: usize,
    pub(super) start: Instant,
    pub(super) notes: Arc<Mutex<Notes>>,
}

impl Notary {
    fn since_start(&self, at: Instant) -> Duration {
        at.duration_since(self.start)
    }

    fn note(&self, note: impl FnOnce(&mut RunRecord)) {
        note(&mut self.notes.lock().unwrap().runs[self.run]);
    }
}

impl Observer for Notary {
    fn run_started(&self, _: &RunReport<'_>) {
        self.note(|run| run.begins += 1);
    }

    fn task_ended(&self, task: &TaskReport<'_>) {
        let attempt = Attempt {
            run: self.run,
            input: task.input,
            node: task.node.index(),
            places: places_of(task.path().region()),
            error: match task.outcome {
                TaskOutcome::Failed(error) => Some(error.kind),
                _ => None,
            },
            alias: task.alias.map(str::to_owned),
            number: task.attempt,
            is_hedge: task.is_hedge,
            is_inline: task.is_inline,
            ready: self.since_start(task.ready),
            started: self.since_start(task.started),
            ended: self.since_start(task.ended),
            usage: task.usage,
            outcome: match task.outcome {
                TaskOutcome::Completed => AttemptOutcome::Completed,
                TaskOutcome::Failed(_) => AttemptOutcome::Failed,
                TaskOutcome::Retried(_) => AttemptOutcome::Retried,
                TaskOutcome::Reasked(_) => AttemptOutcome::Reasked,
                TaskOutcome::CalledTools => AttemptOutcome::CalledTools,
                TaskOutcome::RateLimited => AttemptOutcome::RateLimited,
                TaskOutcome::Cancelled => AttemptOutcome::Cancelled,
                TaskOutcome::Skipped => AttemptOutcome::Skipped,
                _ => unreachable!(),
            },
            inputs_in_flight: task.progress().inputs_in_flight,
        };
        self.notes.lock().unwrap().attempts.push(attempt);
    }

    fn tool_ended(&self, _: &ToolReport<'_>) {
        self.note(|run| run.tools += 1);
    }

    fn input_ended(&self, input: &InputReport<'_>) {
        let end = InputEnd {
            input: input.input,
            started: self.since_start(input.started),
            ended: self.since_start(input.ended),
            error: input.error.map(|error| error.kind),
        };
        self.note(|run| run.inputs.push(end));
    }

    fn run_ended(&self, report: &RunReport<'_>) {
        let end = (self.since_start(report.at), report.progress());
        self.note(|run| run.ends.push(end));
    }
}
