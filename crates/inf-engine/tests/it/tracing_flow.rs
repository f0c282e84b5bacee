//! Tracing control flow: what closures do becomes arms and bodies.

use inf_engine::clients::simulated::SimulatedSettings;
use inf_engine::document::DocumentFormat;
use inf_engine::graph::{FailureKind, GraphError};
use inf_engine::prelude::*;
use inf_engine::trace::{ElementResult, Repeated, Stopped, constant, fallback_on, zip};
use inf_engine::value::Data;
use insta::assert_snapshot;

fn ask() -> LlmInference {
    LlmInference::new("fast")
}

/// What `forward` becomes, as a file has it; that file is read again.
#[track_caller]
fn file<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>) -> String {
    let graph = Tracer::new("test").trace(forward).expect("a graph");
    let text = graph.to_text(DocumentFormat::Yaml);
    let again = InferenceGraph::from_text(&text).expect("the same graph");
    assert_eq!(again, graph);
    text[text.find("nodes:").expect("nodes")..].to_owned()
}

/// The problems of a trace; this file's lines are written as `here`.
fn problems<I: Data, O: Data>(forward: impl FnOnce(Proxy<I>) -> Proxy<O>) -> String {
    let error = Tracer::new("test").trace(forward).expect_err("a problem");
    without_lines(&error)
}

fn without_lines(error: &GraphError) -> String {
    let text = error.to_string();
    let pieces = text.split(file!()).enumerate().map(|(index, piece)| {
        let rest = piece.strip_prefix(':').filter(|_| index > 0);
        match rest {
            Some(rest) => format!("here{}", rest.trim_start_matches(char::is_numeric)),
            None => piece.to_owned(),
        }
    });
    pieces.collect()
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Ticket {
    text: String,
    urgent: bool,
    size: u32,
    parts: Vec<String>,
    kind: Kind,
}

#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Bug,
    Question,
    Praise,
}

// --------------------------------------------------------------- branches

#[test]
fn a_branch_runs_one_of_two_arms() {
    let (fast, smart) = (ask(), LlmInference::new("smart"));
    let text = file(|ticket: Proxy<Ticket>| {
        let context = fast.call(prompt!("Context of {text}", text = ticket.text()));
        let urgent = ticket.urgent().or(ticket.size().greater_than(100_u32));
        let reply = branch(
            urgent,
            || {
                let draft = smart.call(prompt!("Answer now: {context}"));
                smart.call(prompt!("Shorter: {draft}"))
            },
            || context,
        );
        fast.call(prompt!("Send {reply}"))
    });
    assert_snapshot!(text);
}

#[test]
fn a_match_runs_the_arm_of_a_value() {
    let (fast, smart) = (ask(), LlmInference::new("smart"));
    let text = file(|ticket: Proxy<Ticket>| {
        let by_kind = match_branch(ticket.kind())
            .case(Kind::Bug, || smart.call(ticket.text()))
            .case(Kind::Question, || fast.call(ticket.text()))
            .default(|| prompt!("Thank you!"));
        let by_text = match_branch(fast.call(ticket.text()).trim().lowercase())
            .case("yes", || prompt!("{by_kind}!"))
            .case("1", || prompt!("one"))
            .default(|| ticket.text());
        let by_number = match_branch(ticket.size())
            .case(1_u32, || by_text)
            .case(2_u32, || fast.call(by_text))
            .end();
        (
            by_number,
            match_branch(ticket.urgent())
                .case(true, || by_kind)
                .case(false, || by_text)
                .end(),
        )
            .pack()
    });
    assert_snapshot!(text);
}

#[test]
fn arms_nest_to_any_depth() {
    let fast = ask();
    let text = file(|ticket: Proxy<Ticket>| {
        branch(
            ticket.urgent(),
            || {
                let first = fast.call(prompt!("1 {text}", text = ticket.text()));
                match_branch(ticket.kind())
                    .case(Kind::Bug, || {
                        branch(
                            first.contains("crash"),
                            || fast.call(prompt!("2 {first}")),
                            || fast.call(prompt!("3 {text}", text = ticket.text())),
                        )
                    })
                    .default(|| first)
            },
            || ticket.text(),
        )
    });
    assert_snapshot!(text);
}

#[test]
fn a_match_of_an_enum_needs_all_its_names_or_a_default() {
    let fast = ask();
    let forward = |with_praise: bool| {
        let fast = &fast;
        move |ticket: Proxy<Ticket>| {
            let some = match_branch(ticket.kind())
                .case(Kind::Bug, || fast.call(ticket.text()))
                .case(Kind::Question, || ticket.text());
            if with_praise {
                some.case(Kind::Praise, || ticket.text()).end()
            } else {
                some.end()
            }
        }
    };
    assert!(Tracer::new("all").trace(forward(true)).is_ok());
    assert_eq!(
        problems(forward(false)),
        "here: there is no case for \"praise\": add what is to run for it, or a default"
    );
}

#[test]
fn cases_are_checked() {
    assert_eq!(
        problems(|ticket: Proxy<Ticket>| {
            match_branch(ticket.kind())
                .case(Kind::Bug, || ticket.text())
                .case(Kind::Bug, || ticket.text())
                .default(|| ticket.text())
        }),
        "here: two cases are \"bug\": keep one of them"
    );
    assert_eq!(
        problems(|ticket: Proxy<Ticket>| {
            let unfinished = match_branch(ticket.size()).case(1_u32, || ticket.text());
            drop(unfinished);
            ticket.text()
        }),
        "here: the `match_branch` has no end: add `.default(…)` or `.end()`"
    );
    assert_eq!(
        problems(|ticket: Proxy<Ticket>| {
            match_branch(ticket.parts())
                .case(vec!["a".to_owned()], || ticket.text())
                .default(|| ticket.text())
        }),
        "node `branch`: the case [\"a\"] is a list: a case is a text, a whole number or a boolean"
    );
}

#[test]
fn a_fallback_runs_where_the_first_failed() {
    let (fast, smart) = (ask(), LlmInference::new("smart"));
    let text = file(|text: Proxy<String>| {
        let answer = fallback(|| smart.call(text), || fast.call(text));
        fallback_on(
            [FailureKind::Timeout, FailureKind::Refused],
            || smart.call(answer),
            || answer,
        )
    });
    assert_snapshot!(text);
}

// ------------------------------------------------------------------ lists

#[test]
fn bodies_run_for_each_element() {
    let fast = ask();
    let text = file(|ticket: Proxy<Ticket>| {
        let summaries = map(ticket.parts(), |chunk| {
            fast.call(prompt!("Summarize {chunk} of {text}", text = ticket.text()))
        });
        let good = summaries.filter(|summary| fast.call(summary).starts_with("good"));
        let tried = good.map_results(|text| fast.call(text)).named("tried");
        let pairs = good.zip(zip(good, ticket.parts()));
        let nested = pairs.map(|pair| {
            let (text, _) = pair.split();
            ticket
                .parts()
                .map(|part| prompt!("{text} {part}"))
                .join(", ")
        });
        (tried, nested).pack()
    });
    assert_snapshot!(text);
}

#[test]
fn lists_are_put_together() {
    let fast = ask();
    let text = file(|parts: Proxy<Vec<String>>| {
        let story = parts.fold("Once", |story, part| fast.call(prompt!("{story}, {part}")));
        let count = parts.fold(0_u64, |count, part| count + part.length());
        let chain = parts.reduce(|all, one| prompt!("{all} {one}"));
        let tree = parts.fold_tree(|left, right| fast.call(prompt!("{left} {right}")));
        (story, count, chain, tree).pack()
    });
    assert_snapshot!(text);
}

#[test]
fn results_and_loops_travel_as_data() {
    let value = serde_json::json!([{"ok": "a"}, {"error": {
        "kind": "timeout", "message": "it took too long", "node": null,
    }}]);
    let results = Vec::<ElementResult<String>>::from_value(&value.clone().into()).unwrap();
    assert_eq!(serde_json::Value::from(&results.to_value().unwrap()), value);
    let value = serde_json::json!({"state": 3, "iterations": 2, "stopped": "max"});
    let repeated = Repeated::<u8>::from_value(&value.into()).unwrap();
    assert_eq!((repeated.state, repeated.stopped), (3, Stopped::Max));
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct LikeMethods {
    map: String,
    filter: String,
    fold: String,
    zip: String,
    length: String,
    is_empty: String,
    contains: String,
    and: String,
    state: String,
}

#[test]
fn fields_may_be_called_like_what_lists_can_do() {
    type Four = (String, String, String, String);
    let text = file(|record: Proxy<LikeMethods>| {
        let texts = (record.map(), record.filter(), record.fold(), record.zip());
        let more = (
            record.length(),
            record.is_empty(),
            record.contains(),
            record.and(),
        );
        let both = (texts, more, record.state()).pack();
        both.then("f", |_: (Four, Four, String)| 1)
    });
    assert!(text.contains("- input.is_empty\n"), "{text}");
}

// ------------------------------------------------------------------ loops

#[test]
fn a_body_runs_until_it_is_done() {
    let (fast, judge) = (ask(), LlmInference::<Kind>::typed("smart"));
    let text = file(|draft: Proxy<String>| {
        let revised = repeat_until(
            (draft, constant(0_u32)).pack(),
            |state| {
                let (text, count) = state.split();
                let critique = judge.call(prompt!("Judge {text}"));
                let better = branch(
                    critique.equals(Kind::Praise),
                    || text,
                    || fast.call(prompt!("Better: {text}")),
                );
                (better, count + 1_u32).pack()
            },
            |state| {
                let (text, count) = state.split();
                count.at_least(2_u32).and(!text.is_empty())
            },
            5,
        );
        (
            revised.state().index_text(),
            revised.iterations(),
            revised.stopped(),
        )
            .pack()
    });
    assert_snapshot!(text);
}

trait IndexText {
    fn index_text(self) -> Proxy<String>;
}

impl IndexText for Proxy<(String, u32)> {
    fn index_text(self) -> Proxy<String> {
        self.split().0
    }
}

// ---------------------------------------------------------------- escapes

#[test]
fn a_proxy_that_escapes_its_region_is_told() {
    let fast = ask();
    let escaped = std::cell::Cell::new(None);
    let message = problems(|ticket: Proxy<Ticket>| {
        let reply = branch(
            ticket.urgent(),
            || {
                let inner = fast.call(ticket.text()).named("inner");
                escaped.set(Some(inner));
                inner
            },
            || escaped.get().expect("the other arm was traced before"),
        );
        let parts = ticket.parts().map(|part| {
            escaped.set(Some(part));
            fast.call(part)
        });
        let part = escaped.get().expect("it was set");
        prompt!("{reply} {parts} {part}")
    });
    assert_snapshot!(message);
}

// ---------------------------------------------------- modules, parameters

#[derive(Module)]
struct Reply {
    tone: Parameter,
    fix: LlmInference,
    thank: LlmInference,
}

impl Forward for Reply {
    type Input = Ticket;
    type Output = String;
    fn forward(&self, ticket: Proxy<Ticket>) -> Proxy<String> {
        branch(
            ticket.urgent(),
            || {
                self.fix
                    .call(prompt!("{self.tone} {text}", text = ticket.text()))
            },
            || ticket.parts().map(|part| self.thank.call(part)).join(" "),
        )
    }
}

#[test]
fn modules_and_parameters_work_inside() {
    let reply = Reply {
        tone: Parameter::new("Be kind.").described("The tone."),
        fix: ask(),
        thank: ask().system_prompt(Parameter::new("Thank them.").described("The task.")),
    };
    let graph = reply.trace().expect("a graph");
    assert_snapshot!(graph.to_text(DocumentFormat::Yaml));
    let fix = graph.node_named("fix").expect("it is there");
    let line = graph.node(fix).location().expect("it was traced").line;
    assert!(line > 0);
    let conditions: Vec<String> = graph.conditions(fix).map(|one| one.to_string()).collect();
    assert_eq!(conditions, ["then of `branch`"]);
}

#[test]
fn a_panic_in_an_arm_leaves_nothing_behind() {
    let panicked = std::panic::catch_unwind(|| {
        let _ = Tracer::new("panics")
            .trace(|text: Proxy<String>| branch(text.is_empty(), || panic!("in an arm"), || text));
    });
    assert!(panicked.is_err());
    assert!(
        Tracer::new("next")
            .trace(|text: Proxy<String>| branch(text.is_empty(), || text, || text))
            .is_ok()
    );
}

// -------------------------------------------------------------------- run

/// Everything that a traced program decides, and what types say of it, as it
/// comes out of a run.
#[test]
fn values_come_out_as_their_types_say() {
    type Lists = (
        Vec<u32>,
        Vec<u32>,
        Vec<ElementResult<u32>>,
        Vec<(u32, String)>,
    );
    type Ones = (u32, u32, u32, Repeated<u32>, String);
    let graph = Tracer::new("typed").trace(|list: Proxy<Vec<u32>>| {
        let odd = |number: u32| {
            if number % 2 == 1 {
                Ok(number)
            } else {
                Err(format!("{number} is even"))
            }
        };
        let texts = list.map(|number| prompt!("#{number}"));
        let lists = (
            list.map(|number| number * 2_u32 + 1_u32),
            list.filter(|number| number.greater_than(1_u32)),
            list.map_results(|number| number.try_then("odd", odd)),
            list.zip(texts),
        );
        let count = repeat_until(0_u32, |n| n + 1_u32, |n| n.at_least(3_u32), 10);
        let kind = match_branch(list.length())
            .case(0_u64, || prompt!("none"))
            .case(3_u64, || {
                branch(texts.contains("#2"), || texts.join(" "), || prompt!("no 2"))
            })
            .default(|| prompt!("other"));
        let tried = list.index(9).fallback_to(7);
        let ones = (
            list.fold(10_u32, |sum, number| sum + number),
            list.fold_tree(|left, right| left - right),
            tried,
            count,
            kind,
        );
        (lists, ones).pack()
    });
    let resources = ResourceConfig::simulated(["fast"], &SimulatedSettings::default());
    let pipeline = graph
        .expect("a graph")
        .bind_as::<Vec<u32>, (Lists, Ones)>(resources);
    let (lists, ones) = pipeline
        .expect("it binds")
        .run_blocking(vec![7, 2, 1])
        .expect("a value");
    let (doubled, large, results, zipped) = lists;
    assert_eq!((doubled, large), (vec![15, 5, 3], vec![7, 2]));
    assert_eq!(
        (&results[0], &results[2]),
        (&ElementResult::Ok(7), &ElementResult::Ok(1))
    );
    let ElementResult::Error(failure) = &results[1] else {
        panic!("{results:?}")
    };
    assert_eq!(
        (&*failure.kind, &*failure.message),
        ("host_function", "host function `odd` failed: 2 is even")
    );
    assert_eq!(zipped[1], (2, "#2".to_owned()));
    let (sum, difference, tried, count, kind) = ones;
    assert_eq!((sum, difference, tried), (20, 7 - 2 - 1, 7));
    assert_eq!(
        (count.state, count.iterations, count.stopped),
        (3, 3, Stopped::Condition)
    );
    assert_eq!(kind, "#7 #2 #1");
}

trait FallbackTo {
    fn fallback_to(self, value: u32) -> Self;
}

impl FallbackTo for Proxy<u32> {
    /// This value, or another one where it is missing.
    fn fallback_to(self, value: u32) -> Self {
        fallback_on(
            [FailureKind::MissingValue],
            || self.then("same", |number: u32| number),
            || constant(value),
        )
    }
}
