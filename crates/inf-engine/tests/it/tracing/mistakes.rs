//! What can't become a graph, and what is said of it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use inf_engine::prelude::*;
use inf_engine::trace::constant;

use super::{Pair, ask, names, paths, problems, trace};

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
