//! A batch against a server that misbehaves: each input that it fails ends in
//! a sentence that says what, where and what to do, and the others go on.

use inf_engine::clients::simulated::SimulatedSettings;
use inf_engine::execution::{ErrorPolicy, ExecutionSettings};
use inf_engine::prelude::*;
use inf_engine::resources::EndpointConfig;

use crate::support::{Answer, RawPeer};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Facts {
    facts: Vec<String>,
}

fn says(content: &str) -> Answer {
    let reply = serde_json::json!({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]});
    Answer::ok(reply.to_string())
}

fn refuses(status: &str, message: &str) -> Answer {
    let reply = serde_json::json!({"error": {"message": message}});
    Answer::reply(
        status,
        &["content-type: application/json"],
        reply.to_string(),
    )
}

#[tokio::test]
async fn each_input_ends_in_its_own_sentence() {
    let good = r#"{"facts": ["one"]}"#;
    let answers = [
        says(good),
        refuses("400 Bad Request", "max_tokens is too large"),
        says("I would rather talk about the weather."),
        refuses("401 Unauthorized", "no such key"),
        Answer::ok("<html>It works!</html>"),
        refuses("404 Not Found", "no model `m`"),
        says(r#"{"facts": "one"}"#),
        Answer::ok(r#"{"choices": []}"#),
        refuses("500 Internal Server Error", "out of memory"),
        Answer::ok(r#"{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}"#),
        says(good),
    ];
    let count = answers.len();
    let peer = RawPeer::start(answers).await;
    let endpoint = EndpointConfig::openai_compatible(peer.base_url(), "m").with_max_concurrent(1);
    let pipeline = LlmInference::<Facts>::typed("fast")
        .bind(ResourceConfig::new().with_endpoint("fast", endpoint))
        .unwrap()
        .with_settings(
            ExecutionSettings::default()
                .with_error_policy(ErrorPolicy::Continue)
                .with_max_reasks(0),
        );
    let inputs = (0..count).map(|index| format!("input {index}"));
    let mut results = pipeline.run_batch(inputs).await;
    for error in results
        .iter_mut()
        .filter_map(|result| result.output.as_mut().err())
    {
        let location = error.location.take().expect("a traced node knows its line");
        assert!(location.file.ends_with("bad_replies.rs"));
    }
    let lines = results.iter().map(|result| match &result.output {
        Ok(facts) => format!("{}: {:?}", result.index, facts.facts),
        Err(error) => format!("{}: [{}] {error}", result.index, error.kind.as_str()),
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.replace(&peer.base_url(), "http://PEER/v1");
    insta::assert_snapshot!(text);
    assert_eq!(
        peer.requests().len(),
        count,
        "nothing is sent twice under `Continue`"
    );
}

#[tokio::test]
async fn an_unreachable_host_fails_its_alias_and_no_other() {
    // Not a port that was free a moment ago: another test may get it.
    let nowhere = "http://127.0.0.1:9/v1";
    let resources = ResourceConfig::simulated(["there"], &SimulatedSettings::default())
        .with_endpoint(
            "nowhere",
            EndpointConfig::openai_compatible(nowhere, "m").with_max_retries(0),
        );
    let (there, nowhere) = (LlmInference::new("there"), LlmInference::new("nowhere"));
    let pipeline = Tracer::new("both")
        .trace(|text: Proxy<String>| (there.call(text), nowhere.call(text)).pack());
    let pipeline = pipeline.unwrap().bind(resources).unwrap();
    let error = pipeline.run(Value::from("x")).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.alias.as_deref()),
        ("unreachable", Some("nowhere"))
    );
    assert!(
        error
            .message
            .contains("is the server running, and is `base_url` right?")
    );
    assert_eq!(
        pipeline.resources().metrics()["there"].successes,
        1,
        "what was under way went on"
    );
}
