//! Graphs that a program puts together.

use inf_engine::graph::{
    GraphBuilder, GraphNode, HostFunction, HostFunctions, LlmCall, NodeRef, Operation, Shape,
    Template, TemplatePart,
};
use inf_engine::prelude::*;
use inf_engine::value::Schema;
use insta::assert_snapshot;
use serde_json::json;

use super::{EVERYTHING, names, places, prompt_node, read};

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
