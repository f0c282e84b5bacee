//! [`Walk`]: one input on its way through the graph.

use super::Estimate;
use super::counter::{Counter, prompt_of};
use super::tally::Tally;
use crate::graph::{
    Accessor, Branch, Fold, FoldOrder, InferenceGraph, Keep, Map, NodeRef, Operation, Reference,
    RegionRef, Repeat, Shape, Template,
};
use crate::resources::{Price, TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE};
use crate::value::Value;

/// After so many nodes of one input, what runs for each element of a list is
/// looked at once for all of them.
const MOST_STEPS: u64 = 1_000_000;

/// What is known of a value that does not exist yet.
#[derive(Debug, Clone, Default)]
struct Sketch {
    /// About how many tokens it has as text.
    tokens: u64,
    /// The value, where it follows from the input alone.
    value: Option<Value>,
    /// How many elements it has, if it is a list and that is known.
    length: Option<u64>,
}

impl Sketch {
    fn of_tokens(tokens: u64) -> Self {
        Self {
            tokens,
            ..Self::default()
        }
    }
}

/// One input on its way through the graph.
pub(super) struct Walk<'e> {
    graph: &'e InferenceGraph,
    counter: &'e Counter,
    /// By node, the place of the alias that it calls.
    alias_of: &'e [Option<usize>],
    /// By alias.
    prices: Vec<Option<&'e Price>>,
    /// By node, as far as the graph has been walked.
    values: Vec<Sketch>,
    has_regions: bool,
    steps: u64,
    /// Whether the length of a list had to be assumed.
    pub(super) has_assumed_length: bool,
}

impl<'e> Walk<'e> {
    pub(super) fn new(estimate: &'e Estimate, counter: &'e Counter) -> Self {
        let graph = &*estimate.graph;
        let prices = estimate.aliases.iter().map(|alias| alias.price.as_ref());
        Self {
            graph,
            counter,
            alias_of: &estimate.alias_of,
            prices: prices.collect(),
            values: vec![Sketch::default(); graph.nodes().len()],
            has_regions: graph.regions().len() > 1,
            steps: 0,
            has_assumed_length: false,
        }
    }

    /// What an input takes; without one, nothing of it is known.
    pub(super) fn run(&mut self, input: Option<&Value>) -> Tally {
        self.values[NodeRef::INPUT.index()] = match input {
            Some(input) => self.known(input),
            None => Sketch::default(),
        };
        self.region(RegionRef::ROOT)
    }

    /// What one run of a region takes. Its arguments have their values.
    fn region(&mut self, region: RegionRef) -> Tally {
        let mut tally = Tally::new(self.prices.len());
        let nodes = self.graph.region(region).nodes();
        let mut index = nodes.start;
        while index < nodes.end {
            let node = NodeRef::new(index);
            self.steps += 1;
            let operation = self.graph.node(node).operation();
            if !matches!(operation, Operation::Input | Operation::Argument) {
                let mut made = self.node(node, operation, &mut tally);
                if let Some(most) = self.counter.sizes[index].most() {
                    made.tokens = made.tokens.min(most);
                }
                self.values[index] = made;
            }
            let inside = operation.regions();
            let last = inside.last().map(|last| self.graph.region(*last));
            index = last.map_or(index + 1, |last| last.nodes().end);
        }
        tally
    }

    fn node(&mut self, node: NodeRef, operation: &Operation, tally: &mut Tally) -> Sketch {
        match operation {
            Operation::Llm(call) => {
                let sent = self.read_by(node, operation);
                let most = call.max_tokens.map(u64::from);
                let answer = most.unwrap_or(Estimate::ASSUMED_ANSWER);
                if let Some(alias) = self.alias_of[node.index()] {
                    let call = (sent, answer, most.is_some());
                    tally.add(alias, self.prices[alias], call);
                }
                Sketch::of_tokens(answer)
            }
            Operation::Branch(branch) => self.branch(branch, tally),
            Operation::Map(map) => self.map(map, tally),
            Operation::Fold(fold) => self.fold(fold, tally),
            Operation::Repeat(repeat) => self.repeat(repeat, tally),
            // Nothing is taken to fail.
            Operation::Fallback(fallback) => {
                tally.add_times(&self.region(fallback.body), 1);
                self.output(fallback.body)
            }
            Operation::Pack(shape) => Sketch {
                tokens: self.read_by(node, operation),
                ..self.sketch(shape)
            },
            Operation::Compute { function, input } => {
                let given = if self.has_regions {
                    self.value_of(input)
                } else {
                    None
                };
                Sketch {
                    tokens: self.read_by(node, operation),
                    value: given.and_then(|given| function.apply(&given).ok()),
                    length: None,
                }
            }
            _ => Sketch::of_tokens(self.read_by(node, operation)),
        }
    }

    /// The arm that the input decides for, or else of each alias as many calls as
    /// the arm makes that calls it most.
    fn branch(&mut self, branch: &Branch, tally: &mut Tally) -> Sketch {
        if let Some(on) = self.value_of(&branch.on) {
            // A value without an arm fails its input.
            let Some(chosen) = branch.chosen(&on) else {
                return Sketch::default();
            };
            tally.add_times(&self.region(chosen), 1);
            return self.output(chosen);
        }
        let mut most = Tally::new(self.prices.len());
        let mut tokens = 0;
        let arms = branch.arms.iter().map(|arm| arm.region);
        for arm in arms.chain(branch.otherwise) {
            most.raise_to(&self.region(arm));
            tokens = self.output(arm).tokens.max(tokens);
        }
        tally.add_times(&most, 1);
        Sketch::of_tokens(tokens)
    }

    fn map(&mut self, map: &Map, tally: &mut Tally) -> Sketch {
        let list = self.sketch(&map.list);
        let elements = match &list.value {
            Some(Value::List(elements)) if self.steps < MOST_STEPS => Some(elements.clone()),
            _ => None,
        };
        let length = self.length_of(&list);
        let mut tokens = 0_u64;
        if let Some(elements) = elements {
            for element in elements.iter() {
                let element = self.known(element);
                tokens = tokens.saturating_add(self.run_body(map.body, [element], 1, tally).tokens);
            }
        } else if let Some(each) = list.tokens.checked_div(length) {
            let element = Sketch::of_tokens(each);
            let output = self.run_body(map.body, [element], length, tally);
            tokens = output.tokens.saturating_mul(length);
        }
        Sketch {
            // All elements are taken to be kept.
            tokens: if map.keep == Keep::Elements {
                list.tokens
            } else {
                tokens
            },
            value: None,
            length: Some(length),
        }
    }

    fn fold(&mut self, fold: &Fold, tally: &mut Tally) -> Sketch {
        let list = self.sketch(&fold.list);
        let length = self.length_of(&list);
        if length == 0 {
            let initial = fold.initial.as_ref();
            return initial.map_or_else(Sketch::default, |initial| self.sketch(initial));
        }
        let element = Sketch::of_tokens(list.tokens / length);
        let (first, times) = match &fold.initial {
            Some(initial) => (self.sketch(initial), length),
            None => (element.clone(), length - 1),
        };
        if times == 0 {
            return first;
        }
        // Those that put together elements, and those that put together what
        // others came to.
        let of_elements = match fold.order {
            FoldOrder::Sequential => 1,
            FoldOrder::Tree => length / 2,
        };
        let made = self.run_body(fold.body, [first, element.clone()], of_elements, tally);
        let rest = times - of_elements;
        if rest == 0 {
            return made;
        }
        let next = match fold.order {
            FoldOrder::Sequential => element,
            FoldOrder::Tree => made.clone(),
        };
        self.run_body(fold.body, [made, next], rest, tally)
    }

    /// As often as it may run.
    fn repeat(&mut self, repeat: &Repeat, tally: &mut Tally) -> Sketch {
        let first = self.sketch(&repeat.state);
        let made = self.run_body(repeat.body, [first], 1, tally);
        let rest = u64::from(repeat.max.saturating_sub(1));
        let last = if rest == 0 {
            made
        } else {
            self.run_body(repeat.body, [made], rest, tally)
        };
        Sketch::of_tokens(last.tokens)
    }

    /// What a body gives that runs so many times on such arguments.
    fn run_body<const N: usize>(
        &mut self,
        body: RegionRef,
        arguments: [Sketch; N],
        times: u64,
        tally: &mut Tally,
    ) -> Sketch {
        let places = self.graph.region(body).arguments();
        for (place, argument) in places.zip(arguments) {
            self.values[place.index()] = argument;
        }
        let made = self.region(body);
        tally.add_times(&made, times);
        let output = self.graph.region(body).output();
        let state = Repeat::parts(output).map(|(state, _)| state);
        let output = state.unwrap_or(output);
        Sketch {
            tokens: self.shape(output),
            ..Sketch::default()
        }
    }

    fn output(&mut self, region: RegionRef) -> Sketch {
        self.sketch(self.graph.region(region).output())
    }

    fn length_of(&mut self, list: &Sketch) -> u64 {
        let known = match &list.value {
            Some(Value::List(elements)) => Some(elements.len() as u64),
            // What is no list fails its input.
            Some(_) => Some(0),
            None => list.length,
        };
        known.unwrap_or_else(|| {
            self.has_assumed_length = true;
            Estimate::ASSUMED_LENGTH
        })
    }

    fn known(&self, value: &Value) -> Sketch {
        Sketch {
            tokens: self.counter.text_of(value),
            value: Some(value.clone()),
            length: None,
        }
    }

    fn sketch(&self, shape: &Shape) -> Sketch {
        let length = match shape {
            Shape::Reference(reference) if reference.path.is_empty() => {
                self.values[reference.node.index()].length
            }
            Shape::List(elements) => Some(elements.len() as u64),
            _ => None,
        };
        Sketch {
            tokens: self.shape(shape),
            value: if self.has_regions {
                self.value_of(shape)
            } else {
                None
            },
            length,
        }
    }

    /// The value of a shape, where it follows from the input alone.
    fn value_of(&self, shape: &Shape) -> Option<Value> {
        let mut read = |reference: &Reference| {
            let whole = self.values[reference.node.index()].value.as_ref();
            let found = whole.and_then(|whole| part(whole, &reference.path));
            found.cloned().ok_or(())
        };
        shape.build(&mut read).ok()
    }

    /// The tokens of what a node puts together: a request, a prompt, a value.
    fn read_by(&self, node: NodeRef, operation: &Operation) -> u64 {
        let fixed = self.counter.fixed[node.index()];
        let template = |template: &Template| -> u64 {
            total(template.references().map(|read| self.reference(read)))
        };
        match operation {
            Operation::Llm(call) => {
                let templates = call.system.iter().chain(prompt_of(call));
                let earlier = call.messages.as_ref().map_or(0, |shape| self.said(shape));
                total([fixed, total(templates.map(template)), earlier])
            }
            Operation::Prompt(prompt) => fixed.saturating_add(template(prompt)),
            Operation::Pack(shape) => self.shape(shape),
            // What they make of it is not known.
            Operation::Host(call) => self.shape(&call.input),
            Operation::Compute { input, .. } => self.shape(input),
            // These are looked at by themselves.
            Operation::Input
            | Operation::Argument
            | Operation::Branch(_)
            | Operation::Map(_)
            | Operation::Fold(_)
            | Operation::Repeat(_)
            | Operation::Fallback(_) => 0,
        }
    }
    fn shape(&self, shape: &Shape) -> u64 {
        match shape {
            Shape::Reference(reference) => self.reference(reference),
            Shape::Constant(value) => self.counter.text_of(value),
            Shape::List(elements) => total(elements.iter().map(|element| self.shape(element))),
            Shape::Map(entries) => {
                let entries = entries.iter();
                total(entries.map(|(key, shape)| {
                    let key = self.counter.tokenizer.count(key);
                    key.saturating_add(self.shape(shape))
                }))
            }
        }
    }

    /// The tokens of a conversation that is put together, or of a part of one.
    fn said(&self, shape: &Shape) -> u64 {
        match shape {
            Shape::Reference(read) => match &self.values[read.node.index()].value {
                Some(whole) => part(whole, &read.path).map_or(0, |found| self.counter.said(found)),
                None => self.reference(read),
            },
            Shape::Constant(value) => self.counter.said(value),
            Shape::List(parts) => total(parts.iter().map(|part| self.said(part))),
            Shape::Map(fields) if fields.contains_key("image") => TOKENS_PER_IMAGE,
            Shape::Map(fields) => match fields.get("content") {
                Some(content) if fields.contains_key("role") => {
                    self.said(content).saturating_add(TOKENS_PER_MESSAGE)
                }
                _ => total(fields.values().map(|field| self.said(field))),
            },
        }
    }

    /// Of a part of an answer, which is not yet known, its share.
    fn reference(&self, reference: &Reference) -> u64 {
        if !reference.path.is_empty()
            && let Some(whole) = &self.values[reference.node.index()].value
        {
            let found = part(whole, &reference.path);
            return found.map_or(0, |found| self.counter.text_of(found));
        }
        let whole = self.values[reference.node.index()].tokens;
        match self.graph.node(reference.node).operation() {
            Operation::Llm(_) | Operation::Argument => {
                self.counter.sizes[reference.node.index()].part(&reference.path, whole)
            }
            // What the graph puts together may be all in one of its parts.
            _ => whole,
        }
    }
}

/// Lists that are assumed in lists come to very much.
fn total(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

/// What stands at `path` in a value, if anything does.
fn part<'v>(value: &'v Value, path: &[Accessor]) -> Option<&'v Value> {
    path.iter()
        .try_fold(value, |value, accessor| match accessor {
            Accessor::Key(key) => value.get(key),
            Accessor::Index(index) => value.at(*index),
        })
}
