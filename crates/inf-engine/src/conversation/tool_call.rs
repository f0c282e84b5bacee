//! Tools: what a model may ask to be called, and how it asks.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A function that a model may ask to be called.
///
/// ```
/// use inf_engine::graph::Tool;
/// use inf_engine::prelude::*;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct City {
///     /// In English.
///     name: String,
/// }
///
/// // What a model is told of a tool.
/// let weather = Tool::new("weather", "The weather in a city.", |city: City| async move {
///     format!("It rains in {}.", city.name)
/// });
/// let spec = weather.spec();
/// assert_eq!((&*spec.name, &*spec.description), ("weather", "The weather in a city."));
/// assert_eq!(spec.parameters["properties"]["name"]["description"], "In English.");
/// ```
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
///
/// ```
/// use inf_engine::conversation::ToolChoice;
/// use inf_engine::graph::Tool;
/// use inf_engine::prelude::*;
///
/// let now = Tool::new("now", "The time.", |(): ()| async { "12:00" });
/// let ask = LlmInference::new("smart").tools([now]).tool_choice(ToolChoice::Required);
/// assert_eq!(ask.trace()?.nodes().len(), 2);
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
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
///
/// The engine makes these of a [`Tool`](crate::graph::Tool); clients and servers of
/// your own read and write them:
///
/// ```
/// use inf_engine::conversation::{Message, Part, Role, ToolCall, ToolResult};
///
/// // A turn in which a model called a tool, and what it was told.
/// let call = ToolCall {
///     id: "call_1".to_owned(),
///     name: "weather".to_owned(),
///     arguments: r#"{"city": "Paris"}"#.to_owned(),
/// };
/// let result = ToolResult {
///     call_id: call.id.clone(),
///     name: call.name.clone(),
///     content: "Sunny.".into(),
///     is_error: false,
/// };
/// let turn = [
///     Message::from_parts(Role::Assistant, [Part::ToolCall(call)]),
///     Message::from_parts(Role::Tool, [Part::ToolResult(result)]),
/// ];
/// assert_eq!(turn[1].role.as_str(), "tool");
/// ```
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
