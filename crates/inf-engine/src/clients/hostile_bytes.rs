//! Whatever bytes a server sends, reading them gives an answer or an error.

use bytes::Bytes;
use proptest::prelude::*;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;

use super::anthropic::AnthropicClient;
use super::http::{Draft, Exchange, HttpReply};
use super::ollama::OllamaClient;
use super::openai::OpenAiClient;
use super::openai_responses::ResponsesClient;
use super::{Delta, HttpSettings, HttpStack, Timings};

/// Pieces of good answers in every format: what is mutated is mostly something
/// that a parser gets far into.
const SEEDS: [&str; 18] = [
    r#"{"id":"a","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","reasoning":"Hm.","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#,
    r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"text":"a"}]},{"text":"b"}],"refusal":"no"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"Hel","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]},"finish_reason":null}],"usage":null}"#,
    r#"{"object":"error","message":"m","code":400}"#,
    r#"{"error":{"message":"m","type":"server_error","code":429}}"#,
    "[DONE]",
    r#"{"id":"r","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"reasoning","id":"rs","summary":[{"text":"Hm."}],"encrypted_content":"x"},{"type":"message","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}],"usage":{"input_tokens":9,"output_tokens_details":{"reasoning_tokens":3}}}"#,
    r#"{"type":"response.output_text.delta","delta":"Hel"}"#,
    r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#,
    r#"{"type":"response.output_item.done","item":{"type":"message","content":[{"text":"a"}]}}"#,
    r#"{"type":"message","content":[{"type":"thinking","thinking":"Hm.","signature":"s"},{"type":"text","text":"a"},{"type":"tool_use","id":"c","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":18446744073709551615,"cache_read_input_tokens":5}}"#,
    r#"{"type":"message_start","message":{"id":"a","usage":{"input_tokens":9}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
    r#"{"model":"m","message":{"content":"a","thinking":"b","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true,"done_reason":"stop","eval_count":2}"#,
    r#"{"error":"out of memory"}"#,
    r#"[{"error":{"code":503}}]"#,
];

/// Bytes of a server: nonsense, or something good with a few bytes changed, cut
/// off or repeated.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let good = prop::sample::select(SEEDS.as_slice());
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..4);
    let mutated = (good, changes).prop_map(|(good, changes)| {
        let mut bytes = good.as_bytes().to_vec();
        for (index, byte, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, byte),
                _ => bytes.extend_from_within(at..),
            }
        }
        bytes
    });
    // Values of other types in every place that has one.
    let good = prop::sample::select(SEEDS.as_slice());
    let other = prop::sample::select(
        ["null", "0", "-1.5e300", "\"x\"", "[]", "{}", "[[]]", "true"].as_slice(),
    );
    let retyped = (good, any::<prop::sample::Index>(), other).prop_map(|(good, index, other)| {
        let Ok(mut value) = serde_json::from_str::<Value>(good) else {
            return good.as_bytes().to_vec();
        };
        let mut places = Vec::new();
        pointers(&value, String::new(), &mut places);
        let place = &places[index.index(places.len())];
        if let Some(found) = value.pointer_mut(place) {
            *found = serde_json::from_str(other).expect("JSON");
        }
        value.to_string().into_bytes()
    });
    let nonsense = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![nonsense, mutated, retyped]
}

fn pointers(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            pointers(value, format!("{place}/{name}"), places);
        }),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| {
            pointers(value, format!("{place}/{index}"), places);
        }),
        _ => {}
    }
    places.push(place);
}

fn read_all<E: Exchange>(client: &E, pieces: &[Vec<u8>], status: u16, retry_after: &[u8]) {
    let mut draft = E::Draft::default();
    for piece in pieces {
        let mut headers = HeaderMap::new();
        if let Ok(wait) = HeaderValue::from_bytes(retry_after) {
            headers.insert(RETRY_AFTER, wait);
        }
        let reply = HttpReply {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: Bytes::from(piece.clone()),
            timings: Timings::default(),
        };
        if let Err(error) = client.read(&reply) {
            assert!(!error.message.is_empty());
        }
        assert!(!client.peer().context.refused(&reply).message.is_empty());
        let _ = draft.add(piece, &mut |_: Delta<'_>| {});
    }
    let _ = draft.finish();
}

proptest! {
    #[test]
    fn no_bytes_harm_a_client(
        pieces in prop::collection::vec(bytes(), 1..4),
        status in 400_u16..600,
        retry_after in "[ -~]{0,12}",
    ) {
        thread_local! {
            static CLIENTS: (OpenAiClient, ResponsesClient, AnthropicClient, OllamaClient) = {
                let http = HttpStack::new().expect("a stack");
                let settings = || HttpSettings::new("http://host/v1", "m");
                (
                    OpenAiClient::new(http.clone(), settings()).expect("usable"),
                    ResponsesClient::new(http.clone(), settings()).expect("usable"),
                    AnthropicClient::new(http.clone(), settings()).expect("usable"),
                    OllamaClient::new(http, settings()).expect("usable"),
                )
            };
        }
        CLIENTS.with(|(openai, responses, anthropic, ollama)| {
            read_all(openai, &pieces, status, retry_after.as_bytes());
            read_all(responses, &pieces, status, retry_after.as_bytes());
            read_all(anthropic, &pieces, status, retry_after.as_bytes());
            read_all(ollama, &pieces, status, retry_after.as_bytes());
        });
    }
}
