//! [`Conversation`]: how a node goes on after an answer that is not its last.
//!
//! A model that calls tools, and one whose answer is not of the asked type, are
//! the same thing here: what was said is kept, and the node asks again with
//! more messages. `run::turns` decides whether and with what.

use crate::clients::{
    LlmRequest, LlmResponse, Message, Part, Role, ToolCall, ToolChoice, ToolResult,
};

/// The most tools that run in one turn. A model in a loop can call thousands in
/// one answer, and all of them run at once.
pub(crate) const MOST_CALLS: usize = 128;

/// What was said for a node after its first request.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    said: Vec<Message>,
    /// Turns that ended with calls of tools.
    tool_turns: u32,
    /// How often the model was asked again for another answer.
    reasks: u32,
    /// The attempts that failed in earlier turns.
    attempts_before: u32,
    /// What the tools of the present turn gave, in the order of their calls.
    results: Vec<Option<ToolResult>>,
}

/// A tool that runs for a node.
#[derive(Debug, Clone)]
pub(crate) struct ToolRun {
    /// What the model wants to be called.
    pub(crate) call: ToolCall,
    /// Its place among the calls of its turn.
    pub(crate) place: usize,
}

impl Conversation {
    /// Which turn is asked, or is to be asked next, from 1.
    pub(crate) fn turn(&self) -> u32 {
        1 + self.tool_turns + self.reasks
    }

    pub(crate) fn tool_turns(&self) -> u32 {
        self.tool_turns
    }

    pub(crate) fn reasks(&self) -> u32 {
        self.reasks
    }

    /// The attempts that failed in earlier turns.
    pub(crate) fn attempts_before(&self) -> u32 {
        self.attempts_before
    }

    /// Makes the first request of a node that of the present turn.
    pub(crate) fn continue_in(&self, request: &mut LlmRequest) {
        request.messages.extend_from_slice(&self.said);
        // One that has to call a tool every time would never answer.
        if self.tool_turns > 0 && request.tool_choice != ToolChoice::Never {
            request.tool_choice = ToolChoice::Auto;
        }
    }

    /// Goes on after an answer that is not what was asked for; `attempts` have
    /// failed by now.
    pub(crate) fn ask_again(&mut self, answer: &LlmResponse, why: &str, attempts: u32) {
        let mut said = said_by_model(answer);
        if said.parts.is_empty() {
            // Providers refuse messages of nothing.
            said.parts.push(Part::Text("(nothing)".into()));
        }
        let correction = format!(
            "That is not what was asked for: {why}. Answer again, with nothing but JSON of the form \
             that was asked for."
        );
        self.said.push(said);
        self.said.push(Message::new(Role::User, correction));
        self.reasks += 1;
        self.attempts_before = attempts;
    }

    /// Goes on after an answer that calls tools, and says which are to run: no
    /// more than [`MOST_CALLS`].
    pub(crate) fn call_tools(&mut self, answer: &LlmResponse, attempts: u32) -> Vec<ToolRun> {
        let mut said = said_by_model(answer);
        let (mut runs, mut results) = (Vec::new(), Vec::new());
        for (place, call) in answer.tool_calls.iter().enumerate() {
            let mut call = call.clone();
            if call.id.is_empty() {
                // Some servers give none, and a result has to say what it is of.
                call.id = format!("call_{}_{place}", self.turn());
            }
            said.parts.push(Part::ToolCall(call.clone()));
            if place < MOST_CALLS {
                runs.push(ToolRun { call, place });
                results.push(None);
            } else {
                results.push(Some(ToolResult {
                    call_id: call.id,
                    name: call.name,
                    content: format!("error: only {MOST_CALLS} tools run in one turn").into(),
                    is_error: true,
                }));
            }
        }
        self.said.push(said);
        self.tool_turns += 1;
        self.attempts_before = attempts;
        self.results = results;
        runs
    }

    /// Takes what a tool gave. Returns whether all of the turn have given
    /// something, so that the model can be told.
    pub(crate) fn tool_ended(&mut self, run: &ToolRun, given: ToolResult) -> bool {
        self.results[run.place] = Some(given);
        if self.results.iter().any(Option::is_none) {
            return false;
        }
        let results = std::mem::take(&mut self.results).into_iter().flatten();
        let results = results.map(Part::ToolResult);
        self.said.push(Message::from_parts(Role::Tool, results));
        true
    }
}

/// What a model said, as it is told that it did; without the tools that it
/// called.
fn said_by_model(answer: &LlmResponse) -> Message {
    // Thoughts that no provider wants to have back would be paid for.
    let thoughts = answer.reasoning.iter();
    let thoughts = thoughts.filter(|thought| thought.block.is_some());
    let thoughts = thoughts.map(|thought| Part::Reasoning(thought.clone()));
    let text = (!answer.text.is_empty()).then(|| Part::Text(answer.text.as_str().into()));
    Message::from_parts(Role::Assistant, thoughts.chain(text))
}
