//! Parts of requests that the tests of every format write.

use std::sync::Arc;

use serde_json::json;

use super::{Part, ToolCall, ToolResult, ToolSpec};

/// A tool.
pub(crate) fn look() -> Arc<ToolSpec> {
    Arc::new(ToolSpec {
        name: "look".to_owned(),
        description: "Looks.".to_owned(),
        parameters: json!({"type": "object"}),
    })
}

/// A call of it.
pub(crate) fn look_call() -> Part {
    Part::ToolCall(ToolCall {
        id: "c1".to_owned(),
        name: "look".to_owned(),
        arguments: r#"{"at":1}"#.to_owned(),
    })
}

/// What it gave.
pub(crate) fn look_result(content: &str, is_error: bool) -> Part {
    Part::ToolResult(ToolResult {
        call_id: "c1".to_owned(),
        name: "look".to_owned(),
        content: content.into(),
        is_error,
    })
}
