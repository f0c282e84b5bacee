//! Prompts, and what stands in them.

use inf_engine::prelude::*;
use inf_engine::trace::constant;

use super::{Pair, PairFields, ask, check, file, trace, unindented};

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
