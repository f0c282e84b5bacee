//! Answers that are not of the asked type: read with patience, asked for again,
//! and told with all that was said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::FinishReason;
use inf_engine::conversation::Role;
use inf_engine::execution::{
    ErrorKind, ErrorPolicy, ExecutionSettings, Observer, Profile, TaskOutcome, TaskReport,
};
use inf_engine::prelude::*;

use crate::support::dialogue::{Dialogue, last_of, says};

#[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
struct Facts {
    facts: Vec<String>,
}

fn settings() -> ExecutionSettings {
    ExecutionSettings::default()
}

fn pipeline(peer: &Arc<Dialogue>, settings: ExecutionSettings) -> Pipeline<String, Facts> {
    let ask = LlmInference::<Facts>::typed("a").bind(peer.resources(1));
    ask.unwrap().with_settings(settings)
}

fn facts(facts: &[&str]) -> Facts {
    let facts = facts.iter().map(|fact| (*fact).to_owned()).collect();
    Facts { facts }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_told_what_is_wrong_and_asked_again() {
    let peer = Dialogue::script([says("Sure!"), says(r#"{"facts": ["one"]}"#)]);
    let profile = Profile::new();
    let pipeline = pipeline(&peer, settings().with_profile(&profile));
    let mut results = pipeline.stream(["Which?".to_owned()]);
    let result = results.next().await.unwrap();
    assert_eq!(result.output.unwrap(), facts(&["one"]));
    // Both answers are paid for.
    assert_eq!(result.usage.input_tokens, 20);
    assert_eq!(results.next().await.map(|_| ()), None);
    let progress = results.progress();
    assert_eq!(
        (progress.calls, progress.reasks, progress.retries),
        (2, 1, 0)
    );
    assert_eq!(pipeline.resources().metrics()["a"].reasks, 1);
    let asked = peer.asked();
    let again = &asked[1];
    let roles: Vec<Role> = again.messages.iter().map(|said| said.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    assert_eq!(again.messages[1].text(), "Sure!");
    assert_eq!(
        last_of(again),
        "user: That is not what was asked for: it is not JSON: expected value at line 1 column 1. \
         Answer again, with nothing but JSON of the form that was asked for."
    );
    assert_eq!(again.output_schema, asked[0].output_schema);
    let node = &profile.summary().nodes[0];
    assert_eq!((node.attempts, node.reasked, node.failed), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_still_fails_is_told_with_its_attempts_and_the_whole_answer() {
    let long = format!("No. {}", "Never. ".repeat(100));
    let peer = Dialogue::script([says(r#"{"facts": "one"}"#), says("Hm."), says(&long)]);
    let result = pipeline(&peer, settings().with_max_reasks(2));
    let error = result.run("Which?".to_owned()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidOutput);
    assert_eq!(error.attempts(), 3);
    assert_eq!(error.answer.as_deref(), Some(&*long));
    assert!(error.message.len() < 600, "{}", error.message);
    let earlier = error
        .earlier_attempts
        .iter()
        .map(|attempt| &*attempt.message);
    let earlier: Vec<&str> = earlier.collect();
    assert!(earlier[0].starts_with("the answer is not of the asked type: at `/facts`: "));
    assert!(earlier[1].starts_with("the answer is not JSON: "));
    // The conversation grows.
    let asked = peer.asked();
    let lengths: Vec<usize> = asked.iter().map(|request| request.messages.len()).collect();
    assert_eq!(lengths, [1, 3, 5]);
    assert!(last_of(&asked[1]).contains("it is JSON of another form: at `/facts`: "));
}

#[tokio::test(start_paused = true)]
async fn how_often_a_model_is_asked_again_is_a_setting() {
    for (settings, expected) in [
        (settings(), 2),
        (settings().with_max_reasks(0), 1),
        (settings().with_max_reasks(3), 4),
        (settings().with_error_policy(ErrorPolicy::Continue), 2),
        (settings().with_error_policy(ErrorPolicy::FailFast), 2),
        (settings().with_max_retries(0), 2),
    ] {
        let peer = Dialogue::script([says("no")]);
        let pipeline = pipeline(&peer, settings);
        pipeline.run("Which?".to_owned()).await.unwrap_err();
        assert_eq!(peer.asked().len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_off_is_not_asked_for_again() {
    let mut cut = says(r#"{"facts": ["one", "tw"#);
    cut.finish_reason = FinishReason::Length;
    let peer = Dialogue::script([cut]);
    let pipeline = pipeline(&peer, settings());
    let error = pipeline.run("Which?".to_owned()).await.unwrap_err();
    assert!(error.message.contains("raise `max_tokens`"), "{error}");
    assert_eq!(peer.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_almost_json_is_not_asked_for_again() {
    for answer in [
        "<think>Hm, {}.</think>Here:\n```json\n{\"facts\": [\"one\",]}\n```",
        "{'facts': ['one']} I hope that helps!",
    ] {
        let peer = Dialogue::script([says(answer)]);
        let pipeline = pipeline(&peer, settings());
        let output = pipeline.run("Which?".to_owned()).await.unwrap();
        assert_eq!(output, facts(&["one"]));
        assert_eq!(peer.asked().len(), 1);
    }
}

/// Retries have their own count in each turn, and a passing failure of the
/// second turn asks the same again.
#[tokio::test(start_paused = true)]
async fn retries_and_reasks_do_not_spend_each_other() {
    use inf_engine::clients::{ClientError, ClientErrorKind};
    let peer = Dialogue::new(|_, place| {
        let failure = || Err(ClientError::new(ClientErrorKind::Server, "later"));
        let answer = match place {
            0 | 2 => failure(),
            1 => Ok(says("no")),
            _ => Ok(says(r#"{"facts": []}"#)),
        };
        (Duration::from_secs(1), answer)
    });
    let settings = settings().with_max_retries(1).with_max_reasks(1);
    let output = pipeline(&peer, settings).run("Which?".to_owned()).await;
    assert_eq!(output.unwrap(), facts(&[]));
    let asked = peer.asked();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[2], asked[3]);
    assert_ne!(asked[1], asked[2]);
}

/// A re-ask goes through the queue: it has to wait like any other call, and an
/// older input goes first.
#[tokio::test(start_paused = true)]
async fn a_model_is_asked_again_in_its_turn() {
    let peer = Dialogue::new(|request, _| {
        let is_first = request.messages.len() == 1 && request.prompt() == "0";
        let answer = if is_first { "no" } else { r#"{"facts": []}"# };
        (Duration::from_secs(1), Ok(says(answer)))
    });
    let pipeline = pipeline(&peer, settings());
    let results = pipeline.run_batch(["0", "1", "2"].map(str::to_owned)).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    let asked = peer.asked();
    let asked: Vec<_> = asked
        .iter()
        .map(|request| request.messages[0].text())
        .collect();
    assert_eq!(asked, ["0", "0", "1", "2"]);
}

#[derive(Default)]
struct Told(Mutex<Vec<(&'static str, u32, u32)>>);

impl Observer for Told {
    fn task_ended(&self, task: &TaskReport<'_>) {
        let outcome = match task.outcome {
            TaskOutcome::Completed => "completed",
            TaskOutcome::Failed(_) => "failed",
            TaskOutcome::Retried(_) => "retried",
            TaskOutcome::Reasked(_) => "reasked",
            TaskOutcome::CalledTools => "called tools",
            _ => "other",
        };
        self.0
            .lock()
            .unwrap()
            .push((outcome, task.attempt, task.turn));
    }
}

#[tokio::test(start_paused = true)]
async fn observers_are_told_of_every_turn() {
    let told = Arc::new(Told::default());
    let peer = Dialogue::script([says("no")]);
    let settings = settings().with_observer(told.clone());
    pipeline(&peer, settings)
        .run("Which?".to_owned())
        .await
        .unwrap_err();
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told, [("reasked", 1, 1), ("failed", 2, 2)]);
}

/// An input that has failed elsewhere pays for nothing more.
#[tokio::test(start_paused = true)]
async fn a_failed_input_is_not_asked_again() {
    let peer = Dialogue::new(|request, _| {
        let refusal = inf_engine::clients::ClientError::new(
            inf_engine::clients::ClientErrorKind::Refused,
            "no",
        );
        match &*request.prompt() {
            "x" => (Duration::from_secs(2), Ok(says("no"))),
            _ => (Duration::from_secs(1), Err(refusal)),
        }
    });
    let (typed, plain) = (LlmInference::<Facts>::typed("a"), LlmInference::new("a"));
    let graph = Tracer::new("both").trace(|text: Proxy<String>| {
        (typed.call(text), plain.call(prompt!("refused {text}"))).pack()
    });
    let pipeline = graph.unwrap().bind(peer.resources(2)).unwrap();
    let error = pipeline.run(Value::from("x")).await.unwrap_err();
    assert_eq!(error.kind.as_str(), "refused");
    assert_eq!(peer.asked().len(), 2);
}
