//! Graphs as data: built, checked, drawn, hashed, saved and read again.

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{
    Accessor, Compute, GraphBuilder, GraphNode, HostCall, HostFunction, HostFunctions, LlmCall,
    NodeRef, Operation, Reference, Shape, Template, TemplatePart,
};
use inf_engine::prelude::*;
use inf_engine::value::Schema;
use insta::assert_snapshot;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::json;

fn read(text: &str) -> InferenceGraph {
    InferenceGraph::from_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn names<'g>(graph: &'g InferenceGraph, nodes: &[NodeRef]) -> Vec<&'g str> {
    nodes.iter().map(|node| graph.node(*node).name()).collect()
}

/// A file with every kind of node, in no order.
const EVERYTHING: &str = r#"
version: 1
name: everything
input: { title: string, "tags?": [string], size: integer, more: any }
parameters:
  style: { value: Be brief., description: The tone. }
  layers.0.rules:
    value: |
      1. Be kind.
      2. Be brief.
    requires_grad: false
nodes:
  verdict:
    llm: smart
    system: "{parameters.style} {parameters.layers.0.rules}"
    prompt: |
      Title: {input.title}
      Facts: {facts.names.0} {both}
      As JSON: {{"verdict": …}}
    temperature: 0.5
    max_tokens: 100
    stop: [END, "\n\n"]
    output: { verdict: string, "why?": [string] }
    priority: -1
    module: judge.0
  both: { pack: { facts: facts, $$size: input.size, unit: { $value: {kg: [1, 2.5, null]} } } }
  facts:
    llm: fast
    prompt: "{question}"
    output: { $schema: { type: object, properties: { names: { type: array, items: { type: string, minLength: 1 } } } } }
  question: { prompt: "List the facts of {input.title}." }
  count: { host: count_words, input: verdict.verdict, priority: 3 }
  keys: { compute: keys, input: input.more }
  values: { compute: values, input: both }
  unused: { compute: items, input: { a: [both], b: { $value: text } } }
output:
  verdict: verdict.verdict
  count: count
  more: [keys, values.0, { $value: end }]
"#;

// ------------------------------------------------------------------ built

/// A node called `name` that reads `of`.
fn prompt_node(name: &str, of: &[NodeRef]) -> GraphNode {
    let parts = of
        .iter()
        .map(|node| TemplatePart::Reference((*node).into()));
    GraphNode::new(name, Operation::Prompt(parts.collect()))
}

/// References to nodes that are added later, without a way to make one up.
fn places(count: usize) -> Vec<NodeRef> {
    let mut builder = GraphBuilder::new("places", Schema::any());
    let added = (0..count).map(|index| builder.add(prompt_node(&format!("n{index}"), &[])));
    [NodeRef::INPUT]
        .into_iter()
        .chain(added.collect::<Vec<_>>())
        .collect()
}

#[test]
fn nodes_may_be_added_in_any_order() {
    let at = places(3);
    let mut builder = GraphBuilder::new("g", Schema::any());
    builder.add(prompt_node("last", &[at[2], at[3]]));
    builder.add(prompt_node("middle", &[at[3]]));
    builder.add(prompt_node("first", &[NodeRef::INPUT]));
    let graph = builder.finish(at[1].into()).expect("a graph");
    let order: Vec<_> = graph.nodes().iter().map(GraphNode::name).collect();
    assert_eq!(order, ["input", "first", "middle", "last"]);
    assert_eq!(
        *graph.output(),
        Shape::from(graph.node_named("last").expect("it is there"))
    );
}

#[test]
fn cycles_are_printed_in_the_direction_of_the_data() {
    let check = |edges: &[(usize, &[usize])], expected: &str| {
        let at = places(4);
        let mut builder = GraphBuilder::new("g", Schema::any());
        for (index, of) in edges {
            let of: Vec<_> = of.iter().map(|of| at[*of]).collect();
            builder.add(prompt_node(["", "a", "b", "c", "d"][*index], &of));
        }
        let error = builder.finish(NodeRef::INPUT.into()).expect_err("a cycle");
        assert_eq!(
            error.to_string(),
            format!(
                "the nodes need each other in a cycle: {expected}; take one of these references out"
            )
        );
    };
    check(&[(1, &[1])], "a → a");
    check(&[(1, &[2]), (2, &[0, 1])], "b → a → b");
    check(
        &[(1, &[3]), (2, &[1]), (3, &[2]), (4, &[3])],
        "b → c → a → b",
    );
    // What only hangs on the cycle is not part of it.
    check(&[(1, &[2]), (2, &[3]), (3, &[3])], "c → c");
}

#[test]
fn all_problems_are_told_at_once() {
    let at = places(9);
    let mut builder = GraphBuilder::new("g", Schema::from_json(json!({"type": "strnig"})));
    let style = builder.add_parameter("style", Parameter::new("Be brief."));
    builder.add_parameter("style", Parameter::new("Be kind.").frozen());
    builder.add(prompt_node("same", &[]));
    builder.add(prompt_node("same", &[]));
    builder.add(prompt_node("input", &[]));
    builder.add(prompt_node("parameters", &[]));
    builder.add(prompt_node("a name", &[]));
    builder.add(prompt_node("stranger", &[at[9]]));
    let mut call = LlmCall::new(" ", Template::from_iter([TemplatePart::Parameter(style)]));
    call.temperature = Some(-1.0);
    call.max_tokens = Some(0);
    call.output = Some(Schema::from_json(json!({"type": 3})));
    builder.add(GraphNode::new("call", Operation::Llm(call)));
    let other = GraphBuilder::new("other", Schema::any())
        .finish(at[9].into())
        .expect_err("foreign");
    assert_eq!(
        other.to_string(),
        "output: a node of another graph is used: a `NodeRef` is of the builder that made it"
    );
    let error = builder
        .finish(NodeRef::INPUT.into())
        .expect_err("many problems");
    assert_snapshot!(error, @r#"
    12 problems:
      - input: the JSON schema is not valid: at `/type`: "strnig" is not valid under any of the schemas listed in the 'anyOf' keyword
      - node `same`: another node has this name: choose one that no other has, in whatever part of the graph it stands
      - node `input`: this name stands for something else in references: choose another
      - node `parameters`: this name stands for something else in references: choose another
      - node `a name`: a node's name is letters, digits, `_` and `-`, and begins with a letter or `_`
      - node `stranger`: a node of another graph is used: a `NodeRef` is of the builder that made it
      - node `call`: the alias is empty: name the model to call, as in `llm: fast`
      - node `call`: the temperature is -1, but it must be 0 or more
      - node `call`: `max_tokens` is 0, but an answer needs at least 1
      - node `call`: output: the JSON schema is not valid: at `/type`: 3 is not valid under any of the schemas listed in the 'anyOf' keyword
      - parameter `style`: the parameter has `requires_grad` but no description, which an optimizer needs to improve it: add `.described("what it controls")`, or `.frozen()` if it is not to learn
      - parameter `style`: another parameter has this path: give one of them another
    "#);
}

#[test]
fn a_graph_knows_who_needs_whom() {
    let graph = read(EVERYTHING);
    let check = |name: &str, ancestors: &[&str], descendants: &[&str]| {
        let node = graph.node_named(name).expect(name);
        assert_eq!(names(&graph, &graph.ancestors(node)), ancestors, "{name}");
        assert_eq!(
            names(&graph, &graph.descendants(node)),
            descendants,
            "{name}"
        );
    };
    check(
        "input",
        &[],
        &[
            "question", "facts", "both", "verdict", "count", "keys", "values", "unused",
        ],
    );
    check(
        "facts",
        &["input", "question"],
        &["both", "verdict", "count", "values", "unused"],
    );
    check(
        "verdict",
        &["input", "question", "facts", "both"],
        &["count"],
    );
    check("keys", &["input"], &[]);
    assert_eq!(names(&graph, &graph.unused_nodes()), ["unused"]);
    assert_eq!(graph.node_named("nobody"), None);
    let aliases: Vec<_> = graph.aliases().iter().map(|alias| alias.as_str()).collect();
    assert_eq!(aliases, ["fast", "smart"]);
    let priorities: Vec<_> = graph.nodes().iter().map(GraphNode::priority).collect();
    assert_eq!(priorities.iter().sum::<i32>(), 2);
}

#[test]
fn host_functions_are_found_by_name() {
    let graph = read(EVERYTHING);
    let count = graph.node_named("count").expect("it is there");
    assert_eq!(graph.missing_host_functions(), [(count, "count_words")]);
    let functions = HostFunctions::new().with(HostFunction::new("trim", |text: String| text));
    let graph = graph.with_host_functions(&functions);
    assert_eq!(graph.missing_host_functions().len(), 1);
    let functions = functions.with(HostFunction::new("count_words", |text: String| text.len()));
    let graph = graph.with_host_functions(&functions);
    assert!(graph.missing_host_functions().is_empty() && graph.host_function(count).is_some());
}

// ------------------------------------------------------------------ drawn

#[test]
fn graphs_are_drawn() {
    let graph = read(EVERYTHING);
    insta::assert_snapshot!("everything.dot", graph.to_dot());
    insta::assert_snapshot!("everything.mermaid", graph.to_mermaid());
    // As data it is the same: what the texts say of an arrow or of a frame.
    let outline = graph.outline();
    let count = |sign| graph.to_mermaid().matches(sign).count();
    assert_eq!(
        outline.edges.len() + outline.outputs.len(),
        count(" --> ") + count(" -->|")
    );
    let frames = outline.regions.iter().enumerate();
    let frames =
        frames.filter(|(place, _)| outline.nodes.iter().any(|node| node.region == Some(*place)));
    assert_eq!(frames.count(), count("subgraph "));
}

#[test]
fn drawings_quote_what_is_special() {
    let node = r#"{version: 1, name: 'a "b" \c', nodes: {n: {host: '<b> "&" \n', input: input}}, output: n}"#;
    let graph = read(node);
    assert!(
        graph.to_dot().starts_with(r#"digraph "a \"b\" \\c" {"#),
        "{}",
        graph.to_dot()
    );
    assert!(
        graph.to_dot().contains(r#"label="n\nhost <b> \"&\" \\n""#),
        "{}",
        graph.to_dot()
    );
    let mermaid = graph.to_mermaid();
    assert!(
        mermaid.contains(r#"["n<br>host &lt;b> &quot;&amp;&quot; \n"]"#),
        "{mermaid}"
    );
}

// ----------------------------------------------------------------- hashed

#[test]
fn the_hash_is_the_same_everywhere() {
    // If this changes, journals of earlier versions lose what they hold.
    assert_snapshot!(read(EVERYTHING).content_hash(), @"6a7af1b59552077cde28943a628174082fca73c24df2def49079483022e88ef3");
}

#[test]
fn the_hash_says_what_a_graph_asks() {
    let original = read(EVERYTHING).content_hash();
    let with = |changes: &[(&str, &str)]| {
        let mut text = EVERYTHING.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        read(&text).content_hash()
    };
    let same: &[&[(&str, &str)]] = &[
        &[("name: everything", "name: other")],
        &[
            ("verdict:\n    llm", "result:\n    llm"),
            ("verdict.verdict", "result.verdict"),
        ],
        &[("question", "ask_this")],
        &[("module: judge.0", "module: judge.1")],
        &[("The tone.", "How it sounds.")],
        &[("requires_grad: false", "description: The rules.")],
        &[("style", "judge.0.style")],
        &[("temperature: 0.5", "temperature: 0.50")],
        &[(
            "parameters:\n",
            "parameters:\n  spare: { value: x, requires_grad: false }\n",
        )],
        &[("{ $value: end }", "{$value: end}")],
    ];
    for changes in same {
        assert_eq!(with(changes), original, "{changes:?}");
    }
    let different: &[&[(&str, &str)]] = &[
        &[("List the facts", "List all facts")],
        &[("Be brief., ", "Be very brief., ")],
        &[("llm: fast", "llm: faster")],
        &[("temperature: 0.5", "temperature: 0.6")],
        &[("    temperature: 0.5\n", "")],
        &[("max_tokens: 100", "max_tokens: 101")],
        &[("stop: [END,", "stop: [STOP,")],
        &[("why?", "why")],
        &[("minLength: 1", "minLength: 2")],
        &[("{facts.names.0}", "{facts.names.1}")],
        &[("input.size, unit", "input.more, unit")],
        &[("count_words", "count_letters")],
        &[("compute: keys", "compute: values")],
        &[("$value: end", "$value: ende")],
        &[("  verdict: verdict.verdict\n", "")],
        &[("  count: count\n", "  counted: count\n")],
        &[(
            "  unused: { compute: items, input: { a: [both], b: { $value: text } } }\n",
            "",
        )],
        &[("title: string", "title: any")],
        &[(
            "{parameters.style} {parameters.layers.0.rules}",
            "{parameters.style}{parameters.layers.0.rules}",
        )],
        &[(
            "{parameters.style} {parameters.layers.0.rules}",
            "{parameters.layers.0.rules} {parameters.style}",
        )],
    ];
    for changes in different {
        assert_ne!(with(changes), original, "{changes:?}");
    }
}

#[test]
fn the_hash_follows_the_parameters() {
    let graph = read(EVERYTHING);
    let before = graph.content_hash();
    let style = &graph.parameters()[0].parameter;
    let text = style.value();
    style.set_value("Be long.");
    assert_ne!(graph.content_hash(), before);
    style.set_value(text);
    assert_eq!(graph.content_hash(), before);
}

// ------------------------------------------------------ written and read

#[test]
fn a_saved_graph_reads_as_if_written_by_hand() {
    insta::assert_snapshot!(
        "everything.yaml",
        read(EVERYTHING).to_text(DocumentFormat::Yaml)
    );
    insta::assert_snapshot!(
        "everything.json",
        read(EVERYTHING).to_text(DocumentFormat::Json)
    );
}

fn check_round_trip(graph: &InferenceGraph) {
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        let text = graph.to_text(format);
        let again = read(&text);
        assert!(again == *graph, "{text}");
        assert_eq!(again.content_hash(), graph.content_hash(), "{text}");
        assert_eq!(again.to_text(format), text);
    }
}

#[test]
fn every_operation_survives_saving() {
    check_round_trip(&read(EVERYTHING));
    check_round_trip(&read("{version: 1, name: '', output: input}"));
}

#[test]
fn names_that_yaml_1_1_took_for_something_else_are_names() {
    for name in ["n", "y", "on", "off", "no", "yes", "N", "e"] {
        let text =
            format!("{{version: 1, name: x, nodes: {{{name}: {{prompt: x}}}}, output: {name}}}");
        check_round_trip(&read(&text));
    }
}

#[test]
fn json_of_other_programs_is_read() {
    let json = "{\"version\": 1, \"name\": \"\\ud83d\\ude00 \\/ \u{7f}\", \"output\": \"input\"}";
    assert_eq!(read(json).name(), "😀 / \u{7f}");
}

#[test]
fn short_files_have_defaults() {
    let graph =
        read("{version: 1, name: x, nodes: {a: {llm: fast, prompt: '{input}'}}, output: a}");
    assert!(graph.input().is_any());
    let node = graph.node(graph.node_named("a").expect("it is there"));
    assert_eq!(
        (node.module(), node.priority(), node.location()),
        ("a", 0, None)
    );
    let Operation::Llm(call) = node.operation() else {
        panic!("a call")
    };
    assert_eq!(*call, LlmCall::new("fast", Template::of(NodeRef::INPUT)));
    // A typed output of plain text is no typed output.
    let typed = "{version: 1, name: x, nodes: {a: {llm: fast, prompt: '{input}', output: string}}, output: a}";
    assert!(read(typed) == graph);
}

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

// --------------------------------------------------------------- mistakes

/// The message for the file with these lines; `version` and `name` are added.
fn mistake(text: &str) -> String {
    let text = format!("version: 1\nname: x\n{text}\n");
    let error = InferenceGraph::from_text(&text)
        .map(|_| ())
        .expect_err(&text);
    error.to_string()
}

#[test]
fn misspelt_keys_are_told_with_their_place() {
    let check = |text: &str, expected: &str| assert_eq!(mistake(text), expected, "{text}");
    check(
        "outptu: input",
        "line 3, column 1: unknown key `outptu`; did you mean `output`?",
    );
    check(
        "nodes:\n  a:\n    llm: fast\n    promt: hi\noutput: a",
        "line 6, column 5: unknown key `promt`; did you mean `prompt`?",
    );
    check(
        "parameters: {s: {text: x}}\noutput: input",
        "line 3, column 18: unknown key `text`; the keys here are `value`, `description`, \
         `requires_grad`",
    );
    check(
        "nodes: {a: {prompt: x}}",
        "the key `output` is missing: add it, as in `output: …`",
    );
    check(
        "nodes:\n  a: {prompt: x}\n  a: {prompt: y}\noutput: a",
        "line 5, column 3: the key `a` stands here twice: keep one of them",
    );
    check(
        "nodes:\n  a: {prompt: {input}}\noutput: a",
        "line 4, column 15: `prompt` takes a text, in quotes if it begins with `{` or `[`",
    );
    check(
        "nodes:\n  a: {prompt: x, priority: high}\noutput: a",
        "line 4, column 28: `priority` takes a whole number",
    );
}

#[test]
fn versions_that_are_none_are_told() {
    let check = |text: &str, expected: &str| {
        let error = InferenceGraph::from_text(text).map(|_| ()).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    };
    let newer = "version: the pipeline file has version 2, and this program reads versions up to 1: \
                 use a newer program";
    check("{version: 2, name: x, output: input}", newer);
    // A later version may have keys of its own.
    check("{version: 2, flow: []}", newer);
    check(
        "{version: 0, name: x, output: input}",
        "version: there is no version 0 of pipeline files: write `version: 1`",
    );
    check(
        "{name: x, output: input}",
        "line 1, column 11: the key `version` is missing in this map: add it, as in `version: 1`",
    );
    check(
        "{version: latest, name: x, output: input}",
        "line 1, column 11: `version` takes a whole number, 0 or more",
    );
}

#[test]
fn functions_are_given_what_they_can_work_on() {
    let input = "input: { text: string, number: integer, is: boolean, list: [string], any: any, \
                 kind: { $schema: { enum: [bug, praise] } }, \
                 maybe: { $schema: { anyOf: [{ type: number }, { type: 'null' }] } } }";
    let graph = |function: &str, given: &str| {
        format!("{input}\nnodes: {{ n: {{ compute: {function}, input: {given} }} }}\noutput: n")
    };
    let check = |function: &str, given: &str, expected: &str| {
        let expected = format!("node `n`: `{function}` needs {expected}");
        assert_eq!(mistake(&graph(function, given)), expected, "{given}");
    };
    check(
        "add",
        "[input.text, input.number]",
        "two numbers and gets a string and a number",
    );
    check(
        "add",
        "[input.number, { $value: x }]",
        "two numbers and gets a number and a string",
    );
    check(
        "add",
        "[input.number]",
        "a list of two values and gets one of 1",
    );
    check(
        "add",
        "input.number",
        "a list of two values and gets a number",
    );
    check(
        "multiply",
        "input.list",
        "two numbers and gets a string and a string",
    );
    let order = "two numbers or two texts and gets";
    check(
        "less",
        "[input.kind, input.number]",
        &format!("{order} a string and a number"),
    );
    check(
        "less",
        "[input.text, input.maybe]",
        &format!("{order} a string and null or a number"),
    );
    check("trim", "input.number", "a text and gets a number");
    check("not", "input.text", "a boolean and gets a string");
    check(
        "and",
        "[input.is, input.text]",
        "a list of booleans and gets a string",
    );
    check("or", "input.list", "a list of booleans and gets a string");
    check("keys", "input.list", "a map and gets a list");
    check("zip", "[input.list, input.text]", "lists and gets a string");
    check(
        "join",
        "[input.text, input.list]",
        "a list and a text and gets a string and a list",
    );
    check(
        "chunks",
        "[input.text, input.text]",
        "a text and a whole number and gets a string and a string",
    );
    check(
        "contains",
        "[input.number, input.text]",
        "a text, a list or a map to look in and gets a number",
    );
    check(
        "contains",
        "[input.text, input.number]",
        "a text to look for and gets a number",
    );
    check(
        "length",
        "input.number",
        "a text, a list or a map and gets a number",
    );
    for (function, given) in [
        ("add", "[input.number, input.maybe]"),
        ("add", "[input.any, { $value: 1 }]"),
        ("add", "input.any"),
        ("less", "[input.kind, input.text]"),
        ("equal", "[input.text, input.number]"),
        ("contains", "[input.list, input.number]"),
        ("contains", "[input.any, input.number]"),
        ("and", "[input.is, input.any]"),
        ("join", "[input.list, { $value: ', ' }]"),
        ("is_empty", "{ $value: null }"),
        ("zip", "[input.list, input.list]"),
    ] {
        InferenceGraph::from_text(&format!("version: 1\nname: x\n{}", graph(function, given)))
            .unwrap_or_else(|error| panic!("{function} {given}: {error}"));
    }
}

#[test]
fn a_type_that_is_all_of_its_own_alternatives_says_nothing() {
    let itself = "{ $schema: { $ref: '#/$defs/A', $defs: { A: { anyOf: [{ $ref: '#/$defs/A' }, \
                  { $ref: '#/$defs/A' }, { type: string }] } } } }";
    let text = format!(
        "version: 1\nname: x\ninput: {itself}\nnodes: {{ n: {{ compute: not, input: input }} }}\noutput: n"
    );
    InferenceGraph::from_text(&text).unwrap();
}

#[test]
fn wrong_references_are_told() {
    let check = |text: &str, expected: &str| assert_eq!(mistake(text), expected, "{text}");
    check(
        "output: inptu",
        "output: there is no node `inptu`; did you mean `input`? (for a constant write \
         `{ $value: \"inptu\" }`)",
    );
    check(
        "nodes: {a: {prompt: 'Of {facts.x}'}}\noutput: a",
        "nodes.a.prompt: there is no node `facts`; there is `input`, `a` (for a literal brace write \
         `{{`)",
    );
    check(
        "parameters: {style: {value: x, description: y}}\nnodes: {a: {prompt: '{parameters.stile}'}}\noutput: a",
        "nodes.a.prompt: there is no parameter `stile`; did you mean `style`?",
    );
    check(
        "nodes: {a: {prompt: '{parameters.style}'}}\noutput: a",
        "nodes.a.prompt: there is no parameter `style`; there are none",
    );
    check(
        "input: {title: string}\noutput: input.titel",
        "output: `input` has no field `titel`; did you mean `title`?",
    );
    check(
        "input: {pair: {a: string}}\nnodes: {n: {prompt: '{input.pair.b}'}}\noutput: n",
        "node `n`: `input.pair` has no field `b`; there is `a`",
    );
    check(
        "input: {$schema: {type: object, properties: {a: {type: string}}, additionalProperties: false}}\noutput: input.b",
        "output: `input` has no field `b`; there is `a`",
    );
    check(
        "nodes: {n: {llm: fast, prompt: x}}\noutput: n.title",
        "output: `n` has no field `title`: it is of type string",
    );
    check(
        "nodes: {n: {llm: fast, prompt: x, output: {title: [string]}}}\noutput: n.title.0.1",
        "output: `n.title.0` has no element 1: it is of type string",
    );
    check(
        "input: {kind: {$schema: {enum: [bug, praise]}}}\nnodes: {n: {prompt: '{input.kind.foo}'}}\noutput: n",
        "node `n`: `input.kind` has no field `foo`: it is of type string",
    );
    check(
        "nodes: {a: {prompt: x}}\noutput: {r: 'Answer: {a}'}",
        "output: \"Answer: {a}\" is a template, and here stands a value: make it a node of its own, as in \
         `text: { prompt: \"Answer: {a}\" }`, and write that one's name here",
    );
    check(
        "input: [string]\noutput: input.first",
        "output: `input` has no field `first`: it is of type array",
    );
    check(
        "input: {a: string}\noutput: input.0",
        "output: `input` has no element 0: it is of type object",
    );
    check(
        "output: 3",
        "output: `3` is a literal; write `{$value: 3}` for a constant, or the name of a node",
    );
    check(
        "output: Some text",
        "output: `Some text` is no reference: write a node's name and then fields or indices, as in \
         `facts.tags.0` (for a constant write `{ $value: \"Some text\" }`)",
    );
    check(
        "output: [{role: user, content: input}]",
        "output: there is no node `user`; there is `input` (for a constant write \
         `{ $value: \"user\" }`)",
    );
    check(
        "output: input..a",
        "output: `input..a` has no field or index after a `.`",
    );
    check(
        "output: {$val: 3}",
        "output: `$val` is no keyword; for a key that begins with `$` write `$$val`",
    );
    check(
        "nodes: {a: {prompt: 'Hi {input'}}\noutput: a",
        "nodes.a.prompt: `{input` is not closed: write `}`, or `{{` for a brace",
    );
    check(
        "nodes: {a: {prompt: '{\"json\": 1}'}}\noutput: a",
        "nodes.a.prompt: `\"json\": 1` is no reference: write a node's name and then fields or \
         indices, as in `facts.tags.0` (for a literal brace write `{{`)",
    );
}

#[test]
fn wrong_nodes_are_told() {
    let check = |node: &str, expected: &str| {
        assert_eq!(
            mistake(&format!("nodes: {{n: {{{node}}}}}\noutput: n")),
            expected,
            "{node}"
        );
    };
    check(
        "",
        "nodes.n: nothing says what the node does: add `llm`, `host`, `compute`, `pack`, `prompt`, or \
         for control flow `if`, `match`, `map`, `filter`, `fold`, `repeat` or `try`",
    );
    check(
        "llm: fast, host: f, prompt: x",
        "nodes.n: the node can't be `llm` and `host` at once: keep one of them",
    );
    check(
        "llm: fast",
        "nodes.n: the node has no `prompt`: say what to ask, as in `prompt: \"Summarize {input}\"`",
    );
    check(
        "llm: fast, prompt: x, input: input",
        "nodes.n.input: a `llm` node has no `input`; nodes with `host` or `compute` do",
    );
    check(
        "host: f, input: input, temperature: 1",
        "nodes.n.temperature: a `host` node has no `temperature`; nodes with `llm` do",
    );
    check(
        "pack: [input], prompt: x",
        "nodes.n.prompt: a `pack` node has no `prompt`; nodes with `llm` or `prompt` do",
    );
    check(
        "host: f",
        "nodes.n: the node has no `input`: name the value that it gets, as in `input: facts`",
    );
    check(
        "compute: key, input: input",
        "nodes.n.compute: there is no function `key`; did you mean `keys`?",
    );
    check(
        "llm: ' ', prompt: x",
        "node `n`: the alias is empty: name the model to call, as in `llm: fast`",
    );
    check(
        "llm: fast, prompt: x, temperature: -1",
        "node `n`: the temperature is -1, but it must be 0 or more",
    );
    check(
        "llm: fast, prompt: x, temperature: .nan",
        "node `n`: the temperature is NaN, but it must be 0 or more",
    );
    check(
        "llm: fast, prompt: x, max_tokens: 0",
        "node `n`: `max_tokens` is 0, but an answer needs at least 1",
    );
    check(
        "llm: fast, prompt: x, output: text",
        "nodes.n.output: `\"text\"` is no type: write `string`, `integer`, `number`, `boolean`, `any`, \
         a list as `[string]`, fields as `{name: string}`, or `{$schema: …}` with a JSON schema",
    );
    check(
        "prompt: '{n}'",
        "the nodes need each other in a cycle: n → n; take one of these references out",
    );
}

#[test]
fn wrong_parameters_and_names_are_told() {
    let check = |text: &str, expected: &str| assert_eq!(mistake(text), expected, "{text}");
    check(
        "parameters: {style: {value: x}}\noutput: input",
        "parameters.style: the parameter has no `description`, which an optimizer needs to improve \
         it: say what it controls, or write `requires_grad: false`",
    );
    check(
        "nodes: {input: {prompt: x}, parameters: {prompt: y}, '1': {prompt: z}}\noutput: input",
        "3 problems:\n  - node `input`: this name stands for something else in references: choose \
         another\n  - node `parameters`: this name stands for something else in references: choose \
         another\n  - node `1`: a node's name is letters, digits, `_` and `-`, and begins with a letter or `_`",
    );
    check(
        "nodes:\n  a: {llm: ' '}\n  b: {prompt: '{c}'}\noutput: [d, 3]",
        "4 problems:\n  - nodes.a: the node has no `prompt`: say what to ask, as in `prompt: \
         \"Summarize {input}\"`\n  - nodes.b.prompt: there is no node `c`; there is `input`, `a`, `b` \
         (for a literal brace write `{{`)\n  - output: there is no node `d`; there is `input`, `a`, \
         `b` (for a constant write `{ $value: \"d\" }`)\n  - node `a`: the alias is empty: name the model to call, as in `llm: fast`",
    );
}
