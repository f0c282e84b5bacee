//! The OpenAI-compatible client against a server that answers as told.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::openai::Dialect;
use inf_engine::clients::{
    ClientErrorKind, FinishReason, LlmClient, LlmRequest, OutputSchema, Retry, Usage,
};
use inf_engine::conversation::{Message, Role};
use serde_json::json;

use crate::support::{Answer, KEY, RawPeer, ask, client, client_with};

const HELLO: &str = r#"{
    "model": "test-model-2026",
    "choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2,
              "prompt_tokens_details": {"cached_tokens": 4}}
}"#;

#[tokio::test]
async fn a_good_answer() {
    let headers = ["x-request-id: req_7"];
    let peer = RawPeer::start([Answer::reply("200 OK", &headers, HELLO)]).await;
    let client = client_with(&peer.base_url(), |settings| {
        settings.with_header("x-team", "blue-team".into())
    });
    let response = ask(&client).await.expect("an answer");

    assert_eq!(response.text, "Hello");
    assert_eq!(response.finish_reason, FinishReason::Stop);
    assert_eq!(response.model, "test-model-2026");
    assert_eq!(response.request_id.as_deref(), Some("req_7"));
    let mut usage = Usage::new(9, 2);
    usage.cached_tokens = 4;
    assert_eq!(response.usage, usage);
    assert!(response.timings.first_byte <= response.timings.total);
    assert!(response.timings.first_byte > Duration::ZERO);

    let requests = peer.requests();
    let (head, _) = requests[0].split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /v1/chat/completions HTTP/1.1"));
    for header in [
        &format!("authorization: Bearer {KEY}"),
        "content-type: application/json",
        "x-team: blue-team",
    ] {
        assert!(lines.clone().any(|line| line == header), "{head}");
    }
}

#[tokio::test]
async fn a_typed_request() {
    let mut request = LlmRequest::from_messages([
        Message::new(Role::System, "Extract."),
        Message::new(Role::User, "Ann is 7."),
    ]);
    request.temperature = Some(0.5);
    request.max_tokens = Some(64);
    request.stop = vec!["END".to_owned()];
    request.output_schema = Some(Arc::new(OutputSchema {
        name: "Person".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"]
        }),
    }));
    let bounds = [
        (Dialect::OpenAi, "max_completion_tokens"),
        (Dialect::Compatible, "max_tokens"),
    ];
    for (dialect, bound) in bounds {
        let peer = RawPeer::start([Answer::ok(HELLO)]).await;
        let client = client(&peer.base_url()).with_dialect(dialect);
        client.send(&request).await.expect("an answer");
        let expected = json!({
            "model": "test-model",
            "messages": [
                {"role": "system", "content": "Extract."},
                {"role": "user", "content": "Ann is 7."}
            ],
            "temperature": 0.5,
            bound: 64,
            "stop": ["END"],
            "response_format": {"type": "json_schema", "json_schema": {
                "name": "Person",
                "strict": true,
                "schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                    "additionalProperties": false
                }
            }}
        });
        assert_eq!(peer.only_body(), expected);
    }
}

#[tokio::test]
async fn calls_share_a_connection() {
    let refusal = Answer::reply("429 Too Many Requests", &[], "{}");
    let answers = [Answer::ok(HELLO), refusal, Answer::ok(HELLO)];
    let peer = RawPeer::start(answers).await;
    let client = client(&peer.base_url());
    ask(&client).await.expect("an answer");
    ask(&client).await.expect_err("a refusal");
    ask(&client).await.expect("an answer");
    assert_eq!(peer.requests().len(), 3);
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_dropped_is_replaced() {
    let Answer::Bytes(hello) = Answer::ok(HELLO) else {
        unreachable!("an answer is bytes");
    };
    let peer = RawPeer::start([Answer::Close(hello), Answer::ok(HELLO)]).await;
    let client = client(&peer.base_url());
    ask(&client).await.expect("an answer");
    // Whether the client hears of it before it sends or only then is up to the
    // network: then the call fails for a passing reason, and the next is fine.
    if let Err(error) = ask(&client).await {
        assert_eq!(error.retry, Retry::Transient);
        ask(&client).await.expect("an answer");
    }
    assert_eq!(peer.connections(), 2);
}

/// Answers with `status`, `headers` and `body` and checks the error;
/// `{place}` in `expected` stands for the address of the completions.
async fn check(
    (status, headers, body): (&str, &[&str], &str),
    (kind, retry): (ClientErrorKind, Retry),
    expected: &str,
) {
    let peer = RawPeer::start([Answer::reply(status, headers, body)]).await;
    let error = ask(&client(&peer.base_url())).await.expect_err("an error");
    let place = format!("{}/chat/completions", peer.base_url());
    assert_eq!(error.message, expected.replace("{place}", &place));
    assert_eq!((error.kind, error.retry), (kind, retry), "{error}");
}

#[tokio::test]
async fn refusals() {
    let refused = (ClientErrorKind::Refused, Retry::Never);
    let denied = (ClientErrorKind::Authentication, Retry::Never);
    check(
        (
            "400 Bad Request",
            &["x-request-id: req_7"],
            r#"{"error":{"message":"too long","code":"x"}}"#,
        ),
        refused,
        "{place} answered 400 Bad Request: too long; check the prompt, the sampling settings and \
         the output schema (request req_7)",
    )
    .await;
    check(
        (
            "401 Unauthorized",
            &[],
            r#"{"error":{"message":"Incorrect API key provided"}}"#,
        ),
        denied,
        "{place} answered 401 Unauthorized: Incorrect API key provided; check the key in \
         `TEST_KEY`",
    )
    .await;
    check(
        ("403 Forbidden", &[], r#"{"message":"not for you"}"#),
        denied,
        "{place} answered 403 Forbidden: not for you; check the key in `TEST_KEY`; may it use \
         `test-model`?",
    )
    .await;
    check(
        ("404 Not Found", &[], r#"{"detail":"Not Found"}"#),
        refused,
        "{place} answered 404 Not Found: Not Found; check `model` (`test-model`) and `base_url`",
    )
    .await;
    check(
        (
            "422 Unprocessable Entity",
            &[],
            r#"{"error":"stop: too many","error_type":"validation"}"#,
        ),
        refused,
        "{place} answered 422 Unprocessable Entity: stop: too many; check the prompt, the \
         sampling settings and the output schema",
    )
    .await;
}

#[tokio::test]
async fn a_full_server() {
    let full = "{place} answered 429 Too Many Requests: slow down; it is full; lower the \
                endpoint's limits if this goes on";
    let waits: [(&[&str], Option<u64>); 5] = [
        (&[], None),
        (&["retry-after: 3"], Some(3000)),
        (&["retry-after-ms: 250", "retry-after: 1"], Some(250)),
        (
            &[
                "date: Sun, 06 Nov 1994 08:49:37 GMT",
                "retry-after: Sun, 06 Nov 1994 08:49:42 GMT",
            ],
            Some(5000),
        ),
        (&["retry-after: tomorrow"], None),
    ];
    for (headers, wait) in waits {
        let after = wait.map(Duration::from_millis);
        check(
            (
                "429 Too Many Requests",
                headers,
                r#"{"error":{"message":"slow down","code":429}}"#,
            ),
            (ClientErrorKind::RateLimited, Retry::RateLimited { after }),
            full,
        )
        .await;
    }
    check(
        (
            "429 Too Many Requests",
            &["retry-after: 3"],
            r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#,
        ),
        (ClientErrorKind::Refused, Retry::Never),
        "{place} answered 429 Too Many Requests: You exceeded your current quota; the account has \
         nothing left to spend, so that waiting does not help; check its plan and billing",
    )
    .await;
}

#[tokio::test]
async fn a_failing_server() {
    let failed = "the server failed; it may be tried again";
    check(
        ("500 Internal Server Error", &[], ""),
        (ClientErrorKind::Server, Retry::Transient),
        &format!("{{place}} answered 500 Internal Server Error: an empty body; {failed}"),
    )
    .await;
    check(
        (
            "502 Bad Gateway",
            &[],
            "<html><head><title>502 Bad Gateway</title></head></html>",
        ),
        (ClientErrorKind::Server, Retry::Transient),
        &format!(
            "{{place}} answered 502 Bad Gateway: an HTML page titled `502 Bad Gateway`; {failed}"
        ),
    )
    .await;
    let after = Some(Duration::from_secs(2));
    let waits: [(&[&str], Retry); 2] = [
        (&[], Retry::Transient),
        (&["retry-after: 2"], Retry::RateLimited { after }),
    ];
    for (headers, retry) in waits {
        check(
            (
                "503 Service Unavailable",
                headers,
                r#"{"error":{"message":"loading"}}"#,
            ),
            (ClientErrorKind::Server, retry),
            &format!("{{place}} answered 503 Service Unavailable: loading; {failed}"),
        )
        .await;
    }
}

#[tokio::test]
async fn an_error_with_status_200() {
    check(
        ("200 OK", &[], r#"{"error":{"message":"no GPU left"}}"#),
        (ClientErrorKind::MalformedReply, Retry::Transient),
        "{place} answered 200 OK but reported an error instead of an answer: no GPU left; its log \
         may say why",
    )
    .await;
    check(
        (
            "200 OK",
            &["retry-after: 1"],
            r#"{"error":{"message":"slow down","code":429}}"#,
        ),
        (
            ClientErrorKind::RateLimited,
            Retry::RateLimited {
                after: Some(Duration::from_secs(1)),
            },
        ),
        "{place} answered 429 Too Many Requests: slow down; it is full; lower the endpoint's \
         limits if this goes on",
    )
    .await;
}

#[tokio::test]
async fn the_key_is_never_repeated() {
    // `ask` fails if an error holds the key; here servers send it back in every
    // way, at the cut of an excerpt too.
    let padding = "x".repeat(290);
    let escaped = KEY.replace('/', "\\/");
    let location = format!("location: http://elsewhere/?key={KEY}");
    let answers = [
        Answer::reply(
            "401 Unauthorized",
            &[],
            format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#),
        ),
        Answer::reply(
            "401 Unauthorized",
            &[],
            format!(r#"{{"error":{{"message":"{escaped}"}}}}"#),
        ),
        Answer::reply("400 Bad Request", &[], format!("you sent {KEY}")),
        Answer::reply("400 Bad Request", &[], format!(r#"{{"sent":"{escaped}"}}"#)),
        Answer::reply("400 Bad Request", &[], format!("{padding} {KEY}")),
        Answer::reply("500 Oops", &[], format!("<html><title>{KEY}</title>")),
        Answer::reply("302 Found", &[&location], ""),
        Answer::reply("500 Oops", &[&format!("x-request-id: {KEY}")], ""),
        Answer::ok(format!(r#"{{"choices": "{KEY}"}}"#)),
        Answer::ok(format!(r#"{{"error": "{KEY}"}}"#)),
    ];
    let count = answers.len();
    let peer = RawPeer::start(answers).await;
    let client = client(&peer.base_url());
    for number in 0..count {
        let message = ask(&client).await.expect_err("an error").message;
        assert!(
            !message.contains("0123456789") && !message.contains("sk-te"),
            "{message}"
        );
        assert!(message.contains("[key]") || number == 4, "{message}");
    }
    assert!(!format!("{client:?}").contains("0123456789"));
}
