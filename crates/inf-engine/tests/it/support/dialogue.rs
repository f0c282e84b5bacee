//! A provider in process that sees whole requests, and can give its answers in
//! pieces.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{
    ClientError, Delta, DeltaSink, FinishReason, LlmClient, LlmFuture, LlmRequest, LlmResponse,
    Usage,
};
use inf_engine::conversation::ToolCall;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use tokio::time::sleep;

type Answered = (Duration, Result<LlmResponse, ClientError>);
type Answers = dyn Fn(&LlmRequest, usize) -> Answered + Send + Sync;

/// What it answers, and when, follows from the request and how many it had
/// before.
pub(crate) struct Dialogue {
    asked: Mutex<Vec<LlmRequest>>,
    answers: Box<Answers>,
}

impl Dialogue {
    pub(crate) fn new(
        answers: impl Fn(&LlmRequest, usize) -> Answered + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            answers: Box::new(answers),
        })
    }

    /// Gives these answers one after the other, each after a second, and then
    /// the last one again.
    pub(crate) fn script(answers: impl IntoIterator<Item = LlmResponse>) -> Arc<Self> {
        let answers: Vec<_> = answers.into_iter().collect();
        Self::new(move |_, place| {
            let answer = answers[place.min(answers.len() - 1)].clone();
            (Duration::from_secs(1), Ok(answer))
        })
    }

    pub(crate) fn asked(&self) -> Vec<LlmRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// Resources in which it is `a`, with `most` calls at once.
    pub(crate) fn resources(self: &Arc<Self>, most: usize) -> Arc<ResourceManager> {
        let client: Arc<dyn LlmClient> = Arc::<Self>::clone(self);
        let resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
        Arc::new(resources.with_client("a", client, most))
    }

    fn ask(&self, request: &LlmRequest) -> Answered {
        let mut asked = self.asked.lock().unwrap();
        asked.push(request.clone());
        (self.answers)(request, asked.len() - 1)
    }
}

impl LlmClient for Dialogue {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        let (took, answer) = self.ask(request);
        Box::pin(async move {
            sleep(took).await;
            answer
        })
    }

    /// A piece is a word, and all take equally long; what fails does so after
    /// half of the text of `message`.
    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        let (took, answer) = self.ask(request);
        Box::pin(async move {
            let text = match &answer {
                Ok(response) => &response.text,
                Err(error) => &error.message,
            };
            let words: Vec<&str> = text.split_inclusive(' ').collect();
            let count = if answer.is_ok() {
                words.len()
            } else {
                words.len() / 2
            };
            for word in &words[..count] {
                sleep(took / u32::try_from(words.len()).unwrap()).await;
                sink(Delta::Text(word));
            }
            if words.is_empty() {
                sleep(took).await;
            }
            answer
        })
    }
}

/// An answer of one token.
pub(crate) fn says(text: &str) -> LlmResponse {
    let mut answer = LlmResponse::from_text(text);
    answer.usage = Usage::new(10, 1);
    answer
}

/// An answer that calls tools, each with its arguments.
pub(crate) fn calls(tools: &[(&str, &str)]) -> LlmResponse {
    let calls = tools
        .iter()
        .enumerate()
        .map(|(place, (name, arguments))| ToolCall {
            id: format!("id-{place}"),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
        });
    let mut response = says("");
    response.tool_calls = calls.collect();
    response.finish_reason = FinishReason::ToolCalls;
    response
}

/// The last message of a request, as its role and its text or its tools'
/// results.
pub(crate) fn last_of(request: &LlmRequest) -> String {
    use inf_engine::conversation::Part;
    let last = request.messages.last().unwrap();
    let parts = last.parts.iter().map(|part| match part {
        Part::Text(text) => text.to_string(),
        Part::ToolResult(result) => {
            let failed = if result.is_error { " failed" } else { "" };
            format!("{}{failed} {}", result.call_id, result.content)
        }
        other => format!("{other:?}"),
    });
    let parts = parts.collect::<Vec<_>>().join("; ");
    format!("{}: {parts}", last.role.as_str())
}
