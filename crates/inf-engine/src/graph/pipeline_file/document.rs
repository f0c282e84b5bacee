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
    pub(in crate::graph) nodes: NodeDocuments,
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

/// Nodes by name. They stand in each other, and reading them takes a stack as
/// deep: so nothing large is held directly.
pub(in crate::graph) type NodeDocuments = IndexMap<String, Box<NodeDocument>>;

/// A part of a pipeline that a node of control flow runs.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RegionDocument {
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(super) nodes: NodeDocuments,
    /// A shape.
    pub(super) output: Option<Json>,
}

/// A node: exactly one key, of those that [`kinds`](Self::kinds) knows, says
/// what it does.
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
    /// A shape: a condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#if: Option<Json>,
    /// A shape: what decides between cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#match: Option<Json>,
    /// A shape: a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) map: Option<Json>,
    /// A shape: a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Json>,
    /// A shape: a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fold: Option<Json>,
    /// A shape: the first state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repeat: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#try: Option<Box<RegionDocument>>,
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
    /// Of `if`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Box<RegionDocument>>,
    /// Of `if`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) r#else: Option<Box<RegionDocument>>,
    /// Of `match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cases: Option<IndexMap<String, RegionDocument>>,
    /// Of `match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Box<RegionDocument>>,
    /// Of what has a body: the names of its arguments, one or a list.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "names_on_one_line"
    )]
    pub(super) r#as: Option<Json>,
    /// Of `map`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) results: Option<bool>,
    /// Of `fold`: a shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) initial: Option<Json>,
    /// Of `fold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tree: Option<bool>,
    /// Of `repeat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<u32>,
    /// Of what has a body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nodes: Option<NodeDocuments>,
    /// Of `repeat`: a shape, a condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Json>,
    /// Of `llm`: a type expression; of what has a body: a shape.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Json>,
    /// Of `try`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fallback: Option<Box<RegionDocument>>,
    /// Of `try`: kinds of failures.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "on_one_line"
    )]
    pub(super) failures: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<i32>,
    /// The dotted path of the module. If it is left out: the node's name for
    /// `llm`, the root for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) module: Option<String>,
}

impl NodeDocument {
    /// The keys that say what a node does, of those that this one has.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let kinds = [
            ("llm", self.llm.is_some()),
            ("host", self.host.is_some()),
            ("compute", self.compute.is_some()),
            ("pack", self.pack.is_some()),
            ("if", self.r#if.is_some()),
            ("match", self.r#match.is_some()),
            ("map", self.map.is_some()),
            ("filter", self.filter.is_some()),
            ("fold", self.fold.is_some()),
            ("repeat", self.repeat.is_some()),
            ("try", self.r#try.is_some()),
        ];
        let said = kinds.iter().filter(|(_, is_said)| *is_said);
        let said: Vec<&str> = said.map(|(kind, _)| *kind).collect();
        // A prompt is part of a call, or stands for itself.
        if said.is_empty() && self.prompt.is_some() {
            return vec!["prompt"];
        }
        said
    }
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

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn names_on_one_line<S: Serializer>(
    names: &Option<Json>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match names {
        Some(Json::Array(names)) => FlowSeq(names).serialize(serializer),
        names => names.serialize(serializer),
    }
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
