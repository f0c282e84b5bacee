//! Backward: which way feedback takes.

use std::sync::Arc;

use inf_engine::module::{BackwardContext, BackwardResult, Members};
use inf_engine::optimization::{Dataset, Example, Reasoner, VerifierLoss, backward, evaluate};
use inf_engine::prelude::*;
use inf_engine::{Feedback, FeedbackType, Value};
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::Instant;

use super::model::{Model, resources};

/// Two branches that meet, a shared parameter, a host function, and a part that
/// nothing learns behind.
#[derive(Module)]
struct Diamond {
    style: Parameter,
    left: LlmInference,
    right: LlmInference,
    fixed: LlmInference,
    join: LlmInference,
}

impl Forward for Diamond {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let left = self.left.call(prompt!("{self.style} left {text}"));
        let right = self.right.call(prompt!("right {text}"));
        let loud = right.then("shout", |text: String| text.to_uppercase());
        let fixed = self.fixed.call(prompt!("fixed {text}"));
        self.join
            .call(prompt!("{self.style}: {left} {loud} {fixed}"))
    }
}

fn diamond() -> Diamond {
    let role = |text: &str| Parameter::new(text).described("The role.");
    Diamond {
        style: Parameter::new("tidy").described("The style of everything."),
        left: LlmInference::new("a"),
        right: LlmInference::new("a").system_prompt(role("You are right.")),
        fixed: LlmInference::new("a").system_prompt(role("You are fixed.").frozen()),
        join: LlmInference::new("a").system_prompt(role("You join.")),
    }
}

fn echo() -> Arc<Model> {
    Model::new(|request| {
        request
            .prompt()
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    })
}

fn wrong() -> VerifierLoss {
    VerifierLoss::of_sample("wrong", |sample| {
        let input = sample.input.to_string();
        if input == "fine" {
            (1.0, String::new())
        } else {
            (0.0, format!("{input} is wrong"))
        }
    })
}

fn batch(inputs: &[&str]) -> Dataset {
    inputs.iter().map(|input| Example::new(*input)).collect()
}

fn texts(parameter: &Parameter) -> Vec<String> {
    parameter
        .feedback()
        .into_iter()
        .map(|feedback| feedback.text)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn feedback_goes_back_to_all_that_learn_and_to_nothing_else() {
    let pipeline = diamond().bind(resources([("a", &echo())])).unwrap();
    pipeline.train();
    let outputs = evaluate(&pipeline, &batch(&["x", "fine", "y"]), &wrong()).await;
    let report = backward(&pipeline, &outputs, None).await;
    assert_snapshot!("backward_way", report);
    let parameters = pipeline.named_parameters();
    let gathered = parameters
        .iter()
        .map(|(path, parameter)| format!("{path}: {:?}", texts(parameter)));
    assert_snapshot!("backward_gathered", gathered.collect::<Vec<_>>().join("\n"));
    // Each says what it is about.
    let about = &parameters[0].1.feedback()[1];
    let about = ["example", "node", "prompt", "output"].map(|key| about.metadata[key].to_string());
    assert_eq!(about, ["0", "left", "tidy left x", "tidy"]);
    // What has no record goes nowhere, and it is said.
    pipeline.zero_feedback();
    pipeline.eval();
    let outputs = evaluate(&pipeline, &batch(&["x"]), &wrong()).await;
    let report = backward(&pipeline, &outputs, None).await;
    assert_eq!((report.examples.len(), report.unrecorded), (0, 1));
    assert!(report.to_string().starts_with("1 without a record: "));
    assert!(
        parameters
            .iter()
            .all(|(_, parameter)| parameter.feedback().is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn a_reasoner_says_what_concerns_whom_for_all_examples_at_once() {
    let reason = Model::new(|request| {
        let prompt = request.prompt();
        assert!(
            prompt.contains("is wrong") || prompt.contains("of left"),
            "{prompt}"
        );
        let is_join = prompt.contains("<step>\njoin");
        let said = if is_join {
            json!({"style": "", "join_system_prompt": "join better", "left": "of left", "loud": ""})
        } else {
            json!({})
        };
        said.to_string()
    });
    let models = resources([("a", &echo()), ("reason", &reason)]);
    let pipeline = diamond().bind(Arc::clone(&models)).unwrap();
    let reasoner = Reasoner::new("reason", models).unwrap();
    pipeline.train();
    let outputs = evaluate(&pipeline, &batch(&["x", "y", "z"]), &wrong()).await;
    let start = Instant::now();
    let report = backward(&pipeline, &outputs, Some(&reasoner)).await;
    assert_eq!(start.elapsed().as_secs(), 1);
    assert_eq!(reason.asked().len(), 3);
    assert!(report.unanswered.is_empty(), "{:?}", report.unanswered);
    let gathered = pipeline.named_parameters().into_iter();
    let gathered = gathered.map(|(path, parameter)| format!("{path}: {:?}", texts(&parameter)));
    assert_snapshot!("backward_reasoned", gathered.collect::<Vec<_>>().join("\n"));
    assert_snapshot!("backward_question", reason.asked()[0]);
}

#[tokio::test(start_paused = true)]
async fn a_reasoner_without_an_answer_leaves_feedback_as_it_is() {
    let reason = Model::new(|_| "no".to_owned());
    let models = resources([("a", &echo()), ("reason", &reason)]);
    let pipeline = diamond().bind(Arc::clone(&models)).unwrap();
    let reasoner = Reasoner::new("reason", models).unwrap();
    pipeline.train();
    let outputs = evaluate(&pipeline, &batch(&["x"]), &wrong()).await;
    let report = backward(&pipeline, &outputs, Some(&reasoner)).await;
    assert_eq!(report.unanswered.len(), 1);
    assert!(
        pipeline
            .parameters()
            .iter()
            .all(|parameter| { parameter.requires_grad() != texts(parameter).is_empty() })
    );
}

/// Says only of itself, whatever is said.
struct Proud {
    inner: LlmInference,
    own: Parameter,
}

impl Module for Proud {
    fn members<'m>(&'m self, members: &mut Members<'m>) {
        members.module("inner", &self.inner);
        members.parameter("own", &self.own);
    }

    fn as_module(&self) -> &dyn Module {
        self
    }

    fn backward(&self, feedback: &Feedback, context: &BackwardContext<'_>) -> BackwardResult {
        assert_eq!(context.node.name(), "check");
        BackwardResult::passed_on(&feedback.clone().with_text("checked"), context)
    }
}

impl Forward for Proud {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let draft = self.inner.call(prompt!("{self.own} {text}"));
        draft.then("check", |text: String| text)
    }
}

#[tokio::test(start_paused = true)]
async fn a_module_may_say_it_in_its_own_way() {
    let module = Proud {
        inner: LlmInference::new("a"),
        own: Parameter::new("own").described("Its own."),
    };
    check_said(module, "checked").await;
}

/// Checks what is said to the one parameter of a module of which an output was wrong.
async fn check_said(module: impl Forward<Input = String, Output = String> + 'static, said: &str) {
    let pipeline = module.bind(resources([("a", &echo())])).unwrap();
    pipeline.train();
    let outputs = evaluate(&pipeline, &batch(&["x"]), &wrong()).await;
    backward(&pipeline, &outputs, None).await;
    assert_eq!(texts(&pipeline.parameters()[0]), [said]);
}

/// The same, derived but for that.
#[derive(Module)]
#[module(backward = Self::checked)]
struct Derived {
    inner: LlmInference,
    own: Parameter,
}

impl Derived {
    fn checked(&self, _: &Feedback, context: &BackwardContext<'_>) -> BackwardResult {
        let own = self.own.value();
        let feedback = Feedback::new(FeedbackType::Verifier, format!("checked by `{own}`"));
        BackwardResult::passed_on(&feedback, context)
    }
}

impl Forward for Derived {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let draft = self.inner.call(prompt!("{self.own} {text}"));
        draft.then("check", |text: String| text)
    }
}

#[tokio::test(start_paused = true)]
async fn a_derived_module_may_say_it_in_its_own_way() {
    let module = Derived {
        inner: LlmInference::new("a"),
        own: Parameter::new("own").described("Its own."),
    };
    check_said(module, "checked by `own`").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_answer_is_said_to_the_call_that_gave_it() {
    let role = Parameter::new("Count.").described("What to do.");
    let count = LlmInference::<u8>::typed("a").system_prompt(&role);
    let pipeline = count.bind(resources([("a", &echo())])).unwrap();
    pipeline.train();
    let outputs = evaluate(&pipeline, &batch(&["many"]), &wrong()).await;
    let report = backward(&pipeline, &outputs, None).await;
    assert_eq!(report.examples[0].steps.len(), 1);
    let feedback = &role.feedback()[0];
    assert!(
        feedback.text.starts_with("there is no output: node"),
        "{}",
        feedback.text
    );
    // What it said when it was asked again.
    assert_eq!(feedback.metadata["output"], Value::from("That"));
}
