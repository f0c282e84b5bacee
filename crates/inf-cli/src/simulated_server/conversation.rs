//! [`Conversation`]: messages as they come, joined and checked.

use std::sync::Arc;

use inf_engine::conversation::{Message, Part, Role, ToolCall, ToolResult};

use super::refusal::{Read, Refusal};

/// The messages of a request.
///
/// Wire formats split turns in different ways; here all results of one turn's
/// tool calls are one message. As with the providers, every call must have its
/// result before anything else is said, and every result its call.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<Message>,
    /// Tool calls of the last turn that have no result yet.
    open: Vec<ToolCall>,
}

impl Conversation {
    /// Adds what `role` says at `place`.
    pub(super) fn say(&mut self, place: &str, role: Role, parts: Vec<Part>) -> Read<()> {
        self.all_answered(place)?;
        self.note_calls(&parts);
        self.messages.push(Message::from_parts(role, join(parts)));
        Ok(())
    }

    /// Adds to what the model says in its turn, where a format tells it bit by
    /// bit.
    pub(super) fn go_on(&mut self, place: &str, parts: Vec<Part>) -> Read<()> {
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Assistant => {
                last.parts.extend(parts.iter().cloned());
                self.note_calls(&parts);
                Ok(())
            }
            _ => self.say(place, Role::Assistant, parts),
        }
    }

    /// Adds the result of the call of the identifier `call_id`.
    pub(super) fn result(
        &mut self,
        place: &str,
        call_id: &str,
        content: String,
        is_error: bool,
    ) -> Read<()> {
        let found = self.open.iter().position(|call| call.id == call_id);
        let Some(found) = found else {
            return Err(wrong(format!(
                "`{place}` is the result of `{call_id}`, which no tool call right before it has as \
                 its identifier"
            )));
        };
        self.take_result(found, content, is_error);
        Ok(())
    }

    /// Adds the result of a tool where calls have no identifiers: it belongs to
    /// the first open call of that name, or to the first one.
    pub(super) fn result_by_name(
        &mut self,
        place: &str,
        name: Option<&str>,
        content: String,
    ) -> Read<()> {
        let of_name = |call: &ToolCall| name.is_none_or(|name| call.name == name);
        let Some(found) = self.open.iter().position(of_name) else {
            return Err(wrong(format!(
                "`{place}` is the result of a tool that was not called right before it"
            )));
        };
        self.take_result(found, content, false);
        Ok(())
    }

    fn take_result(&mut self, open: usize, content: String, is_error: bool) {
        let call = self.open.remove(open);
        let result = Part::ToolResult(ToolResult {
            call_id: call.id,
            name: call.name,
            content: Arc::from(content),
            is_error,
        });
        match self.messages.last_mut() {
            Some(last) if last.role == Role::Tool => last.parts.push(result),
            _ => self
                .messages
                .push(Message::from_parts(Role::Tool, [result])),
        }
    }

    fn note_calls(&mut self, parts: &[Part]) {
        let calls = parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.clone()),
            _ => None,
        });
        self.open.extend(calls);
    }

    fn all_answered(&self, place: &str) -> Read<()> {
        match self.open.first() {
            Some(call) => Err(wrong(format!(
                "`{place}` must be the result of the tool call `{}` (`{}`)",
                call.id, call.name
            ))),
            None => Ok(()),
        }
    }

    /// The messages, of which there must be one.
    pub(super) fn finish(self, key: &str) -> Read<Vec<Message>> {
        self.all_answered("the next message")?;
        if self.messages.is_empty() {
            let message = format!("`{key}` is missing or empty; send at least one message");
            return Err(Refusal::bad_param(key, message));
        }
        Ok(self.messages)
    }
}

fn wrong(message: String) -> Refusal {
    Refusal::bad_param("messages", message)
}

/// Texts alone are one text.
fn join(parts: Vec<Part>) -> Vec<Part> {
    let is_text = |part: &Part| matches!(part, Part::Text(_));
    if parts.len() == 1 || !parts.iter().all(is_text) {
        return parts;
    }
    let joined = Message::from_parts(Role::User, parts);
    vec![Part::Text(joined.text().into())]
}
