//! The times of an endpoint, from the text of a resource configuration to the
//! call that they end.

use inf_engine::prelude::*;

use crate::support::{Answer, FullPeer, RawPeer};

/// Calls the server at `base_url` with `key` set to a twentieth of a second.
async fn check(base_url: &str, key: &str, expected: &str) {
    let text = format!(
        "
endpoints:
  fast:
    provider: openai-compatible
    base_url: {base_url}
    model: m
    max_retries: 0
    {key}: 0.05
"
    );
    let resources = ResourceConfig::from_text(&text).unwrap();
    let pipeline = LlmInference::new("fast").bind(resources).unwrap();
    let error = pipeline.run("Hi".to_owned()).await.unwrap_err();
    assert_eq!(error.kind.as_str(), "timeout");
    assert!(error.message.contains(expected), "{error}");
    let advice = format!("aise the endpoint's `{key}` ");
    assert!(error.message.contains(&advice), "{error}");
}

#[tokio::test]
async fn timeout() {
    let peer = RawPeer::start([Answer::Hang(Vec::new())]).await;
    check(&peer.base_url(), "timeout", "did not answer within 0.05 s").await;
}

#[tokio::test]
async fn connect_timeout() {
    let peer = FullPeer::start();
    check(
        &peer.base_url(),
        "connect_timeout",
        "no connection within 0.05 s",
    )
    .await;
}

#[tokio::test]
async fn first_byte_timeout() {
    let peer = RawPeer::start([Answer::Hang(Vec::new())]).await;
    check(
        &peer.base_url(),
        "first_byte_timeout",
        "did not begin to answer within 0.05 s",
    )
    .await;
}

#[tokio::test]
async fn idle_timeout() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";
    let peer = RawPeer::start([Answer::Hang(half.to_vec())]).await;
    check(
        &peer.base_url(),
        "idle_timeout",
        "began to answer but then sent nothing for 0.05 s",
    )
    .await;
}
