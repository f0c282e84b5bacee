//! Tools: what a model may ask to be called, and how it asks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A function that a model may ask to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name, `[A-Za-z0-9_-]{1,64}`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// Whether a model calls tools.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoice {
    /// As it sees fit.
    #[default]
    Auto,
    /// Not in this turn.
    Never,
    /// At least one.
    Required,
    /// The one of this name.
    Tool(String),
}

/// A tool that the model wants to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The provider's identifier of this call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments, as the JSON text that the model wrote.
    pub arguments: String,
}
