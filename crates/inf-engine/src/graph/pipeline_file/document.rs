//! A pipeline file as serde sees it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;
use serde_saphyr::FlowSeq;

use crate::conversation::{ReasoningEffort, ToolChoice};

/// A whole pipeline file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::graph) struct PipelineDocument {
    pub(in crate::graph) version: u32,
    pub(in crate::graph) name: String,
    /// A type expression.
    #[serde(default = "any")]
    pub(in crate::graph) input: Json,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(in crate::graph) parameters: IndexMap<String, ParameterDocument>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(in crate::graph) nodes: IndexMap<String, NodeDocument>,
    /// A shape.
    pub(in crate::graph) output: Json,
}

/// What all versions of pipeline files have.
#[derive(Debug, Deserialize)]
pub(super) struct VersionDocument {
    pub(super) version: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::graph) struct ParameterDocument {
    pub(in crate::graph) value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::graph) description: Option<String>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub(in crate::graph) requires_grad: bool,
}

/// A node: exactly one of `llm`, `host`, `compute`, `pack` or a `prompt` of
/// its own says what it does.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::graph) struct NodeDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) llm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compute: Option<String>,
    /// A shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pack: Option<Json>,
    /// Of `host` and `compute`: a shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Json>,
    /// Of `llm`: a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) system: Option<String>,
    /// Of `llm`, or alone: a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt: Option<String>,
    /// Of `llm`: a shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) messages: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_effort: Option<ReasoningEffort>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "on_one_line"
    )]
    pub(super) stop: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra: Option<serde_json::Map<String, Json>>,
    /// Of `llm`: the names of tools.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "on_one_line"
    )]
    pub(super) tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_turns: Option<u32>,
    /// Of `llm`: a type expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<i32>,
    /// The dotted path of the module. If it is left out: the node's name for
    /// `llm`, the root for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) module: Option<String>,
}

/// Line breaks are what `stop` is about: `["\n\n"]` shows them, a block hides
/// them.
#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn on_one_line<S: Serializer>(
    texts: &Option<Vec<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    texts.as_ref().map(FlowSeq).serialize(serializer)
}

fn any() -> Json {
    "any".into()
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_true(value: &bool) -> bool {
    *value
}
