//! Which tools a simulated model calls, and what it says of their results.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{
    ClientError, ClientErrorKind, LlmRequest, Part, Role, ToolCall, ToolChoice, ToolSpec,
};
use super::request_digest::RequestDigest;
use super::schema_value::SchemaAnswers;

/// A call of a tool that a [`ScriptRule`](super::ScriptRule) makes.
///
/// ```
/// use inf_engine::clients::simulated::ScriptedCall;
/// use serde_json::json;
///
/// let call = ScriptedCall { name: "add".into(), arguments: json!({"a": 1, "b": 2}) };
/// # assert_eq!(call.name, "add");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool's name. It need not be one that the request offers: models make
    /// such mistakes.
    pub name: String,
    /// Its arguments, commonly an object. A text is taken as what the model
    /// wrote, so that broken JSON can be simulated.
    pub arguments: Value,
}

impl ScriptedCall {
    pub(super) fn call(&self, id: String) -> ToolCall {
        ToolCall {
            id,
            name: self.name.clone(),
            arguments: match &self.arguments {
                Value::String(written) => written.clone(),
                arguments => arguments.to_string(),
            },
        }
    }
}

/// The call that `request` insists on, its arguments made of the tool's schema
/// as typed answers are; `None` if it leaves the choice to the model, which then
/// does without, or if it brings the results of all that it insists on: each tool
/// is called once after a message of the user, so that a loop of turns ends.
///
/// # Errors
///
/// [`ClientErrorKind::Refused`] if there is no such tool, or its schema can't be
/// satisfied.
pub(super) fn required_call(
    request: &LlmRequest,
    schemas: &SchemaAnswers,
    digest: &RequestDigest,
) -> Result<Option<ToolCall>, ClientError> {
    let Some(tool) = required_tool(request)? else {
        return Ok(None);
    };
    let arguments = schemas.value(&tool.parameters, &request.prompt(), digest);
    let arguments = arguments.map_err(|problem| {
        let name = &tool.name;
        refused(format!(
            "the simulated provider can't call the tool `{name}` by its schema: {problem}"
        ))
    })?;
    Ok(Some(ToolCall {
        id: digest.tool_call_id(0),
        name: tool.name.clone(),
        arguments: arguments.to_string(),
    }))
}

fn required_tool(request: &LlmRequest) -> Result<Option<&ToolSpec>, ClientError> {
    let tools = || request.tools.iter().map(|tool| &**tool);
    let has_result = |tool: &&ToolSpec| {
        let since_asked = request.messages.iter().rev();
        let mut since_asked = since_asked.take_while(|message| message.role != Role::User);
        since_asked.any(|message| {
            message
                .parts
                .iter()
                .any(|part| matches!(part, Part::ToolResult(result) if result.name == tool.name))
        })
    };
    match &request.tool_choice {
        ToolChoice::Auto | ToolChoice::Never => Ok(None),
        ToolChoice::Required if request.tools.is_empty() => {
            Err(refused("a tool is required, and the request offers none"))
        }
        ToolChoice::Required => Ok(tools().find(|tool| !has_result(tool))),
        ToolChoice::Tool(name) => match tools().find(|tool| tool.name == *name) {
            Some(tool) => Ok(Some(tool).filter(|tool| !has_result(tool))),
            None => Err(refused(format!(
                "the tool `{name}` is required, and the request does not offer it"
            ))),
        },
    }
}

fn refused(message: impl Into<String>) -> ClientError {
    ClientError::new(ClientErrorKind::Refused, message)
}

/// What tools gave, if that is what the request ends with.
pub(super) fn results(request: &LlmRequest) -> Option<String> {
    let last = request.messages.last()?;
    if last.role != Role::Tool {
        return None;
    }
    let mut told = String::new();
    for part in &last.parts {
        if let Part::ToolResult(result) = part {
            let separator = if told.is_empty() { "" } else { "; " };
            let verb = if result.is_error { "failed:" } else { "gave" };
            told.extend([separator, &result.name, " ", verb, " ", &result.content]);
        }
    }
    Some(told)
}
