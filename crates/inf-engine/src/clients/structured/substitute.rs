//! [`Substitute`]: a shape for the answer where the provider has no means for it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{PerSchema, StructuredOutput};
use crate::clients::{
    FinishReason, LlmRequest, LlmResponse, Message, OutputSchema, Part, Role, ToolCall, ToolChoice,
    ToolSpec,
};

/// The field that holds a value that is no object: a tool's arguments are one.
const WRAPPED: &str = "answer";

/// What stands for each schema.
#[derive(Debug, Default)]
pub(crate) struct Substitutes {
    tools: PerSchema<Arc<ToolSpec>>,
    prompts: PerSchema<String>,
}

/// A request without a schema that asks for the same, and how its answer is
/// read.
#[derive(Debug)]
pub(crate) struct Substitute<'r> {
    /// What to send.
    pub(crate) request: Cow<'r, LlmRequest>,
    /// How its answer is read.
    pub(crate) form: AnswerForm,
}

/// Where in an answer the asked value is.
#[derive(Debug, Default)]
pub(crate) struct AnswerForm {
    /// The tool whose arguments are the answer.
    tool: Option<Arc<ToolSpec>>,
    is_wrapped: bool,
    /// Whether the model was offered other tools beside it.
    has_others: bool,
}

impl Substitutes {
    /// `request` as it is sent in the way of `mode`; unchanged if that is the
    /// native one or there is no schema. Where a provider lets nobody force a
    /// call (`may_force`), the model is told to make it.
    pub(crate) fn of<'r>(
        &self,
        request: &'r LlmRequest,
        mode: StructuredOutput,
        may_force: bool,
    ) -> Substitute<'r> {
        let Some(schema) = &request.output_schema else {
            return Substitute::unchanged(request);
        };
        if mode == StructuredOutput::Native {
            return Substitute::unchanged(request);
        }
        let mut changed = request.clone();
        changed.output_schema = None;
        if mode == StructuredOutput::Prompt {
            let instruction = self.prompts.of(schema, instruction);
            add_to_system(&mut changed.messages, &instruction);
            return Substitute {
                request: Cow::Owned(changed),
                form: AnswerForm::default(),
            };
        }
        let tool = self.tools.of(schema, |schema| Arc::new(tool_of(schema)));
        let tool = named_apart(&tool, &request.tools);
        changed.tool_choice = match (&changed.tool_choice, may_force) {
            // The model may want other tools first; this one ends the turns.
            (ToolChoice::Auto | ToolChoice::Required, true) if !changed.tools.is_empty() => {
                ToolChoice::Required
            }
            // That one was asked for, and this one cannot come as well.
            (ToolChoice::Tool(name), true) => ToolChoice::Tool(name.clone()),
            (_, true) => ToolChoice::Tool(tool.name.clone()),
            // The others would be free to be called as well.
            (ToolChoice::Never, false) => {
                changed.tools.clear();
                ToolChoice::Auto
            }
            // What was asked for and can't be had is for the provider to refuse.
            (asked, false) => asked.clone(),
        };
        let has_others = !changed.tools.is_empty();
        if !may_force {
            let told = format!("Give your final answer by calling `{}`.", tool.name);
            add_to_system(&mut changed.messages, &told);
        }
        changed.tools.push(Arc::clone(&tool));
        Substitute {
            request: Cow::Owned(changed),
            form: AnswerForm {
                is_wrapped: !is_object(&schema.schema),
                tool: Some(tool),
                has_others,
            },
        }
    }
}

impl<'r> Substitute<'r> {
    fn unchanged(request: &'r LlmRequest) -> Self {
        Self {
            request: Cow::Borrowed(request),
            form: AnswerForm::default(),
        }
    }
}

impl AnswerForm {
    /// Whether the answer's text is elsewhere, so that pieces of what is said
    /// beside it are none of the answer.
    pub(crate) fn hides_text(&self) -> bool {
        self.tool.is_some()
    }

    /// The answer as the native way would have given it. One without the call,
    /// which a model may prefer, is left as it is: its text may fit as well.
    pub(crate) fn read(&self, mut response: LlmResponse) -> LlmResponse {
        let Some(tool) = &self.tool else {
            return response;
        };
        let called = response
            .tool_calls
            .iter()
            .position(|call| call.name == tool.name);
        let Some(called) = called else {
            return response;
        };
        let call = response.tool_calls.remove(called);
        // Some models answer twice, or call what nobody offered.
        let is_other = |call: &ToolCall| self.has_others && call.name != tool.name;
        response.tool_calls.retain(is_other);
        if !response.tool_calls.is_empty() {
            // It is not done: it wants to know more before it answers.
            return response;
        }
        response.text = if self.is_wrapped {
            unwrapped(&call.arguments)
        } else {
            call.arguments
        };
        if response.finish_reason == FinishReason::ToolCalls {
            response.finish_reason = FinishReason::Stop;
        }
        response
    }
}

fn instruction(schema: &OutputSchema) -> String {
    format!(
        "Answer with JSON only, without any text around it. It has to be valid against this JSON \
         schema:\n{}",
        schema.schema
    )
}

fn tool_of(output: &OutputSchema) -> ToolSpec {
    let parameters = if is_object(&output.schema) {
        output.schema.clone()
    } else {
        wrapped(&output.schema)
    };
    ToolSpec {
        name: output.name.clone(),
        description: "Takes the answer. Call it once, when the answer is known.".to_owned(),
        parameters,
    }
}

/// `tool` under a name that none of `others` has: a node may be called like one
/// of its tools.
fn named_apart(tool: &Arc<ToolSpec>, others: &[Arc<ToolSpec>]) -> Arc<ToolSpec> {
    let is_taken = |name: &str| others.iter().any(|other| other.name == name);
    if !is_taken(&tool.name) {
        return Arc::clone(tool);
    }
    let mut names = (0..).map(|number| format!("answer_{number}"));
    let name = names.find(|name| !is_taken(name));
    Arc::new(ToolSpec {
        name: name.unwrap_or_default(),
        ..ToolSpec::clone(tool)
    })
}

fn is_object(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object")
}

/// An object with `schema` as its only field. Definitions stay at the root,
/// where references look for them.
fn wrapped(schema: &Value) -> Value {
    let mut inner = schema.clone();
    let mut outer = Map::new();
    outer.insert("type".to_owned(), json!("object"));
    if let Value::Object(inner) = &mut inner {
        for definitions in ["$defs", "definitions"] {
            if let Some(found) = inner.shift_remove(definitions) {
                outer.insert(definitions.to_owned(), found);
            }
        }
        inner.shift_remove("$schema");
    }
    outer.insert("properties".to_owned(), json!({ WRAPPED: inner }));
    outer.insert("required".to_owned(), json!([WRAPPED]));
    Value::Object(outer)
}

fn unwrapped(arguments: &str) -> String {
    let inner = serde_json::from_str::<Value>(arguments)
        .ok()
        .and_then(|mut arguments| arguments.get_mut(WRAPPED).map(Value::take));
    match inner {
        Some(inner) => inner.to_string(),
        // As it came: the engine says what is wrong with it.
        None => arguments.to_owned(),
    }
}

/// Adds `text` to the first system message, or puts one before all others.
fn add_to_system(messages: &mut Vec<Message>, text: &str) {
    let first = messages
        .first_mut()
        .filter(|first| first.role == Role::System);
    match first {
        None => messages.insert(0, Message::new(Role::System, text)),
        Some(system) => {
            let mut whole = system.text().into_owned();
            let _ = write!(whole, "\n\n{text}");
            system.parts = vec![Part::Text(whole.into())];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(schema: Value) -> LlmRequest {
        LlmRequest {
            output_schema: Some(Arc::new(OutputSchema {
                name: "Facts".to_owned(),
                schema,
            })),
            ..LlmRequest::from_prompt("Go.")
        }
    }

    fn calling(calls: &[(&str, &str)]) -> LlmResponse {
        let calls = calls.iter().map(|(name, arguments)| ToolCall {
            id: "1".to_owned(),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
        });
        LlmResponse {
            tool_calls: calls.collect(),
            finish_reason: FinishReason::ToolCalls,
            ..LlmResponse::from_text("Let me see.")
        }
    }

    #[test]
    fn the_prompt_asks_for_the_shape() {
        let mut asked = request(json!({"type": "object"}));
        let prompt = |asked: &LlmRequest| {
            let all = Substitutes::default();
            let sent = all.of(asked, StructuredOutput::Prompt, true);
            assert_eq!(sent.request.output_schema, None);
            sent.request.system().expect("a system prompt").into_owned()
        };
        let alone = prompt(&asked);
        assert!(alone.ends_with("schema:\n{\"type\":\"object\"}"), "{alone}");
        asked
            .messages
            .insert(0, Message::new(Role::System, "Be brief."));
        assert_eq!(prompt(&asked), format!("Be brief.\n\n{alone}"));
    }

    #[test]
    fn the_arguments_of_the_tool_are_the_text() {
        let asked = request(json!({"type": "object"}));
        let all = Substitutes::default();
        let sent = all.of(&asked, StructuredOutput::Tool, true);
        assert_eq!(
            sent.request.tool_choice,
            ToolChoice::Tool("Facts".to_owned())
        );
        let read = sent.form.read(calling(&[("Facts", "{\"a\":1}")]));
        assert_eq!((&*read.text, read.tool_calls.len()), ("{\"a\":1}", 0));
        assert_eq!(read.finish_reason, FinishReason::Stop);
        let read = sent.form.read(LlmResponse::from_text("{}"));
        assert_eq!(read.text, "{}");
        for more in ["Facts", "dreamt"] {
            let read = sent
                .form
                .read(calling(&[("Facts", "{\"a\":1}"), (more, "{}")]));
            assert_eq!((&*read.text, read.tool_calls.len()), ("{\"a\":1}", 0));
        }
    }

    #[test]
    fn a_value_that_is_no_object_is_wrapped() {
        let asked = request(json!({
            "type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "string"}}
        }));
        let all = Substitutes::default();
        let sent = all.of(&asked, StructuredOutput::Tool, true);
        let expected = json!({
            "type": "object",
            "$defs": {"A": {"type": "string"}},
            "properties": {"answer": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
            "required": ["answer"]
        });
        assert_eq!(sent.request.tools[0].parameters, expected);
        let read = sent
            .form
            .read(calling(&[("Facts", r#"{"answer": ["b"]}"#)]));
        assert_eq!(read.text, r#"["b"]"#);
        let read = sent.form.read(calling(&[("Facts", "{\"ans")]));
        assert_eq!(read.text, "{\"ans");
    }

    #[test]
    fn other_tools_come_first() {
        let mut asked = request(json!({"type": "object"}));
        asked.tools.push(Arc::new(ToolSpec {
            name: "search".to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        }));
        let all = Substitutes::default();
        let sent = all.of(&asked, StructuredOutput::Tool, true);
        assert_eq!(sent.request.tool_choice, ToolChoice::Required);
        let read = sent
            .form
            .read(calling(&[("search", "{}"), ("Facts", "{}")]));
        assert_eq!(read.tool_calls.len(), 1);
        assert_eq!(read.finish_reason, FinishReason::ToolCalls);

        let told = all.of(&asked, StructuredOutput::Tool, false);
        assert_eq!(told.request.tool_choice, ToolChoice::Auto);
        let system = told.request.system().expect("a system prompt").into_owned();
        assert_eq!(system, "Give your final answer by calling `Facts`.");

        // A choice is not dropped without a word.
        let unforced = |choice: ToolChoice| {
            let mut asked = asked.clone();
            asked.tool_choice = choice;
            let sent = all.of(&asked, StructuredOutput::Tool, false).request;
            (sent.tool_choice.clone(), sent.tools.len())
        };
        assert_eq!(unforced(ToolChoice::Required), (ToolChoice::Required, 2));
        assert_eq!(unforced(ToolChoice::Never), (ToolChoice::Auto, 1));
    }

    #[test]
    fn a_tool_of_the_same_name_is_told_apart() {
        let mut asked = request(json!({"type": "object"}));
        asked.tools.push(Arc::new(ToolSpec {
            name: "Facts".to_owned(),
            description: String::new(),
            parameters: json!({"type": "object"}),
        }));
        let all = Substitutes::default();
        let sent = all.of(&asked, StructuredOutput::Tool, true);
        let names: Vec<_> = sent.request.tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["Facts", "answer_0"]);
        let read = sent.form.read(calling(&[("Facts", "{}")]));
        assert_eq!(read.tool_calls.len(), 1);
        let read = sent.form.read(calling(&[("answer_0", "{\"a\":1}")]));
        assert_eq!((&*read.text, read.tool_calls.len()), ("{\"a\":1}", 0));
    }
}
