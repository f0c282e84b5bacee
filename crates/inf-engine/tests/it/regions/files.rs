//! Control flow in files and drawings, and what a graph says of it.

use std::fmt::Write as _;

use inf_engine::document::DocumentFormat;
use inf_engine::graph::NodeRef;
use insta::assert_snapshot;

use super::{EVERYTHING, names, read};

#[test]
fn a_file_is_read_and_written_as_it_is() {
    let graph = read(EVERYTHING);
    assert_snapshot!("regions.yaml", graph.to_text(DocumentFormat::Yaml));
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        let again = read(&graph.to_text(format));
        assert_eq!(again, graph);
        assert_eq!(again.content_hash(), graph.content_hash());
    }
}

#[test]
fn regions_follow_their_owners() {
    let graph = read(EVERYTHING);
    let mut lines = String::new();
    for region in graph.regions() {
        let owner = region.owner().map_or("", |owner| graph.node(owner).name());
        let arguments: Vec<NodeRef> = region.arguments().collect();
        let nodes: Vec<NodeRef> = graph.enumerate().map(|(node, _)| node).collect();
        let nodes: Vec<NodeRef> = nodes[region.nodes()].to_vec();
        let (arguments, nodes) = (names(&graph, &arguments), names(&graph, &nodes));
        let arm = region.arm();
        let _ = writeln!(lines, "{owner} {arm}: {arguments:?} of {nodes:?}");
    }
    assert_snapshot!(lines);
    // Right after the owner, or after its region before.
    for (node, found) in graph.enumerate() {
        let mut next = node.index() + 1;
        for region in found.operation().regions() {
            assert_eq!(graph.region(region).owner(), Some(node));
            assert_eq!(graph.region(region).nodes().start, next);
            next = graph.region(region).nodes().end;
        }
    }
}

#[test]
fn an_owner_needs_what_its_regions_read_from_outside() {
    let graph = read(EVERYTHING);
    let check = |name: &str, expected: &[&str]| {
        let node = graph.node_named(name).unwrap();
        assert_eq!(names(&graph, &graph.dependencies(node)), expected, "{name}");
    };
    check("reply", &["input", "kind", "tidy"]);
    check("sized", &["input", "tidy"]);
    check("summaries", &["input", "tidy"]);
    check("words", &["input", "chunk"]);
    check("better", &["draft", "critique"]);
    check("safe", &["revised"]);
    check("fix", &["input", "repro"]);
}

#[test]
fn a_node_says_under_which_conditions_it_runs() {
    let graph = read(EVERYTHING);
    let check = |name: &str, expected: &[&str]| {
        let node = graph.node_named(name).unwrap();
        let conditions = graph.conditions(node).map(|one| one.to_string());
        assert_eq!(conditions.collect::<Vec<_>>(), expected, "{name}");
    };
    check("kind", &[]);
    check("fix", &["case \"bug\" of `reply`"]);
    check("rewrite", &["else of `better`", "body of `revised`"]);
    check("word", &["body of `words`", "body of `summaries`"]);
    check("first", &["try of `safe`"]);
}

#[test]
fn who_needs_whom_goes_through_regions() {
    let graph = read(EVERYTHING);
    let at = |name: &str| graph.node_named(name).unwrap();
    let safe = names(&graph, &graph.ancestors(at("safe")));
    assert!(safe.contains(&"rewrite".to_owned()) && !safe.contains(&"fix".to_owned()));
    let fix = names(&graph, &graph.ancestors(at("fix")));
    assert_eq!(fix, ["input", "kind", "tidy", "repro"]);
    let of_chunk = names(&graph, &graph.descendants(at("tidy")));
    assert!(of_chunk.contains(&"summary".to_owned()) && !of_chunk.contains(&"kind".to_owned()));
    assert!(graph.unused_nodes().is_empty());
}

#[test]
fn regions_are_frames() {
    let graph = read(EVERYTHING);
    assert_snapshot!("regions.dot", graph.to_dot());
    assert_snapshot!("regions.mermaid", graph.to_mermaid());
}
