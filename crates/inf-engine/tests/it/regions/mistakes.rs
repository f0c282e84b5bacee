//! What is wrong with control flow in a file, and what is said of it.

use inf_engine::document::DocumentFormat;
use inf_engine::graph::FailureKind;
use inf_engine::prelude::*;

use super::read;

/// The message for the file with these nodes.
fn mistake(nodes: &str) -> String {
    let text = format!("version: 1\nname: x\nnodes:\n{nodes}\noutput: out\n");
    let error = InferenceGraph::from_text(&text).map(|_| ());
    error.expect_err(&text).to_string()
}

#[test]
fn mistakes_in_control_flow_are_told_with_their_place() {
    let check = |nodes: &str, expected: &str| assert_eq!(mistake(nodes), expected, "{nodes}");
    check(
        "  out: { if: input, then: { output: input } }",
        "nodes.out.else: it is missing: say what runs there, as `{ nodes: {…}, output: … }`",
    );
    check(
        "  out: { if: input, then: {}, else: { output: input } }",
        "nodes.out.then: it has no `output`: say what it gives, as in `output: answer`",
    );
    check(
        "  out: { map: input, output: input }",
        "nodes.out.as: the body needs a name for what it is given: write one, as in `as: chunk`",
    );
    check(
        "  out: { fold: input, as: one, output: input }",
        "nodes.out.as: the body needs names for what is there so far and for the next element: \
         write both, as in `as: [so_far, next]`",
    );
    check(
        "  out: { repeat: input, as: state, output: state }",
        "2 problems:\n  - nodes.out: the loop has no `max`: say how often it may run at most, as in \
         `max: 3`\n  - nodes.out: it has no `until`: say when it is done, as in \
         `until: critique.accepted`",
    );
    check(
        "  out: { try: { output: input }, fallback: { output: input }, failures: [timout] }",
        "nodes.out.failures: there is no kind of failure `timout`; did you mean `timeout`?",
    );
    check(
        "  out: { match: input, cases: { a: { output: input } }, then: { output: input } }",
        "nodes.out.then: a `match` node has no `then`; nodes with `if` do",
    );
    check(
        "  out: { match: input }",
        "node `out`: it has no case: give it one, or use what its default does",
    );
    check(
        "  out: { map: input, filter: input, as: one, output: one }",
        "nodes.out: the node can't be `map` and `filter` at once: keep one of them",
    );
    check(
        "  out:\n    map: input\n    as: one\n    nodes: { a: { promt: x } }\n    output: a",
        "line 7, column 19: unknown key `promt`; did you mean `prompt`?",
    );
    check(
        "  out: { map: input, as: one, nodes: { a: { prompt: '{onee}' } }, output: a }",
        "nodes.out.nodes.a.prompt: there is no node `onee`; did you mean `one`? (for a literal brace \
         write `{{`)",
    );
}

#[test]
fn what_exists_elsewhere_only_is_told() {
    let check = |nodes: &str, expected: &str| assert_eq!(mistake(nodes), expected, "{nodes}");
    let reply = "  reply: { match: input, cases: { bug: { nodes: { fix: { prompt: x } }, \
                 output: fix } } }";
    check(
        &format!("{reply}\n  out: {{ prompt: '{{fix}}' }}"),
        "node `out`: `fix` exists only inside case \"bug\" of `reply`: make it what that gives, and \
         read `reply`",
    );
    check(
        "  out: { map: input, as: one, nodes: { a: { pack: out } }, output: a }",
        "node `a`: `out` has no value yet while what is inside of it runs",
    );
    check(
        "  out: { map: input, as: one, nodes: { one: { prompt: x } }, output: one }",
        "node `one`: another node has this name: choose one that no other has, in whatever part of the \
         graph it stands",
    );
    // Which of the two is meant in the second arm is a question of its own.
    check(
        "  out: { if: input, then: { nodes: { a: { prompt: x } }, output: a }, else: { nodes: { a: \
         { prompt: y } }, output: a } }",
        "node `a`: another node has this name: choose one that no other has, in whatever part of the \
         graph it stands",
    );
    // What goes in a circle, also through a body.
    check(
        "  a: { map: b, as: one, nodes: { c: { pack: out } }, output: c }\n  b: { pack: input }\n  \
         out: { pack: a }",
        "the nodes need each other in a cycle: out → a → out; take one of these references out",
    );
}

#[test]
fn a_condition_is_no_place_to_compare() {
    let arm = "{ output: input }";
    let compared = |text: &str| format!("  out: {{ if: '{text}', then: {arm}, else: {arm} }}");
    assert_eq!(
        mistake(&compared("input.size > 3")),
        "nodes.out.if: `input.size > 3` is no reference: compare in a node of its own, as in `big: { \
         compute: greater, input: [size, { $value: 3 }] }`, and write `big` here"
    );
    let again = "  out: { repeat: input, as: s, max: 2, until: 's == 3', output: s }";
    let told = mistake(again);
    assert!(
        told.starts_with("nodes.out.until: `s == 3` is no reference: compare"),
        "{told}"
    );
}

#[test]
fn what_can_never_be_is_told_before_anything_runs() {
    let check = |nodes: &str, expected: &str| assert_eq!(mistake(nodes), expected, "{nodes}");
    let kind = "  kind: { llm: fast, prompt: x, output: { $schema: { enum: [bug, praise] } } }";
    let arm = "{ output: input }";
    check(
        &format!("  a: {{ prompt: x }}\n  out: {{ if: a, then: {arm}, else: {arm} }}"),
        "node `out`: its condition is of type string, and has to be a boolean: compare it, or ask \
         for one",
    );
    check(
        &format!("{kind}\n  out: {{ match: kind, cases: {{ bugg: {arm}, praise: {arm} }} }}"),
        "2 problems:\n  - node `out`: the case \"bugg\" is no value that can come; did you mean `bug`?\
         \n  - node `out`: there is no case for \"bug\": add what is to run for it, or a default",
    );
    check(
        &format!("  a: {{ prompt: x }}\n  out: {{ match: a, cases: {{ 1: {arm} }} }}"),
        "node `out`: the case 1 is a number, and what it decides by is of type string",
    );
    check(
        "  a: { prompt: x }\n  out: { map: a, as: one, output: one }",
        "node `out`: its list is of type string, and has to be a list",
    );
    check(
        "  out: { filter: input, as: one, nodes: { a: { prompt: x } }, output: a }",
        "node `out`: what its body gives is of type string, and has to be a boolean: compare it, or \
         ask for one",
    );
    check(
        "  a: { repeat: input, as: s, max: 2, nodes: { b: { prompt: x } }, until: b, output: s }\n  \
         out: { prompt: '{a.text}' }",
        "node `out`: `a` has no field `text`; there is `state`, `iterations`, `stopped`",
    );
    // What is known goes through regions, and into the parts of types.
    check(
        &format!(
            "  a: {{ map: input, as: one, nodes: {{ b: {{ prompt: x }} }}, output: {{ c: b }} }}\n  \
             out: {{ map: a, as: d, nodes: {{ e: {{ if: d.c, then: {arm}, else: {arm} }} }}, \
             output: e }}"
        ),
        "node `e`: its condition is of type string, and has to be a boolean: compare it, or ask for \
         one",
    );
}

#[test]
fn a_fallback_is_for_the_kinds_that_results_have() {
    use inf_engine::clients::ClientErrorKind as Client;
    use inf_engine::execution::ErrorKind;
    let kinds = [
        ErrorKind::InvalidInput,
        ErrorKind::MissingValue,
        ErrorKind::InvalidValue,
        ErrorKind::NoMatch,
        ErrorKind::HostFunction,
        ErrorKind::InvalidOutput,
        ErrorKind::TooManyTurns,
        ErrorKind::Timeout,
        ErrorKind::Call(Client::Unreachable),
        ErrorKind::Call(Client::Authentication),
        ErrorKind::Call(Client::Refused),
        ErrorKind::Call(Client::RateLimited),
        ErrorKind::Call(Client::Server),
        ErrorKind::Call(Client::MalformedReply),
    ];
    for (kind, name) in FailureKind::ALL.into_iter().zip(kinds) {
        assert_eq!(FailureKind::from_name(name.as_str()), Some(kind));
    }
    assert_eq!(kinds.len(), FailureKind::ALL.len());
    for kind in [ErrorKind::Budget, ErrorKind::Cancelled, ErrorKind::Runtime] {
        assert_eq!(FailureKind::from_name(kind.as_str()), None);
    }
}

/// A file as deep as its text says.
#[test]
fn too_deep_is_told() {
    let nest = |depth: usize| {
        let mut text = "{ prompt: x }".to_owned();
        for level in 0..depth {
            let inner = format!("n{level}");
            text = format!(
                "{{ if: input, then: {{ nodes: {{ {inner}: {text} }}, output: {inner} }}, \
                 else: {{ output: input }} }}"
            );
        }
        format!("version: 1\nname: x\nnodes: {{ out: {text} }}\noutput: out\n")
    };
    let deep = read(&nest(12));
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        assert_eq!(read(&deep.to_text(format)), deep);
    }
    let message = |depth: usize| {
        let error = InferenceGraph::from_text(&nest(depth)).map(|_| ());
        error.expect_err("too deep").to_string()
    };
    assert_eq!(
        message(13),
        "then of `n1`: it stands deeper than 12 regions in each other"
    );
    let deeper = message(5_000);
    let expected = "it stands deeper than 64 lists and maps in each other, and no deeper is read";
    assert!(deeper.ends_with(expected), "{deeper}");
}
