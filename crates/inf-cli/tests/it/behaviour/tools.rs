//! Tools: calls go out, results come back.

use inf_engine::clients::{FinishReason, LlmResponse, Retry};
use inf_engine::conversation::{ReasoningEffort, ToolChoice};
use serde_json::{Value as Json, json};

use super::provider::{Feature, Provider};
use super::requests::{weather, with_results};
use super::subject::{Scene, Subject};

/// The arguments of the calls of a response.
fn arguments(response: &LlmResponse) -> Vec<Json> {
    let calls = response.tool_calls.iter();
    let calls = calls.map(|call| {
        assert_eq!(call.name, "get_weather");
        serde_json::from_str(&call.arguments).expect("JSON")
    });
    calls.collect()
}

pub(super) async fn a_tool_is_called_and_its_result_comes_back(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Weather) else {
        return;
    };
    let called = client.send(&weather()).await.expect("an answer");
    assert_eq!(called.finish_reason, FinishReason::ToolCalls, "{called:?}");
    let results = [("sunny, 25 degrees", false), ("rainy, 15 degrees", false)];
    let request = with_results(weather(), &called, &results);
    let response = client.send(&request).await.expect("an answer");
    assert_eq!(response.finish_reason, FinishReason::Stop);
    assert_eq!(response.tool_calls, []);
    for (result, _) in results {
        assert!(response.text.contains(result), "{response:?}");
    }
}

pub(super) async fn several_calls_of_one_turn(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Weather) else {
        return;
    };
    let called = client.send(&weather()).await.expect("an answer");
    let expected = [
        json!({"city": "Paris"}),
        json!({"city": "Rome", "days": [1, 2]}),
    ];
    assert_eq!(arguments(&called), expected);
    let [first, second] = &*called.tool_calls else {
        panic!("{called:?}")
    };
    assert_ne!(first.id, second.id);
    assert!(!first.id.is_empty() && !second.id.is_empty());
}

pub(super) async fn a_tool_that_failed(subject: &Subject) {
    let Some(client) = subject.ask(Scene::Weather) else {
        return;
    };
    let called = client.send(&weather()).await.expect("an answer");
    let results = [("no such city", true), ("rainy", false)];
    let request = with_results(weather(), &called, &results);
    let response = client.send(&request).await.expect("an answer");
    assert!(response.text.contains("no such city"), "{response:?}");
    if subject.has(Feature::FailedResults) {
        let told = "get_weather failed: no such city; get_weather gave rainy";
        assert!(response.text.contains(told), "{response:?}");
    }
}

pub(super) async fn a_tool_is_required(subject: &Subject) {
    if !subject.obeys_tool_choice() {
        return;
    }
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    for tool_choice in [
        ToolChoice::Required,
        ToolChoice::Tool("get_weather".to_owned()),
    ] {
        let mut request = weather();
        request.tool_choice = tool_choice;
        let answer = client.send(&request).await;
        if !subject.provider.has(Feature::ToolChoice) {
            let error = answer.expect_err("a refusal");
            assert_eq!(error.retry, Retry::Never, "{error}");
            continue;
        }
        let response = answer.expect("an answer");
        assert_eq!(response.finish_reason, FinishReason::ToolCalls);
        let [arguments] = &*arguments(&response) else {
            panic!("{response:?}")
        };
        assert!(arguments["city"].is_string(), "{arguments}");
    }
}

pub(super) async fn no_tool_is_wanted(subject: &Subject) {
    if !subject.obeys_tool_choice() {
        return;
    }
    let Some(client) = subject.ask(Scene::Echo) else {
        return;
    };
    let mut request = weather();
    request.tool_choice = ToolChoice::Never;
    request.max_tokens = Some(50);
    let response = client.send(&request).await.expect("an answer");
    assert_eq!(response.tool_calls, []);
}

pub(super) async fn thoughts_before_a_call_go_back_unchanged(subject: &Subject) {
    if !subject.is_simulated() {
        return;
    }
    let Some(client) = subject.ask(Scene::Weather) else {
        return;
    };
    let mut request = weather();
    request.reasoning_effort = Some(ReasoningEffort::Medium);
    let called = client.send(&request).await.expect("an answer");
    let [thoughts] = &*called.reasoning else {
        panic!("{called:?}")
    };
    let is_over_http = subject.provider != Provider::Simulated;
    assert_eq!(thoughts.block.is_some(), is_over_http);
    // Anthropic's servers refuse thoughts that were changed.
    let results = [("sunny", false), ("rainy", false)];
    let request = with_results(request, &called, &results);
    let response = client.send(&request).await.expect("an answer");
    assert!(response.text.contains("sunny"), "{response:?}");
}
