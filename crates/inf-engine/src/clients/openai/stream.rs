//! A chat completion that comes in pieces.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::Value;

use super::response::{Answer, Content, WireThoughts, WireUsage, arguments};
use crate::clients::http::{Draft, Fault, Progress};
use crate::clients::{Delta, DeltaSink, LlmResponse, ToolCall};

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Option<Vec<ChunkChoice>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<Value>,
    /// `error` if the piece as a whole is one (vLLM).
    #[serde(default)]
    object: Option<String>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    delta: Option<ChunkDelta>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct ChunkDelta {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ChunkCall>>,
    /// Field by field: flattening would copy every answer.
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    reasoning_details: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct ChunkCall {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<ChunkFunction>,
}

#[derive(Deserialize)]
struct ChunkFunction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Value,
}

/// What has come so far.
#[derive(Default)]
pub(crate) struct ChatDraft {
    answer: Answer,
    /// Where the call of each index is.
    calls: FxHashMap<u64, usize>,
    is_done: bool,
}

impl Draft for ChatDraft {
    fn add(&mut self, data: &[u8], sink: &mut DeltaSink<'_>) -> Result<Progress, Fault> {
        if data.trim_ascii() == b"[DONE]" {
            self.is_done = true;
            return Ok(Progress::Done);
        }
        let chunk: Chunk = serde_json::from_slice(data)?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Fault::Reported(error));
        }
        if chunk.object.as_deref() == Some("error") {
            return Err(Fault::Reported(serde_json::from_slice(data)?));
        }
        let answer = &mut self.answer;
        answer.id = answer.id.take().or(chunk.id);
        if let Some(model) = chunk.model.filter(|_| answer.model.is_empty()) {
            answer.model = model;
        }
        if chunk.usage.is_some() {
            answer.usage = chunk.usage;
        }
        for choice in chunk.choices.unwrap_or_default() {
            // A second answer, which only extra fields can have asked for.
            if choice.index != 0 {
                continue;
            }
            if let Some(error) = choice.error.filter(|error| !error.is_null()) {
                return Err(Fault::Reported(error));
            }
            if let Some(delta) = choice.delta {
                self.add_delta(delta, sink);
            }
            if choice.finish_reason.is_some() {
                self.answer.finish_reason = choice.finish_reason;
            }
        }
        Ok(Progress::More)
    }

    /// Complete with the word for it, or with the reason why the model stopped:
    /// some servers just end after that.
    fn finish(self) -> Option<LlmResponse> {
        let is_complete = self.is_done || self.answer.finish_reason.is_some();
        is_complete.then(|| self.answer.into_response())
    }
}

impl ChatDraft {
    fn add_delta(&mut self, delta: ChunkDelta, sink: &mut DeltaSink<'_>) {
        let thought = self.answer.thoughts.add(WireThoughts {
            reasoning_content: delta.reasoning_content,
            reasoning: delta.reasoning,
            reasoning_details: delta.reasoning_details,
        });
        tell(Delta::Reasoning(&thought), sink);
        if let Some(content) = delta.content {
            let (text, thought) = self.answer.add_content(content);
            tell(Delta::Reasoning(&thought), sink);
            tell(Delta::Text(&text), sink);
        }
        if let Some(refusal) = delta.refusal {
            self.answer.refusal.push_str(&refusal);
            tell(Delta::Text(&refusal), sink);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.add_call(call);
        }
    }

    /// Pieces of one call have its index; where a server leaves it out, a piece
    /// with a name begins a call.
    fn add_call(&mut self, call: ChunkCall) {
        let calls = &mut self.answer.tool_calls;
        let (name, more) = match call.function {
            Some(function) => (
                function.name.unwrap_or_default(),
                arguments(function.arguments),
            ),
            None => (String::new(), String::new()),
        };
        let known = match call.index {
            Some(index) => self.calls.get(&index).copied(),
            None if name.is_empty() => calls.len().checked_sub(1),
            None => None,
        };
        if let Some(known) = known.and_then(|at| calls.get_mut(at)) {
            // Some servers repeat the name with every piece.
            if known.name.is_empty() {
                known.name = name;
            }
            if known.id.is_empty() {
                known.id = call.id.unwrap_or_default();
            }
            known.arguments.push_str(&more);
            return;
        }
        if let Some(index) = call.index {
            self.calls.insert(index, calls.len());
        }
        calls.push(ToolCall {
            id: call.id.unwrap_or_default(),
            name,
            arguments: more,
        });
    }
}

fn tell(delta: Delta<'_>, sink: &mut DeltaSink<'_>) {
    let (Delta::Text(text) | Delta::Reasoning(text)) = delta;
    if !text.is_empty() {
        sink(delta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::FinishReason;

    /// What comes of pieces, and what was told of them.
    fn read(pieces: &[&str]) -> (Option<LlmResponse>, String) {
        let mut draft = ChatDraft::default();
        let mut told = String::new();
        for piece in pieces {
            let mut sink = |delta: Delta<'_>| match delta {
                Delta::Text(text) => told.push_str(text),
                Delta::Reasoning(text) => told.extend(["(", text, ")"]),
            };
            draft.add(piece.as_bytes(), &mut sink).expect("readable");
        }
        (draft.finish(), told)
    }

    #[test]
    fn an_answer_is_put_together() {
        let (response, told) = read(&[
            r#"{"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"reasoning_content":"Hm."}}],"usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            "[DONE]",
        ]);
        let response = response.expect("complete");
        assert_eq!((&*response.text, &*told), ("Hello", "(Hm.)Hello"));
        assert_eq!(response.reasoning[0].text, "Hm.");
        assert_eq!(response.finish_reason, FinishReason::Stop);
        assert_eq!(
            (response.usage.input_tokens, response.usage.output_tokens),
            (3, 2)
        );
        assert_eq!((&*response.model, response.id.as_deref()), ("m", Some("1")));
    }

    #[test]
    fn tool_calls_are_put_together() {
        let (response, _) = read(&[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        ]);
        let calls = response.expect("complete").tool_calls;
        let calls: Vec<_> = calls
            .iter()
            .map(|call| (&*call.id, &*call.name, &*call.arguments))
            .collect();
        assert_eq!(calls, [("a", "f", r#"{"x":1}"#), ("b", "g", "{}")]);
    }

    #[test]
    fn without_an_end_it_is_no_answer() {
        let half = r#"{"choices":[{"delta":{"content":"Hel"}}]}"#;
        assert_eq!(read(&[half]).0, None);
        assert_eq!(read(&[]).0, None);
        assert!(read(&[half, "[DONE]"]).0.is_some());
    }

    #[test]
    fn an_error_in_the_middle_is_one() {
        for piece in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"object":"error","message":"m","code":400}"#,
            r#"{"choices":[{"error":{"message":"m"}}]}"#,
        ] {
            let fault = ChatDraft::default().add(piece.as_bytes(), &mut |_: Delta<'_>| {});
            assert!(matches!(fault, Err(Fault::Reported(_))), "{piece}");
        }
    }
}
