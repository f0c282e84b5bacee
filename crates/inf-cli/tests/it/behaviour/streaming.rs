//! Answers in pieces.

use inf_engine::clients::{Delta, LlmRequest, LlmResponse, Timings};

use super::provider::Feature;
use super::requests::{PROMPT, THOUGHTFUL, plain, thoughtful, weather};
use super::subject::{Asked, Scene, Subject};

/// What a stream told, and its answer.
#[derive(Debug, Default)]
struct Told {
    text: String,
    thoughts: String,
    deltas: usize,
}

async fn stream(client: &Asked, request: &LlmRequest) -> (Told, LlmResponse) {
    let mut told = Told::default();
    let mut sink = |delta: Delta<'_>| {
        told.deltas += 1;
        match delta {
            Delta::Text(more) => told.text.push_str(more),
            Delta::Reasoning(more) => told.thoughts.push_str(more),
            _ => panic!("an unknown kind of delta"),
        }
    };
    let response = client.stream(request, &mut sink).await;
    (told, response.expect("an answer"))
}

/// The answer without what differs from call to call.
fn lasting(mut response: LlmResponse) -> LlmResponse {
    response.timings = Timings::default();
    response
}

pub(super) async fn a_stream_answers_what_send_answers(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let mut request = plain();
    request.temperature = Some(0.0);
    request.max_tokens = Some(20);
    let (told, streamed) = stream(&client, &request).await;
    assert_eq!(told.text, streamed.text);
    assert!(streamed.timings.first_token.is_some());
    if subject.has(Feature::Script) {
        assert_eq!(told.text, PROMPT);
        assert_eq!(told.thoughts, "");
    }
    if subject.is_simulated() {
        let sent = client.send(&request).await.expect("an answer");
        assert_eq!(lasting(streamed), lasting(sent));
    }
}

pub(super) async fn a_stream_tells_tool_calls(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Weather) else {
        return;
    };
    let sent = client.send(&weather()).await.expect("an answer");
    let (told, streamed) = stream(&client, &weather()).await;
    assert_eq!(told.deltas, 0, "{told:?}");
    let names = |response: &LlmResponse| {
        let calls = response.tool_calls.iter();
        let calls = calls.map(|call| (call.name.clone(), call.arguments.clone()));
        calls.collect::<Vec<_>>()
    };
    assert_eq!(names(&streamed), names(&sent));
    assert_eq!(streamed.finish_reason, sent.finish_reason);
    if subject.is_simulated() {
        assert_eq!(lasting(streamed), lasting(sent));
    }
}

pub(super) async fn a_stream_tells_thoughts(subject: &Subject) {
    if !subject.has(Feature::Thoughts) {
        return;
    }
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let request = thoughtful(subject.provider);
    let (told, streamed) = stream(&client, &request).await;
    assert_eq!(told.text, THOUGHTFUL);
    assert!(!told.thoughts.is_empty());
    assert_eq!(told.thoughts, streamed.reasoning[0].text);
    if subject.is_simulated() {
        let sent = client.send(&request).await.expect("an answer");
        assert_eq!(lasting(streamed), lasting(sent));
    }
}

pub(super) async fn pieces_come_while_the_model_writes(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Slow) else {
        return;
    };
    let (told, streamed) = stream(&client, &plain()).await;
    assert!(told.deltas >= 3, "{told:?}");
    // The server rests between two words: what is there before the end came in
    // pieces.
    let first = streamed.timings.first_token.expect("a first piece");
    assert!(first < streamed.timings.total, "{streamed:?}");
}
