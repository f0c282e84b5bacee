//! [`Estimate`]: what a run will take, before anything is called.

use std::sync::Arc;

use crate::clients::Usage;
use crate::graph::{
    Accessor, InferenceGraph, LlmCall, NodeRef, Operation, Reference, Shape, Template, TemplatePart,
};
use crate::resources::{
    Cost, Price, ResourceManager, TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, Tokenizer,
};
use crate::value::Value;

/// What a run will take, before anything is called: its calls exactly, its
/// tokens and dollars about.
///
/// Requests are counted with each model's [`Tokenizer`]. What models will answer
/// is not known: every answer is taken to be as long as its call's `max_tokens`
/// allows, or [`ASSUMED_ANSWER`](Self::ASSUMED_ANSWER) tokens long where that is
/// not set; it counts so in later prompts, too. What a host function returns is
/// taken to be as long as what it was given. Nothing is failed, repeated or
/// cached, and a model that has tools is taken to answer without a call of them:
/// each turn in which it calls some is one more call.
///
/// ```
/// use std::sync::Arc;
/// use inf_engine::execution::Estimate;
/// use inf_engine::graph::InferenceGraph;
/// use inf_engine::Value;
///
/// let graph = InferenceGraph::from_text(r#"
/// version: 1
/// name: greet
/// input: string
/// nodes: { greeting: { llm: fast, prompt: "Greet {input}.", max_tokens: 20 } }
/// output: greeting
/// "#)?;
/// let mut estimate = Estimate::new(&Arc::new(graph), None);
/// estimate.add(&Value::from("the whole world"));
/// let fast = &estimate.aliases()[0];
/// assert_eq!((fast.calls, fast.input_tokens, fast.output_tokens), (1, 10, 20));
/// assert_eq!(estimate.cost().total(), None); // It is not known which model that is.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Estimate {
    graph: Arc<InferenceGraph>,
    inputs: u64,
    /// In the order of [`InferenceGraph::aliases`].
    aliases: Vec<AliasEstimate>,
    /// For each node that calls, the place of its alias.
    alias_of: Vec<Option<usize>>,
    /// What does not depend on the input, for each tokenizer that is used.
    counters: Vec<Counter>,
}

/// What one alias will be asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AliasEstimate {
    /// The alias.
    pub alias: String,
    /// The model behind it, if that is known.
    pub model: Option<String>,
    /// What its requests are counted with.
    pub tokenizer: Tokenizer,
    /// What the model charges, if that is known.
    pub price: Option<Price>,
    /// The calls for one input.
    pub calls_per_input: u64,
    /// The calls.
    pub calls: u64,
    /// About how many tokens the requests have.
    pub input_tokens: u64,
    /// How many tokens the answers are taken to have.
    pub output_tokens: u64,
    /// Those of the calls whose answers nothing bounds.
    pub unbounded_calls: u64,
    /// What the calls cost then.
    pub cost: Cost,
}

impl Estimate {
    /// The tokens that an answer is taken to have if its call sets no
    /// `max_tokens`.
    pub const ASSUMED_ANSWER: u64 = 200;

    /// Of no input yet. Without `resources` it is not known which models answer,
    /// and what they charge.
    pub fn new(graph: &Arc<InferenceGraph>, resources: Option<&ResourceManager>) -> Self {
        let names = graph.aliases();
        let place_of = |call: &LlmCall| names.iter().position(|alias| **alias == call.alias);
        let alias_of = graph.enumerate().map(|(_, found)| match found.operation() {
            Operation::Llm(call) => place_of(call),
            _ => None,
        });
        let alias_of: Vec<Option<usize>> = alias_of.collect();
        let aliases = names.iter().enumerate().map(|(place, alias)| {
            let model = resources.and_then(|resources| resources.model(alias.as_str()));
            AliasEstimate {
                alias: alias.to_string(),
                model: model.map(str::to_owned),
                tokenizer: model.map(Tokenizer::of_model).unwrap_or_default(),
                price: resources.and_then(|resources| resources.price(alias.as_str())),
                calls_per_input: alias_of.iter().filter(|of| **of == Some(place)).count() as u64,
                calls: 0,
                input_tokens: 0,
                output_tokens: 0,
                unbounded_calls: 0,
                cost: Cost::default(),
            }
        });
        let aliases: Vec<AliasEstimate> = aliases.collect();
        let mut tokenizers: Vec<Tokenizer> = aliases.iter().map(|alias| alias.tokenizer).collect();
        tokenizers.sort_unstable();
        tokenizers.dedup();
        let counters = tokenizers.into_iter();
        let counters = counters.map(|tokenizer| Counter::new(graph, tokenizer));
        Self {
            inputs: 0,
            counters: counters.collect(),
            aliases,
            alias_of,
            graph: Arc::clone(graph),
        }
    }

    /// Adds what one more input takes.
    pub fn add(&mut self, input: &Value) {
        self.inputs += 1;
        for counter in &self.counters {
            let mut walk = Walk {
                counter,
                input,
                values: Vec::with_capacity(self.graph.nodes().len()),
            };
            for (node, found) in self.graph.enumerate() {
                let sent = walk.read_by(node, found.operation());
                let value = match (found.operation(), self.alias_of[node.index()]) {
                    (Operation::Llm(call), Some(place)) => {
                        let answer = call.max_tokens.map(u64::from);
                        let alias = &mut self.aliases[place];
                        if alias.tokenizer == counter.tokenizer {
                            alias.add(sent, answer);
                        }
                        answer.unwrap_or(Self::ASSUMED_ANSWER)
                    }
                    _ => sent,
                };
                walk.values.push(value);
            }
        }
    }

    /// The inputs that were added.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// What each alias will be asked for, in the order in which the graph calls
    /// them.
    pub fn aliases(&self) -> &[AliasEstimate] {
        &self.aliases
    }

    /// All calls.
    pub fn calls(&self) -> u64 {
        self.aliases.iter().map(|alias| alias.calls).sum()
    }

    /// What all calls cost, as far as prices are known.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for alias in &self.aliases {
            cost += alias.cost;
        }
        cost
    }
}

impl AliasEstimate {
    fn add(&mut self, input_tokens: u64, answer: Option<u64>) {
        let usage = Usage {
            input_tokens,
            output_tokens: answer.unwrap_or(Estimate::ASSUMED_ANSWER),
            ..Usage::default()
        };
        self.calls += 1;
        self.input_tokens = self.input_tokens.saturating_add(usage.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(usage.output_tokens);
        self.unbounded_calls += u64::from(answer.is_none());
        self.cost += Cost::of_answer(self.price.as_ref(), &usage);
    }
}

/// Counts with one tokenizer.
#[derive(Debug, Clone)]
struct Counter {
    tokenizer: Tokenizer,
    /// By node, the tokens of what is the same for every input.
    fixed: Vec<u64>,
}

impl Counter {
    fn new(graph: &InferenceGraph, tokenizer: Tokenizer) -> Self {
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
        Self {
            tokenizer,
            fixed: fixed.collect(),
        }
    }

    fn text_of(&self, value: &Value) -> u64 {
        match value {
            Value::String(text) => self.tokenizer.count(text),
            other => self.tokenizer.count(&other.to_string()),
        }
    }

    /// The tokens of a conversation or of a part of one: texts, and what stands
    /// around messages and for pictures.
    fn said(&self, value: &Value) -> u64 {
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
fn prompt_of(call: &LlmCall) -> Option<&Template> {
    let is_sent = call.messages.is_none() || !call.prompt.parts().is_empty();
    is_sent.then_some(&call.prompt)
}

/// One input on its way through the graph: how many tokens values have as text.
struct Walk<'e> {
    counter: &'e Counter,
    input: &'e Value,
    /// By node, as far as the graph has been walked.
    values: Vec<u64>,
}

impl Walk<'_> {
    /// The tokens of what a node puts together: a request, a prompt, a value.
    fn read_by(&self, node: NodeRef, operation: &Operation) -> u64 {
        let fixed = self.counter.fixed[node.index()];
        let template = |template: &Template| -> u64 {
            template.references().map(|read| self.reference(read)).sum()
        };
        match operation {
            Operation::Input => self.counter.text_of(self.input),
            Operation::Llm(call) => {
                let templates = call.system.iter().chain(prompt_of(call));
                let earlier = call.messages.as_ref().map_or(0, |shape| self.said(shape));
                fixed + templates.map(template).sum::<u64>() + earlier
            }
            Operation::Prompt(prompt) => fixed + template(prompt),
            Operation::Pack(shape) => self.shape(shape),
            // What they make of it is not known.
            Operation::Host(call) => self.shape(&call.input),
            Operation::Compute { input, .. } => self.shape(input),
            Operation::Branch(_)
            | Operation::Map(_)
            | Operation::Fold(_)
            | Operation::Repeat(_)
            | Operation::Fallback(_)
            | Operation::Argument => 0,
        }
    }

    fn shape(&self, shape: &Shape) -> u64 {
        match shape {
            Shape::Reference(reference) => self.reference(reference),
            Shape::Constant(value) => self.counter.text_of(value),
            Shape::List(elements) => elements.iter().map(|element| self.shape(element)).sum(),
            Shape::Map(entries) => {
                let entries = entries.iter();
                let entries = entries
                    .map(|(key, shape)| self.counter.tokenizer.count(key) + self.shape(shape));
                entries.sum()
            }
        }
    }

    /// The tokens of a conversation that is put together, or of a part of one.
    fn said(&self, shape: &Shape) -> u64 {
        match shape {
            Shape::Reference(read) if read.node == NodeRef::INPUT => {
                part(self.input, &read.path).map_or(0, |found| self.counter.said(found))
            }
            Shape::Reference(read) => self.reference(read),
            Shape::Constant(value) => self.counter.said(value),
            Shape::List(parts) => parts.iter().map(|part| self.said(part)).sum(),
            Shape::Map(fields) if fields.contains_key("image") => TOKENS_PER_IMAGE,
            Shape::Map(fields) => match fields.get("content") {
                Some(content) if fields.contains_key("role") => {
                    TOKENS_PER_MESSAGE + self.said(content)
                }
                _ => fields.values().map(|field| self.said(field)).sum(),
            },
        }
    }

    /// Of a part of another node's value, the whole of it: the part is not yet
    /// known.
    fn reference(&self, reference: &Reference) -> u64 {
        if reference.node == NodeRef::INPUT {
            let found = part(self.input, &reference.path);
            return found.map_or(0, |found| self.counter.text_of(found));
        }
        let known = self.values.get(reference.node.index());
        known.copied().unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Dollars, EndpointConfig, ResourceConfig};

    const TWO: &str = r#"
version: 1
name: two
input: { text: string }
parameters: { style: { value: "12345678", requires_grad: false } }
nodes:
  short: { llm: fast, prompt: "1234{input.text}", max_tokens: 10 }
  long: { llm: fast, system: "{parameters.style}", prompt: "{short}{short}" }
  last: { llm: smart, prompt: "{long}" }
output: last
"#;

    fn estimate(resources: Option<&ResourceManager>) -> Estimate {
        let graph = InferenceGraph::from_text(TWO).expect("a graph");
        let mut estimate = Estimate::new(&Arc::new(graph), resources);
        let input = Value::from(serde_json::json!({"text": "five5", "other": "is not read"}));
        estimate.add(&input);
        estimate.add(&input);
        estimate
    }

    #[test]
    fn prompts_parameters_inputs_and_earlier_answers_are_counted() {
        let estimate = estimate(None);
        let found = estimate.aliases().iter().map(|found| {
            let tokens = (found.input_tokens, found.output_tokens);
            (
                &*found.alias,
                found.calls_per_input,
                found.calls,
                tokens,
                found.unbounded_calls,
            )
        });
        let found: Vec<_> = found.collect();
        // Of an input: 4 + 1 + 2, and 4 + 4 + 2 + 10 + 10; 4 + 200.
        let expected = [
            ("fast", 2, 4, (2 * 37, 2 * 210), 2),
            ("smart", 1, 2, (2 * 204, 2 * 200), 2),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            (estimate.inputs(), estimate.calls(), estimate.cost().unknown),
            (2, 6, 6)
        );
    }

    #[test]
    fn conversations_and_tools_are_counted_as_they_are_sent() {
        let graph = InferenceGraph::from_text(
            r"
version: 1
name: chat
input: { earlier: any, picture: any, question: string }
nodes:
  look:
    llm: fast
    messages:
      - input.earlier
      - { role: { $value: user }, content: [input.question, { image: input.picture }] }
    tools: [find]
    max_tokens: 10
output: look
",
        );
        let graph = graph.expect("a graph");
        let earlier = serde_json::json!([
            {"role": "user", "content": "12345678"},
            {"role": "assistant", "content": ["1234", {"image": "data:image/png;base64,AAAA"}]},
        ]);
        // However long the picture's own text is.
        let picture = "data:image/png;base64,".to_owned() + &"A".repeat(100_000);
        let input = serde_json::json!({
            "earlier": earlier, "picture": picture, "question": "12345678"
        });
        let input = Value::from(input);
        let tokens = |graph: InferenceGraph| {
            let mut estimate = Estimate::new(&Arc::new(graph), None);
            estimate.add(&input);
            estimate.aliases()[0].input_tokens
        };
        let said = (4 + 2) + (4 + 1 + 1_500) + (4 + 2 + 1_500);
        assert_eq!(tokens(graph.clone()), said + 1);

        let find = crate::graph::Tool::new("find", "Finds it.", |(): ()| async { "it" });
        let known = Tokenizer::Characters.count_tool(find.spec());
        let graph = graph.with_tools([find]);
        assert_eq!(tokens(graph), said + known);
    }

    #[test]
    fn prices_are_those_of_the_resources() {
        let local = |price: Option<Price>| EndpointConfig {
            price,
            ..EndpointConfig::openai_compatible("http://h/v1", "gpt-5")
        };
        let config = ResourceConfig::new()
            .with_endpoint("fast", local(Some(Price::new(1_000.0, 2_000.0))))
            .with_endpoint("smart", local(None));
        let resources = ResourceManager::new(&config).expect("resources");
        let estimate = estimate(Some(&resources));
        let [fast, smart] = estimate.aliases() else {
            panic!("two aliases")
        };
        assert_eq!(fast.model.as_deref(), Some("gpt-5"));
        assert_eq!(fast.tokenizer, Tokenizer::of_model("gpt-5"));
        let dollars =
            f64::from(u32::try_from(fast.input_tokens + 2 * fast.output_tokens).unwrap_or(0)) / 1e3;
        assert_eq!(fast.cost.total(), Some(Dollars::new(dollars)));
        assert_eq!((smart.cost.total(), smart.cost.unknown), (None, 2));
    }
}
