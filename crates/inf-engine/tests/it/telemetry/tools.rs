//! Turns and tools.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::tracing::info;
use inf_engine::clients::LlmResponse;
use inf_engine::conversation::ToolCall;
use inf_engine::execution::ExecutionSettings;
use inf_engine::graph::Tool;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_engine::telemetry::names;
use tracing_subscriber::filter::LevelFilter;

use super::{Listener, Scripted, check_fields};

/// An answer that calls a tool, then one that is no number, then one that is.
fn with_a_tool() -> Pipeline<String, u64> {
    let call = ToolCall {
        id: "call-1".to_owned(),
        name: "today".to_owned(),
        arguments: r#"{"zone": "ARGUMENTS"}"#.to_owned(),
    };
    let unknown = ToolCall {
        id: "call-2".to_owned(),
        name: "yesterday".to_owned(),
        ..call.clone()
    };
    let mut calls = LlmResponse::from_text("");
    calls.tool_calls = vec![call, unknown];
    let answers = ["WRONG", "7"].map(LlmResponse::from_text);
    let client = Scripted {
        outcomes: Mutex::new([calls].into_iter().chain(answers).map(Ok).collect()),
        ..Scripted::default()
    };
    let today = Tool::new("today", "The date.", |_: BTreeMap<String, String>| async {
        info!("a tool at work");
        "RESULT"
    });
    let resources = ResourceManager::new(&ResourceConfig::default()).unwrap();
    let resources = resources.with_client("fast", Arc::new(client), 8);
    let ask = LlmInference::<u64>::typed("fast").top_p(0.5).seed(3);
    ask.tools([today]).bind(resources).unwrap()
}

#[tokio::test(start_paused = true)]
async fn turns_and_tools_are_spans() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let pipeline = with_a_tool();
    assert_eq!(pipeline.run("PROMPT".to_owned()).await.unwrap(), 7);
    tokio::task::yield_now().await;

    let calls = listener.named("call");
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            let field = |name| call.field(name).unwrap_or_default();
            (
                field(names::TURN),
                field(names::ATTEMPT),
                field(names::OUTCOME),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1", "1", "called_tools"),
            ("2", "1", "reasked"),
            ("3", "2", "completed")
        ]
    );
    check_fields(
        &calls[0],
        &[(names::REQUEST_TOP_P, "0.5"), (names::REQUEST_SEED, "3")],
    );
    let reask = listener.only("reask");
    assert_eq!(listener.inside(&reask), ["call", "run"]);
    check_fields(
        &reask,
        &[(names::TURN, "2"), (names::ERROR_TYPE, "invalid_output")],
    );

    let tools = listener.named("tool");
    check_fields(
        &tools[0],
        &[
            (names::OTEL_NAME, "execute_tool today"),
            (names::OPERATION_NAME, "execute_tool"),
            (names::TOOL_NAME, "today"),
            (names::TOOL_TYPE, "function"),
            (names::TOOL_CALL_ID, "call-1"),
            (names::TURN, "1"),
            (names::OUTCOME, "completed"),
        ],
    );
    check_fields(
        &tools[1],
        &[(names::OUTCOME, "failed"), (names::ERROR_TYPE, "tool")],
    );
    let mut said = listener.all();
    said.retain(|told| told.field("message") == Some("a tool at work"));
    assert_eq!(listener.inside(&said[0]), ["tool", "run"]);
    let text = listener.text();
    for content in ["PROMPT", "WRONG", "ARGUMENTS", "RESULT"] {
        assert!(!text.contains(content), "{content}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_tools_are_given_and_give_only_when_asked_for() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let settings = ExecutionSettings::default().with_recorded_content(true);
    let pipeline = with_a_tool().with_settings(settings);
    pipeline.run("PROMPT".to_owned()).await.unwrap();
    tokio::task::yield_now().await;
    check_fields(
        &listener.named("tool")[0],
        &[
            (names::TOOL_CALL_ARGUMENTS, r#"{"zone": "ARGUMENTS"}"#),
            (names::TOOL_CALL_RESULT, "RESULT"),
        ],
    );
    let asked = listener.named("call")[1]
        .field(names::INPUT_MESSAGES)
        .unwrap()
        .to_owned();
    assert!(asked.contains("tool_call_response"), "{asked}");
}
