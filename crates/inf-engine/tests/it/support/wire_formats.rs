//! Every wire format that goes over HTTP: its client, and what a good server
//! says in it.

use inf_engine::clients::anthropic::AnthropicClient;
use inf_engine::clients::ollama::OllamaClient;
use inf_engine::clients::openai::OpenAiClient;
use inf_engine::clients::openai_responses::ResponsesClient;
use inf_engine::clients::{ClientError, HttpSettings, HttpStack, LlmClient};

use super::{Answer, KEY};

/// One wire format.
pub(crate) struct WireFormat {
    pub(crate) name: &'static str,
    /// What it adds to an address that ends with `/v1`.
    pub(crate) path: &'static str,
    /// The header that the key is sent in.
    pub(crate) key_header: String,
    /// An answer that says "Hello" after it thought "Hm.".
    pub(crate) document: &'static str,
    /// The same in pieces.
    pub(crate) stream: &'static str,
    pub(crate) stream_type: &'static str,
    /// What a server that fails in the middle says, as a piece.
    pub(crate) failure: &'static str,
    make: fn(HttpStack, HttpSettings) -> Result<Box<dyn LlmClient>, ClientError>,
}

impl WireFormat {
    /// A client of `base_url` with a key.
    pub(crate) fn client(
        &self,
        base_url: &str,
        change: impl FnOnce(HttpSettings) -> HttpSettings,
    ) -> Box<dyn LlmClient> {
        let settings =
            HttpSettings::new(base_url, "test-model").with_api_key("TEST_KEY", KEY.into());
        let http = HttpStack::new().expect("an HTTP stack");
        (self.make)(http, change(settings)).expect("usable settings")
    }

    /// A stream of `pieces`, ended by the end of the connection.
    pub(crate) fn streamed(&self, pieces: impl AsRef<[u8]>) -> Answer {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {}\r\nconnection: close\r\n\r\n",
            self.stream_type
        );
        Answer::Close([head.as_bytes(), pieces.as_ref()].concat())
    }

    /// The same in one chunk whose end says whether it is whole.
    pub(crate) fn chunked(&self, pieces: &[u8], announced: usize) -> Answer {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n\
             {announced:x}\r\n",
            self.stream_type
        );
        Answer::Close([head.as_bytes(), pieces].concat())
    }
}

/// All of them.
pub(crate) fn wire_formats() -> [WireFormat; 4] {
    [
        WireFormat {
            name: "openai",
            path: "/chat/completions",
            key_header: format!("authorization: Bearer {KEY}"),
            document: r#"{"id":"a1","model":"test-model-2026","choices":[{"index":0,
                "message":{"role":"assistant","content":"Hello","reasoning_content":"Hm."},
                "finish_reason":"stop"}],
                "usage":{"prompt_tokens":9,"completion_tokens":2}}"#,
            stream: concat!(
                r#"data: {"id":"a1","model":"test-model-2026","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Hm."}}]}"#,
                "\n\n",
                r#"data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#,
                "\n\n: ping\n\n",
                r#"data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}"#,
                "\n\n",
                r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                "\n\n",
                r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#,
                "\n\ndata: [DONE]\n\n",
            ),
            stream_type: "text/event-stream; charset=utf-8",
            failure: "data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\"}}\n\n",
            make: |http, settings| Ok(Box::new(OpenAiClient::new(http, settings)?)),
        },
        WireFormat {
            name: "openai_responses",
            path: "/responses",
            key_header: format!("authorization: Bearer {KEY}"),
            document: r#"{"id":"a1","model":"test-model-2026","status":"completed","output":[
                {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Hm."}]},
                {"type":"message","content":[{"type":"output_text","text":"Hello"}]}],
                "usage":{"input_tokens":9,"output_tokens":2}}"#,
            stream: concat!(
                "event: response.created\r\n",
                r#"data: {"type":"response.created","response":{"id":"a1","status":"in_progress"}}"#,
                "\r\n\r\n",
                r#"data: {"type":"response.reasoning_summary_text.delta","delta":"Hm."}"#,
                "\r\n\r\n",
                r#"data: {"type":"response.output_text.delta","delta":"Hel"}"#,
                "\r\n\r\n",
                r#"data: {"type":"response.output_text.delta","delta":"lo"}"#,
                "\r\n\r\nevent: response.completed\r\n",
                r#"data: {"type":"response.completed","response":{"id":"a1","model":"test-model-2026","status":"completed","output":[{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Hm."}]},{"type":"message","content":[{"type":"output_text","text":"Hello"}]}],"usage":{"input_tokens":9,"output_tokens":2}}}"#,
                "\r\n\r\n",
            ),
            stream_type: "text/event-stream",
            failure: "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"out of memory\"}\n\n",
            make: |http, settings| Ok(Box::new(ResponsesClient::new(http, settings)?)),
        },
        WireFormat {
            name: "anthropic",
            path: "/messages",
            key_header: format!("x-api-key: {KEY}"),
            document: r#"{"id":"a1","type":"message","role":"assistant","model":"test-model-2026",
                "content":[{"type":"thinking","thinking":"Hm.","signature":"s"},
                {"type":"text","text":"Hello"}],"stop_reason":"end_turn",
                "usage":{"input_tokens":9,"output_tokens":2}}"#,
            stream: concat!(
                "event: message_start\n",
                r#"data: {"type":"message_start","message":{"id":"a1","model":"test-model-2026","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
                "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
                r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                "\n\n",
                r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}"#,
                "\n\n",
                r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}}"#,
                "\n\n",
                r#"data: {"type":"content_block_stop","index":0}"#,
                "\n\n",
                r#"data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
                "\n\n",
                r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hel"}}"#,
                "\n\n",
                r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"lo"}}"#,
                "\n\n",
                r#"data: {"type":"content_block_stop","index":1}"#,
                "\n\n",
                r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
                "\n\n",
                r#"data: {"type":"message_stop"}"#,
                "\n\n",
            ),
            stream_type: "text/event-stream; charset=utf-8",
            failure: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"out of memory\"}}\n\n",
            make: |http, settings| Ok(Box::new(AnthropicClient::new(http, settings)?)),
        },
        WireFormat {
            name: "ollama",
            path: "/api/chat",
            key_header: format!("authorization: Bearer {KEY}"),
            document: r#"{"model":"test-model-2026","message":{"role":"assistant","content":"Hello",
                "thinking":"Hm."},"done":true,"done_reason":"stop","prompt_eval_count":9,
                "eval_count":2}"#,
            stream: concat!(
                r#"{"model":"test-model-2026","message":{"role":"assistant","content":"","thinking":"Hm."},"done":false}"#,
                "\n",
                r#"{"model":"test-model-2026","message":{"role":"assistant","content":"Hel"},"done":false}"#,
                "\n\n",
                r#"{"model":"test-model-2026","message":{"role":"assistant","content":"lo"},"done":false}"#,
                "\n",
                r#"{"model":"test-model-2026","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":2}"#,
                "\n",
            ),
            stream_type: "application/x-ndjson",
            failure: "{\"error\":\"out of memory\"}\n",
            make: |http, settings| Ok(Box::new(OllamaClient::new(http, settings)?)),
        },
    ]
}
