//! What the engine promises, checked against what happened.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use inf_engine::Value;
use inf_engine::clients::Usage;
use inf_engine::execution::{ErrorKind, ErrorPolicy};
use inf_engine::graph::{Condition, InferenceGraph, Keep, NodeRef, Operation, RegionLabel};

use super::interpreter::{Expected, interpret};
use super::peers::{ALIASES, Ended, Seen};
use super::record::{Attempt, AttemptOutcome, Got, Record, RunRecord};
use super::scenario::{Ending, RunScenario, Scenario};

/// Every promise that was broken, as sentences.
pub(super) fn check(scenario: &Scenario, record: &Record) -> Vec<String> {
    let mut check = Check::new(scenario, record);
    check.runs_begin_and_end();
    check.every_input_has_one_result();
    check.results_are_those_of_the_interpreter();
    check.only_what_is_needed_is_asked();
    check.nothing_starts_before_its_inputs();
    check.nothing_starts_after_the_end();
    check.what_is_skipped_never_runs();
    check.calls_stay_within_their_bounds();
    check.inputs_stay_within_their_bounds();
    check.the_most_urgent_goes_first();
    check.nothing_waits_where_there_is_room();
    check.counts_agree();
    check.declared_rates_are_kept();
    check.budgets_are_kept();
    check.problems
}

/// What a call was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Asker {
    run: usize,
    input: usize,
    node: usize,
    /// The run of its region.
    place: u64,
}

/// From when to when, the end not included.
type Interval = (Duration, Duration);

struct Check<'c> {
    scenario: &'c Scenario,
    record: &'c Record,
    /// By run and input; none for what can't be read.
    expected: Vec<Vec<Option<Expected>>>,
    /// By alias and prompt.
    askers: HashMap<(usize, String), Asker>,
    problems: Vec<String>,
}

macro_rules! ensure {
    ($check:ident, $holds:expr, $($text:tt)+) => {
        if !$holds {
            $check.problems.push(format!($($text)+));
        }
    };
}

mod room;
mod spending;

impl<'c> Check<'c> {
    fn new(scenario: &'c Scenario, record: &'c Record) -> Self {
        let mut askers = HashMap::new();
        let mut expected = Vec::new();
        for (run, part) in scenario.runs.iter().enumerate() {
            let retries = (part.settings.retries(), part.settings.is_exact());
            let inputs = (0..part.inputs).map(|input| {
                let text = Value::from(part.input(run, input).ok()?);
                let expected = interpret(&part.graph, &scenario.temper, &text, retries);
                for ask in &expected.asks {
                    let mut aliases = ALIASES.iter();
                    let alias = aliases.position(|known| *known == ask.alias).unwrap();
                    let (node, place) = (ask.node, ask.place);
                    let asker = Asker {
                        run,
                        input,
                        node,
                        place,
                    };
                    let other = askers.insert((alias, ask.prompt.clone()), asker);
                    // The scenario would be no good: who asks could not be told.
                    assert!(other.is_none(), "{asker:?} and {other:?} ask the same");
                }
                Some(expected)
            });
            expected.push(inputs.collect());
        }
        Self {
            scenario,
            record,
            expected,
            askers,
            problems: Vec::new(),
        }
    }

    fn parts(&self) -> impl Iterator<Item = (usize, &'c RunScenario, &'c RunRecord)> + use<'c> {
        let runs = self.scenario.runs.iter().zip(&self.record.runs).enumerate();
        runs.map(|(run, (part, record))| (run, part, record))
    }

    fn asker(&self, call: &Seen) -> Option<Asker> {
        self.askers.get(&(call.alias, call.prompt.clone())).copied()
    }

    fn runs_begin_and_end(&mut self) {
        for (run, part, record) in self.parts() {
            // One whose future is dropped before it is polled is none.
            let may_be_none = record.was_dropped && record.begins == 0;
            ensure!(
                self,
                may_be_none || (record.begins, record.ends.len()) == (1, 1),
                "run {run} began {} times and ended {} times",
                record.begins,
                record.ends.len()
            );
            ensure!(
                self,
                matches!(part.ending, Ending::Dropped { .. }) || !record.was_dropped,
                "run {run} was dropped"
            );
        }
    }

    fn every_input_has_one_result(&mut self) {
        for (run, part, record) in self.parts() {
            let told: HashSet<usize> = record.inputs.iter().map(|end| end.input).collect();
            ensure!(
                self,
                told.len() == record.inputs.len(),
                "run {run}: an input ended twice"
            );
            let is_batch = record.pulled == 0 && part.reader == super::scenario::Reader::Batch;
            if !is_batch {
                ensure!(
                    self,
                    told == (0..record.pulled).collect(),
                    "run {run}: of {} inputs that were taken, {} ended",
                    record.pulled,
                    told.len()
                );
            }
            if record.was_dropped {
                continue;
            }
            let mut indexes: Vec<usize> = record.results.iter().map(|got| got.index).collect();
            ensure!(
                self,
                !part.in_order || indexes.is_sorted(),
                "run {run}: not in order: {indexes:?}"
            );
            indexes.sort_unstable();
            let count = if is_batch { part.inputs } else { record.pulled };
            ensure!(
                self,
                indexes.iter().copied().eq(0..count),
                "run {run}: results of {indexes:?} instead of {count}"
            );
            let is_whole = part.ending == Ending::ByItself
                && part.settings.run_timeout_ms.is_none()
                && part.budgets.is_empty()
                && part.settings.error_policy != Some(ErrorPolicy::FailFast);
            ensure!(
                self,
                !is_whole || count == part.inputs,
                "run {run}: {count} of {} inputs were run",
                part.inputs
            );
        }
    }

    fn results_are_those_of_the_interpreter(&mut self) {
        for (run, part, record) in self.parts() {
            for got in &record.results {
                if let Some(problem) = self.problem_of(run, part, record, got) {
                    self.problems
                        .push(format!("run {run}, input {}: {problem}", got.index));
                }
            }
        }
    }

    fn problem_of(
        &self,
        run: usize,
        part: &RunScenario,
        record: &RunRecord,
        got: &Got,
    ) -> Option<String> {
        let settings = &part.settings;
        let may_be_stopped =
            part.ending != Ending::ByItself || settings.error_policy == Some(ErrorPolicy::FailFast);
        let Some(expected) = &self.expected[run][got.index] else {
            let is_told = matches!(&got.output, Err((None, ErrorKind::InvalidInput, _)));
            let is_stopped = matches!(&got.output, Err((None, ErrorKind::Cancelled, _)));
            let timed_out = matches!(&got.output, Err((None, ErrorKind::Timeout, _)));
            let is_stopped = is_stopped || matches!(&got.output, Err((None, ErrorKind::Budget, _)));
            let may_be_stopped = may_be_stopped || !part.budgets.is_empty();
            let is_right = is_told
                || is_stopped && may_be_stopped
                || timed_out && settings.run_timeout_ms.is_some();
            return (!is_right).then(|| format!("unreadable, and came to {:?}", got.output));
        };
        let is_exact = settings.is_exact() && !expected.is_open;
        match &got.output {
            Ok(output) => {
                if Some(output) != expected.output.as_ref() && !expected.is_open {
                    return Some(format!("{output} instead of {:?}", expected.output));
                }
                let fails = is_exact && !expected.failing.is_empty();
                fails.then(|| format!("no error, but {:?} fail", expected.failing))
            }
            Err((_, ErrorKind::Budget, message)) => {
                (part.budgets.is_empty()).then(|| format!("out of budget: {message}"))
            }
            Err((Some(_), kind, message)) if expected.is_open => {
                (*kind == ErrorKind::Cancelled).then(|| format!("cancelled: {message}"))
            }
            Err((Some(node), kind, message)) => {
                let may_fail = if is_exact {
                    &expected.failing
                } else {
                    &expected.frail
                };
                let is_right = may_fail.contains(node)
                    && *kind != ErrorKind::Cancelled
                    && (*kind != ErrorKind::Timeout || settings.task_timeout_ms.is_some());
                (!is_right).then(|| format!("node {node} failed: {message}"))
            }
            Err((None, ErrorKind::Cancelled, message)) => {
                let begun = self.begun(run).get(&got.index).copied();
                let by_hand = match (part.ending, record.ended_by_hand, begun) {
                    // What has begun goes on.
                    (Ending::Stopped { .. }, Some(at), Some(begun)) => begun >= at,
                    (_, at, _) => at.is_some(),
                };
                let by_policy = failed_fast(part, record);
                (!by_policy && !by_hand).then(|| format!("cancelled: {message}"))
            }
            Err((None, ErrorKind::Timeout, message)) => {
                (settings.run_timeout_ms.is_none()).then(|| format!("timed out: {message}"))
            }
            Err((None, kind, message)) => Some(format!("{kind:?}: {message}")),
        }
    }

    /// Also: not more often than fates and second requests explain.
    fn only_what_is_needed_is_asked(&mut self) {
        let mut times: HashMap<(Asker, &str), usize> = HashMap::new();
        for call in &self.record.calls {
            match self.asker(call) {
                Some(asker) => *times.entry((asker, &call.prompt)).or_default() += 1,
                None => self.problems.push(format!("nobody asks {:?}", call.prompt)),
            }
        }
        for ((asker, _), times) in times {
            let settings = &self.scenario.runs[asker.run].settings;
            let most = super::peers::Temper::OCCURRENCES as usize;
            ensure!(
                self,
                times <= most || settings.hedging.is_some() || settings.task_timeout_ms.is_some(),
                "{asker:?} asked {times} times"
            );
        }
    }

    fn nothing_starts_before_its_inputs(&mut self) {
        let mut completed: HashMap<Asker, Duration> = HashMap::new();
        let mut over: HashSet<Asker> = HashSet::new();
        for attempt in &self.record.attempts {
            let asker = asker_of(attempt);
            let Asker { run, input, .. } = asker;
            if attempt.outcome == AttemptOutcome::Skipped {
                continue;
            }
            let drawn = &self.scenario.runs[run].graph;
            let graph = &drawn.0;
            let is_in_order = attempt.ready <= attempt.started && attempt.started <= attempt.ended;
            ensure!(self, is_in_order, "times that go backwards: {attempt:?}");
            let (node, _) = graph.enumerate().nth(attempt.node).unwrap();
            for &read in drawn.dependencies(attempt.node) {
                let place = attempt.places[graph.conditions(read).count()];
                let node = read.index();
                let there = completed.get(&Asker {
                    run,
                    input,
                    node,
                    place,
                });
                // The input itself, and arguments, are no tasks.
                let operation = graph.node(read).operation();
                let is_given = matches!(operation, Operation::Input | Operation::Argument);
                let is_there = there.is_some_and(|there| *there <= attempt.ready);
                ensure!(
                    self,
                    is_given || is_there,
                    "started before n{node} was there: {attempt:?}"
                );
            }
            // What runs a node has not ended before it.
            for (depth, around) in (0..attempt.places.len() - 1).zip(owners(graph, node)) {
                let around = Asker {
                    run,
                    input,
                    node: around.index(),
                    place: attempt.places[depth],
                };
                ensure!(
                    self,
                    !over.contains(&around),
                    "what runs it had ended: {attempt:?}"
                );
            }
            match attempt.outcome {
                AttemptOutcome::Completed | AttemptOutcome::Failed => {
                    ensure!(self, over.insert(asker), "ended twice: {attempt:?}");
                }
                AttemptOutcome::Retried
                | AttemptOutcome::Reasked
                | AttemptOutcome::CalledTools
                | AttemptOutcome::RateLimited
                | AttemptOutcome::Cancelled
                | AttemptOutcome::Skipped => {}
            }
            if attempt.outcome == AttemptOutcome::Completed {
                completed.insert(asker, attempt.ended);
            }
        }
    }

    /// What ended begins nothing: an input that failed, a run that was stopped,
    /// cancelled or had its time.
    fn nothing_starts_after_the_end(&mut self) {
        // By input, and what of it has failed.
        let mut failed: HashMap<(usize, usize, u64), Duration> = HashMap::new();
        for attempt in &self.record.attempts {
            let mut is_late = false;
            for place in &attempt.places {
                if let Some(at) = failed.get(&(attempt.run, attempt.input, *place)) {
                    is_late = true;
                    ensure!(
                        self,
                        attempt.started <= *at || attempt.outcome == AttemptOutcome::Cancelled,
                        "started after what it is a part of had failed: {attempt:?}"
                    );
                }
            }
            // A second failure of the same counts for nothing.
            if attempt.outcome == AttemptOutcome::Failed && !is_late {
                let graph = &self.scenario.runs[attempt.run].graph.0;
                let place = failed_with(graph, attempt);
                failed
                    .entry((attempt.run, attempt.input, place))
                    .or_insert(attempt.ended);
            }
        }
        for call in &self.record.calls {
            let Some(Asker { run, .. }) = self.asker(call) else {
                continue;
            };
            let (_, ended) = interval(call);
            let record = &self.record.runs[run];
            let part = &self.scenario.runs[run];
            let run_end = record.ends.first().map(|(at, _)| *at);
            ensure!(
                self,
                run_end.is_some_and(|at| ended <= at),
                "run {run} had ended, and this was on its way: {call:?}"
            );
            if let Some(by_hand) = record.ended_by_hand
                && !matches!(part.ending, Ending::Stopped { .. })
            {
                ensure!(
                    self,
                    ended <= by_hand,
                    "run {run} was ended at {by_hand:?}, and this was on its way: {call:?}"
                );
            }
        }
        for (run, part, record) in self.parts() {
            if let (Ending::Stopped { .. }, Some(at)) = (part.ending, record.ended_by_hand) {
                let late = self.begun(run).into_iter().find(|(_, begun)| *begun > at);
                ensure!(
                    self,
                    late.is_none(),
                    "run {run} was stopped at {at:?}, and begun was {late:?}"
                );
            }
            if let (Some(timeout), Some((at, _))) =
                (part.settings.run_timeout_ms, record.ends.first())
            {
                let most = Duration::from_millis(part.begins_ms + timeout);
                ensure!(
                    self,
                    *at <= most,
                    "run {run} ended at {at:?}, not by {most:?}"
                );
            }
        }
    }

    /// Nothing runs in an arm that was told to be skipped.
    fn what_is_skipped_never_runs(&mut self) {
        let is_skipped = |attempt: &&Attempt| attempt.outcome == AttemptOutcome::Skipped;
        let skipped = self.record.attempts.iter().filter(is_skipped);
        let skipped = skipped.map(|it| (it.run, it.input, it.place()));
        let skipped: HashSet<(usize, usize, u64)> = skipped.collect();
        let attempts = self.record.attempts.iter();
        for attempt in attempts.filter(|attempt| !is_skipped(attempt)) {
            let mut places = attempt.places.iter();
            let was_skipped =
                places.any(|place| skipped.contains(&(attempt.run, attempt.input, *place)));
            ensure!(self, !was_skipped, "ran in what was skipped: {attempt:?}");
        }
    }

    /// When the first thing was begun for each input that is not done on the
    /// spot.
    fn begun(&self, run: usize) -> HashMap<usize, Duration> {
        let mut begun = HashMap::new();
        let mut note = |input, at: Duration| {
            let first = begun.entry(input).or_insert(at);
            *first = at.min(*first);
        };
        for call in &self.record.calls {
            if let Some(asker) = self.asker(call).filter(|asker| asker.run == run) {
                note(asker.input, call.began);
            }
        }
        let graph = &self.scenario.runs[run].graph;
        for attempt in self.record.attempts.iter().filter(|it| it.run == run) {
            let was_skipped = attempt.outcome == AttemptOutcome::Skipped;
            if graph.takes_time(attempt.node) && !was_skipped {
                note(attempt.input, attempt.started);
            }
        }
        begun
    }

    fn counts_agree(&mut self) {
        for (alias, metrics) in self.record.metrics.iter().enumerate() {
            let calls = self.record.calls.iter().filter(|call| call.alias == alias);
            let ended = |is_meant: &dyn Fn(Ended) -> bool| {
                let ends = calls.clone().filter_map(|call| call.ended);
                ends.filter(|(_, ended)| is_meant(*ended)).count() as u64
            };
            let answered = ended(&|ended| matches!(ended, Ended::Answered(_)));
            let limited = ended(&|ended| ended == Ended::Limited);
            let failed = ended(&|ended| ended == Ended::Failed);
            let sum =
                metrics.successes + metrics.failures + metrics.cancelled + metrics.rate_limited;
            let given_up = ended(&|ended| ended == Ended::GivenUp);
            let is_right = metrics.requests == calls.clone().count() as u64
                && metrics.requests == sum
                && metrics.in_flight == 0
                && metrics.successes == answered
                && metrics.rate_limited == limited
                // What took longer than the endpoint waits is a failure.
                && metrics.failures >= failed
                && metrics.failures + metrics.cancelled == failed + given_up
                && metrics.usage == charged(calls.clone());
            ensure!(self, is_right, "endpoint {alias}: {metrics:?}");
        }
        for (run, part, record) in self.parts() {
            let Some((_, progress)) = record.ends.first() else {
                continue;
            };
            let (succeeded, ended) = (
                record
                    .inputs
                    .iter()
                    .filter(|end| end.error.is_none())
                    .count(),
                record.inputs.len(),
            );
            let attempts = self
                .record
                .attempts
                .iter()
                .filter(|attempt| attempt.run == run);
            let with = |outcome| {
                attempts
                    .clone()
                    .filter(move |it| it.outcome == outcome)
                    .count()
            };
            let mut told = Usage::default();
            attempts.clone().for_each(|attempt| told += attempt.usage);
            let hedges = attempts.clone().filter(|attempt| attempt.is_hedge).count();
            let at_endpoints = progress.endpoints.iter();
            let is_right = progress.inputs_succeeded == succeeded
                && progress.inputs_ended() == ended
                && progress.inputs_in_flight == 0
                && progress.rate_limited == with(AttemptOutcome::RateLimited) as u64
                && progress.hedges == hedges as u64
                && progress.reasks == with(AttemptOutcome::Reasked) as u64
                && progress.tool_calls == record.tools
                && progress.usage == told
                && at_endpoints
                    .clone()
                    .all(|at| (at.in_flight, at.waiting) == (0, 0));
            ensure!(
                self,
                is_right,
                "run {run}: told were {succeeded} of {ended} inputs, {} refusals, {hedges} second \
                 requests, {told:?}, and counted {progress:?}",
                with(AttemptOutcome::RateLimited)
            );
            if part.settings.hedging.is_none() {
                let retries = with(AttemptOutcome::Retried) as u64;
                ensure!(self, progress.retries == retries, "run {run}: {progress:?}");
            }
            if let Some(at_the_end) = &record.progress {
                let mut progress = progress.clone();
                // What an endpoint bears at the moment changes with other runs.
                for (then, now) in progress.endpoints.iter_mut().zip(&at_the_end.endpoints) {
                    then.limit = now.limit;
                }
                ensure!(
                    self,
                    *at_the_end == progress,
                    "run {run}: at its end {progress:?}, and then {at_the_end:?}"
                );
            }
            if record.was_dropped {
                continue;
            }
            let oks = record
                .results
                .iter()
                .filter(|got| got.output.is_ok())
                .count();
            ensure!(
                self,
                oks == succeeded,
                "run {run}: {oks} outputs, {progress:?}"
            );
            let mut usage = Usage::default();
            record.results.iter().for_each(|got| usage += got.usage);
            ensure!(
                self,
                usage == progress.usage,
                "run {run}: usage {usage:?}, {progress:?}"
            );
            // An answer that comes in the moment in which it is given up is
            // charged, and nobody is left to be told.
            let calls = self.record.calls.iter();
            let calls = calls.filter(|call| self.asker(call).is_some_and(|it| it.run == run));
            let charged = charged(calls);
            let is_right = if part.is_plain() {
                usage == charged
            } else {
                usage.input_tokens <= charged.input_tokens
            };
            ensure!(
                self,
                is_right,
                "run {run}: charged {charged:?}, told {usage:?}"
            );
        }
    }
}

fn asker_of(attempt: &Attempt) -> Asker {
    Asker {
        run: attempt.run,
        input: attempt.input,
        node: attempt.node,
        place: attempt.place(),
    }
}

/// The nodes of control flow that `node` stands in, the outermost first.
fn owners(graph: &InferenceGraph, node: NodeRef) -> Vec<NodeRef> {
    let mut owners: Vec<NodeRef> = graph.conditions(node).map(|it| it.owner).collect();
    owners.reverse();
    owners
}

/// The outermost region run that fails with a node: everything, unless a node of
/// control flow handles the failure.
fn failed_with(graph: &InferenceGraph, attempt: &Attempt) -> u64 {
    let kind = attempt.error.unwrap();
    let (node, _) = graph.enumerate().nth(attempt.node).unwrap();
    let is_handled = |around: &Condition<'_>| match graph.node(around.owner).operation() {
        Operation::Map(map) => map.keep == Keep::Results,
        Operation::Fallback(fallback) => {
            let mut on = fallback.on.iter();
            let is_meant = fallback.on.is_empty() || on.any(|on| on.as_str() == kind.as_str());
            is_meant && *around.label == RegionLabel::Try
        }
        _ => false,
    };
    let is_stopped = matches!(kind, ErrorKind::Budget | ErrorKind::Cancelled);
    let inner = graph
        .conditions(node)
        .position(|around| is_handled(&around));
    match inner.filter(|_| !is_stopped) {
        Some(inner) => attempt.places[attempt.places.len() - 1 - inner],
        None => attempt.places[0],
    }
}

/// Whether a failure ended the run; what is cancelled is none.
fn failed_fast(part: &RunScenario, record: &RunRecord) -> bool {
    let mut errors = record.inputs.iter().filter_map(|end| end.error);
    part.settings.error_policy == Some(ErrorPolicy::FailFast)
        && errors.any(|kind| kind != ErrorKind::Cancelled)
}

fn interval(call: &Seen) -> Interval {
    let (ended, _) = call.ended.unwrap_or((Duration::MAX, Ended::GivenUp));
    (call.began, ended)
}

fn charged<'s>(calls: impl Iterator<Item = &'s Seen>) -> Usage {
    let mut usage = Usage::default();
    for call in calls {
        if let Some((_, Ended::Answered(charged))) = call.ended {
            usage += charged;
        }
    }
    usage
}
