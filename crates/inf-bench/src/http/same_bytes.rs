//! The two sides are comparable: they send the same bytes.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::bare_loop::BareLoop;
use super::engine::Engine;
use super::serve::{reply, request_length};
use super::{Load, PipelineName, runtime};
use crate::Failure;

type Requests = Arc<Mutex<Vec<Vec<String>>>>;

/// The requests that `send` sends, each with its headers in order.
async fn requests_of<F: Future<Output = Result<(), Failure>>>(
    send: impl FnOnce(String) -> F,
) -> Vec<Vec<String>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let requests = Requests::default();
    let accept = async {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(answer_all(stream, address.clone(), Arc::clone(&requests)));
        }
    };
    tokio::select! {
        sent = send(format!("http://{address}/v1")) => sent.expect("an answer"),
        () = accept => {}
    }
    let mut requests = std::mem::take(&mut *requests.lock().expect("no panic"));
    // Calls in parallel come in any order.
    requests.sort_unstable();
    requests
}

/// Answers each request with a text of its own, so that requests tell which
/// answers they were made from.
async fn answer_all(mut stream: TcpStream, address: String, requests: Requests) {
    let mut received = Vec::new();
    loop {
        while request_length(&received).is_none() {
            if stream.read_buf(&mut received).await.expect("a request") == 0 {
                return;
            }
        }
        let request = String::from_utf8(std::mem::take(&mut received)).expect("text");
        let request = request.replace(&address, "ADDRESS");
        let mut lines: Vec<String> = request.split("\r\n").map(str::to_owned).collect();
        let head = lines.len() - 2;
        lines[1..head].sort_unstable();
        let body: serde_json::Value = serde_json::from_str(&lines[head + 1]).expect("JSON");
        let messages = body["messages"].as_array().expect("messages");
        let asked = messages.last().map(|last| &last["content"]);
        let asked = asked.expect("a message").to_string();
        requests.lock().expect("no panic").push(lines);
        let answer = format!("I was asked: {}", asked.trim_matches('"'));
        stream
            .write_all(&reply(&answer))
            .await
            .expect("room for the reply");
    }
}

fn check(pipeline: PipelineName, in_flight: usize) -> Vec<Vec<String>> {
    let load = Load {
        inputs: 2,
        round: 0,
    };
    let (engine, bare) = runtime(1).expect("a runtime").block_on(async {
        let engine = requests_of(async |url| {
            let engine = Engine::new(&url, pipeline, in_flight, None, 1)?;
            engine.run(load).await
        });
        let engine = engine.await;
        let bare = requests_of(async |url| {
            let bare_loop = BareLoop::new(&url, pipeline, in_flight)?;
            bare_loop.run(load).await
        });
        (engine, bare.await)
    });
    assert_eq!(engine, bare);
    assert_eq!(engine.len(), load.inputs * pipeline.calls());
    assert!(
        engine
            .iter()
            .all(|request| request[0] == "POST /v1/chat/completions HTTP/1.1")
    );
    engine
}

#[test]
fn both_sides_send_the_same_request() {
    check(PipelineName::One, 1);
}

#[test]
fn both_sides_send_the_same_three_requests() {
    for in_flight in [1, 2, 8] {
        let requests = check(PipelineName::Three, in_flight);
        let compares = requests.iter().filter(|request| {
            let body = request.last().expect("a body");
            body.contains("I was asked: Package a1 ") && body.contains("I was asked: Package b1 ")
        });
        assert_eq!(compares.count(), 1, "{requests:#?}");
    }
}
