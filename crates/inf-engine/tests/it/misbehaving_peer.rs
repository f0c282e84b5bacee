//! What the network and a broken server do to a call: always an error that says
//! what happened, where, and what to do about it.

use std::time::Duration;

use inf_engine::clients::openai::OpenAiClient;
use inf_engine::clients::{ClientErrorKind, HttpSettings, HttpStack, Retry};

use crate::support::{Answer, FullPeer, RawPeer, ask, client, client_with};

/// Asks `base_url` and checks the error; `{place}` in `expected` stands for the
/// address of the completions. `…` at the end of a part means that any text may
/// follow: what the operating system says differs.
async fn check_url(base_url: &str, kind: ClientErrorKind, retry: Retry, expected: &str) {
    let error = ask(&client(base_url)).await.expect_err("an error");
    let expected = expected.replace("{place}", &format!("{base_url}/chat/completions"));
    let mut rest = error.message.as_str();
    for (number, part) in expected.split('…').enumerate() {
        let at = rest.find(part);
        assert!(
            at.is_some_and(|at| number > 0 || at == 0),
            "`{part}` is not in: {error}"
        );
        rest = &rest[at.unwrap_or_default() + part.len()..];
    }
    assert_eq!(rest, "", "in: {error}");
    assert_eq!((error.kind, error.retry), (kind, retry), "{error}");
}

async fn check(answer: Answer, kind: ClientErrorKind, expected: &str) {
    check_retry(answer, kind, Retry::Transient, expected).await;
}

async fn check_retry(answer: Answer, kind: ClientErrorKind, retry: Retry, expected: &str) {
    let peer = RawPeer::start([answer]).await;
    check_url(&peer.base_url(), kind, retry, expected).await;
    assert_eq!(peer.requests().len(), 1, "nothing is sent twice");
}

#[tokio::test]
async fn nobody_listens() {
    let peer = RawPeer::start([]).await;
    let base_url = peer.base_url();
    drop(peer);
    tokio::task::yield_now().await;
    check_url(
        &base_url,
        ClientErrorKind::Unreachable,
        Retry::Transient,
        "could not reach {place}: connection refused; is the server running, and is `base_url` \
         right?",
    )
    .await;
}

#[tokio::test]
async fn the_host_does_not_exist() {
    check_url(
        "http://nobody.invalid/v1",
        ClientErrorKind::Unreachable,
        Retry::Transient,
        "could not reach {place}: the host name `nobody.invalid` could not be resolved (…); is \
         `base_url` right, and is the network up?",
    )
    .await;
}

#[tokio::test]
async fn https_to_a_server_that_speaks_http() {
    // Its answer is no TLS; it waits for no request.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base_url = format!("https://{}/v1", listener.local_addr().expect("an address"));
    let serve = async {
        use tokio::io::AsyncWriteExt;
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    };
    let client = client(&base_url);
    let error = tokio::select! {
        outcome = ask(&client) => outcome.expect_err("an error"),
        () = serve => unreachable!("it serves without end"),
    };
    assert_eq!(error.kind, ClientErrorKind::Unreachable);
    assert_eq!(error.retry, Retry::Never);
    // On a machine without certificates, no TLS is even begun.
    let expected = [
        (
            "the server does not speak TLS (",
            "should `base_url` start with `http://`?",
        ),
        (
            "no CA certificates were found on this machine (",
            "install the `ca-certificates`",
        ),
    ];
    let is_expected = |(what, advice): &(&str, &str)| {
        error
            .message
            .contains(&format!("{base_url}/chat/completions: {what}"))
            && error.message.contains(advice)
    };
    assert!(expected.iter().any(is_expected), "{error}");
}

#[tokio::test]
async fn closed_before_any_byte() {
    check(
        Answer::Close(Vec::new()),
        ClientErrorKind::Unreachable,
        "{place} closed the connection before it answered; is it overloaded or restarting? Its \
         log may say why",
    )
    .await;
}

#[tokio::test]
async fn closed_in_the_middle_of_the_body() {
    check(
        Answer::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\"".to_vec()),
        ClientErrorKind::Unreachable,
        "{place} closed the connection in the middle of its answer; is it overloaded or \
         restarting? Its log may say why",
    )
    .await;
}

#[tokio::test]
async fn a_refusal_is_one_though_its_words_are_cut_off() {
    use inf_engine::clients::{Delta, LlmClient, LlmRequest};

    let cut = |head: &str| {
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: 1000\r\n\r\n{{\"error\"");
        Answer::Close(head.into_bytes())
    };
    let after = Some(Duration::from_secs(2));
    for (head, expected) in [
        ("401 Unauthorized", Retry::Never),
        (
            "429 Too Many Requests\r\nretry-after: 2",
            Retry::RateLimited { after },
        ),
    ] {
        let peer = RawPeer::start([cut(head), cut(head)]).await;
        let client = client(&peer.base_url());
        let error = ask(&client).await.expect_err("an error");
        assert_eq!(error.retry, expected, "{error}");
        let request = LlmRequest::from_prompt("Hi");
        let mut sink = |_: Delta<'_>| {};
        let error = client.stream(&request, &mut sink).await;
        assert_eq!(error.expect_err("an error").retry, expected);
    }
}

#[tokio::test]
async fn closed_in_the_middle_of_a_chunk() {
    check(
        Answer::Close(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{".to_vec()),
        ClientErrorKind::Unreachable,
        "{place} closed the connection in the middle of its answer; is it overloaded or \
         restarting? Its log may say why",
    )
    .await;
}

#[tokio::test]
async fn not_http_at_all() {
    check(
        Answer::Close(b"\x15\x03\x01\x00\x02\x02\x16".to_vec()),
        ClientErrorKind::MalformedReply,
        "{place} did not answer in HTTP (…); is `base_url` right, or should it start with \
         `https://`?",
    )
    .await;
}

const SOON: Duration = Duration::from_millis(50);
/// Not reached unless something is broken, and then the test ends all the same.
const LATER: Duration = Duration::from_secs(10);

/// Asks a peer that begins with `bytes` and then hangs, and checks the error.
async fn check_late(
    bytes: &[u8],
    change: impl FnOnce(HttpSettings) -> HttpSettings,
    expected: &str,
) {
    let peer = RawPeer::start([Answer::Hang(bytes.to_vec())]).await;
    let error = ask(&client_with(&peer.base_url(), change)).await;
    let error = error.expect_err("an error");
    let expected = format!("{}/chat/completions {expected}", peer.base_url());
    assert_eq!(error.message, expected);
    assert_eq!(error.kind, ClientErrorKind::Timeout);
    assert_eq!(error.retry, Retry::Transient);
}

/// The head of a reply and a part of its body.
const HALF: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";

#[tokio::test]
async fn no_answer_in_time() {
    let expected = "did not answer within 0.05 s; raise the endpoint's `timeout` if its answers \
                    take that long";
    check_late(b"", |settings| settings.with_timeout(SOON), expected).await;
    let with_others = |settings: HttpSettings| {
        settings
            .with_timeout(SOON)
            .with_first_byte_timeout(LATER)
            .with_idle_timeout(Duration::from_millis(1))
    };
    check_late(b"", with_others, expected).await;

    let expected = "began to answer but did not finish within 0.3 s; raise the endpoint's \
                    `timeout` or lower `max_tokens`";
    // Time enough for the head, on a busy machine too.
    let time_for_head = Duration::from_millis(300);
    let alone = |settings: HttpSettings| settings.with_timeout(time_for_head);
    check_late(HALF, alone, expected).await;
    let with_others = |settings: HttpSettings| {
        settings
            .with_timeout(time_for_head)
            .with_first_byte_timeout(LATER)
            .with_idle_timeout(LATER)
    };
    check_late(HALF, with_others, expected).await;
}

#[tokio::test]
async fn no_head_in_time() {
    for head in [b"".as_slice(), b"HTTP/1.1 200 OK\r\ncontent-le"] {
        check_late(
            head,
            |settings| settings.with_first_byte_timeout(SOON),
            "did not begin to answer within 0.05 s; raise the endpoint's `first_byte_timeout` if \
             writing a whole answer takes that long: only then does its first byte come",
        )
        .await;
    }
}

#[tokio::test]
async fn silent_in_the_middle_of_the_body() {
    let only_the_head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    for bytes in [HALF, only_the_head] {
        check_late(
            bytes,
            |settings| settings.with_idle_timeout(SOON),
            "began to answer but then sent nothing for 0.05 s; raise the endpoint's \
             `idle_timeout` if it pauses that long",
        )
        .await;
    }
}

/// In real time: a paused clock runs ahead of a real socket.
#[tokio::test]
async fn a_slow_body_is_not_a_silent_one() {
    let body = br#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}"#;
    let peer = RawPeer::start([Answer::Drip(body.to_vec(), Duration::from_millis(20))]).await;
    let limit = Duration::from_secs(1);
    let client = client_with(&peer.base_url(), |settings| {
        settings
            .with_first_byte_timeout(limit)
            .with_idle_timeout(limit)
    });
    let response = ask(&client).await.expect("an answer");
    assert_eq!(response.text, "Hello");
    assert!(response.timings.total > limit, "the body took longer");
}

#[tokio::test]
async fn no_connection_in_time() {
    let peer = FullPeer::start();
    let http = HttpStack::with_connect_timeout(SOON).expect("an HTTP stack");
    let settings = HttpSettings::new(peer.base_url(), "m");
    let client = OpenAiClient::new(http, settings).expect("usable settings");
    let error = ask(&client).await.expect_err("an error");
    let expected = format!(
        "could not reach {}/chat/completions: no connection within 0.05 s; is the host up, is \
         `base_url` right, and does a firewall stand between? Raise the endpoint's \
         `connect_timeout` if connecting takes that long",
        peer.base_url()
    );
    assert_eq!(error.message, expected);
    assert_eq!(error.kind, ClientErrorKind::Timeout);
    assert_eq!(error.retry, Retry::Transient);
}

#[tokio::test]
async fn more_than_anyone_would_read() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let unannounced = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for head in [announced.as_slice(), unannounced] {
        check_retry(
            Answer::Flood(head.to_vec()),
            ClientErrorKind::MalformedReply,
            Retry::Never,
            "{place} answered with more than the 67108864 bytes that are read of a reply; is \
             `base_url` right?",
        )
        .await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = RawPeer::start([Answer::ok("{}")]).await;
    let location = format!("location: {}/", elsewhere.base_url());
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        check_retry(
            Answer::reply(status, &[&location], ""),
            ClientErrorKind::Refused,
            Retry::Never,
            &format!(
                "{{place}} redirects to {}/ ({status}), which is not followed, so that the key \
                 stays with the server that was named; set `base_url` to where the server is",
                elsewhere.base_url()
            ),
        )
        .await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn success_without_a_completion() {
    let bodies: [(&[u8], &str); 6] = [
        (b"", "is empty; it begins with an empty body"),
        (b"Hello!", "is not JSON (…); it begins with `Hello!`"),
        (
            b"<!doctype html><html><title>Sign in</title>",
            "is not JSON (…); it begins with an HTML page titled `Sign in`",
        ),
        (
            b"{\"choices\": [",
            "is JSON that is cut off (…); it begins with `{\"choices\": [`",
        ),
        (
            b"{\"choices\":[{\"message\":{\"content\":\"caf\xe9\"}}]}",
            "is not valid UTF-8; it begins with \
             `{\"choices\":[{\"message\":{\"content\":\"caf\u{fffd}\"}}]}`",
        ),
        (
            b"{\"object\": \"list\"}",
            "has no `choices`; it begins with `{\"object\": \"list\"}`",
        ),
    ];
    for (body, expected) in bodies {
        check(
            Answer::ok(body),
            ClientErrorKind::MalformedReply,
            &format!(
                "the answer of {{place}} {expected}; is `base_url` the address of an \
                 OpenAI-compatible server?"
            ),
        )
        .await;
    }
}
