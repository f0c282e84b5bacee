//! Graphs at random survive saving.

use inf_engine::graph::{
    Accessor, Compute, GraphBuilder, GraphNode, HostCall, LlmCall, NodeRef, Operation, Reference,
    Shape, Template, TemplatePart,
};
use inf_engine::prelude::*;
use inf_engine::value::Schema;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::json;

use super::check_round_trip;

/// Text that is hard for templates, references and YAML.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just(" ".to_owned()),
        Just("\t".to_owned()),
        Just(": ".to_owned()),
        Just("#".to_owned()),
        Just("- ".to_owned()),
        Just("$".to_owned()),
        Just("\"'\\".to_owned()),
        Just("---".to_owned()),
        Just("é\u{301}\u{85}\u{2028}\u{feff}\u{0}\u{7f}\u{1b}".to_owned()),
        Just("null".to_owned()),
        Just("1e3".to_owned()),
        "[a-z]{1,4}",
        any::<char>().prop_map(|letter| letter.to_string()),
    ];
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<u64>().prop_map(|value| json!(value)),
        prop::num::f64::NORMAL.prop_map(|value| json!(value)),
        texts().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|list| json!(list)),
            prop::collection::hash_map(texts(), inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// A way into a value.
fn accessors() -> impl Strategy<Value = Vec<Accessor>> {
    let accessor = prop_oneof![
        texts().prop_map(|key| Accessor::Key(key.into())),
        (0..20_usize).prop_map(Accessor::Index),
    ];
    prop::collection::vec(accessor, 0..3)
}

/// A reference by the number of its node, which is taken modulo their count.
type Draft = (usize, Vec<Accessor>);

#[derive(Debug, Clone)]
enum DraftShape {
    Reference(Draft),
    Constant(serde_json::Value),
    List(Vec<DraftShape>),
    Map(Vec<(String, DraftShape)>),
}

fn drafts() -> impl Strategy<Value = DraftShape> {
    let leaf = prop_oneof![
        (any::<usize>(), accessors()).prop_map(DraftShape::Reference),
        values().prop_map(DraftShape::Constant),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(DraftShape::List),
            prop::collection::vec((texts(), inner), 0..3).prop_map(DraftShape::Map),
        ]
    })
}

#[derive(Debug, Clone)]
struct DraftNode {
    kind: u8,
    texts: Vec<String>,
    references: Vec<Draft>,
    shape: DraftShape,
    temperature: Option<f64>,
    priority: i32,
}

fn draft_nodes() -> impl Strategy<Value = Vec<DraftNode>> {
    let node = (
        0..5_u8,
        prop::collection::vec(texts(), 3),
        prop::collection::vec((any::<usize>(), accessors()), 0..3),
        drafts(),
        prop::option::of(0.0..2.0_f64),
        -2..3_i32,
    );
    let node = node.prop_map(
        |(kind, texts, references, shape, temperature, priority)| DraftNode {
            kind,
            texts,
            references,
            shape,
            temperature,
            priority,
        },
    );
    prop::collection::vec(node, 0..6)
}

/// Builds the graph that was drawn up. Each node reads earlier ones only.
fn build(drafts: Vec<DraftNode>, output: &DraftShape) -> InferenceGraph {
    fn reference(draft: &Draft, opaque: &[NodeRef]) -> Reference {
        Reference {
            node: opaque[draft.0 % opaque.len()],
            path: draft.1.clone(),
        }
    }
    fn shape(draft: &DraftShape, opaque: &[NodeRef]) -> Shape {
        match draft {
            DraftShape::Reference(draft) => Shape::Reference(reference(draft, opaque)),
            DraftShape::Constant(value) => Shape::Constant(value.clone().into()),
            DraftShape::List(list) => {
                Shape::List(list.iter().map(|one| shape(one, opaque)).collect())
            }
            DraftShape::Map(map) => Shape::Map(
                map.iter()
                    .map(|(key, one)| (key.clone(), shape(one, opaque)))
                    .collect(),
            ),
        }
    }
    let mut builder = GraphBuilder::new("random", Schema::any());
    // Those whose parts nobody can know before the graph runs.
    let mut opaque = vec![NodeRef::INPUT];
    for (index, draft) in drafts.into_iter().enumerate() {
        let path = format!("p.{index}");
        let parameter = Parameter::new(&*draft.texts[0]).described(&*draft.texts[1]);
        let parameter = builder.add_parameter(path, parameter);
        let mut template = Template::text(&*draft.texts[2]);
        for draft in &draft.references {
            template.push(TemplatePart::Reference(reference(draft, &opaque)));
            template.push(TemplatePart::Parameter(parameter));
        }
        let input = shape(&draft.shape, &opaque);
        let operation = match draft.kind {
            0 => {
                let mut call = LlmCall::new("fast", template);
                call.system = Some(Template::text(&*draft.texts[1]));
                call.temperature = draft.temperature;
                call.stop.clone_from(&draft.texts);
                call.output = Some(Schema::any());
                Operation::Llm(call)
            }
            1 => Operation::Prompt(template),
            2 => Operation::Host(HostCall::new(&*draft.texts[0], input)),
            3 => Operation::Pack(input),
            // A map in any case, which is what this function works on.
            _ => Operation::Compute {
                function: Compute::Items,
                input: Shape::Map([("of".to_owned(), input)].into_iter().collect()),
            },
        };
        let is_text = matches!(operation, Operation::Prompt(_));
        let node = GraphNode::new(format!("n{index}"), operation).with_priority(draft.priority);
        let node = builder.add(node.with_module(&*draft.texts[1]));
        if !is_text {
            opaque.push(node);
        }
    }
    let output = shape(output, &opaque);
    builder.finish(output).expect("a graph")
}

proptest! {
    #[test]
    fn random_graphs_survive_saving(nodes in draft_nodes(), output in drafts()) {
        check_round_trip(&build(nodes, &output));
    }
}
