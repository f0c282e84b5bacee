//! A message in pieces: blocks that begin, grow and end.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::reply::{around, ending, tool_use, usage_json};
use super::signature::sign;
use crate::simulated_server::pieces::Pieces;
use crate::simulated_server::wire_format::{Reply, event, words};

/// The answer in pieces, a word each.
pub(super) fn pieces(reply: &Reply<'_>) -> Pieces {
    let response = reply.response;
    let mut begun = around(reply);
    begun["usage"] = json!({"input_tokens": usage_json(reply)["input_tokens"], "output_tokens": 1});
    let mut pieces = Pieces::default();
    pieces.add(named("message_start", json!({"message": begun})));
    pieces.add(named("ping", json!({})));
    let mut blocks = Blocks {
        pieces: &mut pieces,
        index: 0,
    };
    if let Some(thoughts) = reply.thoughts() {
        let block = json!({"type": "thinking", "thinking": "", "signature": ""});
        blocks.add(&block, |deltas| {
            for word in words(thoughts) {
                deltas.add_word(&json!({"type": "thinking_delta", "thinking": word}));
            }
            deltas.add(&json!({"type": "signature_delta", "signature": sign(thoughts)}));
        });
    }
    if !response.text.is_empty() {
        blocks.add(&json!({"type": "text", "text": ""}), |deltas| {
            for word in words(&response.text) {
                deltas.add_word(&json!({"type": "text_delta", "text": word}));
            }
        });
    }
    for call in &response.tool_calls {
        blocks.add(&tool_use(call), |deltas| {
            deltas.add(&json!({"type": "input_json_delta", "partial_json": ""}));
            for word in words(&call.arguments) {
                deltas.add_word(&json!({"type": "input_json_delta", "partial_json": word}));
            }
        });
    }
    let [reason, sequence] = ending(reply).map(|(_, value)| value);
    pieces.add(named(
        "message_delta",
        json!({
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": usage_json(reply),
        }),
    ));
    pieces.add(named("message_stop", json!({})));
    pieces
}

/// The blocks of a message.
struct Blocks<'p> {
    pieces: &'p mut Pieces,
    index: u32,
}

/// What the block that was begun grows by.
struct Deltas<'p> {
    pieces: &'p mut Pieces,
    index: u32,
}

impl Blocks<'_> {
    fn add(&mut self, block: &Value, grow: impl FnOnce(&mut Deltas<'_>)) {
        let start = json!({"index": self.index, "content_block": block});
        self.pieces.add(named("content_block_start", start));
        grow(&mut Deltas {
            pieces: self.pieces,
            index: self.index,
        });
        let stop = json!({"index": self.index});
        self.pieces.add(named("content_block_stop", stop));
        self.index += 1;
    }
}

impl Deltas<'_> {
    fn event(&self, delta: &Value) -> Bytes {
        named(
            "content_block_delta",
            json!({"index": self.index, "delta": delta}),
        )
    }

    fn add(&mut self, delta: &Value) {
        let event = self.event(delta);
        self.pieces.add(event);
    }

    fn add_word(&mut self, delta: &Value) {
        let event = self.event(delta);
        self.pieces.add_word(event);
    }
}

fn named(kind: &str, mut data: Value) -> Bytes {
    data["type"] = kind.into();
    event(Some(kind), &data)
}
