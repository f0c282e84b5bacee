//! `inf check` of pipelines that decide, and the examples of such.

use std::fmt::Write as _;
use std::path::Path;

use insta::assert_snapshot;

use crate::command::{Server, Workplace};

/// Each kind of input takes another number of calls.
const ROUTER: &str = r#"
version: 1
name: router
input: { kind: string, parts: [string] }
nodes:
  reply:
    match: input.kind
    cases:
      one:
        nodes: { a: { llm: fast, prompt: "{input.kind}" } }
        output: a
      two:
        nodes:
          b: { llm: fast, prompt: "{input.kind}" }
          c: { llm: smart, prompt: "{b}" }
        output: c
      many:
        nodes:
          all:
            map: input.parts
            as: part
            nodes: { d: { llm: fast, prompt: "{part}" } }
            output: d
        output: all
    default: { output: input.kind }
output: reply
"#;

#[test]
fn where_inputs_decide_the_estimate_has_exactly_the_calls_that_are_made() {
    let server = Server::start("");
    let workplace = Workplace::new();
    workplace.write("pipeline.yaml", ROUTER);
    workplace.write_resources(&server.url);
    let mut inputs = String::new();
    let mut expected = 0;
    for index in 0..400 {
        let kind = ["one", "two", "many", "none"][index % 4];
        expected += [1, 2, 3, 0][index % 4];
        let _ = writeln!(
            inputs,
            r#"{{"kind": "{kind}", "parts": ["x{index}", "y", "z"]}}"#
        );
    }
    workplace.write("inputs.jsonl", inputs);
    let arguments = "pipeline.yaml --resources resources.yaml --input inputs.jsonl";
    let checked = workplace.inf(&format!("check {arguments}"));
    assert_snapshot!("check_router", checked.shown());
    assert_eq!(server.stats()["calls"], 0);
    let ended = workplace.inf(&format!("run {arguments} --quiet"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.results().len(), 400);
    assert_eq!(server.stats()["calls"], expected);
}

#[test]
fn what_was_assumed_of_answers_is_told() {
    let workplace = Workplace::new();
    let decides = "  reply:\n    match: kind\n";
    let pipeline = ROUTER.replace("  reply:\n    match: input.kind\n", decides);
    let kind = "nodes:\n  kind: { llm: fast, prompt: \"{input.kind}\" }\n";
    workplace.write("pipeline.yaml", pipeline.replacen("nodes:\n", kind, 1));
    assert_snapshot!(
        "check_assumed",
        workplace.inf("check pipeline.yaml").shown()
    );
}

#[test]
fn the_examples_run() {
    let check = |folder: &str, inputs: &str, calls: std::ops::RangeInclusive<u64>| {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let pipeline = examples.join(folder).join("pipeline.yaml");
        let inputs = examples.join(inputs);
        let workplace = Workplace::new();
        let line = format!("--limit 5 --json --input {}", inputs.display());
        let ended = workplace.inf(&format!("run {} {line}", pipeline.display()));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let made = ended.summary()["calls"].as_u64().unwrap_or_default();
        assert!(calls.contains(&made), "{folder}: {made} calls");
    };
    let packages = "02_describe_packages/packages.jsonl";
    check("03_route_packages", packages, 5..=15);
    // One for each piece, and one less to merge them.
    check(
        "04_summarize_text",
        "04_summarize_text/articles.jsonl",
        49..=49,
    );
    check("05_revise_pitch", packages, 5 + 5..=5 * (1 + 6));
}

#[test]
fn what_nothing_uses_is_paid_for_with_what_is_inside() {
    let workplace = Workplace::new();
    workplace.write(
        "pipeline.yaml",
        r#"
version: 1
name: unused
input: [string]
nodes:
  lost:
    map: input
    as: one
    nodes: { call: { llm: fast, prompt: "{one}" } }
    output: call
  free: { filter: input, as: two, output: { $value: true } }
output: input
"#,
    );
    let checked = workplace.inf("check pipeline.yaml");
    let warning = |name: &str, cost: &str| {
        format!(
            "warning: nothing uses node `{name}`: it runs all the same{cost}; use it in the output or \
             remove it\n"
        )
    };
    let expected = warning("lost", ", and is paid for") + &warning("free", "");
    assert_eq!(checked.stderr, expected);
}
