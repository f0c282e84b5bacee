//! Priorities that modules have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use inf_engine::document::DocumentFormat;
use inf_engine::module::Prioritized;
use inf_engine::prelude::*;

use super::{ask, names, paths, trace};

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
