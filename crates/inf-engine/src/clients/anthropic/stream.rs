//! A message that comes in pieces.
//!
//! Events: <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use serde::Deserialize;
use serde_json::Value;

use super::response::{Answer, Block, WireUsage};
use crate::clients::http::{Draft, Fault, Progress};
use crate::clients::{Delta, DeltaSink, LlmResponse};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        content_block: Value,
    },
    ContentBlockDelta {
        delta: BlockDelta,
    },
    MessageDelta {
        #[serde(default)]
        delta: End,
        #[serde(default)]
        usage: Option<WireUsage>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// Pings, ends of blocks, and what is not known yet.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BlockDelta {
    TextDelta {
        text: String,
    },
    InputJsonDelta {
        partial_json: String,
    },
    ThinkingDelta {
        thinking: String,
    },
    SignatureDelta {
        signature: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Default, Deserialize)]
struct End {
    #[serde(default)]
    stop_reason: Option<String>,
}

/// What has come so far.
#[derive(Default)]
pub(crate) struct MessageDraft {
    answer: Answer,
    is_done: bool,
}

impl Draft for MessageDraft {
    fn add(&mut self, data: &[u8], sink: &mut DeltaSink<'_>) -> Result<Progress, Fault> {
        let answer = &mut self.answer;
        match serde_json::from_slice(data)? {
            Event::MessageStart { message } => {
                answer.id = message.id;
                answer.model = message.model.unwrap_or_default();
                answer.usage = message.usage.unwrap_or_default();
            }
            // Blocks come one after the other, so that what comes next is of the
            // last one.
            Event::ContentBlockStart { content_block } => {
                let block = Block::of(content_block);
                if let Block::Text(text) = &block
                    && !text.is_empty()
                {
                    sink(Delta::Text(text));
                }
                answer.blocks.push(block);
            }
            Event::ContentBlockDelta { delta } => add_delta(&mut answer.blocks, delta, sink),
            Event::MessageDelta { delta, usage } => {
                if delta.stop_reason.is_some() {
                    answer.stop_reason = delta.stop_reason;
                }
                if let Some(usage) = usage {
                    update(&mut answer.usage, usage);
                }
            }
            Event::MessageStop => {
                self.is_done = true;
                return Ok(Progress::Done);
            }
            Event::Error { error } => return Err(Fault::Reported(error)),
            Event::Other => {}
        }
        Ok(Progress::More)
    }

    fn finish(self) -> Option<LlmResponse> {
        let is_complete = self.is_done || self.answer.stop_reason.is_some();
        is_complete.then(|| self.answer.into_response())
    }
}

fn add_delta(blocks: &mut Vec<Block>, delta: BlockDelta, sink: &mut DeltaSink<'_>) {
    match (blocks.last_mut(), delta) {
        (Some(Block::Text(text)), BlockDelta::TextDelta { text: more }) => {
            text.push_str(&more);
            sink(Delta::Text(&more));
        }
        // Some servers do not say that a text begins; it must not be lost.
        (_, BlockDelta::TextDelta { text }) => {
            sink(Delta::Text(&text));
            blocks.push(Block::Text(text));
        }
        (Some(Block::ToolCall(call)), BlockDelta::InputJsonDelta { partial_json }) => {
            call.arguments.push_str(&partial_json);
        }
        (Some(Block::Reasoning(reasoning)), BlockDelta::ThinkingDelta { thinking }) => {
            reasoning.text.push_str(&thinking);
            if let Some(block) = &mut reasoning.block {
                extend(block, "thinking", &thinking);
            }
            sink(Delta::Reasoning(&thinking));
        }
        (Some(Block::Reasoning(reasoning)), BlockDelta::SignatureDelta { signature }) => {
            if let Some(block) = &mut reasoning.block {
                extend(block, "signature", &signature);
            }
        }
        _ => {}
    }
}

/// Adds `more` to the text of a field.
fn extend(block: &mut Value, field: &str, more: &str) {
    let Some(fields) = block.as_object_mut() else {
        return;
    };
    match fields.get_mut(field) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            fields.insert(field.to_owned(), more.into());
        }
    }
}

/// What the end says goes before what the beginning said.
fn update(usage: &mut WireUsage, end: WireUsage) {
    usage.input_tokens = end.input_tokens.or(usage.input_tokens);
    usage.output_tokens = end.output_tokens.or(usage.output_tokens);
    usage.cache_read_input_tokens = end
        .cache_read_input_tokens
        .or(usage.cache_read_input_tokens);
    usage.cache_creation_input_tokens = end
        .cache_creation_input_tokens
        .or(usage.cache_creation_input_tokens);
    usage.output_tokens_details = end.output_tokens_details.or(usage.output_tokens_details);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::FinishReason;

    #[test]
    fn a_text_that_never_began_is_not_lost() {
        let mut draft = MessageDraft::default();
        let mut told = String::new();
        let mut sink = |delta: Delta<'_>| {
            if let Delta::Text(text) = delta {
                told.push_str(text);
            }
        };
        for event in [
            json!({"type": "content_block_delta", "index": 0, "delta":
                {"type": "text_delta", "text": "Hel"}}),
            json!({"type": "content_block_delta", "index": 0, "delta":
                {"type": "text_delta", "text": "lo"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        ] {
            let added = draft.add(event.to_string().as_bytes(), &mut sink);
            assert!(added.is_ok());
        }
        let response = draft.finish().expect("an answer");
        assert_eq!((told.as_str(), response.text.as_str()), ("Hello", "Hello"));
    }

    #[test]
    fn a_message_is_put_together() {
        let events = [
            json!({"type": "message_start", "message": {"id": "msg_1", "model": "claude",
                "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block":
                {"type": "thinking", "thinking": "", "signature": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta":
                {"type": "thinking_delta", "thinking": "Hm."}}),
            json!({"type": "content_block_delta", "index": 0, "delta":
                {"type": "signature_delta", "signature": "abc"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "ping"}),
            json!({"type": "content_block_start", "index": 1, "content_block":
                {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 1, "delta":
                {"type": "text_delta", "text": "Hel"}}),
            json!({"type": "content_block_delta", "index": 1, "delta":
                {"type": "text_delta", "text": "lo"}}),
            json!({"type": "content_block_start", "index": 2, "content_block":
                {"type": "tool_use", "id": "c1", "name": "look", "input": {}}}),
            json!({"type": "content_block_delta", "index": 2, "delta":
                {"type": "input_json_delta", "partial_json": "{\"at\""}}),
            json!({"type": "content_block_delta", "index": 2, "delta":
                {"type": "input_json_delta", "partial_json": ":1}"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
                "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ];
        let mut draft = MessageDraft::default();
        let mut told = Vec::new();
        let mut progress = Progress::More;
        for event in events {
            let mut sink = |delta: Delta<'_>| told.push(format!("{delta:?}"));
            let added = draft.add(event.to_string().as_bytes(), &mut sink);
            progress = added.expect("readable");
        }
        assert_eq!(progress, Progress::Done);
        assert_eq!(
            told,
            [r#"Reasoning("Hm.")"#, r#"Text("Hel")"#, r#"Text("lo")"#]
        );
        let response = draft.finish().expect("complete");
        assert_eq!(response.text, "Hello");
        assert_eq!(response.tool_calls[0].arguments, r#"{"at":1}"#);
        let block = json!({"type": "thinking", "thinking": "Hm.", "signature": "abc"});
        assert_eq!(response.reasoning[0].block, Some(block));
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        assert_eq!(
            (response.usage.input_tokens, response.usage.output_tokens),
            (7, 9)
        );
    }

    #[test]
    fn a_half_message_is_none_and_an_error_is_one() {
        let start = br#"{"type":"message_start","message":{"usage":null}}"#;
        let mut draft = MessageDraft::default();
        draft.add(start, &mut |_: Delta<'_>| {}).expect("readable");
        let error = br#"{"type":"error","error":{"type":"overloaded_error"}}"#;
        let fault = draft.add(error, &mut |_: Delta<'_>| {});
        assert!(matches!(fault, Err(Fault::Reported(_))));
        assert_eq!(draft.finish(), None);
    }
}
