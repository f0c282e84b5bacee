//! `inf init`: what it writes works, as it says.

use insta::assert_snapshot;
use serde_json::Value as Json;

use crate::command::{Workplace, results};

/// The commands that `inf init` tells to type next.
fn next_commands(told: &str) -> Vec<&str> {
    told.lines()
        .filter_map(|line| line.strip_prefix("  "))
        .collect()
}

#[test]
fn what_it_says_can_be_done() {
    let workplace = Workplace::new();
    let ended = workplace.inf("init demo");
    assert_snapshot!("init", ended.shown());
    let commands = next_commands(&ended.stderr);
    assert_eq!(commands[0], "cd demo");
    for command in &commands[1..] {
        let line = command.strip_prefix("inf ").expect("a command of `inf`");
        let mut run = workplace.command(line);
        let run = run
            .current_dir(workplace.path("demo"))
            .output()
            .expect("the binary runs");
        let told = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "{command}\n{told}");
        assert!(!told.contains("warning"), "{command}\n{told}");
    }
    let written = results(&workplace.read("demo/results.jsonl"));
    assert_eq!(written.len(), 12);
    assert_eq!(written[1]["output"]["sentiment"], "negative");
}

/// The simulated model is right about most reviews, so that there is something to see.
#[test]
fn the_evaluation_has_something_to_show() {
    let workplace = Workplace::new();
    workplace.inf("init demo");
    let line = "eval demo/pipeline.yaml --input demo/inputs.jsonl --resources demo/resources.yaml \
                --expect sentiment --field sentiment --json";
    let report: Json = serde_json::from_str(&workplace.inf(line).stdout).expect("JSON");
    let score = report["score"].as_f64().expect("a score");
    assert!((0.5..1.0).contains(&score), "{report}");
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let workplace = Workplace::new();
    // A pipeline is there, and nothing else.
    let ended = workplace.inf("init");
    workplace.write("file", "x");
    let in_a_file = workplace.inf("init file");
    let below_a_file = workplace.inf("init file/demo");
    let told = [ended, in_a_file, below_a_file].map(|ended| ended.shown());
    assert_snapshot!("init_refused", told.join("\n"));
    assert_eq!(workplace.read("pipeline.yaml"), crate::command::COMPARE);
    assert!(!workplace.path("resources.yaml").exists());
    assert!(!workplace.path("inputs.jsonl").exists());
}

/// Each of the endpoints that are commented out fits the pipeline once it is not.
#[test]
fn every_provider_in_the_comments_can_be_chosen() {
    let workplace = Workplace::new();
    workplace.inf("init demo");
    let resources = workplace.read("demo/resources.yaml");
    let mut blocks: Vec<String> = Vec::new();
    let mut is_inside = false;
    for line in resources.lines() {
        let text = line.strip_prefix("# ").filter(|_| line.starts_with('#'));
        match text {
            Some("endpoints:") => {
                is_inside = true;
                blocks.push("endpoints:\n".into());
            }
            Some(text) if is_inside => {
                let block = blocks.last_mut().expect("a block");
                block.push_str(text);
                block.push('\n');
            }
            _ => is_inside = false,
        }
    }
    assert_eq!(blocks.len(), 4, "{blocks:?}");
    for block in blocks {
        workplace.write("demo/chosen.yaml", &block);
        let checked = workplace
            .command("check demo/pipeline.yaml --resources demo/chosen.yaml")
            .env("OPENAI_API_KEY", "sk-test")
            .env("ANTHROPIC_API_KEY", "sk-test")
            .output()
            .expect("the binary runs");
        let told = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(0), "{block}\n{told}");
    }
}
