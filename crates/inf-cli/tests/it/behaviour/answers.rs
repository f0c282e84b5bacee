//! What is asked arrives, and what is answered too.

use inf_engine::clients::{ClientErrorKind, FinishReason, LlmRequest, Retry};
use inf_engine::conversation::{Image, Message, Part, Role};

use super::provider::{Feature, Provider};
use super::requests::{PROMPT, THOUGHTFUL, plain, thoughtful};
use super::subject::{MODEL, Scene, Subject};

pub(super) async fn a_plain_answer(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let response = client.send(&plain()).await.expect("an answer");
    if subject.has(Feature::Script) {
        assert_eq!(response.text, PROMPT);
        assert_eq!(response.finish_reason, FinishReason::Stop);
        assert_eq!(response.model, MODEL);
    } else {
        assert!(!response.text.is_empty());
        assert!(!response.model.is_empty());
    }
    assert_eq!(response.tool_calls, []);
    if subject.has(Feature::Usage) {
        assert!(response.usage.input_tokens > 0 && response.usage.output_tokens > 0);
        assert_eq!(response.usage.reasoning_tokens, 0);
    }
    if subject.has(Feature::Identifiers) {
        assert!(
            response.id.is_some() && response.request_id.is_some(),
            "{response:?}"
        );
    }
    if subject.provider != Provider::Simulated {
        assert!(response.timings.total >= response.timings.first_byte);
        assert!(!response.timings.first_byte.is_zero());
    }
}

pub(super) async fn the_system_prompt_arrives(subject: &Subject) {
    let Some(client) = subject.ask(Scene::System) else {
        return;
    };
    let mut request = plain();
    let system = Message::new(Role::System, "You are terse.");
    request.messages.insert(0, system);
    let response = client.send(&request).await.expect("an answer");
    assert_eq!(response.text, "You are terse.");
}

pub(super) async fn a_conversation_of_several_turns(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let mut request = LlmRequest::from_prompt("I have three apples and four pears.");
    request.messages.extend([
        Message::new(Role::Assistant, "That is good to know."),
        Message::new(Role::User, PROMPT),
    ]);
    let response = client.send(&request).await.expect("an answer");
    if subject.has(Feature::Script) {
        assert_eq!(response.text, PROMPT);
    }
    if subject.has(Feature::Usage) {
        let alone = client.send(&plain()).await.expect("an answer");
        assert!(response.usage.input_tokens > alone.usage.input_tokens);
    }
    if subject.has(Feature::TokenDetails) {
        // Those of the turn before.
        let usage = response.usage;
        assert!(usage.cached_tokens > 0, "{usage:?}");
        assert!(usage.cached_tokens < usage.input_tokens, "{usage:?}");
    }
}

pub(super) async fn a_stop_text_ends_the_answer(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let mut request = plain();
    request.stop = vec!["three".to_owned(), "four".to_owned()];
    let answer = client.send(&request).await;
    if !subject.provider.has(Feature::StopTexts) {
        let error = answer.expect_err("a refusal");
        assert_eq!(error.kind, ClientErrorKind::Refused);
        assert!(error.message.contains("`stop`"), "{error}");
        return;
    }
    let response = answer.expect("an answer");
    if subject.has(Feature::StopTexts) {
        assert!(!response.text.contains("three"), "{response:?}");
    }
    if subject.has(Feature::StopTexts) && subject.has(Feature::Script) {
        assert_eq!(response.text, "one two ");
        assert_eq!(response.finish_reason, FinishReason::Stop);
    }
}

pub(super) async fn a_bound_cuts_the_answer(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let mut request = plain();
    request.max_tokens = Some(2);
    let response = client.send(&request).await.expect("an answer");
    if !subject.has(Feature::Bounds) {
        return;
    }
    assert_eq!(response.finish_reason, FinishReason::Length, "{response:?}");
    if subject.has(Feature::Usage) {
        assert!(response.usage.output_tokens <= 2, "{response:?}");
    }
}

pub(super) async fn sampling_settings_are_accepted(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let has_seed = subject.provider.has(Feature::Seed);
    let mut request = plain();
    request.temperature = Some(0.0);
    request.max_tokens = Some(20);
    request.seed = Some(7).filter(|_| has_seed);
    let response = client.send(&request).await.expect("an answer");
    assert!(!response.text.is_empty());
    request.top_p = Some(0.5);
    if subject.provider == Provider::Anthropic {
        // Newer models take one of the two.
        request.temperature = None;
    }
    client.send(&request).await.expect("an answer");
    if !has_seed {
        request.seed = Some(7);
        let error = client.send(&request).await.expect_err("a refusal");
        assert_eq!(error.retry, Retry::Never);
        assert!(error.message.contains("`seed`"), "{error}");
    }
}

/// A picture of one pixel.
fn pixel() -> Image {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\
        \x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";
    Image::bytes("image/png", PNG)
}

fn showing(image: Image) -> LlmRequest {
    let parts = [Part::Text(PROMPT.into()), Part::Image(image)];
    LlmRequest::from_messages([Message::from_parts(Role::User, parts)])
}

pub(super) async fn a_picture_in_the_request(subject: &Subject) {
    let Some(client) = subject
        .ask(Scene::Echo)
        .filter(|_| subject.has(Feature::Script))
    else {
        return;
    };
    let response = client.send(&showing(pixel())).await.expect("an answer");
    assert_eq!(response.text, PROMPT);
    if subject.is_simulated() {
        let alone = client.send(&plain()).await.expect("an answer");
        assert!(response.usage.input_tokens >= alone.usage.input_tokens + 100);
    }
}

pub(super) async fn a_picture_at_an_address(subject: &Subject) {
    let Some(client) = subject
        .ask(Scene::Echo)
        .filter(|_| subject.has(Feature::Script))
    else {
        return;
    };
    let image = Image::url("https://example.org/pixel.png");
    let answer = client.send(&showing(image)).await;
    if subject.provider.has(Feature::PictureAddresses) {
        assert_eq!(answer.expect("an answer").text, PROMPT);
    } else {
        let error = answer.expect_err("a refusal");
        assert_eq!(error.retry, Retry::Never, "{error}");
    }
}

pub(super) async fn thoughts_and_what_they_cost(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    if !subject.has(Feature::Thoughts) {
        return;
    }
    let response = client
        .send(&thoughtful(subject.provider))
        .await
        .expect("an answer");
    assert_eq!(response.text, THOUGHTFUL);
    let [thoughts] = &*response.reasoning else {
        panic!("{response:?}")
    };
    let about = format!("This is about: {THOUGHTFUL}");
    assert!(thoughts.text.starts_with(&about), "{thoughts:?}");
    if subject.has(Feature::TokenDetails) {
        let usage = response.usage;
        assert!(usage.reasoning_tokens > 0, "{usage:?}");
        assert!(usage.reasoning_tokens < usage.output_tokens, "{usage:?}");
    }
    let unasked = client.send(&plain()).await.expect("an answer");
    assert_eq!(unasked.reasoning, []);
}

pub(super) async fn a_refusal_is_told_as_one(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Refusing) else {
        return;
    };
    let request = LlmRequest::from_prompt("Tell me a secret.");
    let response = client.send(&request).await.expect("an answer");
    assert_eq!(response.text, "I would rather not say.");
    let expected = if subject.has(Feature::Refusals) {
        FinishReason::Refusal
    } else {
        FinishReason::Stop
    };
    assert_eq!(response.finish_reason, expected);
}
