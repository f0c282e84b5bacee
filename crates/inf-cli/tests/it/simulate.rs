//! `inf simulate`.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use crate::command::{Server, Workplace};

fn hello() -> Json {
    json!({"model": "any", "messages": [{"role": "user", "content": "Say hello. Twice."}]})
}

#[test]
fn a_chat_completion_as_openai_gives_it() {
    let server = Server::start("--answer echo");
    let (head, mut body) = server.complete(&hello());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("\r\nx-request-id: sim-"), "{head}");
    body["created"] = 0.into();
    assert_snapshot!(
        "simulate_completion",
        serde_json::to_string_pretty(&body).expect("JSON")
    );
}

#[test]
fn an_answer_in_pieces() {
    let server = Server::start("--answer echo --latency 1");
    let mut request = hello();
    request["stream"] = true.into();
    request["stream_options"] = json!({"include_usage": true});
    let (head, body) = server.request("POST", "/v1/chat/completions", &request.to_string());
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    let events: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    let [pieces @ .., "[DONE]"] = &events[..] else {
        panic!("{body}")
    };
    let pieces: Vec<Json> = pieces
        .iter()
        .map(|piece| serde_json::from_str(piece).expect("JSON"))
        .collect();
    let text: String = pieces
        .iter()
        .filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "Say hello. Twice.");
    assert_eq!(
        pieces[pieces.len() - 2]["choices"][0]["finish_reason"],
        "stop"
    );
    assert_eq!(pieces[pieces.len() - 1]["usage"]["prompt_tokens"], 5);
}

#[test]
fn who_finds_no_place_waits_for_one() {
    // Two calls of 100 ms at one place: the second is there after 200 ms.
    let server = Server::start("--capacity 1 --latency 100");
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert!(server.complete(&hello()).0.starts_with("HTTP/1.1 200")));
        }
    });
    assert!(start.elapsed() >= std::time::Duration::from_millis(200));
    assert_eq!(server.stats()["rate_limited"], 0);
}

#[test]
fn tokens_have_a_quota_too() {
    // A token comes back in a minute, which is after this test.
    let workplace = Workplace::new();
    workplace.write(
        "slow.yaml",
        "{ answer: echo, token_quota: { tokens_per_minute: 1, burst: 60 } }",
    );
    let file = workplace.path("slow.yaml");
    let server = Server::start(&format!("--settings {}", file.display()));
    let mut request = hello();
    request["max_tokens"] = 40.into();
    // 45 are taken, and 10 used: the second call finds 50.
    for left in [15, 5] {
        let (head, _) = server.complete(&request);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let header = format!("\r\nx-ratelimit-remaining-tokens: {left}\r\n");
        assert!(head.contains(&header), "{head}");
    }
    let (head, body) = server.complete(&request);
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("more than 1 tokens per minute"),
        "{message}"
    );
    request["max_tokens"] = 4000.into();
    assert!(server.complete(&request).0.starts_with("HTTP/1.1 400"));
}

#[test]
fn bounds_stops_and_schemas_shape_the_answer() {
    let server = Server::start("--answer echo");
    let content = |extra: (&str, Json)| {
        let mut request = hello();
        request[extra.0] = extra.1;
        let choice = server.complete(&request).1["choices"][0].clone();
        (
            choice["message"]["content"]
                .as_str()
                .expect("text")
                .to_owned(),
            choice["finish_reason"].clone(),
        )
    };
    assert_eq!(
        content(("max_tokens", 2.into())),
        ("Say hell".into(), json!("length"))
    );
    assert_eq!(
        content(("stop", "o".into())),
        ("Say hell".into(), json!("stop"))
    );
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "N", "schema": schema}});
    let (text, _) = content(("response_format", format));
    let answer: Json = serde_json::from_str(&text).expect("JSON");
    assert!(answer["n"].is_i64(), "{text}");
}

#[test]
fn what_is_asked_wrongly_is_refused_with_a_reason() {
    let server = Server::start("--model only");
    let requests = [
        ("POST", "/v1/chat/completions", "no JSON"),
        ("POST", "/v1/chat/completions", "{\"model\": \"only\"}"),
        (
            "POST",
            "/v1/chat/completions",
            "{\"model\": \"other\", \"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}",
        ),
        ("GET", "/v1/chat/completions", ""),
        ("GET", "/v1/completions", ""),
        ("GET", "/v1/models", ""),
        ("GET", "/stats", ""),
    ];
    let told = requests.map(|(method, path, body)| {
        let (head, answer) = server.request(method, path, body);
        let status = head.lines().next().unwrap_or_default();
        format!("{method} {path} {body}\n  {status}\n  {answer}\n")
    });
    assert_snapshot!("simulate_refusals", told.concat());
}

#[test]
fn a_quota_refuses_with_a_hint_how_long_to_wait() {
    let server = Server::start("--quota 0.001 --burst 1");
    assert!(server.complete(&hello()).0.starts_with("HTTP/1.1 200"));
    let (head, body) = server.complete(&hello());
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<u64>().ok())
            .expect(name)
    };
    let (seconds, milliseconds) = (header("retry-after: "), header("retry-after-ms: "));
    assert_eq!(seconds, milliseconds.div_ceil(1000));
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    assert_eq!(
        server.stats(),
        json!({"calls": 1, "rate_limited": 1, "faulted": 0, "rejected": 0})
    );

    let server = Server::start("--quota 0.001 --burst 1 --no-retry-hint");
    server.complete(&hello());
    assert!(!server.complete(&hello()).0.contains("retry-after"));
}

#[test]
fn faults_answer_500_and_disconnects_answer_nothing() {
    let server = Server::start("--faults 1");
    let (head, body) = server.complete(&hello());
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
    assert_eq!(body["error"]["type"], "server_error");
    let server = Server::start("--disconnects 1");
    assert_eq!(server.complete(&hello()), (String::new(), Json::Null));
    assert_eq!(server.stats()["faulted"], 1);
}

#[test]
fn settings_come_from_a_file_and_options_go_first() {
    let workplace = Workplace::new();
    workplace.write(
        "simulated.yaml",
        "answer: { template: 'from the file by {model}' }\nfaults: { error_ratio: 1 }\n",
    );
    let file = workplace.path("simulated.yaml");
    let server = Server::start(&format!(
        "--settings {} --faults 0 --model m",
        file.display()
    ));
    let mut request = hello();
    request["model"] = "m".into();
    let (_, body) = server.complete(&request);
    assert_eq!(
        body["choices"][0]["message"]["content"],
        "from the file by m"
    );
}

#[test]
fn wrong_settings_are_told() {
    let workplace = Workplace::new();
    workplace.write("typo.yaml", "latency: { median: 5 }\n");
    workplace.write("range.yaml", "faults: { error_ratio: 5 }\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let lines = [
        "--faults 2",
        "--faults 0.6 --disconnects 0.6",
        "--burst 5",
        "--quota 0",
        "--answer {promt}",
        "--token-quota 0",
        "--capacity 0",
        "--no-retry-hint",
        "--settings none.yaml",
        "--settings typo.yaml",
        "--settings range.yaml",
        &format!("--port {port}"),
    ];
    let told = lines.map(|line| {
        format!(
            "$ inf simulate {line}\n{}",
            workplace.inf(&format!("simulate {line}")).shown()
        )
    });
    assert_snapshot!(
        "simulate_wrong_settings",
        told.join("\n").replace(&port.to_string(), "[port]")
    );
}

#[cfg(unix)]
#[test]
fn it_ends_with_its_counts() {
    for signal in ["INT", "TERM"] {
        let server = Server::start("");
        server.complete(&hello());
        let told = "served 1 call, refused 0 over the quota, failed 0 on purpose, rejected 0 bad requests\n";
        assert_eq!(server.end(signal), (Some(0), told.to_owned()));
    }
}
