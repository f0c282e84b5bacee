//! A response in pieces: events that say which item and which part of it they
//! belong to.

use axum::body::Bytes;
use inf_engine::clients::FinishReason;
use serde_json::{Value, json};

use super::Shape;
use super::reply::{around, content, function_call, message, reasoning, says_something, whole};
use crate::simulated_server::pieces::Pieces;
use crate::simulated_server::wire_format::{Reply, event, words};

/// Numbers events.
struct Numbered(u64);

impl Numbered {
    fn event(&mut self, kind: &str, mut data: Value) -> Bytes {
        data["type"] = kind.into();
        data["sequence_number"] = self.0.into();
        self.0 += 1;
        event(Some(kind), &data)
    }
}

/// The answer in pieces, a word each.
pub(super) fn pieces(reply: &Reply<'_>, shape: &Shape) -> Pieces {
    let mut pieces = Pieces::default();
    let mut numbered = Numbered(0);
    let begun = around(reply, "in_progress", &[]);
    for kind in ["response.created", "response.in_progress"] {
        pieces.add(numbered.event(kind, json!({"response": begun})));
    }
    let mut index = 0;
    if let Some(thoughts) = reply.thoughts() {
        reasoning_events(reply, shape, thoughts, &mut numbered, &mut pieces);
        index += 1;
    }
    if says_something(reply) {
        message_events(reply, index, &mut numbered, &mut pieces);
        index += 1;
    }
    for (number, call) in reply.response.tool_calls.iter().enumerate() {
        let done = function_call(reply, number, call, "completed");
        let mut added = done.clone();
        added["status"] = "in_progress".into();
        added["arguments"] = "".into();
        let at = json!({"output_index": index, "item_id": done["id"]});
        let item = json!({"output_index": index, "item": added});
        pieces.add(numbered.event("response.output_item.added", item));
        for word in words(&call.arguments) {
            let delta = with(&at, "delta", word);
            pieces.add_word(numbered.event("response.function_call_arguments.delta", delta));
        }
        let all = with(&at, "arguments", &call.arguments);
        pieces.add(numbered.event("response.function_call_arguments.done", all));
        let item = json!({"output_index": index, "item": done});
        pieces.add(numbered.event("response.output_item.done", item));
        index += 1;
    }
    let kind = match reply.response.finish_reason {
        FinishReason::Length => "response.incomplete",
        _ => "response.completed",
    };
    pieces.add(numbered.event(kind, json!({"response": whole(reply, shape)})));
    pieces
}

fn reasoning_events(
    reply: &Reply<'_>,
    shape: &Shape,
    thoughts: &str,
    numbered: &mut Numbered,
    pieces: &mut Pieces,
) {
    let done = reasoning(reply, shape, thoughts);
    let mut added = done.clone();
    added["summary"] = json!([]);
    let item = json!({"output_index": 0, "item": added});
    pieces.add(numbered.event("response.output_item.added", item));
    if shape.reasoning_summary {
        let at = json!({"output_index": 0, "item_id": done["id"], "summary_index": 0});
        let part = |text: &str| {
            let mut part = at.clone();
            part["part"] = json!({"type": "summary_text", "text": text});
            part
        };
        pieces.add(numbered.event("response.reasoning_summary_part.added", part("")));
        for word in words(thoughts) {
            let delta = with(&at, "delta", word);
            pieces.add_word(numbered.event("response.reasoning_summary_text.delta", delta));
        }
        let all = with(&at, "text", thoughts);
        pieces.add(numbered.event("response.reasoning_summary_text.done", all));
        pieces.add(numbered.event("response.reasoning_summary_part.done", part(thoughts)));
    }
    let item = json!({"output_index": 0, "item": done});
    pieces.add(numbered.event("response.output_item.done", item));
}

fn message_events(reply: &Reply<'_>, index: usize, numbered: &mut Numbered, pieces: &mut Pieces) {
    let text = &reply.response.text;
    let (kind, key) = match reply.response.finish_reason {
        FinishReason::Refusal => ("refusal", "refusal"),
        _ => ("output_text", "text"),
    };
    let status = match reply.response.finish_reason {
        FinishReason::Length => "incomplete",
        _ => "completed",
    };
    let done = message(reply, status, &[content(reply, text)]);
    let at = json!({"output_index": index, "item_id": done["id"], "content_index": 0});
    let item = json!({"output_index": index, "item": message(reply, "in_progress", &[])});
    pieces.add(numbered.event("response.output_item.added", item));
    let part = |text: &str| {
        let mut part = at.clone();
        part["part"] = content(reply, text);
        part
    };
    pieces.add(numbered.event("response.content_part.added", part("")));
    for word in words(text) {
        let delta = with(&at, "delta", word);
        pieces.add_word(numbered.event(&format!("response.{kind}.delta"), delta));
    }
    let all = with(&at, key, text);
    pieces.add(numbered.event(&format!("response.{kind}.done"), all));
    pieces.add(numbered.event("response.content_part.done", part(text)));
    let item = json!({"output_index": index, "item": done});
    pieces.add(numbered.event("response.output_item.done", item));
}

fn with(at: &Value, key: &str, text: &str) -> Value {
    let mut data = at.clone();
    data[key] = text.into();
    data
}
