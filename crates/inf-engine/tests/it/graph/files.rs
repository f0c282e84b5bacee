//! Graphs as files, written and read.

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{LlmCall, NodeRef, Operation, Template};

use super::{EVERYTHING, check_round_trip, read};

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
