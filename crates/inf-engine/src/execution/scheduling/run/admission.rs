//! The inputs of a run: taken from their source when there is need and room for
//! them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::AbortHandle;
use futures_util::{FutureExt, Stream as _, StreamExt};

use super::{Input, Run};
use crate::clients::Usage;
use crate::execution::inputs::InputStream;
use crate::execution::scheduling::execution::Execution;
use crate::execution::scheduling::scheduler::Board;
use crate::execution::{BatchResult, ErrorKind, ExecutionError, ExecutionTimings};
use crate::graph::RegionRef;
use crate::resources::Cost;
use crate::value::Value;

/// Where inputs come from.
pub(super) enum Source {
    /// It may be asked for the next one.
    Here(InputStream<Input>),
    /// It was asked and is being waited for.
    Asked(AbortHandle),
    /// It gave an input after a while, which waits for its turn: others may
    /// have taken the room that there was.
    Answered(InputStream<Input>, Input),
    /// There are no more.
    Exhausted,
}

impl Source {
    /// A source that gave an input. One that knows it has no more is not asked
    /// again: in a full manager its run could wait long for that turn.
    fn after_an_input(source: InputStream<Input>) -> Self {
        match source.size_hint() {
            (_, Some(0)) => Self::Exhausted,
            _ => Self::Here(source),
        }
    }
}

/// What came of asking a source for an input at once.
pub(crate) enum Asked {
    /// An input was taken, or there are no more.
    Answered,
    /// It will take a while.
    Later(InputStream<Input>),
}

impl Run {
    /// Whether another input may be taken.
    pub(crate) fn may_admit(&self) -> bool {
        matches!(self.source, Source::Here(_) | Source::Answered(..))
            && self.in_flight < self.limits.max_inputs_in_flight
            && self.needs_calls(RegionRef::ROOT)
            && self.has_room_for_results()
    }

    /// Whether it may take an input whatever the manager's bound says: one
    /// that a host function waits for could otherwise wait for the input that
    /// the function is called for.
    pub(crate) fn is_exempt(&self) -> bool {
        self.is_inside && self.in_flight == 0
    }

    /// Whether another input, or another run of a region, would soon have
    /// something to do. One that only waits in a queue costs memory, and is out of
    /// the caches when its turn comes.
    pub(super) fn needs_calls(&self, region: RegionRef) -> bool {
        // Enough to choose from by priority, also where one call runs at once.
        const LEAST: usize = 16;
        let entries = &self.bound.entries[region.index()];
        entries.is_empty()
            || entries.iter().any(|&place| {
                let most = self.bound.endpoints[place].max_concurrent();
                self.queues[place].calls.len() < most.max(LEAST)
            })
    }

    fn has_room_for_results(&self) -> bool {
        let most = self.limits.max_inputs_in_flight;
        let most = most.saturating_add(self.limits.max_results_waiting);
        let is_full = || {
            let taken = self.shared.taken.load(Ordering::SeqCst);
            self.in_flight + self.delivered - taken >= most
        };
        if !is_full() {
            return true;
        }
        // Said before looking again, so that what is taken now is told.
        self.shared.wants_room.store(true, Ordering::SeqCst);
        !is_full()
    }

    /// Asks the source for an input, if it has one at hand.
    pub(crate) fn ask(&mut self, board: &mut Board) -> Asked {
        match std::mem::replace(&mut self.source, Source::Exhausted) {
            Source::Here(mut source) => match source.next().now_or_never() {
                Some(input) => {
                    self.source = Source::after_an_input(source);
                    self.take(board, input);
                    Asked::Answered
                }
                None => Asked::Later(source),
            },
            Source::Answered(source, input) => {
                self.source = Source::after_an_input(source);
                self.take(board, Some(input));
                Asked::Answered
            }
            other => {
                self.source = other;
                Asked::Answered
            }
        }
    }

    /// Notes that the source is being waited for.
    pub(crate) fn wait_for_source(&mut self, waiting: AbortHandle) {
        self.source = Source::Asked(waiting);
    }

    /// Keeps what the source gave after a while until it is its turn.
    pub(crate) fn source_answered(&mut self, source: InputStream<Input>, input: Option<Input>) {
        if let Source::Asked(_) = self.source {
            self.source = match input {
                Some(input) => Source::Answered(source, input),
                None => Source::Exhausted,
            };
        }
    }

    fn take(&mut self, board: &mut Board, input: Option<Input>) {
        let Some(input) = input else {
            self.source = Source::Exhausted;
            return;
        };
        let index = self.next_index;
        self.next_index += 1;
        let id = board.next_execution();
        match input.and_then(|input| self.check(input)) {
            Ok(input) => {
                let mut ready = std::mem::take(&mut board.ready);
                let plan = Arc::clone(&self.bound.plan);
                let mut execution = Execution::new(id, index, (plan, input), board.now, &mut ready);
                self.in_flight += 1;
                board.executions_in_flight += 1;
                self.shared.counters.counts().inputs_in_flight += 1;
                if self.is_recalled(board, &execution) {
                    execution.await_recall(ready);
                    self.executions.insert(id, Box::new(execution));
                } else {
                    self.advance(board, Box::new(execution), ready);
                }
            }
            Err(error) => self.refuse(board, index, Value::Null, error),
        }
    }

    /// Ends an input for which nothing was done.
    pub(super) fn refuse(
        &mut self,
        board: &mut Board,
        index: usize,
        input: Value,
        error: ExecutionError,
    ) {
        self.shared.counters.counts().inputs_in_flight += 1;
        let now = board.now;
        let result = BatchResult {
            index,
            input,
            output: Err(error),
            usage: Usage::default(),
            cost: Cost::default(),
            timings: ExecutionTimings::default(),
            from_journal: false,
            record: None,
        };
        self.deliver(board, result, now);
    }

    fn check(&self, input: Value) -> Input {
        let schema = self.bound.plan.graph().input();
        if self.bound.checks_inputs && !schema.is_any() {
            schema
                .check(&serde_json::Value::from(&input))
                .map_err(|error| {
                    let message = format!("the input is not what the pipeline takes: {error}");
                    ExecutionError::new(ErrorKind::InvalidInput, message)
                })?;
        }
        Ok(input)
    }
}
