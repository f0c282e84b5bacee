//! Who has room: bounds that nothing passes, the order of calls that wait, and that none waits
//! in vain.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Asker, Check, Interval, asker_of, interval};
use crate::simulation::peers::{ALIASES, Seen};
use crate::simulation::record::{Attempt, AttemptOutcome};
use crate::simulation::scenario::Scenario;

impl<'c> Check<'c> {
    pub(super) fn calls_stay_within_their_bounds(&mut self) {
        let of = |is_meant: &dyn Fn(&Seen) -> bool| {
            let calls = self.record.calls.iter().filter(|call| is_meant(call));
            most_at_once(calls.map(interval).collect())
        };
        let mut problems = Vec::new();
        for alias in 0..ALIASES.len() {
            let most = self.scenario.most_at(alias);
            let calls = of(&|call| call.alias == alias);
            if calls > most {
                problems.push(format!("{calls} calls at once at endpoint {alias}"));
            }
        }
        let most = self.scenario.max_total_concurrent.unwrap_or(usize::MAX);
        let calls = of(&|_| true);
        if calls > most {
            problems.push(format!("{calls} calls at once in all"));
        }
        for (run, part, _) in self.parts() {
            let is_of_run = |call: &Seen| self.asker(call).is_some_and(|asker| asker.run == run);
            let calls = of(&is_of_run);
            if calls > part.max_concurrent() {
                problems.push(format!("{calls} calls at once of run {run}"));
            }
        }
        for call in &self.record.calls {
            if call.ended.is_none() {
                problems.push(format!("still on its way: {call:?}"));
            }
        }
        self.problems.extend(problems);
    }

    /// Graphs in flight of managers and runs, and results that nobody reads.
    pub(super) fn inputs_stay_within_their_bounds(&mut self) {
        let managers = (0..self.scenario.managers.len()).map(Some).chain([None]);
        for manager in managers {
            let runs = self.parts().filter(|(_, part, _)| part.manager == manager);
            let ends = runs.flat_map(|(_, _, record)| &record.inputs);
            let inputs = most_at_once(ends.map(|end| (end.started, end.ended)).collect());
            let most = self.scenario.max_executions(manager);
            ensure!(
                self,
                inputs <= most,
                "{inputs} inputs at once of manager {manager:?}"
            );
            for attempt in &self.record.attempts {
                ensure!(
                    self,
                    self.scenario.runs[attempt.run].manager != manager
                        || attempt.inputs_in_flight <= most,
                    "too many inputs under way of manager {manager:?}: {attempt:?}"
                );
            }
        }
        for (run, part, record) in self.parts() {
            let ends = record.inputs.iter();
            let inputs = most_at_once(ends.map(|end| (end.started, end.ended)).collect());
            let most = part.settings.max_inputs_in_flight.unwrap_or(usize::MAX);
            ensure!(self, inputs <= most, "{inputs} inputs at once of run {run}");
            let waiting = part.settings.max_results_waiting.unwrap_or(usize::MAX);
            let most = most.saturating_add(waiting);
            ensure!(
                self,
                record.most_unread <= most,
                "{} inputs of run {run} taken, and no result read",
                record.most_unread
            );
        }
    }

    /// Of the calls that are ready for an endpoint in one manager: the lowest
    /// priority number first, then the oldest input, then the longest way to
    /// the end. Calls that become ready and that are started at the same time
    /// may be so in either order.
    pub(super) fn the_most_urgent_goes_first(&mut self) {
        let waits = self.waits();
        let ages: Vec<HashMap<usize, Duration>> = self
            .record
            .runs
            .iter()
            .map(|run| {
                run.inputs
                    .iter()
                    .map(|end| (end.input, end.started))
                    .collect()
            })
            .collect();
        let mut problems = Vec::new();
        for passed in &waits {
            if passed.queued >= passed.attempt.started || passed.attempt.is_hedge {
                continue;
            }
            for early in &waits {
                let at = early.attempt.started;
                let is_passed = passed.queued < at && at < passed.attempt.started;
                if !is_passed || early.attempt.alias != passed.attempt.alias {
                    continue;
                }
                let (early_run, passed_run) = (early.attempt.run, passed.attempt.run);
                let runs = &self.scenario.runs;
                if runs[early_run].manager != runs[passed_run].manager {
                    continue;
                }
                let age = |wait: &Wait<'_>| {
                    let started = ages[wait.attempt.run].get(&wait.attempt.input);
                    started.copied().unwrap_or_default()
                };
                let by_priority = passed.priority.cmp(&early.priority);
                let by_age = if early_run == passed_run {
                    passed.attempt.input.cmp(&early.attempt.input)
                } else if age(passed) == age(early) {
                    // Taken at the same time: either may be the older one.
                    if by_priority.is_eq() {
                        continue;
                    }
                    by_priority
                } else {
                    age(passed).cmp(&age(early))
                };
                let by_way = Reverse(passed.remaining).cmp(&Reverse(early.remaining));
                if by_priority.then(by_age).then(by_way).is_lt()
                    && !self.is_run_full(passed_run, at)
                    // One for which there is no budget may have to wait.
                    && runs[passed_run].budgets.is_empty()
                {
                    problems.push(format!(
                        "{:?} was started before what is more urgent, {:?}",
                        early.attempt, passed.attempt
                    ));
                }
            }
        }
        self.problems.extend(problems);
    }

    /// Whether a run has as many calls on their way as it may at a time.
    fn is_run_full(&self, run: usize, at: Duration) -> bool {
        let most = self.scenario.runs[run].max_concurrent();
        let calls = self.record.attempts.iter().filter(|attempt| {
            let is_call = attempt.run == run && attempt.alias.is_some();
            is_call && attempt.started <= at && at <= attempt.ended
        });
        calls.count() >= most
    }

    /// The calls that were made, and since when they could have been.
    fn waits(&self) -> Vec<Wait<'c>> {
        let parts = self.parts();
        let remaining: Vec<&[u32]> = parts.map(|(_, part, _)| part.graph.remaining()).collect();
        // Reports come in the order of ends, and the second request for a call
        // may end before the first: what a call waited for shows in its times.
        let is_retried = |attempt: &&Attempt| attempt.outcome == AttemptOutcome::Retried;
        let retried = self.record.attempts.iter().filter(is_retried);
        let retried: HashSet<(Asker, Duration)> = retried
            .map(|attempt| (asker_of(attempt), attempt.ended))
            .collect();
        let mut waits = Vec::new();
        for attempt in &self.record.attempts {
            let Attempt { run, node, .. } = *attempt;
            let was_retried = retried.contains(&(asker_of(attempt), attempt.ready));
            if attempt.alias.is_none() || attempt.is_inline {
                continue;
            }
            let part = &self.scenario.runs[run];
            // A retry waits this long at most before it is in the queue.
            let doublings = attempt.number.saturating_sub(2).min(6);
            let backoff = Duration::from_millis(500 << doublings).min(Duration::from_secs(30));
            waits.push(Wait {
                attempt,
                priority: part.graph.0.nodes()[node].priority()
                    + part.settings.priority.unwrap_or(0),
                remaining: remaining[run][node],
                queued: if was_retried {
                    attempt.ready + backoff
                } else {
                    attempt.ready
                },
            });
        }
        waits
    }

    /// A call that is ready waits only while its endpoint, all endpoints
    /// together or its run have as much on their way as they may. Where
    /// providers refuse calls for a limit, the engine uses less than that.
    pub(super) fn nothing_waits_where_there_is_room(&mut self) {
        // So it does where rates are declared, where only one of several endpoints
        // may be asked, and near the end of a budget.
        let Scenario {
            temper,
            groups,
            budgets,
            ..
        } = self.scenario;
        if temper.limits > 0 || groups.iter().any(Option::is_some) || !budgets.is_empty() {
            return;
        }
        let calls = &self.record.calls;
        let total = Level::new(calls.iter().map(interval));
        let most_in_all = self.scenario.max_total_concurrent.unwrap_or(usize::MAX);
        let of_endpoints: Vec<Level> = (0..ALIASES.len())
            .map(|alias| {
                Level::new(
                    calls
                        .iter()
                        .filter(|call| call.alias == alias)
                        .map(interval),
                )
            })
            .collect();
        let of_runs: Vec<Level> = (0..self.scenario.runs.len())
            .map(|run| {
                let is_meant = |call: &&Seen| self.asker(call).is_some_and(|it| it.run == run);
                Level::new(calls.iter().filter(is_meant).map(interval))
            })
            .collect();
        let mut problems = Vec::new();
        for wait in self.waits() {
            let attempt = wait.attempt;
            if attempt.is_hedge || wait.queued >= attempt.started {
                continue;
            }
            let alias = ALIASES
                .iter()
                .position(|known| Some(*known) == attempt.alias.as_deref());
            let alias = alias.unwrap();
            let waited = (wait.queued, attempt.started);
            let run = attempt.run;
            let mut idle = of_endpoints[alias].times_below(self.scenario.endpoints[alias], waited);
            let idle = idle.find(|&time| {
                let mut of_all = total.times_below(most_in_all, time);
                let most = self.scenario.runs[run].max_concurrent();
                of_all.any(|time| of_runs[run].times_below(most, time).next().is_some())
            });
            if let Some(idle) = idle {
                problems.push(format!("waited in vain in {idle:?}: {attempt:?}"));
            }
        }
        self.problems.extend(problems);
    }
}

/// A call, and what decides when it goes.
struct Wait<'c> {
    attempt: &'c Attempt,
    priority: i32,
    remaining: u32,
    /// Since when it waited, at the latest.
    queued: Duration,
}

/// How many of something there were, over time.
struct Level(Vec<(Duration, usize)>);

impl Level {
    fn new(intervals: impl Iterator<Item = Interval>) -> Self {
        let mut changes = Vec::new();
        for (from, to) in intervals {
            changes.push((from, 1));
            changes.push((to, -1));
        }
        changes.sort_unstable_by_key(|(at, _)| *at);
        let mut levels: Vec<(Duration, usize)> = vec![(Duration::ZERO, 0)];
        let mut level = 0_isize;
        for (at, change) in changes {
            level += change;
            let now = (at, level.unsigned_abs());
            match levels.last_mut() {
                Some(last) if last.0 == at => *last = now,
                _ => levels.push(now),
            }
        }
        Self(levels)
    }

    /// When there were fewer than `most` within a time.
    fn times_below(
        &self,
        most: usize,
        within: Interval,
    ) -> impl Iterator<Item = Interval> + use<'_> {
        let first = self.0.partition_point(|(at, _)| *at <= within.0);
        let levels = self.0[first.saturating_sub(1)..].iter();
        let nexts = self.0[first.min(self.0.len())..].iter().map(|(at, _)| *at);
        let times = levels.zip(nexts.chain([Duration::MAX]));
        let times = times.take_while(move |((from, _), _)| *from < within.1);
        let times = times.filter(move |((_, level), _)| *level < most);
        let times = times.map(move |((from, _), to)| ((*from).max(within.0), to.min(within.1)));
        times.filter(|(from, to)| from < to)
    }
}

/// The most that there are at any time; what takes no time does not count.
fn most_at_once(intervals: Vec<Interval>) -> usize {
    let levels = Level::new(intervals.into_iter()).0;
    levels
        .into_iter()
        .map(|(_, level)| level)
        .max()
        .unwrap_or(0)
}
