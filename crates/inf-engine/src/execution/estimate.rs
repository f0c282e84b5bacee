//! [`Estimate`]: what a run will take, before anything is called.

mod counter;
mod part_size;
mod tally;
mod walk;

use std::fmt;
use std::sync::Arc;

use counter::Counter;
use tally::{Demand, Tally};
use walk::Walk;

use crate::graph::{GraphNode, InferenceGraph, Keep, LlmCall, Map, Operation};
use crate::resources::{Cost, Price, ResourceManager, Tokenizer};
use crate::value::Value;

/// What a run will take, before anything is called: its calls exactly, as far as
/// the inputs decide them, its tokens and dollars about.
///
/// Requests are counted with each model's [`Tokenizer`]. What models will answer
/// is not known: every answer is taken to be as long as its call's `max_tokens`
/// allows, or [`ASSUMED_ANSWER`](Self::ASSUMED_ANSWER) tokens long where that is
/// not set; it counts so in later prompts, too. Of a typed answer a field counts
/// there as its share: booleans, numbers and enums as long as they can be, and the
/// rest is shared among all texts and lists. What a host function returns is
/// taken to be as long as what it was given. Nothing is failed, repeated or
/// cached, and a model that has tools is taken to answer without a call of them:
/// each turn in which it calls some is one more call.
///
/// Control flow is followed as far as it depends on inputs alone: an arm that an
/// input chooses, the elements of a list that an input has. Beyond that each alias
/// is taken to be called as often as in the arm that calls it most, a loop to run
/// as often as it may, a filter to keep everything, and a list to have
/// [`ASSUMED_LENGTH`](Self::ASSUMED_LENGTH) elements; only the last may be too
/// little. [`assumptions`](Self::assumptions) says which of these were needed.
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
/// println!("{estimate}"); // All of it, for people.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Estimate {
    graph: Arc<InferenceGraph>,
    inputs: u64,
    /// In the order of [`InferenceGraph::aliases`].
    aliases: Vec<AliasEstimate>,
    /// For each node that calls, the place of its alias.
    alias_of: Vec<Option<usize>>,
    /// What does not depend on the input, for each tokenizer that is used.
    counters: Vec<Counter>,
    has_assumed_length: bool,
}

/// What one alias will be asked for.
///
/// [`Estimate`] shows one.
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
    /// The calls for one input, where nothing is known of it.
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

    /// The elements that a list is taken to have, if the input does not have it.
    pub const ASSUMED_LENGTH: u64 = 10;

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
        let aliases = names.iter().map(|alias| {
            let model = resources.and_then(|resources| resources.model(alias.as_str()));
            AliasEstimate {
                alias: alias.to_string(),
                model: model.map(str::to_owned),
                tokenizer: model.map(Tokenizer::of_model).unwrap_or_default(),
                price: resources.and_then(|resources| resources.price(alias.as_str())),
                calls_per_input: 0,
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
        let mut estimate = Self {
            inputs: 0,
            counters: counters.collect(),
            aliases,
            alias_of,
            graph: Arc::clone(graph),
            has_assumed_length: false,
        };
        if let Some(counter) = estimate.counters.first() {
            let mut walk = Walk::new(&estimate, counter);
            let tally = walk.run(None);
            let has_assumed_length = walk.has_assumed_length;
            for (alias, made) in estimate.aliases.iter_mut().zip(tally.demands()) {
                alias.calls_per_input = made.calls;
            }
            estimate.has_assumed_length = has_assumed_length;
        }
        estimate
    }

    /// Adds what one more input takes.
    pub fn add(&mut self, input: &Value) {
        // Of what was assumed without inputs, they may have decided all.
        self.has_assumed_length &= self.inputs > 0;
        self.inputs += 1;
        let made = self.counters.iter().map(|counter| {
            let mut walk = Walk::new(self, counter);
            let tally = walk.run(Some(input));
            (counter.tokenizer, tally, walk.has_assumed_length)
        });
        let tallies: Vec<(Tokenizer, Tally, bool)> = made.collect();
        for (tokenizer, tally, has_assumed_length) in tallies {
            self.has_assumed_length |= has_assumed_length;
            for (alias, made) in self.aliases.iter_mut().zip(tally.demands()) {
                if alias.tokenizer == tokenizer {
                    alias.add(made);
                }
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

    /// What was assumed of control flow, in sentences; nothing if there is none,
    /// or if the inputs decide everything.
    pub fn assumptions(&self) -> Vec<String> {
        let operations = || self.graph.nodes().iter().map(GraphNode::operation);
        let mut assumptions = Vec::new();
        let mut assume = |is_needed: bool, sentence: &str| {
            if is_needed {
                assumptions.push(sentence.to_owned());
            }
        };
        assume(
            operations().any(|operation| matches!(operation, Operation::Branch(_))),
            "Where it is not the input that decides between arms, each alias is taken to be called as \
             often as in the arm that calls it most",
        );
        assume(
            operations().any(|operation| matches!(operation, Operation::Repeat(_))),
            "Loops are taken to run as often as their `max` allows",
        );
        assume(
            operations().any(|operation| matches!(operation, Operation::Fallback(_))),
            "What has a fallback is taken not to fail",
        );
        let is_filter = |map: &Map| map.keep == Keep::Elements;
        assume(
            operations()
                .any(|operation| matches!(operation, Operation::Map(map) if is_filter(map))),
            "Filters are taken to keep everything",
        );
        let length = Self::ASSUMED_LENGTH;
        assume(
            self.has_assumed_length,
            &format!("Lists whose lengths are not known are taken to have {length} elements"),
        );
        assumptions
    }

    /// All calls.
    pub fn calls(&self) -> u64 {
        let calls = self.aliases.iter().map(|alias| alias.calls);
        calls.fold(0, u64::saturating_add)
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

impl fmt::Debug for Estimate {
    /// Without the graph, which may be large.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Estimate")
            .field("graph", &self.graph.name())
            .field("inputs", &self.inputs)
            .field("aliases", &self.aliases)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Estimate {
    /// A line for all inputs, one for each alias, and what was assumed.
    ///
    /// ```text
    /// 2 inputs: 4 calls, about $0.0012
    ///   fast (some-model): 4 calls, about 74 tokens in and 420 out, about $0.0012
    /// ```
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: u64, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {what}{plural}")
        };
        let inputs = counted(self.inputs, "input");
        let calls = counted(self.calls(), "call");
        let cost = |cost: Cost| match cost {
            Cost { known, unknown } if known.is_zero() && unknown > 0 => {
                "at a price that is not known".to_owned()
            }
            other => format!("about {other}"),
        };
        write!(formatter, "{inputs}: {calls}, {}", cost(self.cost()))?;
        for alias in &self.aliases {
            let name = &alias.alias;
            write!(formatter, "\n  {name}")?;
            if let Some(model) = &alias.model {
                write!(formatter, " ({model})")?;
            }
            let calls = counted(alias.calls, "call");
            let (sent, answered) = (alias.input_tokens, alias.output_tokens);
            let cost = cost(alias.cost);
            write!(
                formatter,
                ": {calls}, about {sent} tokens in and {answered} out, {cost}"
            )?;
        }
        for assumption in self.assumptions() {
            write!(formatter, "\n* {assumption}.")?;
        }
        Ok(())
    }
}

impl AliasEstimate {
    fn add(&mut self, made: &Demand) {
        self.calls = self.calls.saturating_add(made.calls);
        self.input_tokens = self.input_tokens.saturating_add(made.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(made.output_tokens);
        self.unbounded_calls = self.unbounded_calls.saturating_add(made.unbounded);
        self.cost += made.cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Dollars, EndpointConfig, ResourceConfig, TOKENS_PER_MESSAGE};

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

    /// The calls of one input with this value, for a graph with these nodes; and
    /// how many assumptions were made.
    fn calls(nodes: &str, input: serde_json::Value) -> (u64, usize) {
        let text = format!("version: 1\nname: flow\nnodes: {nodes}\noutput: out\n");
        let graph = InferenceGraph::from_text(&text).expect("a graph");
        let mut estimate = Estimate::new(&Arc::new(graph), None);
        estimate.add(&input.into());
        (estimate.calls(), estimate.assumptions().len())
    }

    const ONE: &str = r#"{ nodes: { a: { llm: fast, prompt: "x" } }, output: a }"#;
    const TWO_CALLS: &str = r#"
        { nodes: { b: { llm: fast, prompt: "x" }, c: { llm: smart, prompt: "{b}" } }, output: c }"#;

    #[test]
    fn inputs_choose_arms_and_lists() {
        let check = |nodes: &str, input: serde_json::Value, expected: u64| {
            assert_eq!(calls(nodes, input.clone()).0, expected, "{nodes} {input}");
        };
        let branch = format!("{{ out: {{ if: input, then: {ONE}, else: {TWO_CALLS} }} }}");
        check(&branch, true.into(), 1);
        check(&branch, false.into(), 2);
        // No boolean: it will fail.
        check(&branch, 3.into(), 0);
        let case = format!(
            "{{ long: {{ compute: length, input: input }},
               is: {{ compute: less, input: [long, {{ $value: 3 }}] }},
               out: {{ match: is, cases: {{ true: {ONE} }}, default: {TWO_CALLS} }} }}"
        );
        check(&case, "ab".into(), 1);
        check(&case, "abc".into(), 2);
        let map = r#"{ all: { map: input, as: one, nodes: { a: { llm: fast, prompt: "{one}" } },
                              output: a },
                       out: { fold: all, as: [b, c], tree: true,
                              nodes: { d: { llm: fast, prompt: "{b}{c}" } }, output: d } }"#;
        check(map, serde_json::json!([1, 2, 3, 4, 5]), 5 + 4);
        check(map, serde_json::json!([1]), 1);
        check(map, serde_json::json!([]), 0);
        check(map, "no list".into(), 0);
    }

    #[test]
    fn what_no_input_decides_is_assumed() {
        let check = |nodes: &str, expected: u64, assumptions: usize| {
            let found = calls(nodes, "x".into());
            assert_eq!(found, (expected, assumptions), "{nodes}");
        };
        let is = r#"is: { llm: fast, prompt: "{input}", output: boolean }"#;
        check(
            &format!("{{ {is}, out: {{ if: is, then: {ONE}, else: {TWO_CALLS} }} }}"),
            1 + 2,
            1,
        );
        check(
            &format!("{{ out: {{ try: {ONE}, fallback: {TWO_CALLS} }} }}"),
            1,
            1,
        );
        let list = r#"list: { llm: fast, prompt: "{input}", output: [string] }"#;
        let map = r#"map: list, as: one, nodes: { m: { llm: fast, prompt: "{one}" } }, output: m"#;
        check(&format!("{{ {list}, out: {{ {map} }} }}"), 1 + 10, 1);
        let repeat = format!(
            r#"{{ out: {{ repeat: input, as: state, max: 4000000000,
                          nodes: {{ list: {{ llm: fast, prompt: "{{state}}", output: [string] }},
                                    all: {{ {map} }} }},
                          until: {{ $value: false }}, output: all }} }}"#
        );
        check(&repeat, 4_000_000_000 * 11, 2);
    }

    #[test]
    fn tokens_of_elements_and_states_are_counted() {
        let graph = InferenceGraph::from_text(
            r#"
version: 1
name: flow
input: [string]
nodes:
  all: { map: input, as: one, nodes: { a: { llm: fast, prompt: "{one}", max_tokens: 10 } }, output: a }
  out: { fold: all, as: [b, c], initial: { $value: "" },
         nodes: { d: { llm: fast, prompt: "{b}{c}", max_tokens: 20 } }, output: d }
output: out
"#,
        );
        let mut estimate = Estimate::new(&Arc::new(graph.expect("a graph")), None);
        estimate.add(&serde_json::json!(["12345678", "1234", "1234"]).into());
        let fast = &estimate.aliases()[0];
        // 2 + 1 + 1 of the elements, 0 + 10 and twice 20 + 10 of the fold, and 4 for each message.
        assert_eq!((fast.calls, fast.input_tokens), (6, 4 + 10 + 60 + 6 * 4));
        assert_eq!(fast.output_tokens, 3 * 10 + 3 * 20);
        // Of no known input the list has ten elements.
        assert_eq!(fast.calls_per_input, 20);
    }

    #[test]
    fn a_field_of_an_answer_is_its_share() {
        let of = |prompt: &str| {
            let text = format!(
                r#"
version: 1
name: triage
input: string
nodes:
  triage:
    llm: fast
    prompt: "{{input}}"
    output: {{ urgent: boolean, kind: {{ $schema: {{ enum: [bug, praise] }} }}, why: string, what: string }}
  reply: {{ llm: smart, prompt: "{prompt}" }}
output: reply
"#
            );
            let graph = InferenceGraph::from_text(&text).expect("a graph");
            let mut estimate = Estimate::new(&Arc::new(graph), None);
            estimate.add(&"x".into());
            // Without what stands around the message.
            estimate.aliases()[1].input_tokens - TOKENS_PER_MESSAGE
        };
        assert_eq!(of("{triage}"), Estimate::ASSUMED_ANSWER);
        assert_eq!((of("{triage.urgent}"), of("{triage.kind}")), (2, 2));
        let why = of("{triage.why}");
        assert!((90..=100).contains(&why), "{why}");
        assert_eq!(of("{triage.urgent}{triage.why}{triage.what}"), 2 + 2 * why);
    }

    #[test]
    fn people_can_read_an_estimate() {
        let estimate = estimate(None);
        assert_eq!(
            estimate.to_string(),
            "2 inputs: 6 calls, at a price that is not known\n  \
             fast: 4 calls, about 74 tokens in and 420 out, at a price that is not known\n  \
             smart: 2 calls, about 408 tokens in and 400 out, at a price that is not known"
        );
        assert!(!format!("{estimate:?}").contains("nodes"));
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
