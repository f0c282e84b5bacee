//! Overlays: other texts for parameters, for one run.

use inf_engine::clients::simulated::{Answer, SimulatedSettings};
use inf_engine::execution::{ErrorKind, Overlay};
use inf_engine::module::StateDict;
use inf_engine::prelude::*;

#[derive(Module)]
struct Two {
    rule: Parameter,
    unread: Parameter,
    ask: LlmInference,
}

impl Forward for Two {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        self.ask.call(prompt!("{self.rule} | {text}"))
    }
}

fn two() -> Pipeline<String, String> {
    let settings = SimulatedSettings {
        answer: Answer::Template("{system} / {prompt}".to_owned()),
        ..SimulatedSettings::default()
    };
    let module = Two {
        rule: Parameter::new("rule").described("The rule."),
        unread: Parameter::new("unread").described("Nothing reads it."),
        ask: LlmInference::new("a").system_prompt(Parameter::new("system").described("The role.")),
    };
    module
        .bind(ResourceConfig::simulated(["a"], &settings))
        .unwrap()
}

fn with(pipeline: &Pipeline<String, String>, overlay: &Overlay) -> Pipeline<String, String> {
    pipeline.with_settings(ExecutionSettings::default().with_overlay(overlay))
}

#[tokio::test(start_paused = true)]
async fn a_run_reads_its_overlay_and_the_module_stays_as_it_is() {
    let pipeline = two();
    let before = pipeline.state_dict();
    let rule = Overlay::new().with("rule", "RULE");
    let both = rule.clone().with("ask.system_prompt", "SYSTEM");
    let run = async |overlay: &Overlay| with(&pipeline, overlay).run("x".to_owned()).await.unwrap();
    let none = Overlay::new();
    let (plain, one, two) = tokio::join!(run(&none), run(&rule), run(&both));
    assert_eq!(plain, "system / rule | x");
    assert_eq!(one, "system / RULE | x");
    assert_eq!(two, "SYSTEM / RULE | x");
    assert_eq!(pipeline.state_dict(), before);
    // The nearest layer counts, as with other settings.
    let layered = with(&with(&pipeline, &both), &rule);
    assert_eq!(layered.run("x".to_owned()).await.unwrap(), one);
    // One that no node reads is a parameter all the same.
    assert_eq!(run(&Overlay::new().with("unread", "?")).await, plain);
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_not_there_fails_every_input_and_calls_nothing() {
    let pipeline = two();
    let wrong = with(&pipeline, &Overlay::new().with("ask.system_promt", "?"));
    let results = wrong.run_batch(["a".to_owned(), "b".to_owned()]).await;
    assert_eq!(results.len(), 2);
    for result in results {
        let error = result.output.unwrap_err();
        assert_eq!(error.kind, ErrorKind::UnknownParameter);
        assert_eq!(
            error.to_string(),
            "the run's overlay has a text for the parameter `ask.system_promt`, which the pipeline does not \
             have; did you mean `ask.system_prompt`?"
        );
    }
    assert_eq!(pipeline.resources().metrics()["a"].requests, 0);
}

#[test]
fn a_state_dict_is_an_overlay() {
    let state = StateDict::from_text("rule: A\nask.system_prompt: B\n").unwrap();
    let overlay = Overlay::from(&state);
    assert_eq!(
        overlay,
        Overlay::new()
            .with("ask.system_prompt", "B")
            .with("rule", "A")
    );
    assert_eq!(overlay.get("rule").map(|text| &**text), Some("A"));
}
