//! Tools, as requests offer them.

use std::sync::Arc;

use inf_engine::conversation::{ToolChoice, ToolSpec};
use serde_json::{Value, json};

use super::refusal::{Read, Refusal};

/// A tool that a request offers at `place`; providers refuse the same mistakes.
pub(super) fn tool(
    place: &str,
    name: Option<String>,
    description: Option<String>,
    parameters: Option<Value>,
) -> Read<Arc<ToolSpec>> {
    let wrong = |what: &str| Refusal::bad_param("tools", format!("`{place}` {what}"));
    let name = name.ok_or_else(|| wrong("has no `name`"))?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
        return Err(wrong(
            "has a name that is not 1 to 64 letters, digits, `_` and `-`",
        ));
    }
    let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    if !parameters.is_object() || parameters.get("type").is_some_and(|kind| kind != "object") {
        return Err(wrong("has a schema that is not of the type `object`"));
    }
    Ok(Arc::new(ToolSpec {
        name,
        description: description.unwrap_or_default(),
        parameters,
    }))
}

/// The choice that OpenAI calls `mode`.
pub(super) fn choice(mode: &str) -> Read<ToolChoice> {
    match mode {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::Never),
        "required" => Ok(ToolChoice::Required),
        other => {
            let known = "`auto`, `none`, `required` or name a function";
            let message = format!("`tool_choice` is `{other}`; it must be {known}");
            Err(Refusal::bad_param("tool_choice", message))
        }
    }
}

/// Whether `choice` makes sense with `tools`.
pub(super) fn check(tools: &[Arc<ToolSpec>], choice: &ToolChoice) -> Read<()> {
    for (index, tool) in tools.iter().enumerate() {
        if tools[..index].iter().any(|before| before.name == tool.name) {
            let message = format!("`tools` has `{}` twice; names must differ", tool.name);
            return Err(Refusal::bad_param("tools", message));
        }
    }
    let wrong = |message: String| Err(Refusal::bad_param("tool_choice", message));
    match choice {
        ToolChoice::Required if tools.is_empty() => {
            wrong("`tool_choice` requires a tool, and there are no `tools`".to_owned())
        }
        ToolChoice::Tool(name) if tools.iter().all(|tool| tool.name != *name) => wrong(format!(
            "`tool_choice` requires the tool `{name}`, which `tools` does not have"
        )),
        _ => Ok(()),
    }
}
