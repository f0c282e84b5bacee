//! What follows an answer that is not the last of its node: tools are run, or
//! the model is asked again.

use std::sync::Arc;
use std::time::Duration;

use super::{Charge, Run};
use crate::clients::{LlmResponse, ToolResult, Usage};
use crate::document::shorten;
use crate::execution::observation::{TaskOutcome, ToolOutcome};
use crate::execution::scheduling::answer::Answer;
use crate::execution::scheduling::conversation::{Conversation, ToolRun};
use crate::execution::scheduling::evaluate::Failure;
use crate::execution::scheduling::execution::{Execution, Running};
use crate::execution::scheduling::scheduler::Board;
use crate::execution::scheduling::task::{self, ToolTask};
use crate::execution::{Attempt, ErrorKind};
use crate::graph::NodeRef;
use crate::resources::Wish;
use crate::value::Value;

/// What observers are told of an answer: its first byte and what it cost.
type Told = Option<(Duration, Usage)>;

/// Of the tools that a model calls too late, so many are named.
const MOST_NAMED: usize = 8;

impl Run {
    /// The value of an answer; `None` if its node goes on with another turn.
    pub(super) fn take_answer(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        running: &Running,
        (answer, response): (Answer, &LlmResponse),
        told: Told,
    ) -> Option<Result<Value, Failure>> {
        let went_on = match answer {
            Answer::Value(value) => {
                execution.end_conversation(running.node);
                return Some(Ok(value));
            }
            Answer::Failed(failure) => Err(*failure),
            Answer::Misfit { failure, why } => {
                let misfit = (*failure, &*why);
                self.ask_again(board, execution, running, (misfit, response), told)
            }
            Answer::CallsTools => self.call_tools(board, execution, running, response, told),
        };
        went_on.err().map(Err)
    }

    /// Asks again for an answer of the asked type, with what is wrong with this
    /// one.
    fn ask_again(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        running: &Running,
        ((failure, why), response): ((Failure, &str), &LlmResponse),
        told: Told,
    ) -> Result<(), Failure> {
        let node = running.node;
        let asked = execution.conversation(node).map_or(0, Conversation::reasks);
        // Nothing is begun any more for an input that has failed.
        if asked >= self.limits.max_reasks || execution.error.is_some() {
            return Err(failure);
        }
        if let Some(asked) = running.asked {
            self.bound.endpoints[self.bound.endpoint_of[node.index()]].note_reask(asked);
        }
        self.shared.counters.counts().reasks += 1;
        let attempt = Attempt {
            kind: failure.kind,
            message: failure.message,
        };
        let attempt = execution.note_attempt(node, attempt).clone();
        let about = self.about(execution, node, running);
        let error = (attempt.kind, &*attempt.message);
        self.spans.tell_reask(&running.span, about, error);
        let outcome = TaskOutcome::Reasked(&attempt);
        self.tell_task(board, execution, running, outcome, told);
        let attempts = execution.failed_attempts(node);
        let conversation = execution.conversation_mut(node);
        conversation.ask_again(response, why, attempts);
        self.ask_next(board, execution, node);
        Ok(())
    }

    /// Runs the tools that an answer calls, all at once.
    fn call_tools(
        &mut self,
        board: &mut Board,
        execution: &mut Execution,
        running: &Running,
        response: &LlmResponse,
        told: Told,
    ) -> Result<(), Failure> {
        let node = running.node;
        // Nothing is begun any more for an input that has failed.
        if execution.error.is_some() {
            self.tell_task(board, execution, running, TaskOutcome::CalledTools, told);
            go_no_further(execution, node);
            return Ok(());
        }
        let Some(call) = self.bound.call_of(node) else {
            unreachable!("only a call has an answer");
        };
        let before = execution.conversation(node);
        let turns = before.map_or(0, Conversation::tool_turns) + 1;
        let most = call.most_turns();
        if turns >= most {
            let called = response.tool_calls.iter().map(|call| &*call.name);
            let called = called.take(MOST_NAMED).collect::<Vec<_>>().join("`, `");
            let called = shorten(&called, 200);
            let message = format!(
                "the model still calls tools (`{called}`) in turn {turns}, the last one: raise \
                 `max_turns`, or say in the prompt when it has to answer"
            );
            return Err(Failure::new(ErrorKind::TooManyTurns, message));
        }
        self.tell_task(board, execution, running, TaskOutcome::CalledTools, told);
        let attempts = execution.failed_attempts(node);
        let runs = execution
            .conversation_mut(node)
            .call_tools(response, attempts);
        self.shared.counters.counts().tool_calls += runs.len() as u64;
        for run in runs {
            self.start_tool(board, execution, running, run);
        }
        Ok(())
    }

    fn start_tool(
        &mut self,
        board: &Board,
        execution: &mut Execution,
        caller: &Running,
        run: ToolRun,
    ) {
        let node = caller.node;
        let graph = self.bound.plan.graph();
        let found = graph.node(node);
        let known = found.operation().tools();
        let is_known = known.iter().any(|name| **name == *run.call.name);
        let tool = graph.tool(&run.call.name).filter(|_| is_known).cloned();
        let span = self
            .spans
            .tool(execution.index, found.name(), caller.turn, &run.call);
        let attempted = self.attempted(execution, node);
        let task = ToolTask {
            attempted,
            tool: tool.ok_or_else(|| known.to_vec()),
            call: run.call.clone(),
            timeout: self.limits.task_timeout,
            scope: Arc::clone(&self.scope),
            span: span.clone(),
        };
        let task = task::tool(task, board.events.clone());
        let task = tokio::spawn(task).abort_handle();
        execution.add_running(Running {
            node,
            serial: attempted.serial,
            attempt: caller.attempt,
            turn: caller.turn,
            is_hedge: false,
            tool: Some(Box::new(run)),
            endpoint: None,
            asked: None,
            ready: board.now,
            queued: board.now,
            started: board.now,
            is_recalled: false,
            task,
            span: span.span().clone(),
            tokens: None,
            charge: Charge::default(),
        });
    }

    /// Takes what a tool gave, and asks the model on when all of its turn have.
    pub(super) fn end_tool(
        &mut self,
        board: &mut Board,
        mut execution: Box<Execution>,
        running: &Running,
        given: Result<Arc<str>, String>,
    ) {
        let Some(run) = &running.tool else {
            unreachable!("only a tool gives this");
        };
        let outcome = match &given {
            Ok(_) => ToolOutcome::Completed,
            Err(why) => ToolOutcome::Failed(why),
        };
        self.tell_tool(board, &execution, running, outcome);
        let is_error = given.is_err();
        let content = given.unwrap_or_else(|why| format!("error: {why}").into());
        let given = ToolResult {
            call_id: run.call.id.clone(),
            name: run.call.name.clone(),
            content,
            is_error,
        };
        let node = running.node;
        let is_turn_done = execution.conversation_mut(node).tool_ended(run, given);
        if is_turn_done && execution.error.is_some() {
            go_no_further(&mut execution, node);
        } else if is_turn_done {
            self.ask_next(board, &mut execution, node);
        }
        self.note_change();
        self.settle(board, execution);
    }

    /// Queues the next turn of a node.
    fn ask_next(&mut self, board: &mut Board, execution: &mut Execution, node: NodeRef) {
        execution.state.requeue(node);
        let now = board.now;
        self.queue_call(board, execution, node, now, Wish::default());
    }
}

/// Leaves a node where it is whose input has failed elsewhere: as one that was
/// never asked.
fn go_no_further(execution: &mut Execution, node: NodeRef) {
    execution.state.requeue(node);
    execution.state.cancel_waiting();
}
