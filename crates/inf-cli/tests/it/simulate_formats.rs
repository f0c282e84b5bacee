//! What `inf simulate` says in each wire format.

use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use crate::command::{Server, Workplace};

/// One question in the words of each format, with a tool and thoughts.
fn asked_of_each_format() -> [(&'static str, Json); 4] {
    let schema = json!({"type": "object", "properties": {"n": {"const": 7}}, "required": ["n"]});
    let chat = json!({"role": "user", "content": "Look: it rains."});
    let function = json!({"name": "look", "description": "Looks.", "parameters": schema});
    let tool = json!({"type": "function", "function": function});
    let mut flat = function.clone();
    flat["type"] = "function".into();
    [
        (
            "/v1/chat/completions",
            json!({
                "model": "m", "messages": [chat], "reasoning_effort": "minimal",
                "tools": [tool], "stream_options": {"include_usage": true},
            }),
        ),
        (
            "/v1/responses",
            json!({
                "model": "m", "input": [chat], "tools": [flat],
                "reasoning": {"effort": "minimal", "summary": "auto"},
                "include": ["reasoning.encrypted_content"],
            }),
        ),
        (
            "/v1/messages",
            json!({
                "model": "m", "messages": [chat], "max_tokens": 1500,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "tools": [{"name": "look", "input_schema": schema}],
            }),
        ),
        (
            "/api/chat",
            json!({
                "model": "m", "messages": [chat], "tools": [tool], "think": "low",
            }),
        ),
    ]
}

const LOOK: &str = r#"
answer:
  script:
    rules:
      - contains: Look
        answer: "I look."
        tool_calls: [{ name: look, arguments: { n: 7 } }]
"#;

/// The text without the times in it.
fn timeless(text: &str) -> String {
    let mut shown = String::new();
    for piece in text.split_inclusive([',', '}']) {
        let is_time = ["\"created", "\"created_at"].iter();
        let at = is_time.filter_map(|key| piece.find(key)).min();
        match at.and_then(|at| Some((at, piece[at..].find(':')?))) {
            Some((at, colon)) => {
                let end = if piece.ends_with('}') { "}" } else { "," };
                // A time of day has colons itself, and no comma or brace.
                shown.extend([&piece[..=at + colon], "[time]", end]);
            }
            None => shown.push_str(piece),
        }
    }
    shown
}

#[test]
fn each_format_has_its_own_words() {
    let workplace = Workplace::new();
    workplace.write("look.yaml", LOOK);
    let file = workplace.path("look.yaml");
    let server = Server::start(&format!("--settings {}", file.display()));
    let mut told = Vec::new();
    for (path, mut body) in asked_of_each_format() {
        for stream in [false, true] {
            body["stream"] = stream.into();
            let (head, answer) = server.request("POST", path, &body.to_string());
            let media_type = head.lines().find(|line| line.starts_with("content-type"));
            let answer = if stream { plain(&answer) } else { answer };
            told.push(format!(
                "POST {path} stream: {stream}\n{}\n{}\n\n",
                media_type.unwrap_or(&head),
                timeless(answer.trim_end()),
            ));
        }
    }
    assert_snapshot!("simulate_formats", told.concat());
}

/// A body in chunks, without the sizes of these.
fn plain(chunked: &str) -> String {
    let is_size = |line: &str| u32::from_str_radix(line, 16).is_ok() && line.len() < 8;
    let lines = chunked.split("\r\n").filter(|line| !is_size(line));
    lines.collect()
}

#[test]
fn each_format_tells_errors_and_limits_in_its_own_way() {
    let server = Server::start("--quota 0.001 --burst 1 --token-quota 60000 --model m");
    let faulty = Server::start("--faults 1 --model m");
    let mut told = Vec::new();
    for (path, body) in asked_of_each_format() {
        let mut tell = |server: &Server, body: &Json| {
            let (head, answer) = server.request("POST", path, &body.to_string());
            let is_limit = |line: &&str| line.contains("ratelimit") || line.contains("retry-after");
            let limits: Vec<_> = head.lines().filter(is_limit).map(figureless).collect();
            let status = head.lines().next().unwrap_or_default();
            let limits = limits.join("\n");
            let answer = if status.contains("200") { "" } else { &answer };
            told.push(format!("POST {path}\n{status}\n{limits}\n{answer}\n\n"));
        };
        let mut other = body.clone();
        other["model"] = "other".into();
        tell(&server, &other);
        tell(&server, &json!({"model": "m"}));
        tell(&server, &body);
        tell(&faulty, &body);
    }
    let (_, nowhere) = server.request("GET", "/api/tags", "");
    told.push(nowhere);
    assert_snapshot!("simulate_errors", told.concat());
}

/// A header without figures that depend on the clock.
fn figureless(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or_default();
    let depends = [
        "reset",
        "retry-after",
        "remaining-tokens",
        "tokens-remaining",
    ];
    if depends.iter().any(|part| name.contains(part)) {
        format!("{name}: [figure]")
    } else {
        format!("{name}:{value}")
    }
}
