//! The calls of a run: queued, sent, tried again, answered.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Run;
use super::recording;
use super::spending::NotSent;
use crate::clients::{ClientError, LlmRequest, Retry};
use crate::execution::observation::{About, TaskOutcome};
use crate::execution::scheduling::backoff;
use crate::execution::scheduling::conversation::Conversation;
use crate::execution::scheduling::evaluate::{self, Failure};
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::lanes::LaneId;
use crate::execution::scheduling::ready_queue::{ReadyCall, Urgency};
use crate::execution::scheduling::scheduler::Board;
use crate::execution::scheduling::task::{self, CallTask, Outcome, Task, TaskResult};
use crate::execution::scheduling::timers::Due;
use crate::execution::{Attempt, ErrorKind, ErrorPolicy};
use crate::graph::{LlmCall, NodeRef};
use crate::journal::EarlierSend;
use crate::resources::{EndpointPlace, Permit, Wish};

impl Run {
    /// Queues a call that could be made `since` then, unless the journal answers
    /// it; without a budget for it, it fails at once.
    pub(super) fn queue_call(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        node: NodeRef,
        since: Instant,
        wish: Wish,
    ) {
        if self.is_answered(board, execution, node) {
            return;
        }
        if let Some(failure) = self.spending.refusal() {
            execution.state.start(node);
            let error = execution.fail(&self.bound.plan, node, failure);
            self.tell_inline(board, execution, node, TaskOutcome::Failed(&error));
            return;
        }
        let found = self.bound.plan.graph().node(node);
        let urgency = Urgency {
            priority: found.priority().saturating_add(self.limits.priority),
            input: execution.root,
            remaining: Reverse(self.bound.plan.remaining(node)),
            execution: execution.id,
            node,
        };
        let place = self.bound.endpoint_of[node.index()];
        let call = ReadyCall {
            urgency,
            since,
            queued: board.now,
            wish,
        };
        self.push_call(board, place, call);
    }

    fn push_call(&mut self, board: &mut Board, place: usize, call: ReadyCall) {
        let urgency = call.urgency;
        let queue = &mut self.queues[place];
        let before = queue.calls.head();
        queue.calls.push(call);
        if before.is_none_or(|before| urgency < before) {
            board
                .lanes
                .set_head(queue.lane, self.id, before, Some(urgency));
        }
        self.shared.counters.counts().at_endpoint[place].1 += 1;
    }

    /// What is known of the most urgent call at `lane`.
    pub(crate) fn wish(&self, lane: LaneId) -> Wish {
        let mut queues = self.queues.iter();
        let queue = queues.find(|queue| queue.lane == lane);
        queue
            .and_then(|queue| queue.calls.wish())
            .unwrap_or_default()
    }

    /// Takes the most urgent call at `lane` out of its queue if its input has
    /// ended. It would be passed over when its turn comes; until then it must not
    /// keep others waiting for what it would have cost.
    pub(crate) fn pass_over(&mut self, board: &mut Board, lane: LaneId) -> bool {
        let mut queues = self.queues.iter();
        let queue = queues.find(|queue| queue.lane == lane);
        let Some(head) = queue.and_then(|queue| queue.calls.head()) else {
            return false;
        };
        let execution = self.executions.get(&head.execution);
        let waits = execution.is_some_and(|it| !it.state.is_over(head.node));
        if !waits {
            self.pop_call(board, lane);
        }
        !waits
    }

    /// Takes the most urgent call at `lane`.
    fn pop_call(&mut self, board: &mut Board, lane: LaneId) -> Option<(ReadyCall, usize)> {
        let place = self.queues.iter().position(|queue| queue.lane == lane)?;
        let queue = &mut self.queues[place];
        let before = queue.calls.head();
        let call = queue.calls.pop()?;
        let now = queue.calls.head();
        board.lanes.set_head(lane, self.id, before, now);
        let waiting = &mut self.shared.counters.counts().at_endpoint[place].1;
        *waiting = queue.calls.len();
        Some((call, place))
    }

    /// Starts the most urgent call at `lane`. If its execution ended in the
    /// meantime nothing is started: the next one in the queue may be less
    /// urgent than a call of another run. If it costs more tokens than there are,
    /// it is put back with what it costs: the next look for room says what it
    /// waits for, at any of the endpoints.
    pub(crate) fn start_call(&mut self, board: &mut Board, lane: LaneId, mut permit: Permit) {
        let Some((ready, place)) = self.pop_call(board, lane) else {
            return;
        };
        let Urgency {
            execution, node, ..
        } = ready.urgency;
        let Some(mut execution) = self.executions.remove(&execution) else {
            permit.give_back(&board.waiter);
            return;
        };
        if execution.state.is_over(node) {
            permit.give_back(&board.waiter);
            self.executions.insert(execution.id, execution);
            return;
        }
        execution.state.start(node);
        permit.note_waited(board.now.duration_since(ready.queued));
        let start = Start {
            node,
            place,
            ready: ready.since,
            queued: ready.queued,
            is_hedge: false,
        };
        match self.send(board, &mut execution, &start, permit) {
            Ok(()) => {}
            Err(NotSent::Failed(failure)) => {
                let error = execution.fail(&self.bound.plan, node, failure);
                self.tell_inline(board, &execution, node, TaskOutcome::Failed(&error));
            }
            Err(NotSent::WaitsForTokens(tokens)) => {
                execution.state.requeue(node);
                self.executions.insert(execution.id, execution);
                let wish = Wish {
                    tokens,
                    ..ready.wish
                };
                self.push_call(board, place, ReadyCall { wish, ..ready });
                return;
            }
            Err(NotSent::WaitsForBudget) => {
                execution.state.requeue(node);
                self.push_call(board, place, ready);
                self.executions.insert(execution.id, execution);
                return;
            }
            Err(NotSent::OutOfBudget(why)) => {
                execution.state.requeue(node);
                self.executions.insert(execution.id, execution);
                self.make_no_more_calls(board, ErrorKind::Budget, why);
                return;
            }
        }
        execution.timings.waiting += board.now.duration_since(ready.since);
        self.settle(board, execution);
    }

    /// The request for a node, whose conversation may have gone on.
    pub(super) fn request(
        &self,
        execution: &Execution,
        node: NodeRef,
        call: &LlmCall,
    ) -> Result<LlmRequest, NotSent> {
        let plan = &self.bound.plan;
        let mut request = evaluate::request(plan, &execution.state, &self.parameters, node, call)?;
        if let Some(conversation) = execution.conversation(node) {
            conversation.continue_in(&mut request);
        }
        Ok(request)
    }

    /// Sends a request for a node.
    pub(super) fn send(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        start: &Start,
        mut permit: Permit,
    ) -> Result<(), NotSent> {
        let node = start.node;
        let bound = &self.bound;
        let Some(call) = bound.call_of(node) else {
            unreachable!("only calls are queued");
        };
        let request = self.request(execution, node, call);
        let sendable = request.and_then(|request| {
            if let Err(tokens) = permit.charge(&request, board.now) {
                return Err(NotSent::WaitsForTokens(tokens));
            }
            let charge = self.spending.reserve(node, permit.price(), &request)?;
            Ok((request, charge))
        });
        let (request, charge) = match sendable {
            Ok(sendable) => sendable,
            Err(not_sent) => {
                permit.give_back(&board.waiter);
                return Err(not_sent);
            }
        };
        let turn = execution.conversation(node).map_or(1, Conversation::turn);
        let place_asked = permit.place();
        let attempted = self.attempted(execution, node);
        let timeout = self.limits.task_timeout;
        let attempt = execution.failed_attempts(node) + 1;
        let about = About {
            input: execution.index,
            node: bound.plan.graph().node(node).name(),
            region: execution.region_path(&bound.plan),
            alias: bound.endpoints[start.place].alias(),
            attempt,
            turn,
            is_hedge: start.is_hedge,
        };
        let asked = permit.description();
        let call_span = self.spans.call(about, asked, &request);
        let span = call_span.span().clone();
        if start.is_hedge {
            self.spans.tell_hedge(&span, about);
        }
        let events = board.events.clone();
        let tokens = self.tokens.as_ref();
        let tokens = tokens.and_then(|tokens| {
            let region = execution.region_path(&bound.plan);
            tokens.sink(node.index(), (execution.index, region), (attempt, turn))
        });
        let call = CallTask {
            attempted,
            plan: Arc::clone(&bound.plan),
            permit,
            request,
            timeout,
            span: call_span,
            // Two answers at once would be read as one.
            tokens: tokens.clone().filter(|_| !start.is_hedge),
            is_recorded: self.journal.is_some(),
        };
        let call = task::call(Box::new(call), events);
        let task = tokio::spawn(call).abort_handle();
        self.calls += 1;
        board.calls_in_flight += 1;
        self.calls_made += 1;
        execution.has_begun = true;
        {
            let mut counts = self.shared.counters.counts();
            counts.at_endpoint[start.place].0 += 1;
            counts.hedges += u64::from(start.is_hedge);
        }
        let running = Running {
            node,
            serial: attempted.serial,
            attempt,
            turn,
            is_hedge: start.is_hedge,
            tool: None,
            endpoint: Some(start.place),
            asked: Some(place_asked),
            ready: start.ready,
            queued: start.queued,
            started: board.now,
            is_recalled: false,
            task,
            span,
            tokens,
            charge,
        };
        self.tell_started(execution, &running);
        execution.add_running(running);
        if !start.is_hedge {
            self.plan_hedge(board, attempted, start.place, Duration::ZERO);
        }
        Ok(())
    }

    pub(super) fn note_not_running(&mut self, board: &mut Board, running: &Running) {
        if let Some(place) = running.endpoint {
            self.calls -= 1;
            board.calls_in_flight -= 1;
            self.shared.counters.counts().at_endpoint[place].0 -= 1;
        }
    }

    /// Takes what came of a task.
    pub(crate) fn end_task(&mut self, board: &mut Board, result: TaskResult) {
        let TaskResult {
            attempted,
            outcome,
            asked,
            permit,
        } = result;
        if let Some(permit) = permit {
            permit.give_back(&board.waiter);
        }
        let node = attempted.task.node;
        let Some(mut execution) = self.executions.remove(&attempted.task.execution) else {
            return;
        };
        // It may have been given up, with its result already on its way.
        let Some(mut running) = execution.take_running(attempted.serial) else {
            self.executions.insert(execution.id, execution);
            return;
        };
        self.note_not_running(board, &running);
        running.charge.settle(&outcome);
        let (outcome, first_byte) = match outcome {
            Outcome::Hosted(outcome) => {
                if let Ok(value) = &outcome {
                    let took = board.now.duration_since(running.started);
                    self.record_value(&execution, node, value, took);
                }
                (outcome, None)
            }
            Outcome::ToolRan(given) => {
                self.end_tool(board, execution, &running, given);
                return;
            }
            Outcome::Called(outcome) => {
                execution.timings.calling += board.now.duration_since(running.started);
                match outcome {
                    Ok((response, answer)) => {
                        execution.usage += response.usage;
                        execution.cost += running.charge.cost();
                        self.spending.note_answer(node, &response.usage);
                        {
                            let mut counts = self.shared.counters.counts();
                            counts.calls += 1;
                            counts.usage += response.usage;
                            counts.cost += running.charge.cost();
                        }
                        // The first answer counts.
                        for other in execution.take_all_running(Some(node)) {
                            self.give_up(board, &mut execution, &other);
                        }
                        if let Some(tokens) = &running.tokens {
                            tokens.take_whole(&response.text);
                        }
                        let told = Some((response.timings.first_byte, response.usage));
                        let asked = Self::to_record(&mut execution, node, asked);
                        let answer = (answer, &response);
                        let value = self.take_answer(board, &mut execution, &running, answer, told);
                        self.record_call(&execution, &running, asked, Ok(response), board.now);
                        let Some(value) = value else {
                            self.note_change();
                            self.settle(board, execution);
                            return;
                        };
                        (value, told)
                    }
                    Err(error) => match self.try_again(board, &mut execution, &running, error) {
                        Ok(()) => {
                            self.note_change();
                            self.settle(board, execution);
                            return;
                        }
                        Err(failure) => {
                            let asked = Self::to_record(&mut execution, node, asked);
                            let failed = Err(recording::failure(failure.kind, &failure.message));
                            self.record_call(&execution, &running, asked, failed, board.now);
                            (Err(failure), None)
                        }
                    },
                }
            }
            Outcome::Recalled(None) => {
                self.ask_after_all(board, execution, node);
                return;
            }
            Outcome::Recalled(Some((response, answer))) => {
                self.shared.counters.counts().calls_from_journal += 1;
                if let Some(tokens) = &running.tokens {
                    tokens.take_whole(&response.text);
                }
                let answer = (answer, &response);
                let value = self.take_answer(board, &mut execution, &running, answer, None);
                let Some(value) = value else {
                    self.note_change();
                    self.settle(board, execution);
                    return;
                };
                (value, None)
            }
        };
        self.note_change();
        let mut ready = std::mem::take(&mut board.ready);
        match outcome {
            Ok(value) => {
                execution.state.complete(node, value, &mut ready);
                let outcome = TaskOutcome::Completed;
                self.tell_task(board, &execution, &running, outcome, first_byte);
            }
            Err(failure) => {
                let error = execution.fail(&self.bound.plan, node, failure);
                let outcome = TaskOutcome::Failed(&error);
                self.tell_task(board, &execution, &running, outcome, first_byte);
            }
        }
        self.advance(board, execution, ready);
    }

    /// Puts a failed call back if it may succeed later.
    fn try_again(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        running: &Running,
        error: ClientError,
    ) -> Result<(), Failure> {
        let node = running.node;
        let kind = ErrorKind::Call(error.kind);
        // Its twin may still be answered.
        let has_twin = execution.is_running(node);
        // Nothing is begun any more for an input that has failed.
        let has_failed = execution.error.is_some();
        match error.retry {
            // Waiting is no failure: no attempt is counted, and the endpoint
            // knows how long to wait.
            Retry::RateLimited { after } if !has_failed => {
                self.shared.counters.counts().rate_limited += 1;
                let about = self.about(execution, node, running);
                self.spans.tell_rate_limited(&running.span, about, after);
                self.tell_task(board, execution, running, TaskOutcome::RateLimited, None);
                let refused = EarlierSend::RATE_LIMITED;
                self.note_sent_again(execution, running, refused, board.now);
                if !has_twin {
                    execution.state.requeue(node);
                    let now = board.now;
                    self.queue_call(board, execution, node, now, Wish::default());
                }
                Ok(())
            }
            Retry::Transient if has_twin => {
                self.note_sent_again(execution, running, kind.as_str(), board.now);
                let attempt = execution.note_attempt(
                    node,
                    Attempt {
                        kind,
                        message: error.message,
                    },
                );
                let attempt = attempt.clone();
                self.tell_task(
                    board,
                    execution,
                    running,
                    TaskOutcome::Retried(&attempt),
                    None,
                );
                Ok(())
            }
            Retry::Transient
                if !has_failed && self.limits.error_policy == ErrorPolicy::RetryThenFail =>
            {
                let place = self.bound.endpoint_of[node.index()];
                let endpoint = &self.bound.endpoints[place];
                let most = self.limits.max_retries.unwrap_or(endpoint.max_retries());
                let retry = execution.retries(node).saturating_add(1);
                if retry > most {
                    return Err(Failure::new(kind, error.message));
                }
                if let Some(asked) = running.asked {
                    endpoint.note_retry(asked);
                }
                self.shared.counters.counts().retries += 1;
                self.note_sent_again(execution, running, kind.as_str(), board.now);
                let attempt = execution.note_attempt(
                    node,
                    Attempt {
                        kind,
                        message: error.message,
                    },
                );
                let attempt = attempt.clone();
                let wait = backoff::wait(retry, execution.seed(node));
                // Another endpoint need not be waited for.
                let has_another = running
                    .asked
                    .is_some_and(|asked| endpoint.has_another(asked, retry));
                let wait = if has_another { Duration::ZERO } else { wait };
                let about = self.about(execution, node, running);
                let error = (attempt.kind, &*attempt.message);
                self.spans.tell_retry(&running.span, about, error, wait);
                let outcome = TaskOutcome::Retried(&attempt);
                self.tell_task(board, execution, running, outcome, None);
                execution.state.requeue(node);
                let due = board.now + wait;
                let task = Task {
                    run: self.id,
                    execution: execution.id,
                    node,
                };
                let failed_at = board.now;
                let asked = running.asked;
                let retry = Due::Retry {
                    task,
                    failed_at,
                    asked,
                };
                board.timers.push(due, retry);
                Ok(())
            }
            _ => {
                for twin in execution.take_all_running(Some(node)) {
                    self.give_up(board, execution, &twin);
                }
                Err(Failure::new(kind, error.message))
            }
        }
    }

    pub(super) fn about<'a>(
        &'a self,
        execution: &'a Execution,
        node: NodeRef,
        running: &Running,
    ) -> About<'a> {
        About {
            input: execution.index,
            node: self.bound.plan.graph().node(node).name(),
            region: execution.region_path(&self.bound.plan),
            alias: self.bound.endpoints[self.bound.endpoint_of[node.index()]].alias(),
            attempt: running.attempt,
            turn: running.turn,
            is_hedge: running.is_hedge,
        }
    }

    /// Queues a call again whose wait is over.
    pub(crate) fn retry(
        &mut self,
        board: &mut Board,
        task: Task,
        failed_at: Instant,
        asked: Option<EndpointPlace>,
    ) {
        let Some(mut execution) = self.executions.remove(&task.execution) else {
            return;
        };
        if !execution.state.is_over(task.node) {
            let wish = Wish {
                avoid: asked,
                ..Wish::default()
            };
            self.queue_call(board, &mut execution, task.node, failed_at, wish);
        }
        self.settle(board, execution);
    }
}

/// A request that is to be sent.
pub(super) struct Start {
    pub(super) node: NodeRef,
    pub(super) place: usize,
    pub(super) ready: Instant,
    pub(super) queued: Instant,
    pub(super) is_hedge: bool,
}
