//! Host functions, and runs inside of them.

use ::tracing::{Level, info};
use inf_engine::prelude::*;
use inf_engine::telemetry::names;
use tracing_subscriber::filter::LevelFilter;

use super::{Listener, Scripted, check_fields, pipeline};

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
