//! Tracing: what `forward` does becomes the graph that it should.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use inf_engine::document::DocumentFormat;
use inf_engine::graph::{GraphError, GraphNode, NodeRef};
use inf_engine::module::Prioritized;
use inf_engine::prelude::*;
use inf_engine::trace::constant;
use inf_engine::value::Data;
use proptest::prelude::{Just, Strategy, any, prop, proptest};

/// A model that is asked for text.
fn ask() -> LlmInference {
    LlmInference::new("fast")
}

fn trace<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>) -> InferenceGraph {
    Tracer::new("test").trace(forward).expect("a graph")
}

/// The nodes and the output of the traced graph, as its file has them.
fn file(graph: &InferenceGraph) -> String {
    let text = graph.to_text(DocumentFormat::Yaml);
    match (text.find("nodes:"), text.find("output:")) {
        (Some(nodes), _) => text[nodes..].to_owned(),
        (None, Some(output)) => text[output..].to_owned(),
        _ => text,
    }
}

/// What `forward` becomes, as a file has it.
#[track_caller]
fn check<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>, expected: &str) {
    let graph = Tracer::new("test").trace(forward).expect("a graph");
    assert_eq!(file(&graph), unindented(expected));
}

/// A text without the indentation that all of its lines have.
fn unindented(text: &str) -> String {
    let Some(text) = text.strip_prefix('\n') else {
        return text.to_owned();
    };
    let indent = text.len() - text.trim_start().len();
    let lines = text.trim_end().lines();
    lines
        .map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// The problems of a trace; this file's lines are written as `here`.
fn problems<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>) -> String {
    let error = Tracer::new("test").trace(forward).expect_err("a problem");
    without_lines(&error)
}

fn without_lines(error: &GraphError) -> String {
    let mut text = String::new();
    for piece in error.to_string().split(file!()) {
        let rest = piece
            .strip_prefix(':')
            .map(|rest| rest.trim_start_matches(char::is_numeric));
        let _ = match rest {
            Some(rest) => write!(text, "here{rest}"),
            None => write!(text, "{piece}"),
        };
    }
    text
}

fn names(graph: &InferenceGraph) -> Vec<&str> {
    graph.nodes().iter().skip(1).map(GraphNode::name).collect()
}

fn paths(graph: &InferenceGraph) -> Vec<&str> {
    graph
        .nodes()
        .iter()
        .skip(1)
        .map(GraphNode::module)
        .collect()
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Pair {
    a: String,
    b: Vec<String>,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    first_name: String,
    #[serde(rename = "lastName!")]
    last: String,
    #[serde(skip)]
    _cache: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    items: Vec<String>,
    values: u32,
    keys: bool,
    index: u32,
    key: u32,
}

// ---------------------------------------------------------------- modules

#[derive(Module)]
struct Answer {
    think: LlmInference,
    write: LlmInference,
}

impl Answer {
    fn new() -> Self {
        Self {
            think: ask(),
            write: LlmInference::new("smart"),
        }
    }
}

impl Forward for Answer {
    type Input = String;
    type Output = String;
    fn forward(&self, question: Proxy<String>) -> Proxy<String> {
        let thoughts = self.think.call(question);
        self.write
            .call(prompt!("Q: {question}\nThoughts: {thoughts}"))
    }
}

#[derive(Module)]
struct Debate {
    sides: Vec<Answer>,
    judge: Box<dyn Forward<Input = String, Output = String>>,
}

impl Forward for Debate {
    type Input = String;
    type Output = String;
    fn forward(&self, question: Proxy<String>) -> Proxy<String> {
        let pro = self.sides[0].call(question);
        let con = self.sides[1].call(question);
        self.judge.call(prompt!("{pro} or {con}?"))
    }
}

#[test]
fn nested_modules_keep_their_dotted_paths() {
    let debate = Debate {
        sides: vec![Answer::new(), Answer::new()],
        judge: Box::new(ask()),
    };
    let graph = debate.trace().expect("a graph");
    assert_eq!(graph.name(), "debate");
    assert_eq!(
        paths(&graph),
        [
            "sides.0.think",
            "sides.0.write",
            "sides.1.think",
            "sides.1.write",
            "judge"
        ]
    );
    assert_eq!(
        names(&graph),
        [
            "thoughts",
            "sides_0_write",
            "thoughts_2",
            "sides_1_write",
            "judge"
        ]
    );
}

#[test]
fn two_calls_are_two_nodes() {
    let ask = ask();
    check(
        |text: Proxy<String>| {
            let once = ask.call(text);
            ask.call(once)
        },
        r#"
        nodes:
          llm_inference:
            llm: fast
            prompt: "{input}"
          llm_inference_2:
            llm: fast
            prompt: "{llm_inference}"
            module: llm_inference
        output: llm_inference_2
        "#,
    );
}

#[test]
fn a_module_is_recognized_behind_every_pointer() {
    #[derive(Module)]
    struct Pointers {
        shared: std::sync::Arc<LlmInference>,
        optional: Option<LlmInference>,
        named: HashMap<String, LlmInference>,
        chain: Sequential<String, String>,
    }
    impl Forward for Pointers {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let text = self.shared.call(text);
            let text = match &self.optional {
                Some(optional) => optional.call(text),
                None => text,
            };
            let text = self.named["x"].call(text);
            self.chain.call(text)
        }
    }
    let pointers = Pointers {
        shared: ask().into(),
        optional: Some(ask()),
        named: [("x".to_owned(), ask())].into(),
        chain: Sequential::new(ask())
            .then(Identity::new())
            .then(Sequential::new(ask())),
    };
    let graph = pointers.trace().expect("a graph");
    assert_eq!(
        paths(&graph),
        ["shared", "optional", "named.x", "chain.0", "chain.2.0"]
    );
}

#[test]
fn a_module_without_size_has_the_path_of_where_it_is_called() {
    /// Has no fields, so all boxes of it have one address.
    #[derive(Module)]
    struct Clean;
    impl Forward for Clean {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            text.then("clean", |text: String| text.trim().to_owned())
        }
    }
    #[derive(Module)]
    struct Part {
        clean: Box<Clean>,
        ask: LlmInference,
    }
    impl Forward for Part {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let text = self.clean.call(text);
            self.ask.call(text)
        }
    }
    #[derive(Module)]
    struct Whole {
        first: Part,
        second: Part,
    }
    impl Forward for Whole {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let text = self.first.call(text);
            self.second.call(text)
        }
    }
    let part = || Part {
        clean: Box::new(Clean),
        ask: ask(),
    };
    let graph = Whole {
        first: part(),
        second: part(),
    }
    .trace()
    .expect("a graph");
    assert_eq!(
        paths(&graph),
        ["first.clean", "first.ask", "second.clean", "second.ask"]
    );
}

#[test]
fn sequential_and_identity() {
    #[derive(Module)]
    struct Take;
    impl Forward for Take {
        type Input = Pair;
        type Output = String;
        fn forward(&self, pair: Proxy<Pair>) -> Proxy<String> {
            pair.a()
        }
    }

    let chain = Sequential::new(LlmInference::<Pair>::typed("fast"))
        .then(Identity::new())
        .then(Take)
        .then(ask());
    let graph = chain.trace().expect("a graph");
    assert_eq!(graph.name(), "sequential");
    assert_eq!(paths(&graph), ["0", "3"]);
    assert!(
        file(&graph).contains("prompt: \"{_0.a}\""),
        "{}",
        file(&graph)
    );

    let nothing = Identity::<Pair>::new().trace().expect("a graph");
    assert_eq!(file(&nothing), "output: input\n");
}

// ------------------------------------------------------------------ names

#[test]
fn names_come_from_the_program() {
    let ask = ask();
    let graph = trace(|text: Proxy<String>| {
        let summary = ask.call(prompt!("Summarize {text}"));
        let critique = ask.call(prompt!("Criticize { summary }"));
        // The first name that a prompt gives is kept.
        let other = summary;
        let again = ask.call(prompt!("{other} {critique}")).named("verdict");
        ask.call(prompt!("{again}")).named("a name: 1")
    });
    assert_eq!(
        names(&graph),
        ["summary", "critique", "verdict", "a_name__1"]
    );
    let graph = trace(|text: Proxy<String>| {
        let input = ask.call(text);
        let parameters = ask.call(prompt!("{input}"));
        ask.call(prompt!("{parameters}")).named("1st")
    });
    assert_eq!(names(&graph), ["input_2", "parameters_2", "_1st"]);
}

#[test]
fn priorities_and_lines_are_kept() {
    let urgent = ask().priority(-3);
    let line = line!() + 1;
    let graph = trace(|text: Proxy<String>| urgent.call(text));
    let node = &graph.nodes()[1];
    assert_eq!(node.priority(), -3);
    let location = node.location().expect("a traced node has a line");
    assert_eq!((location.file, location.line), (file!(), line));
}

// ------------------------------------------------------------- priorities

#[derive(Module)]
struct Work {
    first: LlmInference,
    inner: Box<dyn Forward<Input = String, Output = String>>,
}

impl Work {
    fn new(inner: impl Forward<Input = String, Output = String> + 'static) -> Self {
        Self {
            first: ask().priority(1),
            inner: Box::new(inner),
        }
    }
}

impl Forward for Work {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let inner = self.inner.call(self.first.call(text));
        let shown = prompt!("{inner}!");
        let last = shown.then("last", |text: String| text);
        self.first.call(prompt!("{shown} {last}"))
    }
}

#[track_caller]
fn check_priorities(
    module: &impl Forward<Input = String, Output = String>,
    expected: &[(&str, i32)],
) {
    let graph = module.trace().expect("a graph");
    let nodes = graph.nodes().iter().skip(1);
    let found: Vec<_> = nodes.map(|node| (node.name(), node.priority())).collect();
    assert_eq!(found, expected);
}

#[test]
fn priorities_of_modules_are_added_to_what_is_in_them() {
    // A text is made on the spot, so it has nothing to go before.
    let plain = Work::new(ask());
    check_priorities(
        &plain,
        &[
            ("first", 1),
            ("inner", 0),
            ("shown", 0),
            ("last", 0),
            ("first_2", 1),
        ],
    );
    let nested = Work::new(ask().with_priority(-2).with_priority(-3)).with_priority(10);
    check_priorities(
        &nested,
        &[
            ("first", 11),
            ("inner", 5),
            ("shown", 0),
            ("last", 10),
            ("first_2", 11),
        ],
    );
    let chain = Sequential::new(ask())
        .then(
            Sequential::new(ask())
                .then(ask().with_priority(-1))
                .with_priority(-5),
        )
        .then(ask());
    check_priorities(&chain, &[("_0", 0), ("_1_0", -5), ("_1_1", -6), ("_2", 0)]);
}

#[test]
fn priorities_stay_within_their_numbers() {
    let ask = |priority| ask().priority(priority);
    let least = ask(i32::MIN).with_priority(-1);
    check_priorities(&least, &[("llm", i32::MIN)]);
    let most = ask(1).with_priority(i32::MAX).with_priority(i32::MAX);
    check_priorities(&most, &[("llm", i32::MAX)]);
}

#[test]
fn a_priority_ends_with_its_module() {
    #[derive(Module)]
    struct Broken;
    impl Forward for Broken {
        type Input = String;
        type Output = String;
        fn forward(&self, _: Proxy<String>) -> Proxy<String> {
            panic!("a bug in forward");
        }
    }
    let broken = Broken.with_priority(-7);
    let ask = ask();
    let graph = trace(|text: Proxy<String>| {
        let _ = catch_unwind(AssertUnwindSafe(|| broken.call(text)));
        ask.call(text)
    });
    assert_eq!(graph.nodes()[1].priority(), 0);
}

#[test]
fn a_priority_changes_nothing_but_priorities() {
    let graph = |priority| {
        let shared = Work::new(ask().with_priority(priority)).with_priority(priority);
        shared.trace().expect("a graph")
    };
    let (plain, urgent) = (graph(0), graph(-1));
    assert_eq!((plain.name(), urgent.name()), ("work", "work"));
    assert_eq!(names(&plain), names(&urgent));
    assert_eq!(paths(&plain), paths(&urgent));
    let bare = Work::new(ask()).trace().expect("a graph");
    assert_eq!(plain.nodes(), bare.nodes());
    let lines = |graph: &InferenceGraph| {
        let nodes = graph.nodes().iter();
        let lines = nodes.map(|node| node.location().map(|location| location.line));
        lines.collect::<Vec<_>>()
    };
    assert_eq!(lines(&urgent)[1..], lines(&bare)[1..]);

    let text = urgent.to_text(DocumentFormat::Yaml);
    let loaded = InferenceGraph::from_text(&text).expect("what was written");
    assert_eq!(loaded.nodes(), urgent.nodes());
}

#[test]
fn a_module_is_recognized_behind_its_priority() {
    // Smaller than a priority, so that it lies behind it in memory.
    #[derive(Module)]
    struct Small {
        by: u8,
    }
    impl Forward for Small {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let by = self.by;
            text.then("repeat", move |text: String| text.repeat(by.into()))
        }
    }
    #[derive(Module)]
    struct Outer {
        part: Prioritized<Small>,
    }
    impl Forward for Outer {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let itself: &Small = &self.part;
            itself.call(self.part.call(text))
        }
    }
    let part = Small { by: 2 }.with_priority(-1);
    let graph = Outer { part }.trace().expect("a graph");
    let nodes = graph.nodes().iter().skip(1);
    let found: Vec<_> = nodes.map(|node| (node.module(), node.priority())).collect();
    assert_eq!(found, [("part", -1), ("part", 0)]);
}

#[test]
fn a_call_of_a_bare_forward_has_the_priority_and_the_line_of_the_program() {
    let urgent = ask().with_priority(-1);
    let line = line!() + 1;
    let graph = trace(|text: Proxy<String>| urgent.forward(text));
    let node = &graph.nodes()[1];
    assert_eq!(node.priority(), -1);
    let location = node.location().expect("a traced node has a line");
    assert_eq!((location.file, location.line), (file!(), line));
}

// ----------------------------------------------------------------- errors

#[test]
fn a_panic_leaves_nothing_behind() {
    #[derive(Module)]
    struct Broken {
        ask: LlmInference,
    }
    impl Forward for Broken {
        type Input = String;
        type Output = String;
        fn forward(&self, text: Proxy<String>) -> Proxy<String> {
            let _ = self.ask.call(text);
            panic!("a bug in forward");
        }
    }
    let broken = Broken { ask: ask() };
    let panicked = catch_unwind(AssertUnwindSafe(|| broken.trace()));
    assert!(panicked.is_err());
    // No context is left: a call outside of a trace panics again, and a trace works.
    let outside = catch_unwind(AssertUnwindSafe(|| broken.ask.call("text")));
    assert!(outside.is_err());
    assert_eq!(
        names(&trace(|text: Proxy<String>| broken.ask.call(text))),
        ["llm_inference"]
    );
    // A panic that `forward` catches leaves the paths as they were.
    let graph = trace(|text: Proxy<String>| {
        let _ = catch_unwind(AssertUnwindSafe(|| broken.call(text)));
        broken.ask.call(text)
    });
    assert_eq!(paths(&graph), ["broken.llm_inference", "llm_inference"]);
}

#[test]
#[should_panic = "a text was used where nothing is being traced: use it inside `forward`; to run a \
                  module call `.bind(resources)?.run(input).await`"]
fn a_call_needs_a_trace() {
    let _ = ask().call("text");
}

#[test]
#[should_panic = "`prompt!` was used where nothing is being traced: use it inside `forward`"]
fn a_prompt_needs_a_trace() {
    let topic = "Rust";
    let _ = prompt!("About {topic}");
}

#[test]
fn a_proxy_belongs_to_its_trace() {
    let ask = ask();
    let mut kept = None;
    trace(|text: Proxy<String>| {
        let answer = ask.call(text).named("answer");
        kept = Some(answer);
        answer
    });
    let kept = kept.expect("the trace ran");
    assert_eq!(
        problems(|_: Proxy<String>| ask.call(kept)),
        "here: the proxy of `answer` (made at here) belongs to a trace that has ended: a proxy can \
         only be used inside the `forward` that it was made in"
    );
    let others = [
        problems(|_: Proxy<String>| prompt!("{kept}")),
        problems(|_: Proxy<String>| kept),
        problems(|text: Proxy<String>| (kept, text).pack()),
        problems(|_: Proxy<String>| kept.then("f", |text: String| text)),
        problems(|text: Proxy<String>| {
            let _ = kept.named("name");
            text
        }),
    ];
    for (index, problem) in others.iter().enumerate() {
        // The last one to end is not the one of `kept` any more.
        assert_eq!(
            problem,
            "here: the proxy of node 1 belongs to another trace: a proxy can only be used inside \
             the `forward` that it was made in",
            "{index}"
        );
    }
    // Of a trace that still runs.
    let mut inner = String::new();
    trace(|outer: Proxy<String>| {
        let outer = ask.call(outer);
        inner = problems(|_: Proxy<String>| ask.call(prompt!("{outer}")));
        outer
    });
    assert_eq!(
        inner,
        "here: the proxy of `llm_inference` (made at here) belongs to an outer trace: a proxy can \
         only be used inside the `forward` that it was made in"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let ask = ask();
    let stray = Parameter::new("Be brief, and be it always, whatever the text may say.");
    let problems = problems(|text: Proxy<String>| {
        let prompt = prompt!("{stray} {text}");
        let map = constant(HashMap::from([((1, 2), 3)]));
        let _ = map;
        ask.call(prompt)
    });
    assert_eq!(
        problems,
        "2 problems:\n  - here: the parameter \"Be brief, and be it always, whatever the…\" is used but \
         is no field of the traced module: make it a field, or give it to the `Tracer` with \
         `with_parameter`, so that it has a path\n  - here: the \
         constant has no JSON form: key must be a string"
    );
}

#[test]
fn a_result_is_no_value() {
    let check = |problem: String, instead: &str| {
        let expected = format!(
            "here: the function returns a `Result`: use `{instead}`, so that an error fails the input"
        );
        assert_eq!(problem, expected);
    };
    let parse = |text: String| text.parse::<u8>().map_err(|error| error.to_string());
    check(
        problems(move |text: Proxy<String>| text.then("parse", parse)),
        "try_then",
    );
    check(
        problems(move |text: Proxy<String>| {
            text.then_async("parse", move |text: String| async move { parse(text) })
        }),
        "try_then_async",
    );
}

#[test]
fn parameters_need_a_description() {
    let style = Parameter::new("Be brief.");
    let tracer = Tracer::new("test").with_parameter("style", &style);
    let error = tracer.trace(|text: Proxy<String>| prompt!("{style} {text}"));
    assert_eq!(
        error.expect_err("no description").to_string(),
        "parameter `style`: the parameter has `requires_grad` but no description, which an optimizer \
         needs to improve it: add `.described(\"what it controls\")`, or `.frozen()` if it is not to \
         learn"
    );
}

#[test]
fn a_part_that_can_not_be_there_is_an_error() {
    let check = |problem: String, expected: &str| assert_eq!(problem, expected);
    check(
        problems(|pair: Proxy<Pair>| pair.field::<String>("c")),
        "output: `input` has no field `c`; there is `a`, `b`",
    );
    check(
        problems(|text: Proxy<String>| vec![text].pack().index(1)),
        "here: the value has no element 1",
    );
    check(
        problems(|_: Proxy<String>| constant(Value::from("x")).field::<String>("c")),
        "here: the value has no field `c`",
    );
}

// ----------------------------------------------------- inputs and outputs

#[test]
fn outputs_have_the_users_shape() {
    check(|text: Proxy<String>| text, "output: input\n");
    check(
        |pair: Proxy<(String, u8)>| {
            let (text, number) = pair.split();
            (number, text).pack()
        },
        r"
        output:
        - input.1
        - input.0
        ",
    );
    check(
        |pair: Proxy<Pair>| {
            let PairProxy { a, b } = pair.split();
            let map = BTreeMap::from([
                ("x y".to_owned(), [a, b.index(1)]),
                ("$z".to_owned(), [a, a]),
            ]);
            (map, vec![(b,)], PairProxy { a, b }).pack()
        },
        r"
        output:
        - $$z:
          - input.a
          - input.a
          x y:
          - input.a
          - input.b.1
        - - - input.b
        - a: input.a
          b: input.b
        ",
    );
    check(
        |text: Proxy<String>| (constant(1.5), constant("x".to_owned()), text, constant(())).pack(),
        r"
        output:
        - $value: 1.5
        - $value: x
        - input
        - $value: null
        ",
    );
    // What is taken out of what was packed is what was put in.
    check(
        |text: Proxy<String>| {
            let packed = (vec![text], BTreeMap::from([("k".to_owned(), text)])).pack();
            let (list, map) = packed.split();
            (list.index(0), map.key("k")).pack()
        },
        r"
        output:
        - input
        - input
        ",
    );
}

#[test]
fn hash_maps_are_packed_in_one_order() {
    let packed = |keys: [&str; 4]| {
        trace(|text: Proxy<String>| HashMap::from(keys.map(|key| (key.to_owned(), text))).pack())
    };
    let file = file(&packed(["a", "b", "c", "d"]));
    assert_eq!(
        file,
        "output:\n  a: input\n  b: input\n  c: input\n  d: input\n"
    );
}

#[test]
fn inputs_may_have_any_shape() {
    let check = |graph: InferenceGraph, expected: &str| {
        let text = graph.to_text(DocumentFormat::Yaml);
        let input = &text[text.find("input").expect("an input")..text.find("output").expect("one")];
        assert_eq!(input, expected);
    };
    check(trace(|text: Proxy<String>| text), "input: string\n");
    check(trace(|any: Proxy<Value>| any), "input: any\n");
    check(
        trace(|pair: Proxy<Pair>| pair),
        "input:\n  a: string\n  b:\n  - string\n",
    );
    check(
        trace(|list: Proxy<Vec<HashMap<String, bool>>>| list),
        "input:\n  $schema:\n    type: array\n    items:\n      type: object\n      \
         additionalProperties:\n        type: boolean\n",
    );
}

#[test]
fn parts_of_values_are_references() {
    check(
        |pair: Proxy<Pair>| {
            (
                pair.a(),
                pair.b(),
                pair.b().index(2),
                pair.field::<Value>("a"),
            )
                .pack()
        },
        r"
        output:
        - input.a
        - input.b
        - input.b.2
        - input.a
        ",
    );
    check(
        |any: Proxy<Value>| (any.key("a b"), any.index(0), any.key("0").index(7)).pack(),
        r#"
        output:
        - input."a b"
        - input.0
        - input."0".7
        "#,
    );
    check(
        |map: Proxy<HashMap<String, Pair>>| {
            (
                map.keys(),
                map.values().index(0).a(),
                map.items().index(1).split().0,
            )
                .pack()
        },
        r"
        nodes:
          keys:
            compute: keys
            input: input
          values:
            compute: values
            input: input
          items:
            compute: items
            input: input
        output:
        - keys
        - values.0.a
        - items.1.0
        ",
    );
}

#[test]
fn records_have_the_names_that_serde_gives() {
    check(
        |renamed: Proxy<Renamed>| {
            let whole = (renamed.first_name(), renamed.last(), renamed.r#type()).pack();
            // Fields that are called like methods of other proxies.
            let methods = (
                renamed.items(),
                renamed.values(),
                renamed.keys(),
                renamed.index(),
            );
            (whole, methods.pack(), renamed.key()).pack()
        },
        r#"
        output:
        - - input.firstName
          - input."lastName!"
          - input.type
        - - input.items
          - input.values
          - input.keys
          - input.index
        - input.key
        "#,
    );
}

// ---------------------------------------------------------------- prompts

#[test]
fn prompts_take_what_is_named_in_them() {
    #[derive(Module)]
    struct Styled {
        style: Parameter,
        nested: Nested,
        tuple: Tuple,
        limit: usize,
    }
    #[derive(Module)]
    struct Nested {
        tone: Parameter,
    }
    #[derive(Module)]
    struct Tuple(Parameter);
    impl Forward for Styled {
        type Input = Pair;
        type Output = String;
        fn forward(&self, pair: Proxy<Pair>) -> Proxy<String> {
            let plain = 7;
            let list = pair.b();
            let r#type = "raw";
            prompt!(
                "{self.style} {self.nested.tone} {self.tuple.0} {self.limit} {pair.a} {pair.b.0} \
                 {list.1} {plain} {r#type} {upper} {upper} {{braces}} {{{pair.a}}}",
                upper = pair.a().then("upper", |text: String| text.to_uppercase()),
            )
        }
    }
    let parameter = |text: &str| Parameter::new(text).described("x");
    let styled = Styled {
        style: parameter("s"),
        nested: Nested {
            tone: parameter("t"),
        },
        tuple: Tuple(parameter("u")),
        limit: 3,
    };
    let graph = styled.trace().expect("a graph");
    assert_eq!(
        file(&graph),
        unindented(
            r#"
        nodes:
          upper:
            host: upper
            input: input.a
          prompt:
            prompt: "{parameters.style} {parameters.nested.tone} {parameters.tuple.0} 3 {input.a} {input.b.0} {input.b.1} 7 raw {upper} {upper} {{braces}} {{{input.a}}}"
        output: prompt
        "#
        )
    );
}

#[test]
fn prompts_move_into_the_one_call_that_uses_them() {
    let ask = ask();
    check(
        |text: Proxy<String>| {
            let inner = prompt!("[{text}]");
            ask.call(prompt!("1 {inner}"))
        },
        r"
        nodes:
          llm_inference:
            llm: fast
            prompt: 1 [{input}]
        output: llm_inference
        ",
    );
    check(
        |text: Proxy<String>| {
            let both = prompt!("[{text}]");
            (ask.call(both), ask.call(prompt!("2 {both}"))).pack()
        },
        r#"
        nodes:
          both:
            prompt: "[{input}]"
          llm_inference:
            llm: fast
            prompt: "{both}"
          llm_inference_2:
            llm: fast
            prompt: 2 {both}
            module: llm_inference
        output:
        - llm_inference
        - llm_inference_2
        "#,
    );
    check(
        |text: Proxy<String>| {
            let list = vec![text, constant("x".to_owned())].pack();
            prompt!("{list}").then("count", |text: String| text.len())
        },
        r#"
        nodes:
          list:
            pack:
            - input
            - $value: x
          prompt:
            prompt: "{list}"
          count:
            host: count
            input: prompt
        output: count
        "#,
    );
}

#[test]
fn constants_and_parameters_are_arguments() {
    let ask = ask();
    let style = Parameter::new("Be brief.").described("The tone.");
    let tracer = Tracer::new("test").with_parameter("style", &style);
    let graph = tracer.trace(|text: Proxy<String>| {
        let all = [
            ask.call("a {brace}"),
            ask.call("owned".to_owned()),
            ask.call(&style),
            ask.call(text),
        ];
        all.pack()
    });
    let graph = graph.expect("a graph");
    let file = file(&graph);
    for prompt in ["a {{brace}}", "owned", "{parameters.style}", "{input}"] {
        let written = [
            format!("prompt: {prompt}\n"),
            format!("prompt: \"{prompt}\"\n"),
        ];
        assert!(
            written.iter().any(|written| file.contains(written)),
            "{prompt}: {file}"
        );
    }
    let number = trace(|_: Proxy<()>| Identity::<Vec<u8>>::new().call(vec![1, 2]));
    assert_eq!(self::file(&number), "output:\n  $value:\n  - 1\n  - 2\n");
}

// -------------------------------------------------------------- host code

/// Trims.
#[op]
fn trim(text: String) -> String {
    text.trim().to_owned()
}

#[op]
fn parse(text: String, base: u32) -> Result<u32, std::num::ParseIntError> {
    u32::from_str_radix(&text, base)
}

#[op]
async fn fetch(mut text: String) -> String {
    text.push('!');
    text
}

#[op]
pub(crate) async fn fail(pair: Pair, _why: Option<String>, _n: u8) -> Result<(), String> {
    Err(pair.a)
}

#[test]
fn host_code_is_named_nodes() {
    check(
        |pair: Proxy<Pair>| {
            let trimmed = trim(pair.a());
            let parsed = parse(trimmed, 16);
            let also = parse(
                "ff",
                pair.b()
                    .then("count", |list: Vec<String>| u32::from(list.is_empty())),
            );
            let fetched = fetch(trimmed);
            let failed = fail(pair, None, 3);
            (parsed, also, fetched, failed).pack()
        },
        r"
        nodes:
          trim:
            host: trim
            input: input.a
          parse:
            host: parse
            input:
            - trim
            - $value: 16
          count:
            host: count
            input: input.b
          parse_2:
            host: parse
            input:
            - $value: ff
            - count
          fetch:
            host: fetch
            input: trim
          fail:
            host: fail
            input:
            - input
            - $value: null
            - $value: 3
        output:
        - parse
        - parse_2
        - fetch
        - fail
        ",
    );
    let names = [trim_op(), parse_op(), fetch_op(), fail_op()].map(|op| op.name().to_string());
    assert_eq!(names, ["trim", "parse", "fetch", "fail"]);
}

#[test]
fn closures_are_named_nodes() {
    let graph = trace(|text: Proxy<String>| {
        let length = text.then("length", |text: String| text.len());
        let number = text.try_then("number", |text: String| text.parse::<i64>());
        let later = text.then_async("later", |text: String| async move { text });
        let maybe = text.try_then_async("maybe", |text: String| async move {
            if text.is_empty() {
                Err("empty")
            } else {
                Ok(text)
            }
        });
        (length, number, later, maybe).pack()
    });
    assert_eq!(names(&graph), ["length", "number", "later", "maybe"]);
    assert!(graph.missing_host_functions().is_empty());
    for (node, found) in graph.enumerate().skip(1) {
        let function = graph.host_function(node).expect("the closure");
        assert_eq!(&**function.name(), found.name());
    }
}

// ------------------------------------------------------------ many traces

#[test]
fn threads_trace_at_the_same_time() {
    let debate = Debate {
        sides: vec![Answer::new(), Answer::new()],
        judge: Box::new(ask()),
    };
    let expected = debate.trace().expect("a graph");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(debate.trace().expect("a graph") == expected);
                }
            });
        }
    });
}

#[test]
fn a_trace_inside_a_trace_is_its_own() {
    let ask = ask();
    let mut inner = None;
    let outer = trace(|text: Proxy<String>| {
        let first = ask.call(text);
        inner = Answer::new().trace().ok();
        ask.call(first)
    });
    assert_eq!(outer.nodes().len(), 3);
    assert_eq!(paths(&inner.expect("a graph")), ["think", "write"]);
}

/// One step of a random program: what is done with which earlier values.
#[derive(Debug, Clone)]
enum Do {
    Ask(usize),
    Prompt(Vec<usize>),
    Then(usize),
    PackAndTake(Vec<usize>, usize),
    Constant(String),
}

fn programs() -> impl Strategy<Value = (Vec<Do>, Vec<usize>)> {
    let some = || prop::collection::vec(any::<usize>(), 1..4);
    let step = proptest::prop_oneof![
        any::<usize>().prop_map(Do::Ask),
        some().prop_map(Do::Prompt),
        any::<usize>().prop_map(Do::Then),
        (some(), any::<usize>()).prop_map(|(all, one)| Do::PackAndTake(all, one)),
        Just("{con}\nstant".to_owned()).prop_map(Do::Constant),
    ];
    (prop::collection::vec(step, 0..30), some())
}

proptest! {
    #[test]
    fn random_programs_trace_to_valid_graphs((steps, outputs) in programs()) {
        let ask = ask();
        let count = steps.iter().filter(|step| matches!(step, Do::Ask(_) | Do::Then(_))).count();
        let graph = trace(|input: Proxy<String>| {
            let mut values = vec![input];
            for step in steps {
                let at = |index: usize| values[index % values.len()];
                let value = match step {
                    Do::Ask(of) => ask.call(at(of)),
                    Do::Prompt(of) => {
                        of.into_iter().fold(prompt!("start"), |prompt, value| {
                            let value = at(value);
                            prompt!("{prompt}, {value}")
                        })
                    }
                    Do::Then(of) => at(of).then("same", |text: String| text),
                    Do::PackAndTake(of, one) => {
                        let list: Vec<_> = of.into_iter().map(at).collect();
                        let one = one % list.len();
                        list.pack().index(one)
                    }
                    Do::Constant(text) => constant(text),
                };
                values.push(value);
            }
            let outputs = outputs.iter().map(|output| values[output % values.len()]);
            outputs.collect::<Vec<_>>().pack()
        });
        let work = graph.nodes().iter().filter(|node| {
            !matches!(node.operation(), inf_engine::graph::Operation::Prompt(_))
        });
        // Each piece of work is one node, and the input is one.
        assert_eq!(work.count(), count + 1);
        for (node, found) in graph.enumerate() {
            assert!(found.operation().dependencies().iter().all(|other| *other < node));
            assert!(graph.ancestors(node).iter().all(|other| graph.descendants(*other).contains(&node)));
            assert_eq!(graph.node_named(found.name()), Some(node));
        }
        assert_eq!(graph.node(NodeRef::INPUT).name(), "input");
        for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
            let read = InferenceGraph::from_text(&graph.to_text(format)).expect("what was written is read");
            assert!(read == graph);
            assert_eq!(read.content_hash(), graph.content_hash());
        }
    }
}

#[test]
fn different_code_under_one_name_is_an_error() {
    let graph = Tracer::new("twice").trace(|text: Proxy<String>| {
        text.then("work", |text: String| text.len())
            .then("work", |length: usize| length.to_string())
    });
    let error = graph.unwrap_err().to_string();
    let expected = "node `work_2`: its host function is called `work`, but is other code (or code for other types) than that of \
                    node `work`: give it a name of its own";
    assert_eq!(error, expected);
    let trim = |text: String| text.trim().to_owned();
    let graph =
        Tracer::new("same").trace(|text: Proxy<String>| text.then("trim", trim).then("trim", trim));
    graph.unwrap();
}

#[test]
fn a_proxy_whose_debug_text_is_used_is_an_error_there() {
    let ask = LlmInference::new("fast");
    let line = line!() + 3;
    let graph = Tracer::new("debug").trace(|text: Proxy<String>| {
        let draft = ask.call(text).named("draft");
        let text = format!("Judge {draft:?}.");
        ask.call(prompt!("Be strict. {text}"))
    });
    let error = graph.unwrap_err().to_string();
    let file = file!();
    let (made, used) = (line - 1, line + 1);
    assert_eq!(
        error,
        format!(
            "{file}:{used}: the proxy of `draft` (made at {file}:{made}) was written with `{{:?}}`, but it has no \
             value yet: for a text with its value write `prompt!(\"… {{name}} …\")`"
        )
    );
    let graph = Tracer::new("constant").trace(|text: Proxy<String>| ask.call(format!("{text:?}")));
    let error = graph.unwrap_err().to_string();
    assert!(error.contains("the proxy of `input`"), "{error}");
}

#[test]
fn a_proxy_may_be_written_out_to_look_at_it() {
    let ask = LlmInference::new("fast");
    let graph = Tracer::new("look").trace(|text: Proxy<String>| {
        assert!(format!("{text:?}").starts_with("Proxy<alloc::string::String>(node 0 of trace "));
        ask.call(text)
    });
    graph.unwrap();
}

#[test]
fn references_can_stand_in_prompts() {
    let tone = Parameter::new("Warm.").described("The tone.");
    let tones = [&tone];
    let tracer = Tracer::new("references").with_parameter("tone", &tone);
    let graph = tracer.trace(|pair: Proxy<(String, String)>| {
        let (a, b) = pair.split();
        let mut text = prompt!("");
        for (part, tone) in [&a, &b].into_iter().zip(tones.into_iter().cycle()) {
            text = prompt!("{text}{part} {tone}\n");
        }
        text
    });
    let graph = graph.unwrap();
    let file = graph.to_text(inf_engine::document::DocumentFormat::Yaml);
    assert!(
        file.contains("{input.0} {parameters.tone}\n      {input.1} {parameters.tone}"),
        "{file}"
    );
}

#[test]
fn a_proxy_used_where_nothing_is_traced_is_named() {
    let ask = LlmInference::new("fast");
    let mut escaped = None;
    let graph = Tracer::new("escapes").trace(|text: Proxy<String>| {
        let answer = ask.call(text).named("answer");
        escaped = Some(answer);
        answer
    });
    graph.unwrap();
    let used = std::panic::catch_unwind(|| escaped.unwrap().field::<String>("x"));
    let panic = used.unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(
        message.starts_with("the proxy of `answer` (made at "),
        "{message}"
    );
}

#[test]
fn all_impossible_parts_are_told() {
    let graph = Tracer::new("parts").trace(|text: Proxy<String>| {
        let pair = (text, text).pack();
        (pair.field::<String>("a"), pair.field::<String>("b")).pack()
    });
    assert_eq!(graph.unwrap_err().problems.len(), 2);
}

#[test]
fn code_given_to_a_trace_is_not_kept_after_it() {
    let kept = std::sync::Arc::new(());
    let captured = std::sync::Arc::clone(&kept);
    let graph = Tracer::new("closure").trace(move |text: Proxy<String>| {
        text.then("hold", move |text: String| {
            let _ = &captured;
            text
        })
    });
    drop(graph.unwrap());
    assert_eq!(std::sync::Arc::strong_count(&kept), 1);
}
