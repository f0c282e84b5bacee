//! The naive interpreter: one thing after the other.

use inf_engine::Value;
use inf_engine::graph::{InferenceGraph, Operation, Reference, Shape, Template, TemplatePart};

use super::graphs::{shout, think};
use super::peers::{Course, Fate, Says, Temper, turn_key};

/// What an input comes to.
pub(super) struct Expected {
    /// The output; `None` if a node fails for good whatever is tried.
    pub(super) output: Option<Value>,
    /// The nodes that fail, with so many retries.
    pub(super) failing: Vec<String>,
    /// The nodes that may fail when requests are given up or sent twice.
    pub(super) frail: Vec<String>,
    /// What each node may ask, by alias and prompt, if it gets that far.
    pub(super) asks: Vec<Vec<(String, String)>>,
}

pub(super) fn interpret(
    graph: &InferenceGraph,
    temper: &Temper,
    input: &Value,
    max_retries: usize,
) -> Expected {
    let mut values: Vec<Option<Value>> = Vec::new();
    let mut expected = Expected {
        output: None,
        failing: Vec::new(),
        frail: Vec::new(),
        asks: Vec::new(),
    };
    for node in graph.nodes() {
        let needs = node.operation().dependencies();
        let mut asks = Vec::new();
        let mut value = None;
        if needs.iter().all(|node| values[node.index()].is_some()) {
            let read = |reference: &Reference| values[reference.node.index()].clone().unwrap();
            let fill = |template: &Template| {
                let parts = template.parts().iter().map(|part| match part {
                    TemplatePart::Text(text) => text.clone(),
                    TemplatePart::Reference(reference) => read(reference).to_string(),
                    TemplatePart::Parameter(_) => unreachable!(),
                });
                parts.collect::<String>()
            };
            let name = || node.name().to_owned();
            value = match node.operation() {
                Operation::Input => Some(input.clone()),
                Operation::Prompt(template) => Some(Value::from(fill(template))),
                Operation::Pack(shape) => Some(build(shape, &read)),
                Operation::Host(call) => {
                    let input = build(&call.input, &read);
                    if &*call.function == "think" {
                        expected.frail.push(name());
                        think(&input).ok().map(Value::from)
                    } else {
                        shout(&input).ok().map(Value::from)
                    }
                }
                Operation::Llm(call) => {
                    expected.frail.push(name());
                    let (alias, prompt) = (call.alias.as_str(), fill(&call.prompt));
                    let is_number = call.output.is_some();
                    let course = Course::of(&prompt, !call.tools.is_empty(), is_number);
                    let mut says = None;
                    let mut is_exhausted = false;
                    for turn in 0..course.turns() {
                        let key = turn_key(&prompt, turn);
                        let fates = (0..Temper::OCCURRENCES)
                            .map(|occurrence| temper.fate(alias, &key, occurrence));
                        let passing = fates
                            .take_while(|fate| !matches!(fate, Fate::Answer(_)))
                            .filter(|fate| matches!(fate, Fate::Fail | Fate::Hang));
                        is_exhausted |= passing.count() > max_retries;
                        let last = temper.fate(alias, &key, Temper::OCCURRENCES);
                        asks.push((alias.to_owned(), key));
                        says = match last {
                            Fate::Answer(answer) => Some(course.says(turn, answer)),
                            _ => None,
                        };
                        if says.is_none() {
                            break;
                        }
                    }
                    let answer = says.filter(|_| course.is_good()).map(|says| match says {
                        Says::Text(text) => Value::from(text),
                        Says::Number(number) => Value::from(number.cast_signed()),
                        other => unreachable!("{other:?} is no end"),
                    });
                    if is_exhausted && answer.is_some() {
                        expected.failing.push(name());
                    }
                    answer
                }
                _ => unreachable!(),
            };
            if value.is_none() {
                expected.failing.push(name());
                expected.frail.push(name());
            }
        }
        expected.asks.push(asks);
        values.push(value);
    }
    if values.iter().all(Option::is_some) {
        let read = |reference: &Reference| values[reference.node.index()].clone().unwrap();
        expected.output = Some(build(graph.output(), &read));
    }
    expected
}

fn build(shape: &Shape, read: &dyn Fn(&Reference) -> Value) -> Value {
    match shape {
        Shape::Reference(reference) => read(reference),
        Shape::List(parts) => parts.iter().map(|part| build(part, read)).collect(),
        _ => unreachable!(),
    }
}
