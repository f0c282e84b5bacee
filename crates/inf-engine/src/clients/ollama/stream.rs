//! A chat that comes in pieces, a line each.

use super::response::{Answer, WireChat};
use crate::clients::http::{Draft, Fault, Progress};
use crate::clients::{Delta, DeltaSink, LlmResponse};

/// What has come so far.
#[derive(Default)]
pub(crate) struct ChatDraft {
    answer: Answer,
}

impl Draft for ChatDraft {
    fn add(&mut self, data: &[u8], sink: &mut DeltaSink<'_>) -> Result<Progress, Fault> {
        let mut chat: WireChat = serde_json::from_slice(data)?;
        if let Some(error) = chat.error.take().filter(|error| !error.is_null()) {
            return Err(Fault::Reported(error));
        }
        let (text, thoughts) = self.answer.add(chat);
        if !thoughts.is_empty() {
            sink(Delta::Reasoning(&thoughts));
        }
        if !text.is_empty() {
            sink(Delta::Text(&text));
        }
        Ok(if self.answer.is_done {
            Progress::Done
        } else {
            Progress::More
        })
    }

    fn finish(self) -> Option<LlmResponse> {
        self.answer.is_done.then(|| self.answer.into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_put_together() {
        let mut draft = ChatDraft::default();
        let mut told = Vec::new();
        for piece in [
            r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"Hm."},"done":false}"#,
            r#"{"model":"m","message":{"content":"Hel"},"done":false}"#,
            r#"{"model":"m","message":{"content":"lo"},"done":false}"#,
            r#"{"model":"m","message":{"content":""},"done":true,"done_reason":"stop","eval_count":2}"#,
        ] {
            let mut sink = |delta: Delta<'_>| told.push(format!("{delta:?}"));
            draft.add(piece.as_bytes(), &mut sink).expect("readable");
        }
        assert_eq!(
            told,
            [r#"Reasoning("Hm.")"#, r#"Text("Hel")"#, r#"Text("lo")"#]
        );
        let response = draft.finish().expect("complete");
        assert_eq!(
            (&*response.text, response.usage.output_tokens),
            ("Hello", 2)
        );
    }

    #[test]
    fn a_half_answer_is_none_and_an_error_is_one() {
        let mut draft = ChatDraft::default();
        let half = br#"{"message":{"content":"Hel"},"done":false}"#;
        draft.add(half, &mut |_: Delta<'_>| {}).expect("readable");
        let fault = draft.add(br#"{"error":"m"}"#, &mut |_: Delta<'_>| {});
        assert!(matches!(fault, Err(Fault::Reported(_))));
        assert_eq!(draft.finish(), None);
    }
}
