//! [`Counter`]: how many tokens texts and values have.

use super::part_size::PartSize;
use crate::graph::{InferenceGraph, LlmCall, Operation, Template, TemplatePart};
use crate::resources::{TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, Tokenizer};
use crate::value::Value;

/// Counts with one tokenizer.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    pub(super) tokenizer: Tokenizer,
    /// By node, the tokens of what is the same for every input.
    pub(super) fixed: Vec<u64>,
    /// By node, how much of its value the parts are.
    pub(super) sizes: Vec<PartSize>,
}

impl Counter {
    pub(super) fn new(graph: &InferenceGraph, tokenizer: Tokenizer) -> Self {
        // Texts that belong together are counted together: what is cut into
        // pieces has more tokens.
        let text_of = |templates: &mut dyn Iterator<Item = &Template>| {
            let parts = templates.flat_map(Template::parts);
            let texts = parts.map(|part| match part {
                TemplatePart::Text(text) => text.clone(),
                TemplatePart::Parameter(parameter) => {
                    let parameter = &graph.parameters()[parameter.index()].parameter;
                    parameter.value().to_string()
                }
                TemplatePart::Reference(_) => String::new(),
            });
            texts.collect::<String>()
        };
        let fixed = graph.enumerate().map(|(_, found)| match found.operation() {
            Operation::Llm(call) => {
                let templates = || call.system.iter().chain(prompt_of(call));
                let messages = templates().count() as u64 * TOKENS_PER_MESSAGE;
                let schema = call.output.as_ref();
                let schema = schema.map(|schema| schema.as_json().to_string());
                let text = text_of(&mut templates());
                // Of a file, the code of tools may not be there.
                let tools = call.tools.iter().map(|name| match graph.tool(name) {
                    Some(tool) => tokenizer.count_tool(tool.spec()),
                    None => tokenizer.count(name),
                });
                let texts = tokenizer.count(&text) + tokenizer.count(&schema.unwrap_or_default());
                messages + texts + tools.sum::<u64>()
            }
            Operation::Prompt(template) => tokenizer.count(&text_of(&mut [template].into_iter())),
            _ => 0,
        });
        let mut counter = Self {
            tokenizer,
            fixed: fixed.collect(),
            sizes: Vec::new(),
        };
        let schemas = graph.node_schemas();
        let sizes = schemas.iter().map(|schema| PartSize::new(schema, &counter));
        counter.sizes = sizes.collect();
        counter
    }

    pub(super) fn text_of(&self, value: &Value) -> u64 {
        match value {
            Value::String(text) => self.tokenizer.count(text),
            other => self.tokenizer.count(&other.to_string()),
        }
    }

    /// The tokens of a conversation or of a part of one: texts, and what stands
    /// around messages and for pictures.
    pub(super) fn said(&self, value: &Value) -> u64 {
        match value {
            Value::String(text) => self.tokenizer.count(text),
            Value::List(parts) => parts.iter().map(|part| self.said(part)).sum(),
            Value::Map(fields) if fields.contains_key("image") => TOKENS_PER_IMAGE,
            Value::Map(fields) => match fields.get("content") {
                Some(content) if fields.contains_key("role") => {
                    TOKENS_PER_MESSAGE + self.said(content)
                }
                _ => fields.values().map(|field| self.said(field)).sum(),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }
}

/// The prompt of a call, if it is sent: where there is a conversation, an empty
/// one is left out.
pub(super) fn prompt_of(call: &LlmCall) -> Option<&Template> {
    let is_sent = call.messages.is_none() || !call.prompt.parts().is_empty();
    is_sent.then_some(&call.prompt)
}
