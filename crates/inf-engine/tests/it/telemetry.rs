//! What a listener of `tracing` is told of a run.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record as Recorded};
use ::tracing::subscriber::{DefaultGuard, Interest};
use ::tracing::{Event, Instrument, Level, Metadata, Subscriber, info, info_span};
use inf_engine::clients::{
    ClientDescription, ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse,
    Retry, Usage,
};
use inf_engine::conversation::ToolCall;
use inf_engine::execution::{
    Budget, Cancellation, ErrorPolicy, ExecutionSettings, Hedging, NodeMetrics, Profile,
};
use inf_engine::graph::Tool;
use inf_engine::prelude::*;
use inf_engine::resources::{EndpointConfig, Price, ResourceManager};
use inf_engine::telemetry::names;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::support::{Answer, RawPeer};

/// A span or an event, as it was told.
#[derive(Debug, Clone)]
struct Told {
    is_span: bool,
    id: Option<Id>,
    parent: Option<Id>,
    name: String,
    level: Level,
    target: String,
    fields: BTreeMap<String, String>,
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<Told>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent());
        let mut told = Told::new(attributes.metadata());
        told.is_span = true;
        told.id = Some(id.clone());
        told.parent = parent.map(|parent| parent.id());
        attributes.record(&mut Fields(&mut told.fields));
        self.told().push(told);
    }

    fn on_record(&self, id: &Id, values: &Recorded<'_>, _: Context<'_, S>) {
        let mut told = self.told();
        let span = told.iter_mut().rfind(|told| told.id.as_ref() == Some(id));
        values.record(&mut Fields(&mut span.unwrap().fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let parent = context.event_span(event);
        let mut told = Told::new(event.metadata());
        told.parent = parent.map(|parent| parent.id());
        event.record(&mut Fields(&mut told.fields));
        self.told().push(told);
    }
}

/// Wants to be asked every time, and listens to nothing.
struct Undecided;

impl Subscriber for Undecided {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Recorded<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Told {
    fn new(metadata: &Metadata<'_>) -> Self {
        Self {
            is_span: false,
            id: None,
            parent: None,
            name: metadata.name().to_owned(),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            fields: BTreeMap::new(),
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Listener {
    /// Listens to what happens in this thread, down to `level`.
    fn start(level: LevelFilter) -> (Self, DefaultGuard) {
        // Once nobody in the program listens to a place, `tracing` remembers that
        // for all threads, and a test that begins at the same moment goes unheard.
        static UNDECIDED: Once = Once::new();
        UNDECIDED.call_once(|| {
            ::tracing::subscriber::set_global_default(Undecided).expect("nobody else sets it");
        });
        let listener = Self::default();
        let subscriber = Registry::default().with(level).with(listener.clone());
        let guard = ::tracing::subscriber::set_default(subscriber);
        (listener, guard)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Vec<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the engine said, and tests.
    fn all(&self) -> Vec<Told> {
        let told = self.told();
        let ours = told.iter().filter(|told| {
            told.target.starts_with("inf_engine") || told.target.starts_with("it::")
        });
        ours.cloned().collect()
    }

    /// Everything that was called `name`.
    fn named(&self, name: &str) -> Vec<Told> {
        let mut all = self.all();
        all.retain(|told| told.name == name);
        all
    }

    fn only(&self, name: &str) -> Told {
        let mut named = self.named(name);
        assert_eq!(named.len(), 1, "{name}: {:#?}", self.all());
        named.remove(0)
    }

    fn parent_of(&self, told: &Told) -> Option<Told> {
        let parent = told.parent.as_ref()?;
        let all = self.all();
        let parent = all.iter().rfind(|told| told.id.as_ref() == Some(parent));
        parent.cloned()
    }

    /// The names of what `told` is in, from the inside.
    fn inside(&self, told: &Told) -> Vec<String> {
        let parents = std::iter::successors(self.parent_of(told), |told| self.parent_of(told));
        parents.map(|told| told.name).collect()
    }

    /// All texts, in one.
    fn text(&self) -> String {
        let mut text = String::new();
        for told in self.told().iter() {
            let _ = writeln!(text, "{} {:?}", told.name, told.fields);
        }
        text
    }
}

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

/// Answers with what is on its list, and then with what it was asked.
#[derive(Default)]
struct Scripted {
    outcomes: Mutex<VecDeque<Result<LlmResponse, ClientError>>>,
    latency: Mutex<VecDeque<Duration>>,
}

impl Scripted {
    fn failing(errors: impl IntoIterator<Item = ClientError>) -> Self {
        Self {
            outcomes: Mutex::new(errors.into_iter().map(Err).collect()),
            ..Self::default()
        }
    }
}

impl LlmClient for Scripted {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let latency = self.latency.lock().unwrap().pop_front();
            tokio::time::sleep(latency.unwrap_or(Duration::from_millis(10))).await;
            info!("a client at work");
            let outcome = self.outcomes.lock().unwrap().pop_front();
            outcome.unwrap_or_else(|| {
                let mut response = LlmResponse::from_text(format!("ANSWER {}", request.prompt()));
                "tiny-2026".clone_into(&mut response.model);
                response.id = Some("answer-1".to_owned());
                response.usage = {
                    let mut usage = Usage::new(7, 5);
                    usage.cached_tokens = 3;
                    usage
                };
                Ok(response)
            })
        })
    }

    fn description(&self) -> ClientDescription {
        ClientDescription::new("acme")
            .with_model("tiny")
            .with_server("llm.example", Some(443))
    }
}

fn pipeline(client: Scripted) -> Pipeline<String, String> {
    let resources = ResourceManager::new(&ResourceConfig::default()).unwrap();
    let resources = resources.with_client("fast", Arc::new(client), 8);
    LlmInference::new("fast")
        .temperature(0.5)
        .max_tokens(50)
        .stop("END")
        .system_prompt("SYSTEM")
        .bind(resources)
        .unwrap()
}

fn check_fields(told: &Told, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(told.field(name), Some(*value), "{name} of {told:#?}");
    }
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

#[derive(Module)]
struct Hosts {}

impl Forward for Hosts {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        let awaited = text.then_async("awaits", |text: String| async move {
            info!("a host function at work");
            text
        });
        awaited.try_then_blocking("blocks", Err::<String, String>)
    }
}

#[tokio::test(start_paused = true)]
async fn host_functions_that_take_long_are_spans() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let pipeline = Hosts {}.bind(ResourceConfig::default()).unwrap();
    pipeline.run("PROMPT".to_owned()).await.unwrap_err();
    let hosts = listener.named("host");
    assert_eq!(hosts.len(), 2, "{hosts:#?}");
    let run = listener.only("run");
    for (host, node, outcome, error) in [
        (&hosts[0], "awaits", "completed", None),
        (&hosts[1], "blocks", "failed", Some("host_function")),
    ] {
        assert_eq!((host.level, &host.parent), (Level::INFO, &run.id));
        let name = format!("host {node}");
        check_fields(
            host,
            &[
                (names::OTEL_NAME, &*name),
                (names::RUN, run.field(names::RUN).unwrap()),
                (names::INPUT, "0"),
                (names::NODE, node),
                (names::OUTCOME, outcome),
            ],
        );
        assert_eq!(host.field(names::ERROR_TYPE), error);
    }
    let mut said = listener.all();
    said.retain(|told| told.field("message") == Some("a host function at work"));
    assert_eq!(said[0].parent, hosts[0].id);
    assert!(!listener.text().contains("PROMPT"), "{}", listener.text());
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

#[tokio::test(start_paused = true)]
async fn a_run_inside_a_host_function_is_inside_its_span() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let inner = pipeline(Scripted::default());
    let outer = Tracer::new("outer").trace(move |text: Proxy<String>| {
        text.then_async("asks", move |text: String| {
            let asking = inner.run(text);
            async move { asking.await.unwrap() }
        })
    });
    let outer = outer.unwrap().bind(ResourceConfig::default()).unwrap();
    outer.run(Value::from("PROMPT")).await.unwrap();
    let call = listener.only("call");
    assert_eq!(listener.inside(&call), ["run", "host", "run"]);
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

/// An answer that calls a tool, then one that is no number, then one that is.
fn with_a_tool() -> Pipeline<String, u64> {
    let call = ToolCall {
        id: "call-1".to_owned(),
        name: "today".to_owned(),
        arguments: r#"{"zone": "ARGUMENTS"}"#.to_owned(),
    };
    let unknown = ToolCall {
        id: "call-2".to_owned(),
        name: "yesterday".to_owned(),
        ..call.clone()
    };
    let mut calls = LlmResponse::from_text("");
    calls.tool_calls = vec![call, unknown];
    let answers = ["WRONG", "7"].map(LlmResponse::from_text);
    let client = Scripted {
        outcomes: Mutex::new([calls].into_iter().chain(answers).map(Ok).collect()),
        ..Scripted::default()
    };
    let today = Tool::new("today", "The date.", |_: BTreeMap<String, String>| async {
        info!("a tool at work");
        "RESULT"
    });
    let resources = ResourceManager::new(&ResourceConfig::default()).unwrap();
    let resources = resources.with_client("fast", Arc::new(client), 8);
    let ask = LlmInference::<u64>::typed("fast").top_p(0.5).seed(3);
    ask.tools([today]).bind(resources).unwrap()
}

#[tokio::test(start_paused = true)]
async fn turns_and_tools_are_spans() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let pipeline = with_a_tool();
    assert_eq!(pipeline.run("PROMPT".to_owned()).await.unwrap(), 7);
    tokio::task::yield_now().await;

    let calls = listener.named("call");
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            let field = |name| call.field(name).unwrap_or_default();
            (
                field(names::TURN),
                field(names::ATTEMPT),
                field(names::OUTCOME),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1", "1", "called_tools"),
            ("2", "1", "reasked"),
            ("3", "2", "completed")
        ]
    );
    check_fields(
        &calls[0],
        &[(names::REQUEST_TOP_P, "0.5"), (names::REQUEST_SEED, "3")],
    );
    let reask = listener.only("reask");
    assert_eq!(listener.inside(&reask), ["call", "run"]);
    check_fields(
        &reask,
        &[(names::TURN, "2"), (names::ERROR_TYPE, "invalid_output")],
    );

    let tools = listener.named("tool");
    check_fields(
        &tools[0],
        &[
            (names::OTEL_NAME, "execute_tool today"),
            (names::OPERATION_NAME, "execute_tool"),
            (names::TOOL_NAME, "today"),
            (names::TOOL_TYPE, "function"),
            (names::TOOL_CALL_ID, "call-1"),
            (names::TURN, "1"),
            (names::OUTCOME, "completed"),
        ],
    );
    check_fields(
        &tools[1],
        &[(names::OUTCOME, "failed"), (names::ERROR_TYPE, "tool")],
    );
    let mut said = listener.all();
    said.retain(|told| told.field("message") == Some("a tool at work"));
    assert_eq!(listener.inside(&said[0]), ["tool", "run"]);
    let text = listener.text();
    for content in ["PROMPT", "WRONG", "ARGUMENTS", "RESULT"] {
        assert!(!text.contains(content), "{content}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_tools_are_given_and_give_only_when_asked_for() {
    let (listener, _guard) = Listener::start(LevelFilter::TRACE);
    let settings = ExecutionSettings::default().with_recorded_content(true);
    let pipeline = with_a_tool().with_settings(settings);
    pipeline.run("PROMPT".to_owned()).await.unwrap();
    tokio::task::yield_now().await;
    check_fields(
        &listener.named("tool")[0],
        &[
            (names::TOOL_CALL_ARGUMENTS, r#"{"zone": "ARGUMENTS"}"#),
            (names::TOOL_CALL_RESULT, "RESULT"),
        ],
    );
    let asked = listener.named("call")[1]
        .field(names::INPUT_MESSAGES)
        .unwrap()
        .to_owned();
    assert!(asked.contains("tool_call_response"), "{asked}");
}
