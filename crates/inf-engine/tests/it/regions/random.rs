//! Programs with control flow at random survive saving.

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{
    Arm, Branch, FailureKind, Fallback, Fold, FoldOrder, GraphBuilder, GraphNode, HostCall, Keep,
    LlmCall, Map, NodeRef, Operation, RegionRef, Repeat, Shape, Template,
};
use inf_engine::value::Schema;
use proptest::prelude::{Strategy, any, prop, proptest};

use super::read;

/// A node that was drawn up; numbers choose among what is there.
#[derive(Debug, Clone)]
struct Draft {
    kind: u8,
    reads: [usize; 2],
    /// Whether the node is added before what it runs.
    is_first: bool,
    inner: Vec<Vec<Draft>>,
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let reads = any::<[usize; 2]>();
    let leaf = (0..4_u8, reads).prop_map(|(kind, reads)| Draft {
        kind,
        reads,
        is_first: true,
        inner: Vec::new(),
    });
    let node = leaf.prop_recursive(3, 12, 2, move |node| {
        let inner = prop::collection::vec(prop::collection::vec(node, 0..3), 2..4);
        (4..14_u8, reads, any::<bool>(), inner).prop_map(|(kind, reads, is_first, inner)| Draft {
            kind,
            reads,
            is_first,
            inner,
        })
    });
    prop::collection::vec(node, 0..4)
}

/// Builds what was drawn up.
struct Drawing {
    builder: GraphBuilder,
    count: usize,
}

impl Drawing {
    fn name(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    /// Adds nodes to a region that may read `known`, and gives all that can be
    /// read in the end.
    fn add(&mut self, region: RegionRef, drafts: &[Draft], known: &[NodeRef]) -> Vec<NodeRef> {
        let mut known = known.to_vec();
        for draft in drafts {
            let node = self.add_one(region, draft, &known);
            known.push(node);
        }
        known
    }

    fn add_one(&mut self, region: RegionRef, draft: &Draft, known: &[NodeRef]) -> NodeRef {
        let read = |place: usize| known[draft.reads[place] % known.len()];
        let name = self.name();
        // Nobody knows the type of what a host function gives.
        let opaque = |input: Shape| Operation::Host(HostCall::new("f", input));
        let simple = match draft.kind {
            0 => Some(Operation::Prompt(Template::of(read(0)))),
            1 => Some(Operation::Llm(LlmCall::new("fast", Template::of(read(0))))),
            2 => Some(Operation::Pack(read(0).into())),
            3 => Some(opaque(read(1).into())),
            _ => None,
        };
        if let Some(operation) = simple {
            return self.builder.add_to(region, GraphNode::new(name, operation));
        }
        let on = self.name();
        let on = GraphNode::new(on, opaque(read(0).into()));
        let on = Shape::from(self.builder.add_to(region, on));
        let regions: Vec<RegionRef> = draft
            .inner
            .iter()
            .map(|_| self.builder.add_region())
            .collect();
        let (first, second) = (regions[0], regions[1]);
        let arm = |(index, region): (usize, &RegionRef)| Arm {
            when: match draft.reads[0] % 3 {
                0 => i64::try_from(index).unwrap().into(),
                1 => index.to_string().into(),
                _ => format!("case {index}").into(),
            },
            region: *region,
        };
        let (operation, runs, arguments) = match draft.kind {
            4 => {
                let branch = Branch::on_condition(on, first, second);
                (Operation::Branch(branch), 2, 0)
            }
            5 | 6 => {
                let has_default = draft.kind == 5;
                let cases = regions.len() - usize::from(has_default);
                let arms = regions[..cases].iter().enumerate();
                let mut branch = Branch::new(on, arms.map(arm));
                branch.otherwise = regions.get(cases).copied();
                (Operation::Branch(branch), regions.len(), 0)
            }
            7..=9 => {
                let keep = [Keep::Outputs, Keep::Elements, Keep::Results];
                let map = Map::new(on, first).with_keep(keep[usize::from(draft.kind) - 7]);
                (Operation::Map(map), 1, 1)
            }
            10 | 11 => {
                let is_tree = draft.kind == 10;
                let initial =
                    (!is_tree && draft.reads[0].is_multiple_of(2)).then(|| read(1).into());
                let mut fold = Fold::new(on, first).with_order(if is_tree {
                    FoldOrder::Tree
                } else {
                    FoldOrder::Sequential
                });
                fold.initial = initial;
                (Operation::Fold(fold), 1, 2)
            }
            12 => {
                let max = 1 + u32::try_from(draft.reads[0] % 5).unwrap();
                (Operation::Repeat(Repeat::new(read(1), first, max)), 1, 1)
            }
            _ => {
                let kinds = FailureKind::ALL.into_iter();
                let kinds = kinds.take(draft.reads[1] % 3);
                let fallback = Fallback::new(first, second).with_kinds(kinds);
                (Operation::Fallback(fallback), 2, 0)
            }
        };
        let is_loop = matches!(operation, Operation::Repeat(_));
        let wants_boolean =
            matches!(&operation, Operation::Map(map) if map.keep == Keep::Elements) || is_loop;
        let mut owner = Some(GraphNode::new(name, operation));
        let mut added = None;
        if draft.is_first {
            added = owner.take().map(|owner| self.builder.add_to(region, owner));
        }
        for (index, region) in regions.iter().enumerate() {
            if index >= runs {
                // Nobody runs it: it goes into the first.
                let list =
                    opaque_list(&mut self.builder, first, &format!("l{}", self.count), known);
                let body = *region;
                let keep = Keep::Outputs;
                let map = GraphNode::new(
                    self.name(),
                    Operation::Map(Map::new(list, body).with_keep(keep)),
                );
                self.builder.add_to(first, map);
            }
            let mut inside = known.to_vec();
            for _ in 0..if index >= runs { 1 } else { arguments } {
                let argument = GraphNode::new(self.name(), Operation::Argument);
                inside.push(self.builder.add_to(*region, argument));
            }
            let inside = self.add(*region, &draft.inner[index], &inside);
            let last = inside[inside.len() - 1];
            let done = GraphNode::new(self.name(), opaque(last.into()));
            let done = self.builder.add_to(*region, done);
            let output = if is_loop && index < runs {
                let fields = [("done", done), ("state", last)];
                Shape::Map(
                    fields
                        .map(|(key, node)| (key.to_owned(), node.into()))
                        .into(),
                )
            } else if wants_boolean && index < runs {
                done.into()
            } else {
                Shape::List(vec![done.into(), last.into()])
            };
            self.builder.set_region_output(*region, output);
        }
        match (added, owner) {
            (Some(added), _) => added,
            (None, Some(owner)) => self.builder.add_to(region, owner),
            (None, None) => unreachable!("it is added once"),
        }
    }
}

fn opaque_list(
    builder: &mut GraphBuilder,
    region: RegionRef,
    name: &str,
    known: &[NodeRef],
) -> Shape {
    let call = Operation::Host(HostCall::new("f", known[0]));
    builder.add_to(region, GraphNode::new(name, call)).into()
}

proptest! {
    #[test]
    fn random_programs_survive_saving(drafts in drafts()) {
        let builder = GraphBuilder::new("random", Schema::any());
        let mut drawing = Drawing { builder, count: 0 };
        let known = drawing.add(RegionRef::ROOT, &drafts, &[NodeRef::INPUT]);
        let output = Shape::List(known.into_iter().map(Shape::from).collect());
        let graph = drawing.builder.finish(output).expect("a graph");
        for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
            let text = graph.to_text(format);
            let again = read(&text);
            assert_eq!(again, graph, "{text}");
            assert_eq!(again.content_hash(), graph.content_hash());
        }
        // Every node stands where its regions say, after all that it reads.
        for (node, found) in graph.enumerate() {
            let region = graph.region(found.region());
            assert!(region.contains(node));
            assert!(graph.dependencies(node).iter().all(|read| *read < node));
            for inner in found.operation().regions() {
                assert!(graph.captures(inner).iter().all(|read| *read < node));
            }
        }
        graph.to_dot();
        graph.to_mermaid();
    }
}
