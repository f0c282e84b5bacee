//! Every wire format against good servers and against those that misbehave,
//! whole and in pieces.

use std::time::Duration;

use inf_engine::clients::{
    ClientError, ClientErrorKind, FinishReason, HttpSettings, LlmResponse, Retry, Timings,
};

use crate::support::{Answer, KEY, RawPeer, WireFormat, ask, ask_in_pieces, wire_formats};

fn check_hello(response: &LlmResponse, format: &WireFormat) {
    let name = format.name;
    assert_eq!(response.text, "Hello", "{name}");
    assert_eq!(response.reasoning[0].text, "Hm.", "{name}");
    assert_eq!(response.finish_reason, FinishReason::Stop, "{name}");
    assert_eq!(response.model, "test-model-2026", "{name}");
    let usage = response.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (9, 2), "{name}");
}

#[tokio::test]
async fn names_in_an_answer_hold_no_key() {
    for format in wire_formats() {
        let headers = [
            "content-type: application/json",
            &*format!("request-id: {KEY}"),
            &*format!("x-request-id: {KEY}"),
        ];
        let document = format.document.replace("test-model-2026", KEY);
        let stream = format.stream.replace("test-model-2026", KEY);
        let answers = [
            Answer::reply("200 OK", &headers, document),
            format.streamed(stream),
        ];
        let peer = RawPeer::start(answers).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        let whole = ask(&*client).await.expect("an answer");
        assert_eq!(whole.model, "[key]", "{}", format.name);
        assert_eq!(whole.request_id.as_deref(), Some("[key]"));
        let streamed = ask_in_pieces(&*client).await.0.expect("an answer");
        assert_eq!(streamed.model, "[key]", "{}", format.name);
    }
}

#[tokio::test]
async fn an_answer_whole_and_in_pieces() {
    for format in wire_formats() {
        let id = if format.name == "anthropic" {
            "request-id: req_7"
        } else {
            "x-request-id: req_7"
        };
        let headers = [
            "content-type: application/json",
            id,
            "x-ratelimit-remaining-requests: 5",
        ];
        let answers = [
            Answer::reply("200 OK", &headers, format.document),
            format.streamed(format.stream),
        ];
        let peer = RawPeer::start(answers).await;
        let client = format.client(&peer.base_url(), |settings| settings);

        let whole = ask(&*client).await.expect("an answer");
        check_hello(&whole, &format);
        assert_eq!(whole.request_id.as_deref(), Some("req_7"));
        let limits = whole.rate_limits.as_deref().expect("limits");
        assert_eq!(limits.requests.remaining, Some(5));

        let (outcome, pieces) = ask_in_pieces(&*client).await;
        let streamed = outcome.expect("an answer");
        assert_eq!(pieces, ["(Hm.)", "Hel", "lo"], "{}", format.name);
        let first_token = streamed.timings.first_token.expect("there were pieces");
        assert!(first_token <= streamed.timings.total);
        let same = |response: LlmResponse| {
            let mut response = response;
            response.request_id = None;
            response.rate_limits = None;
            response.timings = Timings::default();
            response
        };
        assert_eq!(same(streamed), same(whole), "{}", format.name);

        let requests = peer.requests();
        let path = format!("POST /v1{} HTTP/1.1", format.path);
        for request in &requests {
            let mut lines = request.lines();
            assert_eq!(lines.next(), Some(&*path));
            assert!(lines.any(|line| line == format.key_header), "{request}");
        }
        assert!(!requests[0].contains(r#""stream":true"#), "{}", format.name);
        assert!(requests[1].contains(r#""stream":true"#), "{}", format.name);
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_gives_one_piece() {
    for format in wire_formats() {
        let peer = RawPeer::start([Answer::ok(format.document)]).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        let (outcome, pieces) = ask_in_pieces(&*client).await;
        check_hello(&outcome.expect("an answer"), &format);
        assert_eq!(pieces, ["(Hm.)", "Hello"], "{}", format.name);
    }
}

#[tokio::test]
async fn a_whole_stream_leaves_its_connection_for_the_next_call() {
    for format in wire_formats() {
        let stream = || {
            let length = format.stream.len();
            let Answer::Close(mut bytes) = format.chunked(format.stream.as_bytes(), length) else {
                unreachable!("it closes the connection");
            };
            bytes.extend_from_slice(b"\r\n0\r\n\r\n");
            Answer::Bytes(bytes)
        };
        let peer = RawPeer::start([stream(), stream(), stream()]).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        for _ in 0..3 {
            let (outcome, _) = ask_in_pieces(&*client).await;
            outcome.expect("an answer");
            // The rest is read beside the caller, and has come already.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(peer.connections(), 1, "{}", format.name);
    }
}

/// Whatever is missing of a stream, it is either the whole answer or an error
/// that says to try again.
#[tokio::test]
async fn a_stream_that_is_cut_is_never_a_short_answer() {
    for format in wire_formats() {
        let bytes = format.stream.as_bytes();
        let mut cuts: Vec<usize> = (0..bytes.len()).step_by(13).collect();
        cuts.extend(bytes.len().saturating_sub(40)..bytes.len());
        let answers = cuts.iter().map(|&cut| format.streamed(&bytes[..cut]));
        let chunks = cuts
            .iter()
            .map(|&cut| format.chunked(&bytes[..cut], bytes.len()));
        let peer = RawPeer::start(answers.chain(chunks)).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        let mut answered = 0;
        for cut in cuts.iter().chain(&cuts) {
            let place = format!("{} cut at {cut} of {}", format.name, bytes.len());
            match ask_in_pieces(&*client).await.0 {
                Ok(response) => {
                    answered += 1;
                    assert_eq!(response.text, "Hello", "{place}");
                    assert_eq!(response.finish_reason, FinishReason::Stop, "{place}");
                }
                Err(error) => {
                    assert_eq!(error.retry, Retry::Transient, "{place}: {error}");
                    assert_eq!(error.kind, ClientErrorKind::Unreachable, "{place}: {error}");
                    let expected = "in the middle of its answer; is it overloaded or restarting?";
                    assert!(error.message.contains(expected), "{place}: {error}");
                }
            }
        }
        assert!(answered < cuts.len(), "{}: {answered}", format.name);
    }
}

/// Asks for an answer, whole and in pieces, of a peer that gives `answer` to
/// both, and checks both errors.
async fn check(
    format: &WireFormat,
    answer: impl Fn() -> Answer,
    (kind, retry): (ClientErrorKind, Retry),
    expected: &str,
) {
    let peer = RawPeer::start([answer(), answer()]).await;
    let client = format.client(&peer.base_url(), short);
    let whole = ask(&*client).await.expect_err("an error");
    let in_pieces = ask_in_pieces(&*client).await.0.expect_err("an error");
    for error in [&whole, &in_pieces] {
        check_error(error, format, (kind, retry), expected, &peer);
    }
    assert_eq!(peer.requests().len(), 2, "nothing is sent twice");
}

fn check_error(
    error: &ClientError,
    format: &WireFormat,
    (kind, retry): (ClientErrorKind, Retry),
    expected: &str,
    peer: &RawPeer,
) {
    let place = format!("{}{}", peer.base_url(), format.path);
    let message = error.message.replace(&place, "{place}");
    assert!(message.contains("{place}"), "{}: {error}", format.name);
    assert!(message.contains(expected), "{}: {error}", format.name);
    assert_eq!((error.kind, error.retry), (kind, retry), "{error}");
}

/// Times that nothing good reaches.
fn short(settings: HttpSettings) -> HttpSettings {
    settings.with_timeout(Duration::from_secs(30))
}

const MALFORMED: (ClientErrorKind, Retry) = (ClientErrorKind::MalformedReply, Retry::Transient);
const NEVER_RIGHT: (ClientErrorKind, Retry) = (ClientErrorKind::MalformedReply, Retry::Never);
const REFUSED: (ClientErrorKind, Retry) = (ClientErrorKind::Refused, Retry::Never);
const BROKEN: (ClientErrorKind, Retry) = (ClientErrorKind::Unreachable, Retry::Transient);

#[tokio::test]
async fn success_that_is_none() {
    for format in wire_formats() {
        let check_body = async |body: &[u8], outcome, expected: &str| {
            check(&format, || Answer::ok(body), outcome, expected).await;
        };
        check_body(b"", MALFORMED, "is empty").await;
        check_body(b"Hello!", MALFORMED, "is not JSON").await;
        check_body(b"[]", MALFORMED, "is `base_url` the address of").await;
        check_body(b"{\"a\"", MALFORMED, "is JSON that is cut off").await;
        check_body(b"{\"caf\xe9\": 1}", MALFORMED, "is not valid UTF-8").await;
        let page = b"<!doctype html><title>Sign in</title>";
        check_body(page, MALFORMED, "an HTML page titled `Sign in`").await;
        let full = br#"{"error":{"message":"slow down","code":429}}"#;
        let limited = (
            ClientErrorKind::RateLimited,
            Retry::RateLimited { after: None },
        );
        check_body(full, limited, "slow down").await;
        let answer = || {
            let headers = ["content-type: text/html"];
            Answer::reply("200 OK", &headers, page)
        };
        check(&format, answer, MALFORMED, "an HTML page titled `Sign in`").await;
        let broken = br#"{"error":"no GPU left"}"#;
        check_body(broken, MALFORMED, "no GPU left").await;
    }
}

#[tokio::test]
async fn connections_that_break() {
    for format in wire_formats() {
        let body = format.document;
        let half = &body[..body.len() / 2];
        let head = |length: usize| {
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n"
            )
        };
        let closed = "closed the connection in the middle of its answer";
        let longer = head(body.len() + 9) + body;
        let answer = || Answer::Close(longer.clone().into_bytes());
        check(&format, answer, BROKEN, closed).await;
        let disconnected = head(body.len()) + half;
        let answer = || Answer::Close(disconnected.clone().into_bytes());
        check(&format, answer, BROKEN, closed).await;
        let shorter = head(half.len()) + body;
        let answer = || Answer::Close(shorter.clone().into_bytes());
        check(&format, answer, MALFORMED, "is JSON that is cut off").await;
        let nothing = "closed the connection before it answered";
        check(&format, || Answer::Close(Vec::new()), BROKEN, nothing).await;
    }
}

#[tokio::test]
async fn bodies_without_end() {
    for format in wire_formats() {
        let head = |more: &str| format!("HTTP/1.1 200 OK\r\n{more}\r\n\r\n").into_bytes();
        let expected = "answered with more than the 67108864 bytes that are read";
        let answer = || Answer::Flood(head("transfer-encoding: chunked"));
        check(&format, answer, NEVER_RIGHT, expected).await;
    }
}

#[tokio::test]
async fn compressed_bodies() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
    let headers = ["content-type: application/json", "content-encoding: gzip"];
    for format in wire_formats() {
        let answer = || Answer::reply("200 OK", &headers, gzip);
        let expected = "with a body compressed as `gzip`, though none was asked for; turn";
        check(&format, answer, NEVER_RIGHT, expected).await;
        // What the status says counts.
        let answer = || Answer::reply("503 Service Unavailable", &headers, gzip);
        let failed = (ClientErrorKind::Server, Retry::Transient);
        let expected = "answered 503 Service Unavailable: a body compressed as `gzip`; the server";
        check(&format, answer, failed, expected).await;
        // The whole answer, said to be as it is.
        let headers = [
            "content-type: application/json",
            "content-encoding: identity",
        ];
        let peer = RawPeer::start([Answer::reply("200 OK", &headers, format.document)]).await;
        let client = format.client(&peer.base_url(), short);
        ask(&*client).await.expect("an answer");
        let request = peer.requests().remove(0);
        assert!(!request.contains("accept-encoding"), "{request}");
    }
}

#[tokio::test]
async fn redirects_and_refusals() {
    for format in wire_formats() {
        let location = [&*format!("location: http://elsewhere/?key={KEY}")];
        let answer = || Answer::reply("307 Temporary Redirect", &location, "");
        check(&format, answer, REFUSED, "which is not followed").await;

        let error = if format.name == "ollama" {
            r#"{"error":"no such thing"}"#
        } else {
            r#"{"type":"error","error":{"type":"some_error","message":"no such thing"}}"#
        };
        for (status, outcome) in [
            ("400 Bad Request", REFUSED),
            (
                "401 Unauthorized",
                (ClientErrorKind::Authentication, Retry::Never),
            ),
            ("404 Not Found", REFUSED),
            ("413 Payload Too Large", REFUSED),
            (
                "500 Internal Server Error",
                (ClientErrorKind::Server, Retry::Transient),
            ),
            (
                "529 Overloaded",
                (ClientErrorKind::Server, Retry::Transient),
            ),
        ] {
            let answer = || Answer::reply(status, &[], error);
            let status = status.split(' ').next().unwrap_or_default();
            let expected = format!("{{place}} answered {status}");
            check(&format, answer, outcome, &expected).await;
            check(&format, answer, outcome, ": no such thing; ").await;
        }
        let headers = ["retry-after: 3", "x-ratelimit-remaining-tokens: 0"];
        let answer = || Answer::reply("429 Too Many Requests", &headers, error);
        let after = Some(Duration::from_secs(3));
        let limited = (ClientErrorKind::RateLimited, Retry::RateLimited { after });
        check(&format, answer, limited, "it is full").await;
    }
}

#[tokio::test]
async fn limits_come_with_refusals_too() {
    for format in wire_formats() {
        let headers = [
            "date: Sun, 06 Nov 1994 08:49:37 GMT",
            "anthropic-ratelimit-input-tokens-remaining: 0",
            "anthropic-ratelimit-input-tokens-reset: 1994-11-06T08:49:57Z",
        ];
        let peer = RawPeer::start([Answer::reply("429 Too Many Requests", &headers, "")]).await;
        let error = ask(&*format.client(&peer.base_url(), short)).await;
        let limits = error.expect_err("an error").rate_limits.expect("limits");
        assert_eq!(limits.input_tokens.remaining, Some(0));
        let whole_in = Some(Duration::from_secs(20));
        assert_eq!(limits.input_tokens.resets_in, whole_in);
    }
}

#[tokio::test]
async fn streams_that_fail() {
    for format in wire_formats() {
        let bytes = format.stream.as_bytes();
        let middle = format.stream.find("Hel").expect("a piece");
        let middle = middle + format.stream[middle..].find('\n').expect("its end") + 1;
        let broken = |piece: &[u8]| {
            let pieces = [&bytes[..middle], b"\r\n", piece].concat();
            format.streamed(pieces)
        };
        let check_piece = async |piece: &[u8], (kind, retry), expected: &str| {
            let peer = RawPeer::start([broken(piece)]).await;
            let client = format.client(&peer.base_url(), short);
            let (outcome, pieces) = ask_in_pieces(&*client).await;
            let error = outcome.expect_err("an error");
            check_error(&error, &format, (kind, retry), expected, &peer);
            assert_eq!(pieces, ["(Hm.)", "Hel"], "{}", format.name);
        };
        let failed = if format.name == "ollama" {
            MALFORMED
        } else {
            (ClientErrorKind::Server, Retry::Transient)
        };
        check_piece(format.failure.as_bytes(), failed, "out of memory").await;
        check_piece(b"data: Hello!\n\nHello!\n", MALFORMED, "is not JSON").await;
        let not_utf8 = b"data: {\"caf\xe9\": 1}\n\n{\"caf\xe9\": 1}\n";
        check_piece(not_utf8, MALFORMED, "is not valid UTF-8").await;
    }
}

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn silence_and_dripping() {
    for format in wire_formats() {
        let late = (ClientErrorKind::Timeout, Retry::Transient);
        let middle = format.stream.find("Hel").expect("a piece");
        let Answer::Close(half) = format.streamed(&format.stream.as_bytes()[..middle]) else {
            unreachable!("it closes the connection");
        };
        let peer = RawPeer::start([Answer::Hang(half)]).await;
        let client = format.client(&peer.base_url(), |settings| {
            settings.with_idle_timeout(SOON)
        });
        let error = ask_in_pieces(&*client).await.0.expect_err("an error");
        let expected = "then sent nothing for 0.05 s; raise the endpoint's `idle_timeout`";
        check_error(&error, &format, late, expected, &peer);

        // A byte now and then is no silence, but has an end as well.
        let drip = Answer::Drip(format.stream.as_bytes().to_vec(), SOON / 10);
        let peer = RawPeer::start([drip]).await;
        let client = format.client(&peer.base_url(), |settings| {
            settings
                .with_timeout(SOON * 6)
                .with_idle_timeout(Duration::from_secs(10))
        });
        let error = ask_in_pieces(&*client).await.0.expect_err("an error");
        let expected = "did not finish within 0.3 s";
        check_error(&error, &format, late, expected, &peer);
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_closes_its_connection() {
    for format in wire_formats() {
        let Answer::Close(head) = format.streamed("") else {
            unreachable!("it closes the connection");
        };
        let peer = RawPeer::start([Answer::Hang(head)]).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        {
            let call = ask_in_pieces(&*client);
            tokio::pin!(call);
            while peer.requests().is_empty() {
                tokio::select! {
                    _ = &mut call => unreachable!("the peer says nothing"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        while peer.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// `ask` and `ask_in_pieces` fail if an error holds the key; here servers send
/// it back, and another secret with it.
#[tokio::test]
async fn secrets_are_never_repeated() {
    const OTHER: &str = "tok-9876543210";
    for format in wire_formats() {
        let echo = format!("{KEY} {OTHER}");
        let id = [&*format!("x-request-id: {echo}"), "request-id: x"];
        let location = [&*format!(
            "location: http://elsewhere/?key={KEY}&token={OTHER}"
        )];
        let piece = format.failure.replace("out of memory", &echo);
        let answers = || {
            [
                Answer::reply("401 Unauthorized", &[], format!(r#"{{"error":"{echo}"}}"#)),
                Answer::reply("400 Bad Request", &id, format!("you sent {echo}")),
                Answer::reply("302 Found", &location, ""),
                Answer::ok(format!(r#"{{"error":{{"message":"{echo}"}}}}"#)),
                Answer::ok(format!(r#"{{"model": ["{echo}"]}}"#)),
                format.streamed(&piece),
                format.streamed(format!("data: {echo}\n\n{echo}\n")),
            ]
        };
        let peer = RawPeer::start(answers().into_iter().chain(answers())).await;
        let client = format.client(&peer.base_url(), |settings| {
            settings.with_header("x-token", OTHER.into())
        });
        let check = |outcome: Result<LlmResponse, ClientError>| {
            let error = outcome.expect_err("an error").message;
            let is_clean = !error.contains("0123456789") && !error.contains(OTHER);
            assert!(is_clean, "{}: {error}", format.name);
            assert!(error.contains("[key]"), "{}: {error}", format.name);
        };
        for _ in answers() {
            check(ask(&*client).await);
        }
        for _ in answers() {
            check(ask_in_pieces(&*client).await.0);
        }
    }
}

/// A time that is as long as can be written does no harm.
#[tokio::test]
async fn times_without_end() {
    for format in wire_formats() {
        let answers = [Answer::ok(format.document), format.streamed(format.stream)];
        let peer = RawPeer::start(answers).await;
        let client = format.client(&peer.base_url(), |settings| {
            settings
                .with_timeout(Duration::MAX)
                .with_first_byte_timeout(Duration::MAX)
                .with_idle_timeout(Duration::MAX)
        });
        ask(&*client).await.expect("an answer");
        ask_in_pieces(&*client).await.0.expect("an answer");
    }
}

/// What people read of the commonest failures, in every format.
#[tokio::test]
async fn sentences() {
    let mut told = Vec::new();
    for format in wire_formats() {
        let bytes = format.stream.as_bytes();
        let failure = format.failure;
        let answers = [
            Answer::reply("401 Unauthorized", &[], r#"{"error":"no such key"}"#),
            Answer::reply("404 Not Found", &[], r#"{"error":"no such model"}"#),
            Answer::reply("503 Service Unavailable", &[], "<html><title>Down</title>"),
            Answer::ok("<html><title>It works!</title>"),
            Answer::ok("{}"),
            Answer::reply(
                "200 OK",
                &["content-type: text/html"],
                "<html><title>It works!</title>",
            ),
            format.streamed(&bytes[..bytes.len() / 2]),
            format.streamed(failure),
        ];
        let whole = 5;
        let count = answers.len();
        let peer = RawPeer::start(answers).await;
        let client = format.client(&peer.base_url(), |settings| settings);
        told.push(format!("{}:", format.name));
        for number in 0..count {
            let outcome = if number < whole {
                ask(&*client).await
            } else {
                ask_in_pieces(&*client).await.0
            };
            let error = outcome.expect_err("an error");
            let message = error.message.replace(&peer.base_url(), "http://PEER/v1");
            told.push(format!("[{}] {message}", error.kind.as_str()));
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}
