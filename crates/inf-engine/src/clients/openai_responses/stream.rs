//! A response that comes in pieces.
//!
//! Events: <https://platform.openai.com/docs/api-reference/responses-streaming>.

use serde::Deserialize;
use serde_json::{Value, json};

use super::response::WireResponse;
use crate::clients::http::{Draft, Fault, Progress};
use crate::clients::{Delta, DeltaSink, LlmResponse};

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(
        rename = "response.output_text.delta",
        alias = "response.refusal.delta"
    )]
    Text { delta: String },
    #[serde(
        rename = "response.reasoning_summary_text.delta",
        alias = "response.reasoning_text.delta"
    )]
    Reasoning { delta: String },
    #[serde(rename = "response.output_item.done")]
    ItemDone { item: Value },
    #[serde(
        rename = "response.completed",
        alias = "response.incomplete",
        alias = "response.failed",
        alias = "response.cancelled"
    )]
    End { response: WireResponse },
    #[serde(rename = "error")]
    Error {
        #[serde(default)]
        error: Option<Value>,
        #[serde(default)]
        code: Option<Value>,
        #[serde(default)]
        message: Option<Value>,
    },
    /// What is only of use to a screen, and what is not known yet.
    #[serde(other)]
    Other,
}

/// What has come so far. The end repeats the whole response, so that pieces are
/// only passed on.
#[derive(Default)]
pub(crate) struct ResponseDraft {
    /// For servers whose end is without what was said.
    items: Vec<Value>,
    end: Option<WireResponse>,
}

impl Draft for ResponseDraft {
    fn add(&mut self, data: &[u8], sink: &mut DeltaSink<'_>) -> Result<Progress, Fault> {
        // Of the format's predecessor, and sent by some gateways all the same.
        if data.trim_ascii() == b"[DONE]" {
            return Ok(Progress::Done);
        }
        match serde_json::from_slice(data)? {
            Event::Text { delta } if !delta.is_empty() => sink(Delta::Text(&delta)),
            Event::Reasoning { delta } if !delta.is_empty() => sink(Delta::Reasoning(&delta)),
            Event::ItemDone { item } => self.items.push(item),
            Event::End { mut response } => {
                if let Some(error) = response.failure() {
                    return Err(Fault::Reported(error));
                }
                self.end = Some(response);
                return Ok(Progress::Done);
            }
            Event::Error {
                error,
                code,
                message,
            } => {
                let error = error.unwrap_or_else(|| json!({"code": code, "message": message}));
                return Err(Fault::Reported(error));
            }
            Event::Text { .. } | Event::Reasoning { .. } | Event::Other => {}
        }
        Ok(Progress::More)
    }

    fn finish(self) -> Option<LlmResponse> {
        let mut end = self.end?;
        if end.output.as_ref().is_none_or(Vec::is_empty) {
            end.output = Some(self.items);
        }
        Some(end.into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::FinishReason;

    fn add(draft: &mut ResponseDraft, event: &Value) -> Result<(Progress, String), Fault> {
        let mut told = String::new();
        let mut sink = |delta: Delta<'_>| match delta {
            Delta::Text(text) => told.push_str(text),
            Delta::Reasoning(text) => told.extend(["(", text, ")"]),
        };
        let progress = draft.add(event.to_string().as_bytes(), &mut sink)?;
        Ok((progress, told))
    }

    #[test]
    fn an_answer_is_put_together() {
        let message = json!({"type": "message", "content": [
            {"type": "output_text", "text": "Hello"}]});
        // With what was said at the end, and without.
        for output in [json!([message]), json!([])] {
            let mut draft = ResponseDraft::default();
            let mut told = String::new();
            for event in [
                json!({"type": "response.created", "response": {"status": "in_progress"}}),
                json!({"type": "response.reasoning_summary_text.delta", "delta": "Hm."}),
                json!({"type": "response.output_text.delta", "delta": "Hel"}),
                json!({"type": "response.output_text.delta", "delta": "lo"}),
                json!({"type": "response.output_text.done", "text": "Hello"}),
                json!({"type": "response.output_item.done", "item": message}),
            ] {
                let (progress, more) = add(&mut draft, &event).expect("readable");
                assert_eq!(progress, Progress::More);
                told.push_str(&more);
            }
            let end = json!({"type": "response.completed", "response":
                {"status": "completed", "output": output, "usage": {"output_tokens": 2}}});
            let (progress, _) = add(&mut draft, &end).expect("readable");
            assert_eq!((progress, &*told), (Progress::Done, "(Hm.)Hello"));
            let response = draft.finish().expect("complete");
            assert_eq!(
                (&*response.text, response.usage.output_tokens),
                ("Hello", 2)
            );
            assert_eq!(response.finish_reason, FinishReason::Stop);
        }
    }

    #[test]
    fn a_half_answer_is_none_and_an_error_is_one() {
        for error in [
            json!({"type": "error", "code": "server_error", "message": "m", "param": null}),
            json!({"type": "error", "error": {"message": "m"}}),
            json!({"type": "response.failed", "response":
                {"status": "failed", "error": {"code": "server_error", "message": "m"}}}),
        ] {
            let mut draft = ResponseDraft::default();
            let half = json!({"type": "response.output_text.delta", "delta": "Hel"});
            add(&mut draft, &half).expect("readable");
            assert!(matches!(add(&mut draft, &error), Err(Fault::Reported(_))));
            assert_eq!(draft.finish(), None);
        }
    }
}
