//! Pipelines with control flow, over HTTP: calls that were not chosen are not
//! made. `ROUTER_INPUTS=n` says over how many inputs.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::command::{Server, Workplace, results};

/// A router: one call for a bug's words each, two behind each other for a
/// question, so many in a loop for an idea, none for the rest.
const ROUTER: &str = r#"
version: 1
name: router
input: { kind: string, text: string, words: [string], urgent: boolean }
nodes:
  reply:
    match: input.kind
    cases:
      bug:
        nodes:
          causes:
            map: input.words
            as: word
            nodes: { cause: { llm: fast, prompt: "cause {word}" } }
            output: cause
        output: causes
      question:
        nodes:
          answer: { llm: fast, prompt: "answer {input.text}" }
          checked: { llm: smart, prompt: "checked {answer}" }
        output: checked
      idea:
        nodes:
          revised:
            repeat: input.text
            as: draft
            max: 5
            nodes:
              better: { llm: smart, prompt: "{draft}!" }
              done: { compute: ends_with, input: [better, { $value: "!!!" }] }
            until: done
            output: better
        output: revised.state
    default: { output: { $value: "thanks" } }
  call_back:
    if: input.urgent
    then:
      nodes: { soon: { llm: fast, prompt: "soon {input.text}" } }
      output: soon
    else: { output: { $value: "later" } }
output: [reply, call_back]
"#;

/// An input, what it comes to where answers are echoes, and its calls.
fn input(number: usize) -> (Json, Json, usize) {
    let text = format!("text {number}");
    let words: Vec<String> = (0..number / 4 % 4)
        .map(|word| format!("{number}.{word}"))
        .collect();
    let kind = ["bug", "question", "idea", "praise"][number % 4];
    let is_urgent = number.is_multiple_of(3);
    let (reply, calls) = match kind {
        "bug" => {
            let causes = words.iter().map(|word| format!("cause {word}"));
            (causes.collect::<Vec<_>>().into(), words.len())
        }
        "question" => (format!("checked answer {text}").into(), 2),
        "idea" => (format!("{text}!!!").into(), 3),
        _ => (json!("thanks"), 0),
    };
    let call_back = if is_urgent {
        format!("soon {text}")
    } else {
        "later".to_owned()
    };
    (
        json!({"kind": kind, "text": text, "words": words, "urgent": is_urgent}),
        json!([reply, call_back]),
        calls + usize::from(is_urgent),
    )
}

#[test]
fn exactly_the_calls_of_chosen_arms_are_made() {
    let inputs = std::env::var("ROUTER_INPUTS").ok();
    let inputs: usize = inputs.map_or(1_000, |inputs| inputs.parse().expect("a number"));
    let server = Server::start("--answer echo");
    let workplace = Workplace::new();
    workplace.write("router.yaml", ROUTER);
    workplace.write_resources(&server.url);
    let mut lines = String::new();
    let mut expected = 0;
    for number in 0..inputs {
        let (input, _, calls) = input(number);
        let _ = writeln!(lines, "{input}");
        expected += calls;
    }
    workplace.write("inputs.jsonl", lines);
    let line =
        "run router.yaml --input inputs.jsonl --resources resources.yaml --preserve-order --json";
    let ended = workplace.inf(line);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(server.stats()["calls"], expected);
    let summary: Json = serde_json::from_str(&ended.stderr).expect("JSON");
    assert_eq!(summary["calls"], expected);
    let results = results(&ended.stdout);
    assert_eq!(results.len(), inputs);
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result["output"], input(number).1, "input {number}");
    }
}

#[test]
fn an_error_says_where_it_was() {
    let server = Server::start("--answer echo --faults 1");
    let workplace = Workplace::new();
    workplace.write("router.yaml", ROUTER);
    workplace.write_resources(&server.url);
    workplace.write("inputs.jsonl", format!("{}\n", input(4).0));
    let line = "run router.yaml --input inputs.jsonl --resources resources.yaml --max-retries 0";
    let ended = workplace.inf(line);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let results = results(&ended.stdout);
    let error = &results[0]["error"];
    assert_eq!(error["node"], "cause");
    assert_eq!(error["path"], "reply/bug/causes[0]/cause");
}
