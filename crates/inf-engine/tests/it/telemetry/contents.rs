//! What was asked and answered is told only where it may be, and keys nowhere.

use std::sync::Arc;

use crate::support::{Answer, RawPeer};
use ::tracing::Level;
use inf_engine::clients::{ClientError, ClientErrorKind};
use inf_engine::execution::{Budget, ExecutionSettings, NodeMetrics, Profile};
use inf_engine::prelude::*;
use inf_engine::resources::{EndpointConfig, Price, ResourceManager};
use inf_engine::telemetry::names;
use tracing_subscriber::filter::LevelFilter;

use super::{Listener, Scripted, check_fields, pipeline};

#[tokio::test(start_paused = true)]
async fn prompts_and_answers_only_when_asked_for() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let pipeline = pipeline(Scripted::default());
    pipeline.run("PROMPT".to_owned()).await.unwrap();
    let text = listener.text();
    for content in ["PROMPT", "ANSWER", "SYSTEM"] {
        assert!(!text.contains(content), "{text}");
    }

    let settings = ExecutionSettings::default().with_recorded_content(true);
    let asking = pipeline.run("PROMPT \"quoted\"".to_owned());
    settings.scope(asking).await.unwrap();
    let call = listener.named("call").remove(1);
    check_fields(
        &call,
        &[
            (
                names::INPUT_MESSAGES,
                r#"[{"role":"system","parts":[{"type":"text","content":"SYSTEM"}]},{"role":"user","parts":[{"type":"text","content":"PROMPT \"quoted\""}]}]"#,
            ),
            (
                names::OUTPUT_MESSAGES,
                r#"[{"role":"assistant","parts":[{"type":"text","content":"ANSWER PROMPT \"quoted\""}],"finish_reason":"stop"}]"#,
            ),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_input_is_an_event_that_quotes_nothing() {
    for content in [false, true] {
        let (listener, _guard) = Listener::start(LevelFilter::TRACE);
        let refused = ClientError::new(ClientErrorKind::Refused, "no such thing as PROMPT");
        let settings = ExecutionSettings::default().with_recorded_content(content);
        let pipeline = pipeline(Scripted::failing([refused])).with_settings(settings);
        pipeline.run("PROMPT".to_owned()).await.unwrap_err();

        let failed = listener.only("input_failed");
        assert_eq!(failed.level, Level::WARN);
        assert_eq!(listener.inside(&failed), ["run"]);
        check_fields(
            &failed,
            &[
                (names::INPUT, "0"),
                (names::ENDPOINT, "fast"),
                (names::ATTEMPT, "1"),
                (names::ERROR_TYPE, "refused"),
            ],
        );
        assert!(failed.field(names::NODE).is_some());
        let call = listener.only("call");
        check_fields(
            &call,
            &[(names::OUTCOME, "failed"), (names::ERROR_TYPE, "refused")],
        );
        assert_eq!(listener.text().contains("PROMPT"), content);
        let message = content.then_some("no such thing as PROMPT");
        assert_eq!(failed.field(names::ERROR_MESSAGE), message);
        assert_eq!(call.field(names::OTEL_STATUS_DESCRIPTION), message);
    }
}

// With a server outside: on a paused clock its answers would come too late.
#[tokio::test]
async fn a_key_of_the_environment_is_never_told() {
    // Cargo sets it, so that no test has to: its value stands for a key.
    const KEY_NAME: &str = "CARGO_MANIFEST_DIR";
    let key = std::env::var(KEY_NAME).unwrap();
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let body = format!(r#"{{"error":{{"message":"who is {key}?"}}}}"#);
    let answers = [
        Answer::reply("500 Oops", &["content-type: application/json"], &body),
        Answer::reply("401 No", &["content-type: application/json"], &body),
    ];
    let peer = RawPeer::start(answers).await;
    let resources = format!(
        "
endpoints:
  fast:
    provider: openai-compatible
    base_url: {}
    model: m
    api_key_env: {KEY_NAME}
    max_retries: 0
",
        peer.base_url()
    );
    let resources = ResourceConfig::from_text(&resources).unwrap();
    let settings = ExecutionSettings::default().with_recorded_content(true);
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let pipeline = pipeline.with_settings(settings);
    pipeline.run("Hi".to_owned()).await.unwrap_err();
    pipeline.run("Hi".to_owned()).await.unwrap_err();
    assert!(peer.requests()[0].contains(&key));

    let call = listener.named("call").remove(1);
    let port = peer.base_url();
    let port = port.trim_end_matches("/v1").rsplit(':').next().unwrap();
    check_fields(
        &call,
        &[
            (names::PROVIDER_NAME, "openai"),
            (names::SERVER_ADDRESS, "127.0.0.1"),
            (names::SERVER_PORT, port),
            (names::ERROR_TYPE, "authentication"),
        ],
    );
    let told: Vec<_> = listener.all();
    let text = format!("{told:?}");
    assert!(text.contains("who is"), "{text}");
    assert!(!text.contains(&key), "{text}");
}

#[tokio::test]
async fn a_key_of_a_file_is_told_by_nobody() {
    const KEY: &str = "sk-file-0123456789/abcdef";
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let id = format!("x-request-id: {KEY}");
    let headers = ["content-type: application/json", &*id];
    let body = format!(r#"{{"error":{{"message":"who is {KEY}?","code":"{KEY}"}}}}"#);
    let escaped = body.replace('/', "\\/");
    let answers = [
        "500 Oops",
        "401 No",
        "400 No",
        "429 No",
        "200 OK",
        "302 Found",
    ];
    let answers = answers.map(|status| Answer::reply(status, &headers, &escaped));
    let peer = RawPeer::start(answers).await;
    let endpoint = EndpointConfig::openai_compatible(peer.base_url(), "m")
        .with_api_key_file(path.to_str().unwrap())
        .with_price(Price::new(1.0, 1.0))
        .with_max_retries(0);
    let resources = ResourceConfig::new().with_endpoint("fast", endpoint);
    let resources = Arc::new(ResourceManager::new(&resources).unwrap());
    let (profile, nodes, budget) = (Profile::new(), NodeMetrics::new(), Budget::dollars(1.0));
    let settings = ExecutionSettings::default()
        .with_recorded_content(true)
        .with_profile(&profile)
        .with_node_metrics(&nodes)
        .with_budget(&budget);
    let pipeline = LlmInference::new("fast").bind(&resources).unwrap();
    let pipeline = pipeline.with_settings(settings.clone());
    let inputs = (0..5).map(|input| input.to_string()).collect::<Vec<_>>();
    let results = pipeline.run_batch(inputs).await;
    assert!(results.iter().all(|result| result.output.is_err()));
    assert!(peer.requests()[0].contains(KEY));
    let mut trace = Vec::new();
    profile.chrome_trace(&mut trace).unwrap();
    let nodes = nodes.nodes();
    let told = format!(
        "{} {results:?} {settings:?} {resources:?} {:?} {nodes:?} {budget:?} {} {}",
        listener.text(),
        resources.metrics(),
        String::from_utf8_lossy(&trace),
        profile.summary(),
    );
    assert!(told.contains("who is [key]?"), "{told}");
    assert!(
        !told.contains(KEY) && !told.contains("0123456789"),
        "{told}"
    );
}
