//! The ways in which an answer is made to fit its schema, in every wire format,
//! and the user's own fields and headers.

use std::sync::Arc;

use inf_engine::clients::{
    ClientErrorKind, Delta, ExtraFields, HttpSettings, LlmRequest, OutputSchema, StructuredOutput,
};
use serde_json::{Value, json};

use crate::support::{Answer, RawPeer, WireFormat, wire_formats};

fn typed() -> LlmRequest {
    let mut request = LlmRequest::from_prompt("Who?");
    request.output_schema = Some(Arc::new(OutputSchema {
        name: "Person".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"]
        }),
    }));
    request
}

/// An answer that calls the tool `Person`.
fn calling(format: &WireFormat) -> Answer {
    let arguments = r#"{"name":"Ann"}"#;
    let object = json!({"name": "Ann"});
    let document = match format.name {
        "openai" => json!({"choices": [{"finish_reason": "tool_calls", "message": {
            "content": "Let me see.",
            "tool_calls": [{"id": "c", "function": {"name": "Person", "arguments": arguments}}]}}]}),
        "openai_responses" => json!({"status": "completed", "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "Let me see."}]},
            {"type": "function_call", "call_id": "c", "name": "Person", "arguments": arguments}]}),
        "anthropic" => json!({"stop_reason": "tool_use", "content": [
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "c", "name": "Person", "input": object}]}),
        _ => json!({"done": true, "done_reason": "stop", "message": {"content": "Let me see.",
            "tool_calls": [{"function": {"name": "Person", "arguments": object}}]}}),
    };
    Answer::ok(document.to_string())
}

/// What is sent for `request` to a server that gives `answer`, and the answer's
/// text.
async fn sent(
    format: &WireFormat,
    answer: Answer,
    request: &LlmRequest,
    change: impl FnOnce(HttpSettings) -> HttpSettings,
) -> (Value, String) {
    let peer = RawPeer::start([answer]).await;
    let client = format.client(&peer.base_url(), change);
    let response = client.send(request).await.expect("an answer");
    (peer.only_body(), response.text)
}

#[tokio::test]
async fn natively() {
    for format in wire_formats() {
        let answer = Answer::ok(format.document);
        let (body, _) = sent(&format, answer, &typed(), |settings| settings).await;
        let (place, is_closed) = match format.name {
            "openai" => ("/response_format/json_schema/schema", true),
            "openai_responses" => ("/text/format/schema", true),
            "anthropic" => ("/output_config/format/schema", true),
            _ => ("/format", false),
        };
        let schema = body.pointer(place).expect("a schema");
        assert_eq!(schema["properties"]["name"]["type"], "string");
        assert_eq!(schema.get("additionalProperties").is_some(), is_closed);
        assert_eq!(body.get("tools"), None);
    }
}

#[tokio::test]
async fn by_a_tool() {
    let by_tool = |settings: HttpSettings| settings.with_structured_output(StructuredOutput::Tool);
    for format in wire_formats() {
        let (body, text) = sent(&format, calling(&format), &typed(), by_tool).await;
        assert_eq!(text, r#"{"name":"Ann"}"#, "{}", format.name);
        assert!(body["tools"][0].to_string().contains("Person"), "{body}");
        let choice = &body["tool_choice"];
        if format.name == "ollama" {
            assert_eq!(*choice, Value::Null);
            let told = body["messages"][0]["content"].as_str().expect("a text");
            assert!(told.contains("calling `Person`"), "{told}");
        } else {
            assert!(choice.to_string().contains("Person"), "{body}");
        }

        // In pieces, the answer is one; what is said beside it is none.
        let peer = RawPeer::start([calling(&format)]).await;
        let client = format.client(&peer.base_url(), by_tool);
        let mut pieces = Vec::new();
        let request = typed();
        let mut sink = |delta: Delta<'_>| pieces.push(format!("{delta:?}"));
        let response = client.stream(&request, &mut sink).await;
        assert_eq!(response.expect("an answer").text, r#"{"name":"Ann"}"#);
        assert_eq!(pieces, [r#"Text("{\"name\":\"Ann\"}")"#], "{}", format.name);
    }
}

#[tokio::test]
async fn by_the_prompt() {
    for format in wire_formats() {
        let answer = Answer::ok(format.document);
        let (body, _) = sent(&format, answer, &typed(), |settings| {
            settings.with_structured_output(StructuredOutput::Prompt)
        })
        .await;
        let system = match format.name {
            "openai_responses" => &body["input"][0]["content"][0]["text"],
            "anthropic" => &body["system"],
            _ => &body["messages"][0]["content"],
        };
        let system = system.as_str().expect("a system prompt");
        assert!(system.starts_with("Answer with JSON only"), "{system}");
        for key in [
            "response_format",
            "text",
            "output_config",
            "format",
            "tools",
        ] {
            assert_eq!(body.get(key), None, "{}", format.name);
        }
    }
}

/// Anthropic refuses bounds and recursion, so that such a schema goes by a tool.
#[tokio::test]
async fn what_can_not_be_enforced_goes_by_a_tool() {
    let formats = wire_formats();
    let anthropic = formats.iter().find(|format| format.name == "anthropic");
    let anthropic = anthropic.expect("there is one");
    let mut request = typed();
    request.output_schema = Some(Arc::new(OutputSchema {
        name: "Person".to_owned(),
        schema: json!({"type": "object", "additionalProperties": {"type": "string"}}),
    }));
    let (body, text) = sent(anthropic, calling(anthropic), &request, |settings| settings).await;
    assert_eq!(text, r#"{"name":"Ann"}"#);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": "Person"})
    );
    assert_eq!(body.get("output_config"), None);
}

fn fields(fields: &Value) -> ExtraFields {
    fields.as_object().cloned().expect("an object")
}

#[tokio::test]
async fn fields_of_the_request_go_before_those_of_the_endpoint() {
    for format in wire_formats() {
        let mut request = LlmRequest::from_prompt("Hi");
        request.temperature = Some(0.5);
        request.extra = Some(Arc::new(fields(&json!({"top_k": 2, "user": "ann"}))));
        let answer = Answer::ok(format.document);
        let (body, _) = sent(&format, answer, &request, |settings| {
            let extra = json!({"top_k": 1, "metadata": {"a": 1}, "temperature": 0.1});
            settings.with_extra_body(fields(&extra))
        })
        .await;
        assert_eq!(body["top_k"], 2);
        assert_eq!(body["user"], "ann");
        assert_eq!(body["metadata"], json!({"a": 1}));
        assert_eq!(body["temperature"], 0.1, "{}", format.name);

        let peer = RawPeer::start([]).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        request.extra = Some(Arc::new(fields(&json!({"stream": true}))));
        let error = client.send(&request).await.expect_err("an error");
        assert_eq!(error.kind, ClientErrorKind::Refused);
        assert_eq!(
            error.message,
            "the request's extra fields may not set `stream`, which the engine writes itself; \
             take it out"
        );
        assert_eq!(peer.requests().len(), 0);
    }
}
