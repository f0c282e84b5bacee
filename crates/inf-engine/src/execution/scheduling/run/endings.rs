//! How runs end: when all is done, when they are stopped, and when code of the
//! program panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::admission::Source;
use super::{Delivery, Panic, Run};
use crate::document::shorten;
use crate::execution::observation::{Observer, TaskOutcome};
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::ready_queue::ReadyQueue;
use crate::execution::scheduling::scheduler::Board;
use crate::execution::{ErrorKind, ErrorPolicy, ExecutionError};
use crate::value::Value;

impl Run {
    /// Whether a failure ends the run.
    pub(super) fn is_failing_fast(&self) -> bool {
        self.limits.error_policy == ErrorPolicy::FailFast && !self.is_stopped
    }

    /// Ends the run after the failure of an input, if the policy wants that. The
    /// others are told of it, with its cause where that is known.
    pub(crate) fn end_if_failing_fast(
        &mut self,
        board: &mut Board,
        failed: usize,
        cause: Option<&str>,
    ) {
        const LONGEST: usize = 300;
        if self.is_failing_fast() {
            let cause = cause.map_or_else(String::new, |cause| {
                format!(": {}", shorten(cause, LONGEST))
            });
            let why = format!("stopped, because input {failed} failed{cause}");
            let never = format!("not run, because input {failed} failed{cause}");
            self.end_everything(board, ErrorKind::Cancelled, &why, never);
        }
    }

    /// Ends the run because the program wants that.
    pub(crate) fn cancel(&mut self, board: &mut Board) {
        let why = "the run was cancelled";
        self.end_everything(board, ErrorKind::Cancelled, why, why.to_owned());
    }

    /// Ends the run before its first call, because it can't be made.
    pub(super) fn refuse_all(&mut self, board: &mut Board, kind: ErrorKind, why: &str) {
        self.end_everything(board, kind, why, why.to_owned());
    }

    /// Ends the run because its time is up.
    pub(crate) fn time_out(&mut self, board: &mut Board, timeout: Duration) {
        let seconds = timeout.as_secs_f64();
        let why = format!("the run did not end within {seconds} s, its `run_timeout`");
        self.end_everything(board, ErrorKind::Timeout, &why, why.clone());
    }

    /// Ends all inputs and takes no more.
    fn end_everything(&mut self, board: &mut Board, kind: ErrorKind, why: &str, never: String) {
        if !self.is_done() {
            self.ended_by.get_or_insert(kind);
            self.spans.tell_stopped(kind, why);
        }
        self.is_stopped = true;
        self.ending.cancel();
        self.stop_taking(board, kind, never);
        self.clear_queues(board);
        let all = self.executions.drain().map(|(_, execution)| *execution);
        let all = all.collect();
        self.stop_executions(board, all, kind, why);
        self.flows.clear();
    }

    /// Ends the inputs for which nothing was done yet, and takes no more. What
    /// is in the queues for them is passed over when its turn comes.
    pub(crate) fn begin_no_more(&mut self, board: &mut Board) {
        let why = "not begun, because the run was stopped";
        self.ended_by.get_or_insert(ErrorKind::Cancelled);
        self.spans
            .tell_stopped(ErrorKind::Cancelled, "no more inputs are begun");
        self.stop_taking(board, ErrorKind::Cancelled, why.to_owned());
        let begun = self.begun_inputs();
        let not_begun = self
            .executions
            .extract_if(|_, execution| !begun.contains(&execution.root));
        let not_begun = not_begun.map(|(_, execution)| *execution).collect();
        self.stop_executions(board, not_begun, ErrorKind::Cancelled, why);
    }

    pub(super) fn stop_taking(&mut self, board: &mut Board, kind: ErrorKind, never: String) {
        if !matches!(self.source, Source::Exhausted) {
            let _ = self.shared.not_begun.set((kind, never.clone()));
        }
        match std::mem::replace(&mut self.source, Source::Exhausted) {
            Source::Asked(waiting) => waiting.abort(),
            // It has left its source, so that it has a result like any other.
            Source::Answered(_, input) => {
                let index = self.next_index;
                self.next_index += 1;
                let input = input.unwrap_or(Value::Null);
                self.refuse(board, index, input, ExecutionError::new(kind, never));
            }
            Source::Here(_) | Source::Exhausted => {}
        }
    }

    fn stop_executions(
        &mut self,
        board: &mut Board,
        stopped: Vec<Execution>,
        kind: ErrorKind,
        why: &str,
    ) {
        let mut stopped = self.give_up_regions(board, stopped);
        stopped.sort_unstable_by_key(|execution| execution.id);
        for mut execution in stopped {
            let running = execution.take_all_running(None);
            for running in running {
                self.give_up(board, &mut execution, &running);
            }
            execution.stop(kind, why);
            self.end_execution(board, execution);
        }
    }

    /// Gives up an attempt that is under way.
    pub(super) fn give_up(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        running: &Running,
    ) {
        running.task.abort();
        if running.endpoint.is_some() {
            execution.timings.calling += board.now.duration_since(running.started);
        }
        self.note_not_running(board, running);
        self.tell_task(board, execution, running, TaskOutcome::Cancelled, None);
    }

    pub(super) fn clear_queues(&mut self, board: &mut Board) {
        for (place, queue) in self.queues.iter_mut().enumerate() {
            let head = queue.calls.head();
            board.lanes.set_head(queue.lane, self.id, head, None);
            queue.calls = ReadyQueue::default();
            self.shared.counters.counts().at_endpoint[place].1 = 0;
        }
    }

    /// Leaves the scheduler, when everything has ended.
    pub(crate) fn end(mut self, board: &mut Board) {
        self.leave(board);
        self.close_journal();
        self.shared.note_ended(board.now);
        self.spans.tell_ended(|| self.shared.counters.progress());
        self.tell_run(board, Observer::run_ended);
        self.changes.send_replace(());
    }

    /// Leaves the scheduler after code of the program has panicked.
    pub(crate) fn end_with_panic(mut self, board: &mut Board, panic: Panic) {
        self.ending.cancel();
        board.executions_in_flight -= self.in_flight;
        board.calls_in_flight -= self.calls;
        self.executions.clear();
        self.flows.clear();
        self.leave(board);
        {
            let mut counts = self.shared.counters.counts();
            counts.inputs_cancelled += std::mem::take(&mut counts.inputs_in_flight);
            counts.at_endpoint.fill((0, 0));
        }
        self.shared.note_ended(board.now);
        self.spans.tell_panicked();
        // An observer may be what panicked: it is not asked whether it does again.
        let told = || self.tell_run(board, Observer::run_ended);
        let _ = catch_unwind(AssertUnwindSafe(told));
        let _ = self.results.send(Delivery::Panicked(panic));
    }

    fn leave(&mut self, board: &mut Board) {
        self.clear_queues(board);
        for queue in self.queues.drain(..) {
            board.lanes.leave(queue.lane);
        }
        if let Some(watcher) = self.watcher.take() {
            watcher.abort();
        }
        if let Source::Asked(waiting) = &self.source {
            waiting.abort();
        }
    }

    /// Ends every input because the runtime is going away.
    pub(crate) fn abandon(mut self, board: &mut Board) {
        let why = "the runtime that the run began in is gone: keep it until all results are read";
        self.end_everything(board, ErrorKind::Cancelled, why, why.to_owned());
        self.end(board);
    }
}
