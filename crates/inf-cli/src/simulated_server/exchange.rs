//! One call, from its body to the last byte of its answer.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use inf_engine::clients::LlmResponse;

use super::calendar::UnixTime;
use super::refusal::{Read, Refusal, RefusalKind};
use super::severable::Severance;
use super::simulation::Simulation;
use super::wire_format::{Asked, Reply, WireFormat};

/// Answers a call in the format `F`.
pub(super) async fn complete<F: WireFormat>(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(severance): ConnectInfo<Severance>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let asked = match read::<F>(&simulation, &headers, body) {
        Ok(asked) => asked,
        Err(mut refusal) => {
            simulation.count_refused();
            refusal.request_id = Some(simulation.next_id());
            return refuse::<F>(&refusal);
        }
    };
    let call = simulation.client().plan(&asked.request);
    let until_reply = if asked.stream {
        call.first_byte
    } else {
        call.total
    };
    if !until_reply.is_zero() {
        tokio::time::sleep(until_reply).await;
    }
    let answer = match call.outcome {
        Ok(answer) => answer,
        Err(error) => {
            return match Refusal::of_call(error) {
                Some(mut refusal) => {
                    refusal.request_id = Some(simulation.next_id());
                    refuse::<F>(&refusal)
                }
                None if asked.stream => cut::<F>(&asked),
                None => {
                    severance.sever();
                    StatusCode::BAD_GATEWAY.into_response()
                }
            };
        }
    };
    let reply = Reply {
        response: &answer,
        model: &asked.model,
        stopped_by: call.stopped_by.as_deref(),
        now: UnixTime::now(),
    };
    let mut response = if asked.stream {
        let writing = call.total.saturating_sub(call.first_byte);
        stream::<F>(F::pieces(&reply, &asked.shape).spread(writing))
    } else {
        Json(F::whole(&reply, &asked.shape)).into_response()
    };
    let headers = response.headers_mut();
    name_request::<F>(reply.id(), headers);
    if let Some(limits) = &answer.rate_limits {
        F::limit_headers(limits, reply.now, headers);
    }
    response
}

fn read<F: WireFormat>(
    simulation: &Simulation,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Read<Asked<F::Shape>> {
    let body = body.map_err(|rejection| {
        Refusal::new(RefusalKind::Http(rejection.status()), rejection.body_text())
    })?;
    let json = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad(format!("the body is not JSON: {error}")))?;
    let asked = F::read(headers, json)?;
    simulation.check_model(&asked.model)?;
    Ok(asked)
}

/// The answer to a call that there is no answer to.
pub(super) fn refuse<F: WireFormat>(refusal: &Refusal) -> Response {
    let mut response = (refusal.kind.status(), Json(F::error(refusal))).into_response();
    let headers = response.headers_mut();
    if let Some(id) = &refusal.request_id {
        name_request::<F>(id, headers);
    }
    if let Some(wait) = refusal.retry_after {
        F::retry_headers(wait, headers);
    }
    if let Some(limits) = &refusal.rate_limits {
        F::limit_headers(limits, UnixTime::now(), headers);
    }
    response
}

fn name_request<F: WireFormat>(id: &str, headers: &mut HeaderMap) {
    if let Some(name) = F::REQUEST_ID
        && let Ok(id) = HeaderValue::from_str(id)
    {
        headers.insert(name, id);
    }
}

/// A stream that begins well.
fn cut<F: WireFormat>(asked: &Asked<F::Shape>) -> Response {
    let nothing = LlmResponse::from_text("");
    let reply = Reply {
        response: &nothing,
        model: &asked.model,
        stopped_by: None,
        now: UnixTime::now(),
    };
    stream::<F>(F::pieces(&reply, &asked.shape).cut())
}

fn stream<F: WireFormat>(body: Body) -> Response {
    let headers = [(CONTENT_TYPE, F::STREAM), (CACHE_CONTROL, "no-cache")];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
    use serde_json::{Value, json};

    use super::super::anthropic::Messages;
    use super::super::ollama::OllamaChat;
    use super::super::openai::ChatCompletions;
    use super::super::openai_responses::Responses;
    use super::*;

    /// Every body that differs from `body` in one place.
    fn changes(body: &Value) -> Vec<Value> {
        let others = [
            Value::Null,
            json!(true),
            json!(-1),
            json!(1e300),
            json!(""),
            json!("\u{0}é"),
            json!([]),
            json!([{}]),
            json!({}),
            json!({"type": "text"}),
        ];
        let mut changed = others.to_vec();
        match body {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    changed.extend(changes(item).into_iter().map(|other| {
                        let mut items = items.clone();
                        items[index] = other;
                        items.into()
                    }));
                    let twice = [&items[..=index], &items[index..]].concat();
                    changed.push(twice.into());
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    changed.extend(changes(field).into_iter().map(|other| {
                        let mut fields = fields.clone();
                        fields.insert(key.clone(), other);
                        fields.into()
                    }));
                    let mut without = fields.clone();
                    without.remove(key);
                    changed.push(without.into());
                }
            }
            _ => {}
        }
        changed
    }

    fn check<F: WireFormat>(body: &Value) {
        let version = HeaderValue::from_static("2023-06-01");
        let headers =
            HeaderMap::from_iter([("anthropic-version".parse().expect("a name"), version)]);
        assert!(F::read(&headers, body.clone()).is_ok(), "{body}");
        let client = SimulatedClient::new("m", SimulatedSettings::default());
        let client = client.expect("valid settings");
        let (mut read, mut refused) = (0, 0);
        for body in changes(body) {
            match F::read(&headers, body) {
                // What is read is answered, too.
                Ok(asked) => {
                    read += 1;
                    let call = client.plan(&asked.request);
                    if let Ok(response) = &call.outcome {
                        let reply = Reply {
                            response,
                            model: &asked.model,
                            stopped_by: None,
                            now: UnixTime::now(),
                        };
                        F::whole(&reply, &asked.shape);
                        F::pieces(&reply, &asked.shape);
                    }
                }
                Err(refusal) => {
                    refused += 1;
                    assert!(!refusal.message.is_empty());
                    F::error(&refusal);
                }
            }
        }
        assert!(read > 20 && refused > 100, "{read} {refused}");
    }

    #[test]
    fn whatever_is_changed_in_a_body_is_read_or_refused() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let function = json!({"name": "f", "description": "d", "parameters": schema});
        let tool = json!({"type": "function", "function": function});
        check::<ChatCompletions>(&json!({
            "model": "m", "temperature": 1, "top_p": 1, "seed": 1, "max_tokens": 9, "stop": ["a"],
            "reasoning_effort": "low", "stream": true, "stream_options": {"include_usage": true},
            "tools": [tool], "tool_choice": "auto",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
            "messages": [
                {"role": "system", "content": "a"},
                {"role": "user", "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "https://h/a"}}]},
                {"role": "assistant", "content": null, "reasoning_content": "b", "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "1", "content": "c"},
            ],
        }));
        check::<Responses>(&json!({
            "model": "m", "instructions": "a", "temperature": 1, "max_output_tokens": 9,
            "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}},
            "reasoning": {"effort": "low", "summary": "auto"}, "include": ["a"], "stream": true,
            "tools": [{"type": "function", "name": "f", "parameters": schema}], "tool_choice": "auto",
            "input": [
                {"role": "user", "content": [
                    {"type": "input_text", "text": "a"},
                    {"type": "input_image", "image_url": "https://h/a"}]},
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "b"}]},
                {"type": "message", "role": "assistant", "content": [
                    {"type": "output_text", "text": "b"}]},
                {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "1", "output": "c"},
            ],
        }));
        check::<Messages>(&json!({
            "model": "m", "max_tokens": 2000, "system": "a", "temperature": 1, "stream": true,
            "thinking": {"type": "enabled", "budget_tokens": 1024}, "stop_sequences": ["a"],
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}},
            "tools": [{"name": "f", "input_schema": schema}], "tool_choice": {"type": "auto"},
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image", "source": {
                        "type": "base64", "media_type": "image/png", "data": "iVBORw=="}}]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": [
                        {"type": "text", "text": "c"}]}]},
            ],
        }));
        check::<OllamaChat>(&json!({
            "model": "m", "format": schema, "think": "low", "tools": [tool],
            "options": {"temperature": 1, "seed": 1, "num_predict": 9, "stop": ["a"]},
            "messages": [
                {"role": "user", "content": "a", "images": ["iVBORw=="]},
                {"role": "assistant", "content": "", "thinking": "b", "tool_calls": [
                    {"function": {"name": "f", "arguments": {}}}]},
                {"role": "tool", "tool_name": "f", "content": "c"},
            ],
        }));
    }
}
