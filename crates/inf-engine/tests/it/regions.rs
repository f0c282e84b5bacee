//! Control flow as a part of graphs: built, checked, drawn, hashed, saved and
//! read again.

use std::fmt::Write as _;

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{
    Arm, Branch, FailureKind, Fallback, Fold, FoldOrder, GraphBuilder, GraphNode, HostCall, Keep,
    LlmCall, Map, NodeRef, Operation, RegionRef, Repeat, Shape, Template,
};
use inf_engine::prelude::*;
use inf_engine::value::Schema;
use insta::assert_snapshot;
use proptest::prelude::{Strategy, any, prop, proptest};

fn read(text: &str) -> InferenceGraph {
    InferenceGraph::from_text(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn names(graph: &InferenceGraph, nodes: &[NodeRef]) -> Vec<String> {
    let names = nodes.iter().map(|node| graph.node(*node).name());
    names.map(str::to_owned).collect()
}

/// A file with every kind of control flow, also one in another.
const EVERYTHING: &str = r#"
version: 1
name: everything
input: { text: string, chunks: [string], urgent: boolean, size: any }
nodes:
  kind: { llm: fast, prompt: "bug, question or praise? {input.text}" }
  tidy: { compute: trim, input: kind }
  reply:
    match: tidy
    cases:
      bug:
        nodes:
          fix: { llm: smart, prompt: "Fix it: {repro} {input.text}" }
          repro: { llm: fast, prompt: "Reproduce {input.text}" }
        output: fix
      question:
        nodes: { answer: { llm: smart, prompt: "Answer {input.text} {kind}" } }
        output: { text: answer }
    default: { output: { $value: thanks } }
  sized:
    match: input.size
    cases:
      1: { output: { $value: one } }
      "\"1\"": { output: { $value: text } }
      2: { output: tidy }
  summaries:
    map: input.chunks
    as: chunk
    nodes:
      summary: { llm: fast, prompt: "Summarize {chunk} about {tidy}" }
      words:
        filter: input.chunks
        as: word
        nodes: { fits: { compute: contains, input: [chunk, word] } }
        output: fits
    output: { summary: summary, words: words }
  tries:
    map: summaries
    results: true
    as: tried
    nodes: { risky: { llm: fast, prompt: "{tried.summary}" } }
    output: risky
  whole:
    fold: summaries
    as: [so_far, next]
    initial: { $value: "" }
    nodes: { more: { llm: fast, prompt: "{so_far} and {next}" } }
    output: more
  merged:
    fold: summaries
    tree: true
    as: [left, right]
    nodes: { both: { llm: fast, prompt: "{left} and {right}" } }
    output: both
  revised:
    repeat: whole
    as: draft
    max: 3
    nodes:
      critique: { llm: smart, prompt: "{draft}", output: { accepted: boolean } }
      better:
        if: critique.accepted
        then: { output: draft }
        else:
          nodes: { rewrite: { llm: fast, prompt: "Better: {draft} {critique}" } }
          output: rewrite
    until: critique.accepted
    output: better
  safe:
    try:
      nodes: { first: { llm: smart, prompt: "{revised.state}" } }
      output: first
    fallback: { output: { $value: sorry } }
    failures: [timeout, refused]
output: [reply, sized, merged, tries, safe]
"#;

// ------------------------------------------------------------------- read

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

// --------------------------------------------------------------- mistakes

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

// ------------------------------------------------------------------ drawn

#[test]
fn regions_are_frames() {
    let graph = read(EVERYTHING);
    assert_snapshot!("regions.dot", graph.to_dot());
    assert_snapshot!("regions.mermaid", graph.to_mermaid());
}

// ------------------------------------------------------------------ built

fn prompt(name: &str, of: NodeRef) -> GraphNode {
    GraphNode::new(name, Operation::Prompt(Template::of(of)))
}

/// What is wrong with the graph that `build` makes.
fn wrong(build: impl FnOnce(&mut GraphBuilder) -> Shape) -> String {
    let mut builder = GraphBuilder::new("wrong", Schema::any());
    let output = build(&mut builder);
    builder.finish(output).expect_err("a problem").to_string()
}

fn constant(value: impl Into<Value>) -> Shape {
    Shape::Constant(value.into())
}

fn branch(on: Shape, arms: &[(&str, RegionRef)]) -> Operation {
    let arms = arms.iter();
    let arms = arms.map(|(when, region)| Arm::new(*when, *region));
    Operation::Branch(Branch::new(on, arms))
}

#[test]
fn what_is_inside_stays_inside() {
    let message = wrong(|builder| {
        let (one, two) = (builder.add_region(), builder.add_region());
        let inner = builder.add_to(one, prompt("inner", NodeRef::INPUT));
        builder.set_region_output(one, inner.into());
        builder.set_region_output(two, inner.into());
        let arms = [("a", one), ("b", two)];
        let owner = builder.add(GraphNode::new(
            "owner",
            branch(NodeRef::INPUT.into(), &arms),
        ));
        builder.add(prompt("outer", inner));
        Shape::List(vec![owner.into(), inner.into()])
    });
    assert_snapshot!(message, @r#"
    3 problems:
      - node `outer`: `inner` exists only inside case "a" of `owner`: make it what that gives, and read `owner`
      - output: `inner` exists only inside case "a" of `owner`: make it what that gives, and read `owner`
      - case "b" of `owner`: `inner` exists only inside case "a" of `owner`: make it what that gives, and read `owner`
    "#);
}

#[test]
fn an_owner_has_no_value_while_its_regions_run() {
    let message = wrong(|builder| {
        let body = builder.add_region();
        let element = builder.add_to(body, GraphNode::new("element", Operation::Argument));
        let list = NodeRef::INPUT;
        let keep = Keep::Outputs;
        let map = builder.add(GraphNode::new(
            "all",
            Operation::Map(Map::new(list, body).with_keep(keep)),
        ));
        let inner = builder.add_to(body, prompt("inner", map));
        builder.set_region_output(body, Shape::List(vec![inner.into(), element.into()]));
        map.into()
    });
    assert_eq!(
        message,
        "node `inner`: `all` has no value yet while what is inside of it runs"
    );
}

#[test]
fn regions_have_what_their_owners_need() {
    let message = wrong(|builder| {
        let (arm, body, loops, lost) = (
            builder.add_region(),
            builder.add_region(),
            builder.add_region(),
            builder.add_region(),
        );
        builder.add_to(arm, GraphNode::new("argument", Operation::Argument));
        builder.add_to(lost, prompt("lost", NodeRef::INPUT));
        let arms = [("a", arm), ("a", arm)];
        builder.add(GraphNode::new("owner", branch(constant(1), &arms)));
        let keep = Keep::Outputs;
        let list = constant(1);
        builder.add(GraphNode::new(
            "map",
            Operation::Map(Map::new(list, body).with_keep(keep)),
        ));
        let repeat = Repeat::new(constant(1), loops, 0);
        builder.add(GraphNode::new("loop", Operation::Repeat(repeat)));
        NodeRef::INPUT.into()
    });
    assert_snapshot!(message, @r#"
    4 problems:
      - node `owner`: two cases are "a": keep one of them
      - node `loop`: `max` is 0, but the body runs at least once
      - node `owner`: its case "a" is a region that `owner` runs already: give it one of its own
      - node `lost`: no node runs the region that it stands in
    "#);
    let message = wrong(|builder| {
        let (arm, body, loops) = (
            builder.add_region(),
            builder.add_region(),
            builder.add_region(),
        );
        builder.add_to(arm, GraphNode::new("argument", Operation::Argument));
        builder.add(GraphNode::new("free", Operation::Argument));
        builder.add(GraphNode::new("owner", branch(constant(1), &[("a", arm)])));
        let keep = Keep::Outputs;
        let list = constant(1);
        builder.add(GraphNode::new(
            "map",
            Operation::Map(Map::new(list, body).with_keep(keep)),
        ));
        let repeat = Repeat::new(constant(1), loops, 1);
        builder.set_region_output(loops, constant(1));
        builder.add(GraphNode::new("loop", Operation::Repeat(repeat)));
        NodeRef::INPUT.into()
    });
    assert_snapshot!(message, @r#"
    7 problems:
      - node `free`: only what a node runs has arguments; the pipeline has its input
      - node `owner`: its case "a" has one argument, and is given no argument
      - node `owner`: its case "a" gives nothing: set its output
      - node `map`: its body has no argument, and is given one argument
      - node `map`: its body gives nothing: set its output
      - node `loop`: its body has no argument, and is given one argument
      - node `loop`: its body has to give `{state, done}`
    "#);
}

// ---------------------------------------------------------------- any graph

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
