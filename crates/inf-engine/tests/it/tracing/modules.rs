//! Modules, their paths and the names of their nodes.

use std::collections::HashMap;

use inf_engine::prelude::*;

use super::{Answer, Debate, Pair, PairFields, ask, check, file, names, paths, trace};

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
