//! Random control flow: branches, maps, folds, loops and fallbacks in each other.

use inf_engine::Value;
use inf_engine::graph::{
    Arm, Branch, FailureKind, Fallback, Fold, FoldOrder, GraphBuilder, GraphNode, HostCall,
    HostFunction, Keep, Map, NodeRef, Operation, RegionRef, Repeat, Shape,
};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

use super::peers::hash;

/// The most regions in each other, the whole graph not counted.
const DEEPEST: usize = 3;

/// A region that is drawn.
pub(super) struct Scope<'d> {
    pub(super) builder: &'d mut GraphBuilder,
    pub(super) random: &'d mut Pcg64,
    pub(super) region: RegionRef,
    /// What can be read here.
    pub(super) nodes: Vec<NodeRef>,
    /// The input and the arguments of the regions around: together no two runs of
    /// this region have the same.
    pub(super) given: Vec<NodeRef>,
    number: usize,
    depth: usize,
    has_flows: bool,
}

/// What host functions of control flow come to.
pub(super) fn host(name: &str, input: &Value) -> Option<Value> {
    let text = input.to_string();
    let drawn = hash(&[&text, name]);
    let one_of = |choices: u64| usize::try_from(drawn % choices).unwrap();
    Some(match name {
        "coin" => Value::from(drawn.is_multiple_of(2)),
        "kind" => Value::from(["red", "green", "blue", "gray"][one_of(4)]),
        // No two elements are the same.
        "split" => {
            let elements = 0..[0, 1, 2, 2, 3, 3, 4, 5][one_of(8)];
            let element = |place: u64| Value::from(format!("{place}.{:x}", drawn >> 20));
            elements.map(element).collect()
        }
        "blend" => Value::from(format!("~{:x}", drawn >> 8)),
        "tally" => {
            let ok = |result: &Value| result.get("ok").is_some();
            let Value::List(results) = input else {
                unreachable!("a map gives a list")
            };
            let count = results.iter().filter(|result| ok(result)).count();
            Value::from(format!("{count} of {}", results.len()))
        }
        _ => return None,
    })
}

pub(super) fn host_function(name: &str) -> Option<HostFunction> {
    let name = ["coin", "kind", "split", "blend", "tally"]
        .into_iter()
        .find(|known| *known == name)?;
    let function = move |input: Value| host(name, &input).unwrap();
    Some(HostFunction::new(name, function).quick())
}

impl<'d> Scope<'d> {
    pub(super) fn new(
        builder: &'d mut GraphBuilder,
        random: &'d mut Pcg64,
        has_flows: bool,
    ) -> Self {
        Self {
            builder,
            random,
            region: RegionRef::ROOT,
            nodes: vec![NodeRef::INPUT],
            given: vec![NodeRef::INPUT],
            number: 0,
            depth: 0,
            has_flows,
        }
    }

    pub(super) fn next_number(&mut self) -> usize {
        self.number += 1;
        self.number
    }

    pub(super) fn any(&mut self) -> NodeRef {
        *self.nodes.choose(self.random).unwrap()
    }

    pub(super) fn may_branch(&mut self) -> bool {
        self.has_flows && self.depth < DEEPEST && self.random.random_ratio(1, 3)
    }

    fn add_host(&mut self, function: &str, input: impl Into<Shape>) -> NodeRef {
        let number = self.next_number();
        self.add(number, Operation::Host(HostCall::new(function, input)))
    }

    /// Draws a region with some arguments; `output` makes what it gives from its
    /// arguments and one of its nodes.
    fn draw_region(
        &mut self,
        arguments: usize,
        output: impl FnOnce(&mut Scope<'_>, &[NodeRef], NodeRef) -> Shape,
    ) -> RegionRef {
        let region = self.builder.add_region();
        let arguments = (0..arguments).map(|_| {
            self.number += 1;
            let argument = GraphNode::new(format!("n{}", self.number), Operation::Argument);
            self.builder.add_to(region, argument)
        });
        let arguments: Vec<NodeRef> = arguments.collect();
        let mut inner = Scope {
            builder: self.builder,
            random: self.random,
            region,
            nodes: [&self.nodes[..], &arguments].concat(),
            given: [&self.given[..], &arguments].concat(),
            number: self.number,
            depth: self.depth + 1,
            has_flows: self.has_flows,
        };
        for _ in 0..inner.random.random_range(0..3) {
            inner.draw_node();
        }
        let last = *inner.nodes.last().unwrap();
        let output = output(&mut inner, &arguments, last);
        self.number = inner.number;
        self.builder.set_region_output(region, output);
        region
    }

    fn draw_arm(&mut self) -> RegionRef {
        self.draw_region(0, |_, _, last| Shape::List(vec![last.into()]))
    }

    /// Draws a node of control flow with everything in it.
    pub(super) fn draw_flow(&mut self) {
        let read = self.any();
        let operation = match self.random.random_range(0..7) {
            0 => {
                let on = self.add_host("coin", read);
                let (then, otherwise) = (self.draw_arm(), self.draw_arm());
                Operation::Branch(Branch::on_condition(on, then, otherwise))
            }
            1 => {
                let on = self.add_host("kind", read);
                let arms = ["red", "green", "blue"].map(|when| Arm::new(when, self.draw_arm()));
                let has_default = self.random.random_ratio(2, 3);
                let mut branch = Branch::new(on, arms);
                branch.otherwise = has_default.then(|| self.draw_arm());
                Operation::Branch(branch)
            }
            2 | 3 => self.draw_map(read),
            4 => {
                let list = self.add_host("split", read);
                let is_tree = self.random.random_bool(0.5);
                let has_initial = !is_tree && self.random.random_ratio(2, 3);
                let initial = has_initial.then(|| self.any().into());
                let body = self.draw_region(2, |inner, arguments, last| {
                    let all = arguments.iter().chain([&last]);
                    let all = all.map(|node| Shape::from(*node)).collect();
                    inner.add_host("blend", Shape::List(all)).into()
                });
                let mut fold = Fold::new(list, body);
                fold.initial = initial;
                if is_tree {
                    fold.order = FoldOrder::Tree;
                }
                Operation::Fold(fold)
            }
            5 => {
                let max = self.random.random_range(1..5);
                let body = self.draw_region(1, |inner, arguments, last| {
                    let both = Shape::List(vec![arguments[0].into(), last.into()]);
                    let done = inner.add_host("coin", last);
                    let state = inner.add_host("blend", both);
                    let parts = [("state", state), ("done", done)];
                    let parts = parts.map(|(key, node)| (key.to_owned(), node.into()));
                    Shape::Map(parts.into_iter().collect())
                });
                Operation::Repeat(Repeat::new(read, body, max))
            }
            _ => {
                let (body, otherwise) = (self.draw_arm(), self.draw_arm());
                let is_choosy = self.random.random_ratio(1, 4);
                let on = [FailureKind::Refused, FailureKind::Server];
                let mut fallback = Fallback::new(body, otherwise);
                if is_choosy {
                    fallback = fallback.with_kinds(on);
                }
                Operation::Fallback(fallback)
            }
        };
        let counts = matches!(&operation, Operation::Map(map) if map.keep == Keep::Results);
        let number = self.next_number();
        let mut node = self.add(number, operation);
        if counts {
            // Which failure of several is told depends on time.
            node = self.add_host("tally", node);
        }
        self.nodes.push(node);
    }

    fn draw_map(&mut self, read: NodeRef) -> Operation {
        let list = self.add_host("split", read);
        let keep = [Keep::Outputs, Keep::Outputs, Keep::Elements, Keep::Results];
        let keep = *keep.choose(self.random).unwrap();
        let body = self.draw_region(1, |inner, arguments, last| match keep {
            Keep::Elements => inner.add_host("coin", last).into(),
            _ => Shape::List(vec![arguments[0].into(), last.into()]),
        });
        Operation::Map(Map::new(list, body).with_keep(keep))
    }
}
