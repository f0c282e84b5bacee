//! [`Recording`]: what a profile is told, kept as it comes.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::call_record::{CallRecord, CallRecords, Ending, Kind};
use super::node_tally::NodeTally;
use super::spans::{Micros, NEVER, Spans};
use super::waits::Waits;
use crate::execution::ErrorKind;
use crate::execution::observation::{
    InputReport, PauseReport, RunId, RunReport, TaskOutcome, TaskReport, ToolOutcome, ToolReport,
};
use crate::graph::{Alias, InferenceGraph, Operation};

/// What a profile is told.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    /// The most calls, runs and pauses that are kept one by one.
    pub(super) max_calls: usize,
    /// When the first run began.
    began: Option<Instant>,
    /// The last moment that was told of.
    pub(super) last: Micros,
    /// By their place; those after `max_calls` are not kept.
    pub(super) runs: Vec<RunTally>,
    pub(super) runs_begun: u32,
    open: FxHashMap<RunId, OpenRun>,
    /// The one that was looked up last.
    current: Option<(RunId, OpenRun)>,
    no_run_since: Micros,
    /// The time in which there was no run, between the first and the last.
    pub(super) between_runs: Micros,
    pub(super) graphs: Vec<GraphTally>,
    /// Those that were run last. They are kept alive, so that no other graph
    /// has their address.
    recent_graphs: Vec<(Arc<InferenceGraph>, u32)>,
    pub(super) endpoints: Vec<EndpointTally>,
    pub(super) calls: CallRecords,
    /// What would be in `calls` if there were no bound.
    pub(super) calls_not_kept: u64,
    pub(super) inputs: u64,
    pub(super) inputs_failed: u64,
    /// The longest first.
    pub(super) slowest_inputs: Vec<SlowInput>,
}

/// A run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunTally {
    pub(super) graph: u32,
    pub(super) started: Micros,
    /// `None` while it goes on.
    pub(super) ended: Option<Micros>,
}

/// A run that goes on: its place in the profile, and that of its graph.
#[derive(Debug, Clone, Copy)]
struct OpenRun {
    place: u32,
    graph: u32,
}

/// A graph and its nodes.
#[derive(Debug, Clone)]
pub(super) struct GraphTally {
    pub(super) graph: Arc<InferenceGraph>,
    /// By node: the place of the endpoint that it calls.
    pub(super) endpoints: Vec<Option<usize>>,
    pub(super) nodes: Vec<NodeTally>,
}

/// An endpoint, by its alias.
#[derive(Debug, Clone)]
pub(super) struct EndpointTally {
    pub(super) alias: Alias,
    pub(super) pauses: Spans,
}

/// One of the inputs that took longest.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlowInput {
    pub(super) run: u32,
    pub(super) graph: u32,
    pub(super) input: usize,
    pub(super) started: Micros,
    pub(super) ended: Micros,
    pub(super) has_failed: bool,
}

impl SlowInput {
    fn took(&self) -> Micros {
        self.ended - self.started
    }
}

impl Recording {
    /// The inputs whose way is told.
    const SLOWEST_INPUTS: usize = 3;

    pub(super) fn new(max_calls: usize) -> Self {
        Self {
            max_calls,
            began: None,
            last: 0,
            runs: Vec::new(),
            runs_begun: 0,
            open: FxHashMap::default(),
            current: None,
            no_run_since: 0,
            between_runs: 0,
            graphs: Vec::new(),
            recent_graphs: Vec::new(),
            endpoints: Vec::new(),
            calls: CallRecords::default(),
            calls_not_kept: 0,
            inputs: 0,
            inputs_failed: 0,
            slowest_inputs: Vec::new(),
        }
    }

    /// Where nodes call: the place of the endpoint, if it is one.
    pub(super) fn endpoint_of(&self, record: &CallRecord) -> Option<usize> {
        let endpoints = &self.graphs[record.graph as usize].endpoints;
        endpoints[record.node.index()].filter(|_| !record.is_tool())
    }

    /// When the endpoint that was called was paused.
    pub(super) fn pauses_for(&self, record: &CallRecord) -> &Spans {
        let endpoint = self.endpoint_of(record);
        endpoint.map_or(&NEVER, |place| &self.endpoints[place].pauses)
    }

    pub(super) fn node_name(&self, record: &CallRecord) -> &str {
        self.graph(record).node(record.node).name()
    }

    /// The name of the tool that ran, if it is one.
    pub(super) fn tool_name(&self, record: &CallRecord) -> Option<&str> {
        let tools = self.graph(record).node(record.node).operation().tools();
        let name = tools.get(record.input_tokens as usize);
        record
            .is_tool()
            .then(|| name.map_or("(no such tool)", |name| name))
    }

    pub(super) fn graph(&self, record: &CallRecord) -> &InferenceGraph {
        &self.graphs[record.graph as usize].graph
    }

    // What is told.

    pub(super) fn run_started(&mut self, report: &RunReport<'_>) {
        self.began.get_or_insert(report.at);
        let started = self.note_moment(report.at);
        if self.open.is_empty() {
            self.between_runs += started.saturating_sub(self.no_run_since);
        }
        let graph = self.place_of_graph(report.graph);
        let place = self.runs_begun;
        self.runs_begun = self.runs_begun.saturating_add(1);
        if self.runs.len() < self.max_calls {
            self.runs.push(RunTally {
                graph,
                started,
                ended: None,
            });
        }
        self.open.insert(report.run, OpenRun { place, graph });
    }

    pub(super) fn run_ended(&mut self, report: &RunReport<'_>) {
        let ended = self.note_moment(report.at);
        self.current = None;
        let run = self.open.remove(&report.run);
        if let Some(run) = run.and_then(|run| self.runs.get_mut(run.place as usize)) {
            run.ended = Some(ended);
        }
        if self.open.is_empty() {
            self.no_run_since = ended;
        }
    }

    pub(super) fn task_ended(&mut self, report: &TaskReport<'_>) {
        let Some(run) = self.open_run(report.run) else {
            return;
        };
        let graph = &mut self.graphs[run.graph as usize];
        let tally = &mut graph.nodes[report.node.index()];
        let ending = match report.outcome {
            TaskOutcome::Skipped => {
                tally.skipped += 1;
                return;
            }
            TaskOutcome::Completed => Ending::Completed,
            TaskOutcome::Failed(_) => Ending::Failed,
            TaskOutcome::Retried(_) => Ending::Retried,
            TaskOutcome::Reasked(_) => Ending::Reasked,
            TaskOutcome::CalledTools => Ending::CalledTools,
            TaskOutcome::RateLimited => Ending::RateLimited,
            TaskOutcome::Cancelled => Ending::Cancelled,
        };
        tally.runs += u64::from(matches!(ending, Ending::Completed | Ending::Failed));
        let endpoint = graph.endpoints[report.node.index()];
        let was_elsewhere = match (endpoint, report.outcome) {
            // The request could not even be put together.
            (Some(_), TaskOutcome::Failed(error)) => !matches!(
                error.kind,
                ErrorKind::MissingValue | ErrorKind::InvalidInput
            ),
            (Some(_), _) => !report.from_journal,
            (None, _) => report.ready != report.ended,
        };
        if !was_elsewhere {
            let is_done = ending != Ending::Cancelled;
            tally.on_the_spot += u64::from(is_done);
            tally.cancelled += u64::from(!is_done);
            tally.failed += u64::from(ending == Ending::Failed);
            return;
        }
        let Some(began) = self.began else { return };
        let ready = micros_between(began, report.ready);
        let started = micros_between(began, report.started).max(ready);
        let record = CallRecord {
            ready,
            started,
            ended: micros_between(began, report.ended).max(started),
            input: report.input as u64,
            backoff: to_u32(micros_between(report.ready, report.queued)),
            first_byte: report
                .first_byte
                .map_or(CallRecord::NO_BYTE, |first_byte| to_u32(micros(first_byte))),
            run: run.place,
            graph: run.graph,
            node: report.node,
            input_tokens: to_u32(report.usage.input_tokens),
            output_tokens: to_u32(report.usage.output_tokens),
            attempt: u16::try_from(report.attempt).unwrap_or(u16::MAX),
            ending,
            kind: if report.is_hedge {
                Kind::Hedge
            } else {
                Kind::First
            },
        };
        let pauses = endpoint.map_or(&NEVER, |place| &self.endpoints[place].pauses);
        tally.count(&record, Waits::of(&record, pauses), report.usage);
        self.keep(record);
    }

    pub(super) fn tool_ended(&mut self, report: &ToolReport<'_>) {
        let (Some(run), Some(began)) = (self.open_run(report.run), self.began) else {
            return;
        };
        let tools = report.graph.node(report.node).operation().tools();
        let place = tools.iter().position(|name| **name == *report.tool);
        let started = micros_between(began, report.started);
        let record = CallRecord {
            ready: started,
            started,
            ended: micros_between(began, report.ended).max(started),
            input: report.input as u64,
            backoff: 0,
            first_byte: CallRecord::NO_BYTE,
            run: run.place,
            graph: run.graph,
            node: report.node,
            input_tokens: place.map_or(CallRecord::NO_TOOL, |place| to_u32(place as u64)),
            output_tokens: 0,
            attempt: u16::try_from(report.turn).unwrap_or(u16::MAX),
            ending: match report.outcome {
                ToolOutcome::Completed => Ending::Completed,
                ToolOutcome::Failed(_) => Ending::Failed,
                ToolOutcome::Cancelled => Ending::Cancelled,
            },
            kind: Kind::Tool,
        };
        self.graphs[run.graph as usize].nodes[report.node.index()].count_tool(&record);
        self.keep(record);
    }

    fn keep(&mut self, record: CallRecord) {
        self.last = self.last.max(record.ended);
        if self.calls.len() < self.max_calls {
            self.calls.push(record);
        } else {
            self.calls_not_kept += 1;
        }
    }

    pub(super) fn input_ended(&mut self, report: &InputReport<'_>) {
        let ended = self.note_moment(report.ended);
        self.inputs += 1;
        self.inputs_failed += u64::from(report.error.is_some());
        let Some(run) = self.open_run(report.run) else {
            return;
        };
        let input = SlowInput {
            run: run.place,
            graph: run.graph,
            input: report.input,
            started: self.moment(report.started).min(ended),
            ended,
            has_failed: report.error.is_some(),
        };
        let slowest = &mut self.slowest_inputs;
        let place = slowest.partition_point(|slow| slow.took() >= input.took());
        // The way of an input whose calls were not kept is not known.
        if place < Self::SLOWEST_INPUTS && self.calls_not_kept == 0 {
            slowest.insert(place, input);
            slowest.truncate(Self::SLOWEST_INPUTS);
        }
    }

    pub(super) fn endpoint_paused(&mut self, report: &PauseReport<'_>) {
        let (from, until) = (self.moment(report.from), self.moment(report.until));
        let place = self.place_of_endpoint(report.alias);
        let pauses = &mut self.endpoints[place].pauses;
        pauses.add(from, until);
        // What is waiting now began to wait not long ago.
        if pauses.len() > self.max_calls.max(1024) {
            pauses.forget_half();
        }
    }

    // Looking up.

    fn open_run(&mut self, run: RunId) -> Option<OpenRun> {
        match self.current {
            Some((current, found)) if current == run => Some(found),
            _ => {
                let found = *self.open.get(&run)?;
                self.current = Some((run, found));
                Some(found)
            }
        }
    }

    /// The place of a graph. One that was traced anew and is the same as a
    /// known one has its place, so that a program may trace as often as it
    /// likes.
    fn place_of_graph(&mut self, graph: &Arc<InferenceGraph>) -> u32 {
        const RECENT: usize = 16;
        let mut recent = self.recent_graphs.iter();
        if let Some((_, place)) = recent.find(|(known, _)| Arc::ptr_eq(known, graph)) {
            return *place;
        }
        let is_same =
            |known: &InferenceGraph| known.name() == graph.name() && known.nodes() == graph.nodes();
        let known = self.graphs.iter().position(|known| is_same(&known.graph));
        let place = known.unwrap_or_else(|| {
            let endpoints = graph.nodes().iter().map(|node| match node.operation() {
                Operation::Llm(call) => Some(self.place_of_endpoint(call.alias.as_str())),
                _ => None,
            });
            let endpoints: Vec<_> = endpoints.collect();
            self.graphs.push(GraphTally {
                graph: Arc::clone(graph),
                nodes: vec![NodeTally::default(); endpoints.len()],
                endpoints,
            });
            self.graphs.len() - 1
        });
        let place = u32::try_from(place).expect("there are fewer than 2^32 graphs");
        if self.recent_graphs.len() == RECENT {
            self.recent_graphs.remove(0);
        }
        self.recent_graphs.push((Arc::clone(graph), place));
        place
    }

    fn place_of_endpoint(&mut self, alias: &str) -> usize {
        let mut known = self.endpoints.iter();
        known
            .position(|known| known.alias.as_str() == alias)
            .unwrap_or_else(|| {
                self.endpoints.push(EndpointTally {
                    alias: Alias::from(alias),
                    pauses: Spans::default(),
                });
                self.endpoints.len() - 1
            })
    }

    fn moment(&self, at: Instant) -> Micros {
        self.began.map_or(0, |began| micros_between(began, at))
    }

    fn note_moment(&mut self, at: Instant) -> Micros {
        let moment = self.moment(at);
        self.last = self.last.max(moment);
        moment
    }
}

fn micros_between(from: Instant, until: Instant) -> Micros {
    micros(until.saturating_duration_since(from))
}

fn micros(duration: Duration) -> Micros {
    duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros())
}

fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::summary;
    use super::*;
    use crate::clients::{ClientErrorKind, Usage};
    use crate::execution::observation::RunCounters;
    use crate::execution::{Attempt, ExecutionError, ProfileSummary};
    use crate::graph::RegionPath;
    use crate::resources::Cost;

    /// A run of two calls behind each other, with a template in between, that
    /// is told of by hand; moments are milliseconds.
    struct Told {
        recording: Recording,
        graph: Arc<InferenceGraph>,
        began: Instant,
        counters: RunCounters,
    }

    /// What is told of an attempt: ready, queued, started, ended.
    type Times = [u64; 4];

    impl Told {
        fn new() -> Self {
            let graph = InferenceGraph::from_text(
                "{version: 1, name: g, nodes: {
                    a: {llm: x, prompt: '{input}'},
                    text: {prompt: '<{a}>'},
                    b: {llm: x, prompt: '{text}'},
                    c: {llm: y, prompt: '{input}'}
                }, output: [b, c]}",
            );
            let began = Instant::now();
            let mut told = Self {
                recording: Recording::new(100),
                graph: Arc::new(graph.expect("a graph")),
                began,
                counters: RunCounters::new(None, &[], began),
            };
            told.recording.run_started(&RunReport {
                run: RunId(7),
                graph: &told.graph,
                at: began,
                counters: &told.counters,
            });
            told
        }

        fn at(&self, milliseconds: u64) -> Instant {
            self.began + Duration::from_millis(milliseconds)
        }

        fn attempt(&mut self, node: &str, times: Times, outcome: TaskOutcome<'_>) {
            let node = self.graph.node_named(node).expect("a node");
            let [ready, queued, started, ended] = times.map(|time| self.at(time));
            let report = TaskReport {
                run: RunId(7),
                input: 0,
                graph: &self.graph,
                node,
                alias: None,
                attempt: 1,
                turn: 1,
                is_hedge: false,
                ready,
                queued,
                started,
                ended,
                first_byte: None,
                usage: Usage::default(),
                cost: Cost::default(),
                outcome,
                value: None,
                is_inline: false,
                from_journal: false,
                region: &RegionPath::ROOT,
                counters: &self.counters,
            };
            self.recording.task_ended(&report);
        }

        fn pause(&mut self, from: u64, until: u64) {
            self.recording.endpoint_paused(&PauseReport {
                alias: "x",
                from: self.at(from),
                until: self.at(until),
            });
        }

        fn input_ended(&mut self, at: u64) {
            self.recording.input_ended(&InputReport {
                run: RunId(7),
                input: 0,
                started: self.began,
                ended: self.at(at),
                error: None,
                counters: &self.counters,
            });
        }

        fn summary(&self) -> ProfileSummary {
            summary::of(&self.recording)
        }
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_wait_is_told_apart_by_its_cause() {
        let check = |pauses: &[(u64, u64)], times: Times, expected: [u64; 3]| {
            let mut told = Told::new();
            for &(from, until) in pauses {
                told.pause(from, until);
            }
            told.attempt("a", times, TaskOutcome::Completed);
            let waits = told.summary().endpoints[0].waits;
            let found = [waits.limits, waits.retries, waits.room];
            assert_eq!(found, expected.map(ms), "{pauses:?} {times:?}");
        };
        check(&[], [0, 0, 0, 9], [0, 0, 0]);
        check(&[], [0, 0, 30, 40], [0, 0, 30]);
        check(&[], [0, 20, 30, 40], [0, 20, 10]);
        check(&[(5, 15)], [0, 0, 30, 40], [10, 0, 20]);
        // Several runs tell of the same pause, and it may grow.
        check(&[(5, 15), (5, 15), (10, 20)], [0, 0, 30, 40], [15, 0, 15]);
        // During the pause before a retry a limit makes no difference.
        check(&[(5, 25)], [0, 20, 30, 40], [5, 20, 5]);
        check(&[(40, 90)], [0, 0, 30, 50], [0, 0, 30]);
    }

    #[test]
    fn what_was_done_on_the_spot_is_counted_and_calls_are_kept() {
        let mut told = Told::new();
        // Answered at once, on a clock that stands still: a call all the same.
        told.attempt("a", [3; 4], TaskOutcome::Completed);
        told.attempt("text", [3; 4], TaskOutcome::Completed);
        // Its request could not be put together: no call was made.
        let missing = ExecutionError::new(ErrorKind::MissingValue, "no `x`");
        told.attempt("b", [3; 4], TaskOutcome::Failed(&missing));
        let refused = ErrorKind::Call(ClientErrorKind::Server);
        let refused = ExecutionError::new(refused, "500");
        told.attempt("c", [3; 4], TaskOutcome::Failed(&refused));

        let summary = told.summary();
        let nodes = summary.nodes.iter();
        let done: Vec<(&str, u64, u64, u64)> = nodes
            .map(|node| (&*node.node, node.attempts, node.on_the_spot, node.failed))
            .collect();
        let expected = [
            ("a", 1, 0, 0),
            ("text", 0, 1, 0),
            ("b", 0, 1, 1),
            ("c", 1, 0, 1),
        ];
        assert_eq!(done, expected);
        assert_eq!((summary.calls, told.recording.calls.len()), (2, 2));
    }

    #[test]
    fn the_critical_path_follows_what_was_ready_last() {
        let mut told = Told::new();
        let failed = Attempt {
            kind: ErrorKind::Call(ClientErrorKind::Server),
            message: "500".to_owned(),
        };
        told.attempt("a", [0, 0, 10, 20], TaskOutcome::Retried(&failed));
        told.attempt("c", [0, 0, 0, 90], TaskOutcome::Completed);
        told.attempt("a", [20, 50, 50, 70], TaskOutcome::Completed);
        told.attempt("text", [71; 4], TaskOutcome::Completed);
        told.attempt("b", [71, 71, 80, 100], TaskOutcome::Completed);
        told.input_ended(102);

        let summary = told.summary();
        let path = &summary.critical_paths[0];
        let steps = path.steps.iter();
        let steps: Vec<_> = steps
            .map(|step| {
                let waits = [step.waits.retries, step.waits.room];
                (&*step.node, step.attempts, step.calling, waits)
            })
            .collect();
        let expected = [
            ("a", 2, ms(30), [ms(30), ms(10)]),
            ("b", 1, ms(20), [ms(0), ms(9)]),
        ];
        assert_eq!(steps, expected);
        assert_eq!((path.took, path.elsewhere), (ms(102), ms(3)));
    }

    #[test]
    fn every_moment_is_bound_by_the_first_that_holds() {
        let mut told = Told::new();
        told.pause(20, 40);
        let failed = Attempt {
            kind: ErrorKind::Call(ClientErrorKind::Server),
            message: "500".to_owned(),
        };
        told.attempt("c", [0, 0, 0, 15], TaskOutcome::Retried(&failed));
        // Ten for room, twenty for a limit, of which `c` is under way in some.
        told.attempt("a", [10, 10, 40, 50], TaskOutcome::Completed);
        told.attempt("c", [15, 70, 70, 80], TaskOutcome::Completed);
        told.input_ended(100);
        let by = told.summary().bound_by;
        let found = [by.room, by.limits, by.chains, by.retries, by.elsewhere];
        assert_eq!(found, [10, 20, 10 + 10 + 10, 20, 20].map(ms));
    }

    #[test]
    fn what_is_told_of_an_unknown_run_is_ignored() {
        let mut told = Told::new();
        told.recording.run_ended(&RunReport {
            run: RunId(7),
            graph: &told.graph,
            at: told.began,
            counters: &told.counters,
        });
        told.attempt("a", [0, 0, 1, 2], TaskOutcome::Completed);
        assert_eq!(told.summary().calls, 0);
    }
}
