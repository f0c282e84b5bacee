//! The naive interpreter: one thing after the other.

use inf_engine::Value;
use inf_engine::clients::ClientErrorKind;
use inf_engine::execution::ErrorKind;
use inf_engine::graph::{
    FoldOrder, InferenceGraph, Keep, LlmCall, NodeRef, Operation, Place, Reference, RegionPath,
    RegionRef, Shape, Template, TemplatePart,
};

use super::flows;
use super::graphs::{Drawn, shout, think};
use super::peers::{Course, Fate, Says, Temper, turn_key};
use super::record::place_of;

/// What an input comes to.
pub(super) struct Expected {
    /// The output; `None` if a node fails for good whatever is tried.
    pub(super) output: Option<Value>,
    /// The nodes that fail, with so many retries, and that nothing handles.
    pub(super) failing: Vec<String>,
    /// The nodes that may fail when requests are given up or sent twice.
    pub(super) frail: Vec<String>,
    /// What nodes may ask, if they get that far.
    pub(super) asks: Vec<Ask>,
    /// Whether it depends on which of several failures comes first.
    pub(super) is_open: bool,
}

/// What a node may ask.
pub(super) struct Ask {
    pub(super) node: usize,
    /// The region run, as [`place_of`] says it.
    pub(super) place: u64,
    pub(super) alias: String,
    pub(super) prompt: String,
}

/// A node that fails.
struct Failure {
    node: String,
    kind: ErrorKind,
}

/// What a region run, or a node, comes to. Where the failures of a node depend on
/// time, it may have both.
struct Outcome {
    value: Option<Value>,
    failures: Vec<Failure>,
}

struct Interpreter<'i> {
    drawn: &'i Drawn,
    graph: &'i InferenceGraph,
    temper: &'i Temper,
    max_retries: usize,
    /// Whether which retries fail is known beforehand.
    is_exact: bool,
    /// By node; what is in a region is overwritten by its next run.
    values: Vec<Option<Value>>,
    expected: Expected,
}

pub(super) fn interpret(
    drawn: &Drawn,
    temper: &Temper,
    input: &Value,
    (max_retries, is_exact): (usize, bool),
) -> Expected {
    let mut interpreter = Interpreter {
        drawn,
        graph: &drawn.0,
        temper,
        max_retries,
        is_exact,
        values: vec![None; drawn.0.nodes().len()],
        expected: Expected {
            output: None,
            failing: Vec::new(),
            frail: Vec::new(),
            asks: Vec::new(),
            is_open: false,
        },
    };
    let came = interpreter.region(
        RegionRef::ROOT,
        std::slice::from_ref(input),
        &RegionPath::ROOT,
    );
    let mut expected = interpreter.expected;
    expected.output = came.value;
    expected.failing = came.failures.into_iter().map(|it| it.node).collect();
    expected.frail.extend(expected.failing.iter().cloned());
    expected
}

impl Interpreter<'_> {
    fn region(&mut self, region: RegionRef, arguments: &[Value], path: &RegionPath) -> Outcome {
        let graph = self.graph;
        let of_region = |(_, node): &(NodeRef, &_)| {
            let node: &inf_engine::graph::GraphNode = node;
            node.region() == region
        };
        let nodes: Vec<NodeRef> = graph
            .enumerate()
            .filter(of_region)
            .map(|(node, _)| node)
            .collect();
        for node in &nodes {
            self.values[node.index()] = None;
        }
        let mut arguments = arguments.iter();
        let mut failures = Vec::new();
        for &node in &nodes {
            let needs = self.drawn.dependencies(node.index());
            if needs.iter().all(|it| self.values[it.index()].is_some()) {
                let came = match graph.node(node).operation() {
                    Operation::Input | Operation::Argument => Outcome {
                        value: arguments.next().cloned(),
                        failures: Vec::new(),
                    },
                    _ => self.node(node, path),
                };
                self.values[node.index()] = came.value;
                failures.extend(came.failures);
            }
        }
        let is_whole = nodes.iter().all(|node| self.values[node.index()].is_some());
        let value = is_whole.then(|| self.build(graph.region(region).output()));
        Outcome { value, failures }
    }

    fn node(&mut self, node: NodeRef, path: &RegionPath) -> Outcome {
        let graph = self.graph;
        let found = graph.node(node);
        let name = || found.name().to_owned();
        let done = |value: Option<Value>, kind: ErrorKind| {
            let failed = value.is_none().then(|| Failure { node: name(), kind });
            Outcome {
                value,
                failures: failed.into_iter().collect(),
            }
        };
        match found.operation() {
            Operation::Prompt(template) => Outcome {
                value: Some(Value::from(self.fill(template))),
                failures: Vec::new(),
            },
            Operation::Pack(shape) => Outcome {
                value: Some(self.build(shape)),
                failures: Vec::new(),
            },
            Operation::Host(call) => {
                let input = self.build(&call.input);
                let value = match &*call.function {
                    "think" => {
                        self.expected.frail.push(name());
                        think(&input).ok().map(Value::from)
                    }
                    "shout" => shout(&input).ok().map(Value::from),
                    function => flows::host(function, &input),
                };
                done(value, ErrorKind::HostFunction)
            }
            Operation::Llm(call) => self.call(node, call, path),
            Operation::Branch(branch) => {
                let on = self.build(&branch.on);
                match branch.chosen(&on) {
                    Some(region) => self.run(node, region, None, &[], path),
                    None => done(None, ErrorKind::NoMatch),
                }
            }
            Operation::Map(map) => {
                let list = self.list(&map.list);
                let mut results = Vec::new();
                let mut failures = Vec::new();
                let mut is_whole = true;
                for (index, element) in list.iter().enumerate() {
                    let place = Some(Place::Element(index));
                    let came = self.run(node, map.body, place, std::slice::from_ref(element), path);
                    match (map.keep, came.value) {
                        (Keep::Outputs, Some(value)) => results.push(value),
                        (Keep::Elements, Some(Value::Bool(false))) => {}
                        (Keep::Elements, Some(_)) => results.push(element.clone()),
                        (Keep::Results, Some(value)) => {
                            results.push([("ok", value)].into_iter().collect());
                        }
                        (Keep::Results, None) => {
                            results.push([("error", Value::Null)].into_iter().collect());
                            continue;
                        }
                        (_, None) => is_whole = false,
                    }
                    failures.extend(came.failures);
                }
                Outcome {
                    value: is_whole.then(|| results.into_iter().collect()),
                    failures,
                }
            }
            Operation::Fold(fold) => {
                let list = self.list(&fold.list);
                let initial = fold.initial.as_ref().map(|initial| self.build(initial));
                if list.is_empty() && initial.is_none() {
                    return done(None, ErrorKind::MissingValue);
                }
                match fold.order {
                    FoldOrder::Sequential => {
                        let skipped = usize::from(initial.is_none());
                        let mut so_far = initial.unwrap_or_else(|| list[0].clone());
                        let mut failures = Vec::new();
                        for (index, next) in list.iter().enumerate().skip(skipped) {
                            let place = Some(Place::Element(index));
                            let both = [so_far, next.clone()];
                            let came = self.run(node, fold.body, place, &both, path);
                            failures.extend(came.failures);
                            match came.value {
                                Some(value) => so_far = value,
                                None => {
                                    return Outcome {
                                        value: None,
                                        failures,
                                    };
                                }
                            }
                        }
                        Self::with_failures(failures, so_far)
                    }
                    FoldOrder::Tree => self.tree(node, fold.body, list, path),
                }
            }
            Operation::Repeat(repeat) => {
                let mut state = self.build(&repeat.state);
                let mut failures = Vec::new();
                let mut iterations = 0;
                let mut stopped = "max";
                while iterations < repeat.max {
                    let place = Some(Place::Iteration(iterations));
                    let came = self.run(node, repeat.body, place, &[state.clone()], path);
                    failures.extend(came.failures);
                    let Some(value) = came.value else {
                        return Outcome {
                            value: None,
                            failures,
                        };
                    };
                    iterations += 1;
                    state = value.get("state").cloned().unwrap();
                    if value.get("done") == Some(&Value::Bool(true)) {
                        stopped = "condition";
                        break;
                    }
                }
                let value = [
                    ("state", state),
                    ("iterations", Value::from(i64::from(iterations))),
                    ("stopped", Value::from(stopped)),
                ];
                Self::with_failures(failures, value.into_iter().collect())
            }
            Operation::Fallback(fallback) => {
                let came = self.run(node, fallback.body, None, &[], path);
                let is_meant = |failure: &Failure| {
                    let mut on = fallback.on.iter();
                    fallback.on.is_empty() || on.any(|on| on.as_str() == failure.kind.as_str())
                };
                if came.value.is_some() {
                    return came;
                }
                let handled = came.failures.iter().filter(|it| is_meant(it)).count();
                if handled == 0 {
                    return came;
                }
                // Which of them comes first decides.
                self.expected.is_open |= handled < came.failures.len();
                self.run(node, fallback.otherwise, None, &[], path)
            }
            _ => unreachable!("it runs no regions"),
        }
    }

    fn with_failures(failures: Vec<Failure>, value: Value) -> Outcome {
        Outcome {
            value: Some(value),
            failures,
        }
    }

    /// Runs a region of `node`; the place of an arm is its label.
    fn run(
        &mut self,
        node: NodeRef,
        region: RegionRef,
        place: Option<Place>,
        arguments: &[Value],
        path: &RegionPath,
    ) -> Outcome {
        let owner = self.graph.node(node).name().into();
        let arm = || Place::Arm(self.graph.region(region).arm().clone());
        let path = path.within(&owner, place.unwrap_or_else(arm));
        self.region(region, arguments, &path)
    }

    fn tree(
        &mut self,
        node: NodeRef,
        body: RegionRef,
        mut values: Vec<Value>,
        path: &RegionPath,
    ) -> Outcome {
        let mut failures = Vec::new();
        let mut level = 0;
        while values.len() > 1 {
            let mut next = Vec::new();
            for (pair, both) in values.chunks(2).enumerate() {
                if both.len() == 1 {
                    next.push(Some(both[0].clone()));
                    continue;
                }
                let place = Some(Place::Pair(level, pair));
                let came = self.run(node, body, place, both, path);
                failures.extend(came.failures);
                next.push(came.value);
            }
            if next.iter().any(Option::is_none) {
                // What the others come to may still be put together.
                return self.rest_of_tree(node, body, (next, level + 1), failures, path);
            }
            values = next.into_iter().flatten().collect();
            level += 1;
        }
        Self::with_failures(failures, values.remove(0))
    }

    /// Runs the pairs that have both values, though the whole has none.
    fn rest_of_tree(
        &mut self,
        node: NodeRef,
        body: RegionRef,
        (mut values, mut level): (Vec<Option<Value>>, u32),
        mut failures: Vec<Failure>,
        path: &RegionPath,
    ) -> Outcome {
        while values.len() > 1 {
            let mut next = Vec::new();
            for (pair, both) in values.chunks(2).enumerate() {
                let place = Some(Place::Pair(level, pair));
                next.push(match both {
                    [one] => one.clone(),
                    [Some(left), Some(right)] => {
                        let both = [left.clone(), right.clone()];
                        let came = self.run(node, body, place, &both, path);
                        failures.extend(came.failures);
                        came.value
                    }
                    _ => None,
                });
            }
            (values, level) = (next, level + 1);
        }
        Outcome {
            value: None,
            failures,
        }
    }

    fn call(&mut self, node: NodeRef, call: &LlmCall, path: &RegionPath) -> Outcome {
        let name = || self.graph.node(node).name().to_owned();
        self.expected.frail.push(name());
        let (alias, prompt) = (call.alias.as_str(), self.fill(&call.prompt));
        let is_number = call.output.is_some();
        let course = Course::of(&prompt, !call.tools.is_empty(), is_number);
        let mut says = None;
        let mut exhausted = None;
        for turn in 0..course.turns() {
            let key = turn_key(&prompt, turn);
            let fates = (0..Temper::OCCURRENCES)
                .map(|occurrence| self.temper.fate(alias, &key, occurrence));
            let mut passing = fates
                .take_while(|fate| !matches!(fate, Fate::Answer(_)))
                .filter(|fate| matches!(fate, Fate::Fail | Fate::Hang));
            // The one after the last retry.
            exhausted = exhausted.or(passing.nth(self.max_retries));
            let last = self.temper.fate(alias, &key, Temper::OCCURRENCES);
            self.expected.asks.push(Ask {
                node: node.index(),
                place: place_of(path),
                alias: alias.to_owned(),
                prompt: key,
            });
            says = match last {
                Fate::Answer(answer) => Some(course.says(turn, answer)),
                _ => None,
            };
            if says.is_none() || self.is_exact && exhausted.is_some() {
                break;
            }
        }
        let kind = match &exhausted {
            Some(Fate::Hang) => ClientErrorKind::Timeout,
            Some(_) => ClientErrorKind::Server,
            None => ClientErrorKind::Refused,
        };
        let mut kind = ErrorKind::Call(kind);
        let mut value = None;
        if let Some(says) = says {
            if course.is_good() && !matches!(says, Says::Calls(_) | Says::Nonsense) {
                value = Some(match says {
                    Says::Text(text) => Value::from(text),
                    Says::Number(number) => Value::from(number.cast_signed()),
                    other => unreachable!("{other:?} is no end"),
                });
            } else if exhausted.is_none() {
                kind = ErrorKind::InvalidOutput;
            }
        }
        let fails = value.is_none() || exhausted.is_some();
        if self.is_exact && fails {
            value = None;
        }
        let failed = fails.then(|| Failure { node: name(), kind });
        Outcome {
            value,
            failures: failed.into_iter().collect(),
        }
    }

    fn list(&self, shape: &Shape) -> Vec<Value> {
        match self.build(shape) {
            Value::List(list) => list.to_vec(),
            _ => unreachable!("only lists are gone over"),
        }
    }

    fn read(&self, reference: &Reference) -> Value {
        self.values[reference.node.index()].clone().unwrap()
    }

    fn fill(&self, template: &Template) -> String {
        let parts = template.parts().iter().map(|part| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Reference(reference) => self.read(reference).to_string(),
            TemplatePart::Parameter(_) => unreachable!("graphs of scenarios have none"),
        });
        parts.collect()
    }

    fn build(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Reference(reference) => self.read(reference),
            Shape::List(parts) => parts.iter().map(|part| self.build(part)).collect(),
            Shape::Map(parts) => {
                let parts = parts.iter();
                parts
                    .map(|(key, part)| (key.as_str(), self.build(part)))
                    .collect()
            }
            Shape::Constant(value) => value.clone(),
        }
    }
}
