//! What a collector is sent of a run: a server of our own takes it, and reads
//! the protobuf by hand, field numbers and all, so that nothing is checked
//! against itself.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use ::tracing::{Instrument as _, info_span};
use inf_engine::execution::ExecutionSettings;
use inf_engine::prelude::*;
use inf_engine::telemetry::{OtlpExport, OtlpSettings};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::support::{Answer, RawPeer};

/// A protobuf message: its fields by number.
#[derive(Debug, Default, Clone)]
struct Message(BTreeMap<u64, Vec<Wire>>);

#[derive(Debug, Clone)]
enum Wire {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    fn read(mut bytes: &[u8]) -> Self {
        let mut message = Self::default();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let wire = match key & 7 {
                0 => Wire::Number(varint(&mut bytes)),
                1 => Wire::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)).unwrap();
                    Wire::Bytes(take(&mut bytes, length).to_vec())
                }
                5 => {
                    let number = u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap());
                    Wire::Number(number.into())
                }
                other => panic!("wire type {other}"),
            };
            message.0.entry(key >> 3).or_default().push(wire);
        }
        message
    }

    fn all(&self, field: u64) -> impl Iterator<Item = &[u8]> {
        let values = self.0.get(&field).into_iter().flatten();
        values.map(move |value| match value {
            Wire::Bytes(bytes) => bytes.as_slice(),
            Wire::Number(number) => panic!("field {field} is the number {number}"),
        })
    }

    fn messages(&self, field: u64) -> impl Iterator<Item = Self> {
        self.all(field).map(Self::read)
    }

    fn bytes(&self, field: u64) -> Vec<u8> {
        self.all(field).next().unwrap_or_default().to_vec()
    }

    fn text(&self, field: u64) -> String {
        String::from_utf8(self.bytes(field)).unwrap()
    }

    fn number(&self, field: u64) -> Option<u64> {
        match self.0.get(&field)?.first()? {
            Wire::Number(number) => Some(*number),
            Wire::Bytes(_) => panic!("field {field} is no number"),
        }
    }

    /// The attributes in `field`, each as text.
    fn attributes(&self, field: u64) -> BTreeMap<String, String> {
        let pairs = self.messages(field);
        pairs
            .map(|pair| (pair.text(1), value(&pair.messages(2).next().unwrap())))
            .collect()
    }
}

/// An `AnyValue`, as text that shows its type.
fn value(any: &Message) -> String {
    if let Some(text) = any.all(1).next() {
        return format!("{:?}", String::from_utf8_lossy(text));
    }
    if let Some(list) = any.messages(5).next() {
        let values: Vec<_> = list.messages(1).map(|any| value(&any)).collect();
        return format!("[{}]", values.join(", "));
    }
    if let Some(flag) = any.number(2) {
        return (flag == 1).to_string();
    }
    if let Some(number) = any.number(3) {
        return number.to_string();
    }
    format!("{:?}", f64::from_bits(any.number(4).unwrap()))
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

/// A collector: its address, and the bodies that it is sent.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (sender, received) = mpsc::channel();
    // Ends with the process: the test waits for what it sends, not for it.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream);
            loop {
                let mut head = String::new();
                while reader.read_line(&mut head).unwrap_or(0) > 2 {}
                if head.is_empty() {
                    break;
                }
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    let is_length = name.eq_ignore_ascii_case("content-length");
                    is_length.then(|| value.trim().parse::<usize>().unwrap())
                });
                let mut body = vec![0; length.unwrap()];
                reader.read_exact(&mut body).unwrap();
                let _ = sender.send((head, body));
                let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                reader.get_mut().write_all(reply).unwrap();
            }
        }
    });
    (address, received)
}

/// A span as it was sent.
#[derive(Debug)]
struct Span {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    kind: Option<u64>,
    attributes: BTreeMap<String, String>,
    events: Vec<String>,
    status: Option<u64>,
}

impl Span {
    fn read(span: &Message) -> Self {
        Self {
            trace: span.bytes(1),
            id: span.bytes(2),
            parent: span.bytes(4),
            name: span.text(5),
            kind: span.number(6),
            attributes: span.attributes(9),
            events: span.messages(11).map(|event| event.text(2)).collect(),
            status: span.messages(15).next().and_then(|status| status.number(3)),
        }
    }

    fn check(&self, expected: &[(&str, &str)]) {
        for (name, value) in expected {
            let found = self.attributes.get(*name).map(String::as_str);
            assert_eq!(found, Some(*value), "{name} of {self:#?}");
        }
    }
}

const SPAN_KIND_INTERNAL: u64 = 1;
const SPAN_KIND_CLIENT: u64 = 3;
const STATUS_CODE_ERROR: u64 = 2;

#[tokio::test]
async fn a_collector_is_sent_the_spans_of_a_run() {
    let completion = r#"{"id":"chatcmpl-9","model":"m-2026","choices":[{"finish_reason":"stop",
        "message":{"role":"assistant","content":"ANSWER"}}],
        "usage":{"prompt_tokens":11,"completion_tokens":4}}"#;
    let peer = RawPeer::start([
        Answer::reply("500 Oops", &[], "{}"),
        Answer::ok(completion),
        Answer::ok(completion),
    ])
    .await;
    let resources = format!(
        "
endpoints:
  fast:
    provider: openai-compatible
    base_url: {}
    model: m
    max_retries: 0
",
        peer.base_url()
    );
    let resources = ResourceConfig::from_text(&resources).unwrap();
    let call = LlmInference::new("fast")
        .temperature(0.25)
        .max_tokens(9)
        .stop("END");
    let pipeline = call.bind(resources).unwrap();

    let (address, received) = collector();
    let settings = OtlpSettings::new("my-service").with_endpoint(address);
    let export = OtlpExport::start(&settings).unwrap();
    let layer = export
        .layer()
        .with_filter(::tracing::level_filters::LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(layer);
    let guard = ::tracing::subscriber::set_default(subscriber);
    let twice = async {
        pipeline.run("PROMPT".to_owned()).await.unwrap_err();
        pipeline.run("PROMPT".to_owned()).await.unwrap();
    };
    twice.instrument(info_span!("web request")).await;
    let recorded = ExecutionSettings::default().with_recorded_content(true);
    let asking = pipeline.with_settings(recorded).run("PROMPT".to_owned());
    asking.await.unwrap();
    // The scheduler closes the spans of a run after it gave its result.
    tokio::task::yield_now().await;
    drop(guard);
    export.shutdown().unwrap();

    let mut spans = Vec::new();
    while let Ok((head, body)) = received.try_recv() {
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        assert!(head.contains("application/x-protobuf"), "{head}");
        for of_resource in Message::read(&body).messages(1) {
            let resource = of_resource.messages(1).next().unwrap().attributes(1);
            assert_eq!(resource["service.name"], "\"my-service\"");
            for of_scope in of_resource.messages(2) {
                let scope = of_scope.messages(1).next().unwrap();
                assert_eq!(scope.text(1), "inf-engine");
                spans.extend(of_scope.messages(2).map(|span| Span::read(&span)));
            }
        }
    }
    let named =
        |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == name).collect() };
    let (around, calls) = (named("web request")[0], named("chat m"));
    let graph = pipeline.graph().name();
    let runs = named(&format!("run {graph}"));
    let counts = (runs.len(), calls.len(), spans.len());
    assert_eq!(counts, (3, 3, 7), "{spans:#?}");

    // The request of the program, in it its runs, in each an attempt.
    assert_eq!(around.parent, b"");
    for (run, call) in runs.iter().zip(&calls).take(2) {
        assert_eq!((&run.parent, &run.trace), (&around.id, &around.trace));
        assert_eq!(run.kind, Some(SPAN_KIND_INTERNAL));
        assert_eq!((&call.parent, &call.trace), (&run.id, &around.trace));
        assert_eq!(call.kind, Some(SPAN_KIND_CLIENT));
    }
    assert_eq!(
        (&runs[2].parent[..], &calls[2].parent),
        (&b""[..], &runs[2].id)
    );
    assert_ne!(calls[2].trace, around.trace);

    calls[0].check(&[("error.type", "\"server\""), ("outcome", "\"failed\"")]);
    assert_eq!(calls[0].status, Some(STATUS_CODE_ERROR));
    assert_eq!(runs[0].events, ["an input failed", "a run ended"]);
    runs[0].check(&[("inputs", "1"), ("inputs_failed", "1")]);
    let port = peer.base_url();
    let port = port.trim_end_matches("/v1").rsplit(':').next().unwrap();
    calls[1].check(&[
        ("gen_ai.operation.name", "\"chat\""),
        ("gen_ai.provider.name", "\"openai\""),
        ("gen_ai.request.model", "\"m\""),
        ("gen_ai.request.temperature", "0.25"),
        ("gen_ai.request.max_tokens", "9"),
        ("gen_ai.request.stop_sequences", r#"["END"]"#),
        ("gen_ai.output.type", "\"text\""),
        ("gen_ai.response.id", "\"chatcmpl-9\""),
        ("gen_ai.response.model", "\"m-2026\""),
        ("gen_ai.response.finish_reasons", r#"["stop"]"#),
        ("gen_ai.usage.input_tokens", "11"),
        ("gen_ai.usage.output_tokens", "4"),
        ("server.address", "\"127.0.0.1\""),
        ("server.port", port),
        ("attempt", "1"),
        ("endpoint", "\"fast\""),
        ("outcome", "\"completed\""),
    ]);
    assert_eq!(calls[1].status.unwrap_or(0), 0);
    for span in &spans[..] {
        let is_recorded = span.id == calls[2].id;
        let text = format!("{span:?}");
        assert_eq!(text.contains("PROMPT"), is_recorded, "{text}");
        assert_eq!(text.contains("ANSWER"), is_recorded, "{text}");
    }
    let input = &calls[2].attributes["gen_ai.input.messages"];
    assert!(input.contains("PROMPT"), "{input}");
}
