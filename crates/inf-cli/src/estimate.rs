//! [`Estimate`]: what a run will ask of its endpoints, before anything is
//! called.

use inf_engine::Value;
use inf_engine::graph::{
    Accessor, InferenceGraph, LlmCall, NodeRef, Operation, Reference, Shape, Template, TemplatePart,
};

/// English text has about four characters per token with every common
/// tokenizer.
pub(crate) const CHARACTERS_PER_TOKEN: u64 = 4;

/// The tokens of an answer whose call sets no `max_tokens`.
pub(crate) const TOKENS_PER_ANSWER: u64 = 200;

/// Calls and tokens of a pipeline, summed over inputs.
pub(crate) struct Estimate<'g> {
    graph: &'g InferenceGraph,
    /// In the order of [`InferenceGraph::aliases`].
    aliases: Vec<AliasEstimate<'g>>,
}

/// What one alias is asked for.
pub(crate) struct AliasEstimate<'g> {
    pub(crate) alias: &'g str,
    pub(crate) calls_per_input: u64,
    pub(crate) calls: u64,
    characters: u64,
}

impl AliasEstimate<'_> {
    /// About how many tokens are sent.
    pub(crate) fn input_tokens(&self) -> u64 {
        self.characters.div_ceil(CHARACTERS_PER_TOKEN)
    }
}

impl<'g> Estimate<'g> {
    pub(crate) fn new(graph: &'g InferenceGraph) -> Self {
        let calls_of = |alias: &str| {
            let calls = calls(graph).filter(|(_, call)| call.alias.as_str() == alias);
            calls.count() as u64
        };
        let aliases = graph.aliases().into_iter().map(|alias| AliasEstimate {
            alias: alias.as_str(),
            calls_per_input: calls_of(alias.as_str()),
            calls: 0,
            characters: 0,
        });
        Self {
            graph,
            aliases: aliases.collect(),
        }
    }

    /// What each alias is asked for.
    pub(crate) fn aliases(&self) -> &[AliasEstimate<'g>] {
        &self.aliases
    }

    /// Counts the calls of one more input.
    pub(crate) fn add(&mut self, input: &Value) {
        let mut lengths = Lengths {
            graph: self.graph,
            input,
            values: Vec::with_capacity(self.graph.nodes().len()),
        };
        for (node, found) in self.graph.enumerate() {
            let length = match found.operation() {
                Operation::Llm(call) => {
                    let alias = call.alias.as_str();
                    let known = self.aliases.iter_mut().find(|known| known.alias == alias);
                    if let Some(known) = known {
                        known.calls += 1;
                        known.characters += lengths.request(call);
                    }
                    let tokens = call.max_tokens.map_or(TOKENS_PER_ANSWER, u64::from);
                    tokens * CHARACTERS_PER_TOKEN
                }
                Operation::Prompt(template) => lengths.template(template),
                Operation::Pack(shape) => lengths.shape(shape),
                // What they make of it is not known.
                Operation::Host(call) => lengths.shape(&call.input),
                Operation::Compute { input, .. } => lengths.shape(input),
                _ if node == NodeRef::INPUT => text_length(input),
                _ => 0,
            };
            lengths.values.push(length);
        }
    }
}

fn calls(graph: &InferenceGraph) -> impl Iterator<Item = (NodeRef, &LlmCall)> {
    graph
        .enumerate()
        .filter_map(|(node, found)| match found.operation() {
            Operation::Llm(call) => Some((node, call)),
            _ => None,
        })
}

/// How long values are as text, as far as the graph has been walked.
struct Lengths<'e> {
    graph: &'e InferenceGraph,
    input: &'e Value,
    /// By node.
    values: Vec<u64>,
}

impl Lengths<'_> {
    fn request(&self, call: &LlmCall) -> u64 {
        let templates = call.system.iter().chain([&call.prompt]);
        let messages: u64 = templates.map(|template| self.template(template)).sum();
        let schema = call
            .output
            .as_ref()
            .map(|schema| length(&schema.as_json().to_string()));
        messages + schema.unwrap_or(0)
    }

    fn template(&self, template: &Template) -> u64 {
        let parts = template.parts().iter().map(|part| match part {
            TemplatePart::Text(text) => length(text),
            TemplatePart::Reference(reference) => self.reference(reference),
            TemplatePart::Parameter(parameter) => {
                length(&self.graph.parameters()[parameter.index()].parameter.value())
            }
        });
        parts.sum()
    }

    fn shape(&self, shape: &Shape) -> u64 {
        match shape {
            Shape::Reference(reference) => self.reference(reference),
            Shape::Constant(value) => text_length(value),
            Shape::List(elements) => elements.iter().map(|element| self.shape(element)).sum(),
            Shape::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, shape)| length(key) + self.shape(shape));
                entries.sum()
            }
        }
    }

    /// Of a part of another node's value, the whole of it: the part is not yet
    /// known.
    fn reference(&self, reference: &Reference) -> u64 {
        if reference.node == NodeRef::INPUT {
            return part(self.input, &reference.path).map_or(0, text_length);
        }
        self.values
            .get(reference.node.index())
            .copied()
            .unwrap_or(0)
    }
}

/// What stands at `path` in a value, if anything does.
fn part<'v>(value: &'v Value, path: &[Accessor]) -> Option<&'v Value> {
    path.iter()
        .try_fold(value, |value, accessor| match accessor {
            Accessor::Key(key) => value.get(key),
            Accessor::Index(index) => value.at(*index),
        })
}

fn text_length(value: &Value) -> u64 {
    match value {
        Value::String(text) => length(text),
        other => length(&other.to_string()),
    }
}

fn length(text: &str) -> u64 {
    text.chars().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_parameters_inputs_and_earlier_answers_are_counted() {
        let graph = InferenceGraph::from_text(
            r#"
version: 1
name: two
input: { text: string }
parameters: { style: { value: "12345678", requires_grad: false } }
nodes:
  short: { llm: fast, prompt: "1234{input.text}", max_tokens: 10 }
  long: { llm: fast, system: "{parameters.style}", prompt: "{short}{short}" }
  last: { llm: smart, prompt: "{long}" }
output: last
"#,
        )
        .expect("a graph");
        let mut estimate = Estimate::new(&graph);
        let input = Value::from(serde_json::json!({"text": "ééééé"}));
        estimate.add(&input);
        estimate.add(&input);
        let found: Vec<_> = estimate
            .aliases()
            .iter()
            .map(|found| {
                (
                    found.alias,
                    found.calls_per_input,
                    found.calls,
                    found.input_tokens(),
                )
            })
            .collect();
        // Of an input: (4 + 5) + (8 + 2 × 40) characters, and 200 tokens.
        assert_eq!(found, [("fast", 2, 4, 49), ("smart", 1, 2, 400)]);
    }
}
