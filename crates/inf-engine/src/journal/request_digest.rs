//! [`RequestDigest`]: what is asked of a model, as one number.

use std::io::Write;

use serde::Serialize;

use super::digest::{Digest, HashWriter, digest_type};
use crate::clients::{LlmRequest, Message, ReasoningEffort, ToolChoice};

digest_type! {
    /// Everything that an [`LlmRequest`] asks, as one number; not whom.
    ///
    /// It is 128 bits of BLAKE3, with the context `inf-engine journal request v1`,
    /// over a compact JSON text: an object with the request's fields in the order in which
    /// [`LlmRequest`] has them, those left out that say nothing. Messages are in
    /// their [JSON form](crate::conversation), a schema is `{"name", "schema"}`, a tool
    /// `{"name", "description", "parameters"}`, and objects within keep the order of their keys, as they
    /// are sent. The value of a request never changes.
    ///
    /// ```
    /// use inf_engine::clients::LlmRequest;
    /// use inf_engine::journal::RequestDigest;
    ///
    /// let digest = RequestDigest::of(&LlmRequest::from_prompt("Hello."));
    /// let same = blake3::Hasher::new_derive_key("inf-engine journal request v1")
    ///     .update(br#"{"messages":[{"role":"user","content":"Hello."}]}"#)
    ///     .finalize();
    /// assert_eq!(digest.to_string(), same.to_hex()[..32]);
    /// ```
    pub RequestDigest
}

digest_type! {
    /// A request with whom it is sent to: the same is answered alike.
    ///
    /// Made of a [`RequestDigest`], a model and the address of its server.
    pub(crate) RequestKey
}

impl RequestDigest {
    /// The digest of `request`.
    pub fn of(request: &LlmRequest) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal request v1");
        let canonical = CanonicalRequest::of(request);
        // Texts, numbers, lists and maps from text all have a JSON form, and a
        // hasher takes whatever is written to it. In blocks: pieces of JSON are
        // a few bytes each.
        let mut blocks = std::io::BufWriter::with_capacity(1024, HashWriter(&mut hasher));
        let written = serde_json::to_writer(&mut blocks, &canonical);
        debug_assert!(written.is_ok(), "a request has a JSON form");
        let flushed = blocks.flush();
        debug_assert!(flushed.is_ok(), "a hasher takes everything");
        drop(blocks);
        Self(Digest::of(&hasher))
    }

    /// The key of this request to `model` at the address `endpoint`.
    pub(crate) fn at(self, model: &str, endpoint: &str) -> RequestKey {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine journal request key v1");
        hasher.update(self.0.bytes());
        for text in [model, endpoint] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        RequestKey(Digest::of(&hasher))
    }
}

/// A request as it is hashed.
#[derive(Serialize)]
struct CanonicalRequest<'r> {
    messages: &'r [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<CanonicalSchema<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<CanonicalTool<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'r ToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'r serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize)]
struct CanonicalSchema<'r> {
    name: &'r str,
    schema: &'r serde_json::Value,
}

#[derive(Serialize)]
struct CanonicalTool<'r> {
    name: &'r str,
    description: &'r str,
    parameters: &'r serde_json::Value,
}

impl<'r> CanonicalRequest<'r> {
    fn of(request: &'r LlmRequest) -> Self {
        // Every field is named, so that one that is added is not forgotten here.
        let LlmRequest {
            messages,
            temperature,
            max_tokens,
            stop,
            output_schema,
            top_p,
            seed,
            reasoning_effort,
            tools,
            tool_choice,
            extra,
        } = request;
        let tools = tools.iter().map(|tool| CanonicalTool {
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.parameters,
        });
        Self {
            messages,
            temperature: *temperature,
            max_tokens: *max_tokens,
            stop,
            output_schema: output_schema.as_deref().map(|output| CanonicalSchema {
                name: &output.name,
                schema: &output.schema,
            }),
            top_p: *top_p,
            seed: *seed,
            reasoning_effort: *reasoning_effort,
            tools: tools.collect(),
            tool_choice: (*tool_choice != ToolChoice::Auto).then_some(tool_choice),
            extra: extra.as_deref(),
        }
    }
}
