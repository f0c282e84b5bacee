//! Tools as chat completions write them, and formats that were made after them.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::ToolSpec;

#[derive(Serialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireToolSpec<'a>,
}

#[derive(Serialize)]
struct WireToolSpec<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    parameters: &'a Value,
}

/// Writes `tools` as functions.
pub(crate) fn write_function_tools<S: Serializer>(
    tools: &[Arc<ToolSpec>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tools.iter().map(|tool| WireTool {
        kind: "function",
        function: WireToolSpec {
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.parameters,
        },
    }))
}
