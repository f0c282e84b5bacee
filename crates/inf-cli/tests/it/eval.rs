//! `inf eval`.

use insta::assert_snapshot;
use serde_json::Value as Json;

use crate::command::{Workplace, results};

const CLASSIFY: &str = r#"
version: 1
name: classify
input: { text: string }
parameters:
  rule: { value: "Classify.", description: "What to do." }
nodes:
  label: { llm: fast, system: "{parameters.rule}", prompt: "{input.text}" }
output: { label: label }
"#;

/// Sees only `bad` and `fine`, and refuses nothing.
const RESOURCES: &str = r#"
endpoints:
  fast:
    provider: simulated
    model: m
    simulated:
      answer:
        script:
          rules:
            - { system_contains: "Be sure.", answer: "negative" }
            - { contains: bad, answer: "negative" }
            - { contains: fine, answer: "positive" }
          otherwise: "Positive"
  judge:
    provider: simulated
    model: j
    simulated:
      answer:
        script:
          rules:
            - { contains: '"negative"}', answer: '{"critique": "Too harsh.", "score": 4}' }
            - { contains: "<output>", answer: '{"critique": "Well.", "score": 10}' }
"#;

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("classify.yaml", CLASSIFY);
    workplace.write("resources.yaml", RESOURCES);
    let lines = [
        r#"{"text": "bad food", "sentiment": "negative"}"#,
        r#"{"text": "fine food", "sentiment": "positive"}"#,
        r#"{"text": "nice food", "sentiment": "positive"}"#,
        r#"{"text": "not fine", "sentiment": "negative"}"#,
        r#"{"text": "so bad", "sentiment": "negative"}"#,
    ];
    workplace.write("labelled.jsonl", lines.join("\n"));
    workplace
}

const EVAL: &str = "eval classify.yaml --input labelled.jsonl --expect sentiment --resources resources.yaml --quiet";

#[test]
fn the_report_has_the_score_its_certainty_classes_and_the_worst() {
    let workplace = workplace();
    let ended = workplace.inf(&format!("{EVAL} --field label"));
    assert_snapshot!("eval_report", ended.shown());
    let ended = workplace.inf(&format!("{EVAL} --field label --ignore-case --worst 0"));
    assert_snapshot!("eval_ignoring_case", ended.shown());
    let ended = workplace.inf(&format!("{EVAL} --score contains --json"));
    assert_eq!(ended.code, Some(0));
    let mut report: Json = serde_json::from_str(&ended.stdout).expect("one line of JSON");
    report["seconds"] = "[redacted]".into();
    assert_snapshot!(
        "eval_json",
        serde_json::to_string_pretty(&report).expect("JSON")
    );
}

#[test]
fn a_line_for_each_example_is_written() {
    let workplace = workplace();
    let ended = workplace.inf(&format!("{EVAL} --field label --output scored.jsonl"));
    assert_eq!(ended.code, Some(0));
    let lines = results(&workplace.read("scored.jsonl"));
    assert_eq!(lines.len(), 5);
    assert_eq!(
        (&lines[0]["score"], &lines[2]["score"]),
        (&1.0.into(), &0.0.into())
    );
    assert_eq!(
        lines[2]["feedback"],
        "expected `positive`, and the output is `Positive`"
    );
    assert_eq!(lines[2]["output"]["label"], "Positive");
    let ended = workplace.inf(&format!("{EVAL} --output labelled.jsonl"));
    assert_eq!(ended.code, Some(2));
}

/// What was paid for is shown, whatever becomes of the file.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_does_not_take_the_report() {
    let ended = workplace().inf(&format!("{EVAL} --field label --output /dev/full"));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("score    0.6"), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("can't write /dev/full"),
        "{}",
        ended.stderr
    );
}

#[test]
fn other_parameters_give_another_score() {
    let workplace = workplace();
    workplace.write("sure.yaml", "rule: Be sure.\n");
    let score = |more: &str| -> Json {
        let ended = workplace.inf(&format!("{EVAL} --field label --json {more}"));
        let report: Json = serde_json::from_str(&ended.stdout).expect("one line of JSON");
        report["score"].clone()
    };
    assert_eq!(score(""), 0.6);
    assert_eq!(score("--params sure.yaml"), 0.6);
    assert_eq!(score("--params sure.yaml --limit 1"), 1.0);
    workplace.write("texts.jsonl", "{\"text\": \"fine\"}\n");
    let run = "run classify.yaml --input texts.jsonl --resources resources.yaml --quiet";
    let label = |more: &str| {
        workplace.inf(&format!("{run} {more}")).results()[0]["output"]["label"].clone()
    };
    assert_eq!(label(""), "positive");
    assert_eq!(label("--params sure.yaml"), "negative");
    workplace.write("wrong.yaml", "rul: Be sure.\n");
    let wrong = [
        workplace
            .inf(&format!("{EVAL} --field label --params wrong.yaml"))
            .shown(),
        workplace.inf(&format!("{run} --params wrong.yaml")).shown(),
        workplace.inf(&format!("{run} --params none.yaml")).shown(),
    ];
    assert_snapshot!("eval_wrong_parameters", wrong.join("\n"));
}

#[test]
fn a_model_judges() {
    let workplace = workplace();
    let judged = [
        "--score",
        "judge",
        "--judge",
        "judge",
        "--question",
        "Is it kind?",
    ];
    let mut command = workplace.command(EVAL);
    let output = command.args(judged).output().expect("the binary runs");
    assert_snapshot!("eval_judged", crate::command::Ended::of(output).shown());
    let mut command = workplace.command(&EVAL.replace("--resources resources.yaml ", ""));
    let output = command.args(judged).output().expect("the binary runs");
    assert_snapshot!("eval_no_judge", crate::command::Ended::of(output).shown());
}

#[test]
fn one_value_is_the_only_other_field_or_the_one_that_is_named() {
    let workplace = workplace();
    let echo = "version: 1\nname: echo\ninput: string\nnodes: {}\noutput: input\n";
    workplace.write("echo.yaml", echo);
    workplace.write("two.csv", "text,answer\nyes,yes\nno,yes\n");
    workplace.write("three.csv", "id,text,answer\n1,yes,yes\n2,no,yes\n");
    let score = |line: &str| {
        let ended = workplace.inf(&format!(
            "eval echo.yaml --expect answer --json --input {line}"
        ));
        let report: Json = serde_json::from_str(&ended.stdout).expect("one line of JSON");
        report["score"].clone()
    };
    assert_eq!(score("two.csv"), 0.5);
    assert_eq!(score("three.csv --input-field text"), 0.5);
    let ended = workplace.inf("eval echo.yaml --expect answer --input three.csv --quiet");
    assert_snapshot!("eval_which_field", ended.shown());
}

#[test]
fn mistakes_are_told_before_anything_is_called() {
    let workplace = workplace();
    workplace.write("none.jsonl", "");
    workplace.write(
        "half.jsonl",
        "{\"text\": \"a\", \"sentiment\": 1}\n{\"text\": \"b\"}\n\n[1]\n{\n{\"text\": 7, \"sentiment\": 1}\n{}\n",
    );
    let lines = [
        "--expect sentiment --input half.jsonl",
        "--expect sentiment --input none.jsonl",
        "--expect sentiment --input missing.jsonl",
        "--expect sentiment --input labelled.jsonl --score judge",
        "--expect sentiment --input labelled.jsonl --judge fast --question Why?",
        "--input labelled.jsonl",
        "--expect sentimnt --field label --input labelled.jsonl --limit 1",
        "--expect sentiment --field labl --input labelled.jsonl",
        "--expect sentiment --input labelled.jsonl",
        "--expect sentiment --input labelled.jsonl --input-field sentiment",
        "--expect sentiment --input labelled.jsonl --score judge --judge fast --question=",
        "--expect sentiment --input labelled.jsonl --score judge --judge nobody --question Why? --resources resources.yaml",
    ];
    let told = lines.map(|line| {
        let ended = workplace.inf(&format!("eval classify.yaml --quiet {line}"));
        assert_eq!(ended.code, Some(2), "{line}");
        format!("$ inf eval classify.yaml {line}\n{}", ended.shown())
    });
    assert_snapshot!("eval_mistakes", told.join("\n"));
}

#[test]
fn what_has_no_score_is_told_apart() {
    let workplace = workplace();
    let failing = "endpoints:\n  fast: { provider: simulated, model: m, max_retries: 0, simulated: { faults: { error_ratio: 1.0 } } }\n";
    workplace.write("failing.yaml", failing);
    let ended = workplace.inf(
        "eval classify.yaml --input labelled.jsonl --expect sentiment --field label --resources failing.yaml --quiet",
    );
    assert_snapshot!("eval_unscored", ended.shown());
    let ended = workplace.inf(&format!("{EVAL} --field label --budget-calls 3 --json"));
    assert_eq!(ended.code, Some(3));
    let report: Json = serde_json::from_str(&ended.stdout).expect("one line of JSON");
    assert_eq!(
        (&report["scored"], &report["calls"]),
        (&3.into(), &3.into())
    );
}
