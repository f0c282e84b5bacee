//! Records: what a run in train mode keeps of each input.

use std::time::Duration;

use inf_engine::clients::simulated::{Answer, Latency, Script, ScriptRule, SimulatedSettings};
use inf_engine::execution::{BatchResult, ForwardRecord, Overlay};
use inf_engine::prelude::*;

#[derive(Module)]
struct Diamond {
    style: Parameter,
    left: LlmInference,
    right: LlmInference,
    join: LlmInference,
}

impl Forward for Diamond {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let left = self.left.call(prompt!("left of {text}"));
        let right = self.right.call(prompt!("right of {text}"));
        let shout = right.then("shout", |text: String| text.to_uppercase());
        self.join.call(prompt!("{self.style}: {left} + {shout}"))
    }
}

fn diamond() -> Pipeline<String, String> {
    let answer = Answer::Script(Script {
        rules: vec![
            ScriptRule::equal_to("left of x", "l"),
            ScriptRule::equal_to("right of x", "r"),
            ScriptRule::equal_to("tidy: l + R", "joined"),
        ],
        otherwise: Some("?".to_owned()),
    });
    let settings = SimulatedSettings {
        answer,
        latency: Latency {
            median_ms: 100.0,
            spread: 0.0,
            ..Latency::default()
        },
        ..SimulatedSettings::default()
    };
    let style = Parameter::new("tidy").described("The style.");
    let module = Diamond {
        style,
        left: LlmInference::new("a").system_prompt("You are left."),
        right: LlmInference::new("a"),
        join: LlmInference::new("a"),
    };
    module
        .bind(ResourceConfig::simulated(["a"], &settings))
        .unwrap()
}

fn record(results: &[BatchResult<String>]) -> &ForwardRecord {
    results[0].record.as_ref().expect("the pipeline trains")
}

#[tokio::test(start_paused = true)]
async fn only_train_mode_keeps_records() {
    let pipeline = diamond();
    let run = async || pipeline.run_batch(["x".to_owned()]).await;
    assert!(run().await[0].record.is_none());
    pipeline.train();
    assert!(run().await[0].record.is_some());
    // Also while a run is made: the mode counts when it begins.
    let stream = pipeline.stream(["x".to_owned()]);
    pipeline.eval();
    let mut stream = stream;
    assert!(stream.next().await.unwrap().record.is_some());
    assert!(run().await[0].record.is_none());
    // A part that trains is enough.
    pipeline.children()[0].train();
    assert!(run().await[0].record.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_record_has_values_prompts_order_and_times() {
    let pipeline = diamond();
    pipeline.train();
    let results = pipeline.run_batch(["x".to_owned()]).await;
    let record = record(&results);
    let graph = record.graph();
    let told = record.nodes().iter().map(|node| {
        let name = graph.node(node.node).name();
        let times = [node.began, node.took].map(|time| Duration::as_millis(&time));
        (name, node.value.to_string(), times)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 4);
    let times = |name: &str| {
        told.iter()
            .find(|told| told.0 == name)
            .map(|told| (&*told.1, told.2))
    };
    assert_eq!(times("left"), Some(("l", [0, 100])));
    assert_eq!(times("right"), Some(("r", [0, 100])));
    assert_eq!(times("shout").map(|(value, _)| value), Some("R"));
    // In the order in which they came to their values.
    assert_eq!(told[3], ("join", "joined".to_owned(), [100, 100]));
    let node = |name: &str| graph.node_named(name).unwrap();
    assert_eq!(record.prompt_of(node("left")).as_deref(), Some("left of x"));
    assert_eq!(
        record.system_prompt_of(node("left")).as_deref(),
        Some("You are left.")
    );
    assert_eq!(
        record.prompt_of(node("join")).as_deref(),
        Some("tidy: l + R")
    );
    assert_eq!(record.prompt_of(node("shout")), None);
    let style = &record.parameters()[0];
    assert_eq!(
        (style.path.as_str(), &*style.text, style.version),
        ("style", "tidy", Some(0))
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_keeps_the_texts_that_the_run_read() {
    let pipeline = diamond();
    pipeline.train();
    let before = pipeline.run_batch(["x".to_owned()]).await;
    pipeline.parameters()[0].set_value("neat");
    let overlay = Overlay::new().with("style", "odd");
    let settings = ExecutionSettings::default().with_overlay(&overlay);
    let over = pipeline
        .with_settings(settings)
        .run_batch(["x".to_owned()])
        .await;
    let after = pipeline.run_batch(["x".to_owned()]).await;
    let read = |results: &[BatchResult<String>]| {
        let style = &record(results).parameters()[0];
        (style.text.to_string(), style.version)
    };
    assert_eq!(read(&before), ("tidy".to_owned(), Some(0)));
    assert_eq!(read(&over), ("odd".to_owned(), None));
    assert_eq!(read(&after), ("neat".to_owned(), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn every_input_has_its_own_record_in_any_order() {
    let pipeline = diamond();
    pipeline.train();
    let inputs: Vec<String> = (0..50).map(|number| format!("{number}")).collect();
    for result in pipeline.run_batch(inputs).await {
        let record = result.record.unwrap();
        assert_eq!(record.input(), &result.input);
        assert_eq!(record.nodes().len(), 4);
        let left = record.graph().node_named("left").unwrap();
        assert_eq!(
            record.prompt_of(left).unwrap(),
            format!("left of {}", result.index)
        );
    }
}
