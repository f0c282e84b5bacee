//! The two sides are comparable: they send the same bytes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::bare_loop::BareLoop;
use super::engine::Engine;
use super::serve::{reply, request_length};
use super::{Load, runtime};
use crate::Failure;

/// The first request that `send` sends, with its headers in order.
async fn request_of<F: Future<Output = Result<(), Failure>>>(
    send: impl FnOnce(String) -> F,
) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut received = Vec::new();
        while request_length(&received).is_none() {
            stream.read_buf(&mut received).await.expect("a request");
        }
        stream
            .write_all(&reply())
            .await
            .expect("room for the reply");
        String::from_utf8(received).expect("text")
    };
    let sent = send(format!("http://{address}/v1"));
    let (sent, received) = tokio::join!(sent, answer);
    sent.expect("an answer");
    let received = received.replace(&address.to_string(), "ADDRESS");
    let mut lines: Vec<String> = received.split("\r\n").map(str::to_owned).collect();
    let head = lines.len() - 2;
    lines[1..head].sort_unstable();
    lines
}

#[test]
fn both_sides_send_the_same_request() {
    let load = Load {
        calls: 1,
        in_flight: 1,
    };
    let (engine, bare) = runtime(1).expect("a runtime").block_on(async {
        let engine = request_of(async |url| Engine::new(&url, load, None)?.run(load).await).await;
        let bare = request_of(async |url| BareLoop::new(&url)?.run(load).await).await;
        (engine, bare)
    });
    assert_eq!(engine, bare);
    assert_eq!(engine[0], "POST /v1/chat/completions HTTP/1.1");
}
