//! Runs, their calls, and what is told when something goes wrong.

use std::sync::Arc;
use std::time::Duration;

use ::tracing::{Instrument, Level, info_span};
use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry,
};
use inf_engine::execution::{Cancellation, ErrorPolicy, ExecutionSettings, Hedging};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_engine::telemetry::names;
use tracing_subscriber::filter::LevelFilter;

use super::{Listener, Scripted, Told, check_fields, pipeline};

#[test]
fn binding_tells_what_was_probably_not_meant() {
    let mut line = 0;
    let mut bind = || {
        let ask = LlmInference::new("fast");
        let graph = Tracer::new("review").trace(|text: Proxy<String>| {
            line = line!() + 1;
            let _draft = ask.call(text).named("draft");
            ask.call(text)
        });
        let resources = ResourceConfig::simulated(
            ["fast"],
            &inf_engine::clients::simulated::SimulatedSettings::default(),
        );
        graph.unwrap().bind(resources).unwrap();
    };
    let (listener, _guard) = Listener::start(LevelFilter::WARN);
    bind();
    let told = listener.only("graph_warning");
    assert_eq!(told.field("graph"), Some("review"));
    let expected = format!(
        "nothing uses node `draft` (made at {}:{line}): it runs all the same, and is paid for; use it in the output or \
         remove it",
        file!()
    );
    assert_eq!(told.field("message"), Some(&*expected));
}

#[tokio::test(start_paused = true)]
async fn a_run_and_its_calls_are_spans() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let pipeline = pipeline(Scripted::default());
    let node = pipeline.graph().nodes().last().unwrap().name().to_owned();
    let asking = pipeline.run_batch(["PROMPT".to_owned(), "PROMPT".to_owned()]);
    let results = asking.instrument(info_span!("web request")).await;
    assert!(results.iter().all(|result| result.output.is_ok()));
    tokio::task::yield_now().await;

    let run = listener.only("run");
    assert_eq!(
        (run.level, &*run.target),
        (Level::INFO, "inf_engine::execution")
    );
    assert_eq!(listener.inside(&run), ["web request"]);
    let number = run.field(names::RUN).unwrap();
    let graph = pipeline.graph().name();
    check_fields(
        &run,
        &[
            (names::OTEL_NAME, &format!("run {graph}")),
            (names::GRAPH, graph),
            (names::INPUTS, "2"),
            (names::INPUTS_SUCCEEDED, "2"),
            (names::INPUTS_FAILED, "0"),
        ],
    );

    let calls = listener.named("call");
    assert_eq!(calls.len(), 2);
    for (index, call) in calls.iter().enumerate() {
        assert_eq!((call.level, call.is_span), (Level::INFO, true));
        assert_eq!(listener.inside(call), ["run", "web request"]);
        check_fields(
            call,
            &[
                (names::OTEL_NAME, "chat tiny"),
                (names::OTEL_KIND, "client"),
                (names::RUN, number),
                (names::INPUT, &index.to_string()),
                (names::NODE, &node),
                (names::ENDPOINT, "fast"),
                (names::ATTEMPT, "1"),
                (names::HEDGE, "false"),
                (names::OUTCOME, "completed"),
                (names::OPERATION_NAME, "chat"),
                (names::PROVIDER_NAME, "acme"),
                (names::SERVER_ADDRESS, "llm.example"),
                (names::SERVER_PORT, "443"),
                (names::REQUEST_MODEL, "tiny"),
                (names::REQUEST_TEMPERATURE, "0.5"),
                (names::REQUEST_MAX_TOKENS, "50"),
                (names::REQUEST_STOP_SEQUENCES, r#"["END"]"#),
                (names::OUTPUT_TYPE, "text"),
                (names::RESPONSE_ID, "answer-1"),
                (names::RESPONSE_MODEL, "tiny-2026"),
                (names::RESPONSE_FINISH_REASONS, r#"["stop"]"#),
                (names::USAGE_INPUT_TOKENS, "7"),
                (names::USAGE_OUTPUT_TOKENS, "5"),
                (names::USAGE_CACHED_TOKENS, "3"),
            ],
        );
        assert_eq!(call.field(names::ERROR_TYPE), None);
    }

    let mut said = listener.all();
    said.retain(|told| told.field("message") == Some("a client at work"));
    assert_eq!(said.len(), 2);
    assert_eq!(listener.inside(&said[0]), ["call", "run", "web request"]);

    let ended = listener.only("run_ended");
    assert_eq!((ended.level, ended.is_span), (Level::INFO, false));
    assert_eq!(listener.inside(&ended), ["run", "web request"]);
    check_fields(
        &ended,
        &[
            (names::RUN, number),
            (names::INPUTS_SUCCEEDED, "2"),
            (names::CALLS, "2"),
            (names::USAGE_INPUT_TOKENS, "14"),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn retries_and_refusals_are_events_in_their_attempt() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let full =
        ClientError::new(ClientErrorKind::RateLimited, "full").with_retry(Retry::RateLimited {
            after: Some(Duration::from_secs(2)),
        });
    let broken = ClientError::new(ClientErrorKind::Server, "it broke");
    let pipeline = pipeline(Scripted::failing([full, broken]));
    pipeline.run("PROMPT".to_owned()).await.unwrap();

    let calls = listener.named("call");
    let outcome = |call: &Told| {
        let field = |name| call.field(name).unwrap_or("-").to_owned();
        [
            names::ATTEMPT,
            names::OUTCOME,
            names::ERROR_TYPE,
            names::OTEL_STATUS_CODE,
        ]
        .map(field)
    };
    let outcomes: Vec<_> = calls.iter().map(outcome).collect();
    assert_eq!(
        outcomes,
        [
            ["1", "rate_limited", "rate_limited", "ERROR"],
            ["1", "retried", "server", "ERROR"],
            ["2", "completed", "-", "-"],
        ]
    );

    let refused = listener.only("rate_limited");
    assert_eq!(refused.level, Level::DEBUG);
    assert_eq!(refused.parent, calls[0].id);
    check_fields(
        &refused,
        &[(names::WAIT_SECONDS, "2.0"), (names::ENDPOINT, "fast")],
    );

    let paused = listener.only("endpoint_paused");
    assert_eq!(paused.level, Level::INFO);
    assert_eq!(listener.inside(&paused), ["run"]);
    check_fields(&paused, &[(names::ENDPOINT, "fast")]);

    let retry = listener.only("retry");
    assert_eq!(retry.level, Level::WARN);
    assert_eq!(retry.parent, calls[1].id);
    check_fields(
        &retry,
        &[
            (names::ATTEMPT, "1"),
            (names::ENDPOINT, "fast"),
            (names::ERROR_TYPE, "server"),
            (names::ERROR_MESSAGE, "it broke"),
        ],
    );
    assert!(retry.field(names::WAIT_SECONDS).is_some());
}

#[tokio::test(start_paused = true)]
async fn second_requests_and_what_was_given_up() {
    // Before that many the engine does not know what takes long.
    const LEAST_ANSWERS: usize = 20;
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let client = Scripted::default();
    let quick = (0..LEAST_ANSWERS).map(|_| Duration::from_millis(100));
    let slow = Duration::from_mins(1);
    *client.latency.lock().unwrap() = quick.chain([slow]).collect();
    let settings = ExecutionSettings::default()
        .with_hedging(Hedging::after_percentile(95.0).with_max_share(0.5))
        .with_max_concurrent(2)
        .with_max_inputs_in_flight(1);
    let pipeline = pipeline(client).with_settings(settings);
    let inputs = (0..=LEAST_ANSWERS).map(|index| index.to_string());
    let results = pipeline.run_batch(inputs.collect::<Vec<_>>()).await;
    assert!(results.iter().all(|result| result.output.is_ok()));

    let hedge = listener.only("hedge");
    assert_eq!(hedge.level, Level::DEBUG);
    let second = listener.parent_of(&hedge).unwrap();
    check_fields(
        &second,
        &[(names::HEDGE, "true"), (names::OUTCOME, "completed")],
    );
    let mut given_up = listener.named("call");
    given_up.retain(|call| call.field(names::OUTCOME) == Some("cancelled"));
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].field(names::INPUT), second.field(names::INPUT));
    assert_eq!(given_up[0].field(names::ERROR_TYPE), None);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_is_told() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let cancellation = Cancellation::new();
    let settings = ExecutionSettings::default().with_cancellation(&cancellation);
    let cancelled = pipeline(Scripted::default()).with_settings(settings);
    let asking = cancelled.run("PROMPT".to_owned());
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        cancellation.cancel();
    };
    let (result, ()) = tokio::join!(asking, cancelling);
    result.unwrap_err();
    let stopped = listener.only("run_stopped");
    assert_eq!(stopped.level, Level::INFO);
    assert_eq!(listener.inside(&stopped), ["run"]);
    check_fields(
        &stopped,
        &[
            (names::ERROR_TYPE, "cancelled"),
            (names::ERROR_MESSAGE, "the run was cancelled"),
        ],
    );
    assert_eq!(listener.only("input_cancelled").level, Level::DEBUG);
    check_fields(&listener.only("call"), &[(names::OUTCOME, "cancelled")]);
    assert!(listener.named("input_failed").is_empty());

    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let broken = ClientError::new(ClientErrorKind::Server, "it broke");
    let settings = ExecutionSettings::default().with_error_policy(ErrorPolicy::FailFast);
    let failing = pipeline(Scripted::failing([broken])).with_settings(settings);
    failing.run_batch(["1".to_owned(), "2".to_owned()]).await;
    let stopped = listener.only("run_stopped");
    let why = stopped.field(names::ERROR_MESSAGE).unwrap();
    assert!(why.contains("input 0 failed"), "{why}");
    check_fields(&listener.only("input_failed"), &[(names::INPUT, "0")]);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_listens_to_spans_events_are_in_what_is_around() {
    let (listener, _guard) = Listener::start(LevelFilter::WARN);
    let around = ::tracing::error_span!("web request");
    let broken = ClientError::new(ClientErrorKind::Server, "it broke");
    let asking = pipeline(Scripted::failing([broken])).run("PROMPT".to_owned());
    asking.instrument(around).await.unwrap();
    let told = listener.all();
    let names: Vec<_> = told.iter().map(|told| &*told.name).collect();
    assert_eq!(names, ["web request", "retry"]);
    assert_eq!(listener.inside(&told[1]), ["web request"]);
}

/// A client that says nothing about itself.
struct Unknown;

impl LlmClient for Unknown {
    fn send<'a>(&'a self, _: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async { Ok(LlmResponse::from_text("yes")) })
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_client_does_not_say_is_left_out() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let resources = ResourceManager::new(&ResourceConfig::default()).unwrap();
    let resources = resources.with_client("fast", Arc::new(Unknown), 1);
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    pipeline.run("Hi".to_owned()).await.unwrap();
    let call = listener.only("call");
    check_fields(&call, &[(names::OTEL_NAME, "chat")]);
    for name in [
        names::PROVIDER_NAME,
        names::SERVER_ADDRESS,
        names::REQUEST_MODEL,
        names::REQUEST_TEMPERATURE,
        names::REQUEST_STOP_SEQUENCES,
        names::RESPONSE_ID,
        names::RESPONSE_MODEL,
        names::INPUT_MESSAGES,
    ] {
        assert_eq!(call.field(name), None, "{name}");
    }
}
