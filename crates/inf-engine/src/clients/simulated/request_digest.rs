//! What a request is, as a number to draw from.

use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde_json::json;

use super::super::{Image, LlmRequest, Part, ToolChoice};

/// The hash of a seed, a model and everything that a request asks.
///
/// Fields are hashed with their lengths, so that no two requests look alike,
/// and in one order: the value is the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestDigest([u8; 32]);

/// What is drawn; each draw has a generator of its own, so that a new setting
/// for one does not change the others.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    /// The answer: of the request, however often it was asked.
    Answer,
    /// The latency of one occurrence.
    Latency(u32),
    /// The fault of one occurrence.
    Fault(u32),
    /// The identifier of one tool call.
    ToolCall(u32),
}

impl RequestDigest {
    /// The digest of `request` to `model` under `seed`.
    pub(super) fn of(seed: u64, model: &str, request: &LlmRequest) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine simulated request v1");
        hasher.update(&seed.to_le_bytes());
        update(&mut hasher, model.as_bytes());
        update_count(&mut hasher, request.messages.len());
        for message in &request.messages {
            update(&mut hasher, message.role.as_str().as_bytes());
            match &*message.parts {
                [Part::Text(text)] => update(&mut hasher, text.as_bytes()),
                parts => parts.iter().for_each(|part| update_part(&mut hasher, part)),
            }
        }
        update(
            &mut hasher,
            &option(request.temperature.map(f64::to_le_bytes)),
        );
        update(
            &mut hasher,
            &option(request.max_tokens.map(u32::to_le_bytes)),
        );
        update_count(&mut hasher, request.stop.len());
        for stop in &request.stop {
            update(&mut hasher, stop.as_bytes());
        }
        if let Some(schema) = &request.output_schema {
            update(&mut hasher, schema.name.as_bytes());
            update(&mut hasher, schema.schema.to_string().as_bytes());
        }
        // What came later is hashed only if it is asked, under a name: digests
        // of older requests stay what they were.
        let mut more = |name: &str, value: String| {
            update(&mut hasher, name.as_bytes());
            update(&mut hasher, value.as_bytes());
        };
        if let Some(top_p) = request.top_p {
            more("top_p", top_p.to_string());
        }
        if let Some(seed) = request.seed {
            more("seed", seed.to_string());
        }
        if let Some(effort) = request.reasoning_effort {
            more("reasoning_effort", effort.as_str().to_owned());
        }
        for tool in &request.tools {
            more("tool", format!("{:?}", (&tool.name, &tool.description)));
            more("tool parameters", tool.parameters.to_string());
        }
        if request.tool_choice != ToolChoice::Auto {
            more("tool_choice", format!("{:?}", request.tool_choice));
        }
        if let Some(extra) = &request.extra {
            more("extra", json!(**extra).to_string());
        }
        Self(hasher.finalize().into())
    }

    /// A generator for one draw.
    pub(super) fn rng(&self, draw: Draw) -> Pcg64 {
        Pcg64::from_seed(self.derive(draw))
    }

    /// Sixteen hexadecimal digits that stand for the answer.
    pub(super) fn hex(&self) -> String {
        hex(self.derive(Draw::Answer))
    }

    /// An identifier of one call, the same whenever it is repeated.
    pub(super) fn call_id(&self, occurrence: u32) -> String {
        format!("sim-{}", hex(self.derive(Draw::Latency(occurrence))))
    }

    /// An identifier of the tool call at `index` of the answer.
    pub(super) fn tool_call_id(&self, index: u32) -> String {
        format!("call_{}", hex(self.derive(Draw::ToolCall(index))))
    }

    /// Enough of the digest to tell requests apart.
    pub(super) fn short(&self) -> u128 {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[..16]);
        u128::from_le_bytes(bytes)
    }

    fn derive(&self, draw: Draw) -> [u8; 32] {
        let (tag, occurrence) = match draw {
            Draw::Answer => (0_u8, 0),
            Draw::Latency(occurrence) => (1, occurrence),
            Draw::Fault(occurrence) => (2, occurrence),
            Draw::ToolCall(index) => (3, index),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[tag]);
        hasher.update(&occurrence.to_le_bytes());
        hasher.finalize().into()
    }
}

fn hex(bytes: [u8; 32]) -> String {
    blake3::Hash::from_bytes(bytes).to_hex()[..16].to_owned()
}

/// Hashes a part of a message that is more than a text.
fn update_part(hasher: &mut blake3::Hasher, part: &Part) {
    match part {
        Part::Text(text) => {
            update(hasher, b"text part");
            update(hasher, text.as_bytes());
        }
        Part::Image(Image::Url(url)) => {
            update(hasher, b"image url");
            update(hasher, url.as_bytes());
        }
        Part::Image(Image::Bytes { media_type, data }) => {
            update(hasher, b"image");
            update(hasher, media_type.as_bytes());
            update(hasher, data);
        }
        // What a model thought is no part of what it is asked.
        Part::Reasoning(_) => {}
        Part::ToolCall(call) => {
            update(hasher, b"tool call");
            update(hasher, call.name.as_bytes());
            update(hasher, call.arguments.as_bytes());
        }
        Part::ToolResult(result) => {
            update(hasher, b"tool result");
            update(hasher, result.name.as_bytes());
            update(hasher, &[u8::from(result.is_error)]);
            update(hasher, result.content.as_bytes());
        }
    }
}

fn update(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    update_count(hasher, bytes.len());
    hasher.update(bytes);
}

/// Eight bytes on every machine, whatever its `usize`.
fn update_count(hasher: &mut blake3::Hasher, count: usize) {
    hasher.update(&(count as u64).to_le_bytes());
}

/// Nothing is not zero.
fn option<const N: usize>(bytes: Option<[u8; N]>) -> Vec<u8> {
    bytes.map(Vec::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::{
        Message, OutputSchema, Reasoning, ReasoningEffort, Role, ToolCall, ToolResult, ToolSpec,
    };
    use super::*;

    #[test]
    fn whatever_is_asked_makes_another_digest() {
        let base = || LlmRequest::from_prompt("a");
        let schema = |name: &str, schema| {
            Some(Arc::new(OutputSchema {
                name: name.into(),
                schema,
            }))
        };
        let with = |change: &dyn Fn(&mut LlmRequest)| {
            let mut request = base();
            change(&mut request);
            RequestDigest::of(0, "m", &request)
        };
        let tool = |name: &str, schema: bool| {
            Arc::new(ToolSpec {
                name: name.into(),
                description: String::new(),
                parameters: schema.into(),
            })
        };
        let call = ToolCall {
            id: "1".into(),
            name: "t".into(),
            arguments: "{}".into(),
        };
        let result = |is_error| ToolResult {
            call_id: "1".into(),
            name: "t".into(),
            content: "{}".into(),
            is_error,
        };
        let add = |request: &mut LlmRequest, part| request.messages[0].parts.push(part);
        let mut digests = vec![
            RequestDigest::of(0, "m", &base()),
            RequestDigest::of(1, "m", &base()),
            RequestDigest::of(0, "n", &base()),
            with(&|request| request.messages[0].parts = vec![Part::Text("b".into())]),
            with(&|request| request.messages[0].role = Role::System),
            with(&|request| request.messages.push(Message::new(Role::User, "a"))),
            with(&|request| request.temperature = Some(0.0)),
            with(&|request| request.max_tokens = Some(0)),
            with(&|request| request.stop = vec!["ab".into()]),
            with(&|request| request.stop = vec!["a".into(), "b".into()]),
            with(&|request| request.output_schema = schema("a", true.into())),
            with(&|request| request.output_schema = schema("b", true.into())),
            with(&|request| request.output_schema = schema("a", false.into())),
            with(&|request| request.top_p = Some(0.5)),
            with(&|request| request.seed = Some(1)),
            with(&|request| request.reasoning_effort = Some(ReasoningEffort::Low)),
            with(&|request| request.tools = vec![tool("t", true)]),
            with(&|request| request.tools = vec![tool("t", false)]),
            with(&|request| request.tools = vec![tool("u", true)]),
            with(&|request| request.tool_choice = ToolChoice::Required),
            with(&|request| request.tool_choice = ToolChoice::Tool("t".into())),
            with(&|request| {
                request.extra = json!({"k": 1}).as_object().cloned().map(Arc::new);
            }),
            with(&|request| add(request, Part::Text("a".into()))),
            with(&|request| add(request, Part::Image(Image::url("a")))),
            with(&|request| add(request, Part::Image(Image::bytes("a", "b")))),
            with(&|request| add(request, Part::ToolCall(call.clone()))),
            with(&|request| add(request, Part::ToolResult(result(false)))),
            with(&|request| add(request, Part::ToolResult(result(true)))),
        ];
        let count = digests.len();
        digests.sort_by_key(|digest| digest.0);
        digests.dedup();
        assert_eq!(digests.len(), count);
        let thought = with(&|request| add(request, Part::Reasoning(Reasoning::default())));
        let same = with(&|request| {
            add(
                request,
                Part::Reasoning(Reasoning {
                    text: "Hm.".into(),
                    block: None,
                }),
            );
        });
        assert_eq!(thought, same);
    }

    #[test]
    fn the_values_never_change() {
        let digest = RequestDigest::of(7, "model", &LlmRequest::from_prompt("Hello."));
        assert_eq!(digest.hex(), "7cce57870fe48796");
        assert_eq!(digest.call_id(0), "sim-17d64ab6745dec5b");
    }
}
