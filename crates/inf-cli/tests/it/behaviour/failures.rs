//! Failures, and whether the same request may succeed later.

use std::sync::Arc;

use inf_engine::clients::{ClientError, ClientErrorKind, Delta, LlmRequest, OutputSchema, Retry};
use serde_json::json;

use super::provider::Feature;
use super::requests::{BROKEN_OFF, plain};
use super::subject::{Asked, Scene, Subject};

/// The errors of a call whose answer comes as a whole and of one that streams.
async fn both(client: &Asked, request: &LlmRequest) -> [ClientError; 2] {
    let sent = client.send(request).await;
    let mut sink = |_: Delta<'_>| {};
    let streamed = client.stream(request, &mut sink).await;
    [sent, streamed].map(|answer| answer.expect_err("an error"))
}

pub(super) async fn a_failing_server_may_be_asked_again(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Failing) else {
        return;
    };
    for error in both(&client, &plain()).await {
        assert_eq!(error.kind, ClientErrorKind::Server, "{error}");
        assert_eq!(error.retry, Retry::Transient, "{error}");
        if subject.has(Feature::Connection) && subject.is_simulated() {
            assert!(error.message.contains("500"), "{error}");
            assert!(error.message.contains("internal error"), "{error}");
            let names_request = error.message.contains("(request sim-unanswered-");
            assert_eq!(names_request, subject.has(Feature::Identifiers), "{error}");
        }
    }
}

pub(super) async fn an_unknown_model_is_a_mistake(subject: &Subject) {
    let Some(client) = subject.ask_for_unknown_model() else {
        return;
    };
    for error in both(&client, &plain()).await {
        assert_eq!(error.kind, ClientErrorKind::Refused, "{error}");
        assert_eq!(error.retry, Retry::Never, "{error}");
        let words = "there is no model `unheard-of` here; this server has `checked`";
        assert!(error.message.contains(words), "{error}");
    }
}

pub(super) async fn a_bad_request_is_a_mistake(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo).filter(|_| subject.is_simulated()) else {
        return;
    };
    let mut impossible = plain();
    impossible.output_schema = Some(Arc::new(OutputSchema {
        name: "Never".to_owned(),
        schema: json!({"type": "object", "properties": {"a": false}, "required": ["a"]}),
    }));
    for error in both(&client, &impossible).await {
        assert_eq!(error.kind, ClientErrorKind::Refused, "{error}");
        assert_eq!(error.retry, Retry::Never, "{error}");
        assert!(error.message.contains("it allows nothing"), "{error}");
    }
}

pub(super) async fn a_cut_connection_may_be_tried_again(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Breaking) else {
        return;
    };
    let error = client.send(&plain()).await.expect_err("an error");
    assert_eq!(error.kind, ClientErrorKind::Unreachable, "{error}");
    assert_eq!(error.retry, Retry::Transient, "{error}");
}

pub(super) async fn a_cut_stream_is_no_answer(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Breaking) else {
        return;
    };
    let mut sink = |_: Delta<'_>| {};
    let answer = client.stream(&plain(), &mut sink).await;
    let error = answer.expect_err("an error");
    assert_eq!(error.retry, Retry::Transient, "{error}");
    assert_eq!(error.kind, ClientErrorKind::Unreachable, "{error}");
}

pub(super) async fn a_stream_that_breaks_off_is_no_answer(subject: &Subject) {
    let Some(client) = subject.ask(Scene::BreakingOff) else {
        return;
    };
    let request = LlmRequest::from_prompt(BROKEN_OFF);
    let mut pieces = 0;
    let mut sink = |_: Delta<'_>| pieces += 1;
    let answer = client.stream(&request, &mut sink).await;
    let error = answer.expect_err("an error");
    assert_eq!(error.retry, Retry::Transient, "{error}");
    assert!(pieces > 0, "{error}");
}

pub(super) async fn a_garbled_answer_is_no_answer(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Garbling) else {
        return;
    };
    for error in both(&client, &plain()).await {
        assert_eq!(error.kind, ClientErrorKind::MalformedReply, "{error}");
        assert_eq!(error.retry, Retry::Transient, "{error}");
    }
}

pub(super) async fn too_long_a_request_is_a_mistake(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Small) else {
        return;
    };
    let request = LlmRequest::from_prompt("word ".repeat(10_000));
    for error in both(&client, &request).await {
        assert_eq!(error.kind, ClientErrorKind::Refused, "{error}");
        assert_eq!(error.retry, Retry::Never, "{error}");
    }
}
