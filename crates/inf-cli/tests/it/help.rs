//! What the command says about itself.

use insta::assert_snapshot;

use crate::command::Workplace;

fn shown(line: &str) -> String {
    Workplace::new().inf(line).shown()
}

#[test]
fn help_of_every_command() {
    for command in [
        "",
        "run ",
        "eval ",
        "check ",
        "graph ",
        "simulate ",
        "journal ",
        "report ",
    ] {
        let name = format!("help_{}", command.trim());
        assert_snapshot!(name, shown(&format!("{command}--help")));
    }
}

#[test]
fn mistakes_in_arguments() {
    let lines = [
        "",
        "rnu pipeline.yaml",
        "run",
        "run pipeline.yaml --input x.jsonl --max-concurrent 0",
        "run pipeline.yaml --input x.jsonl --error-policy retry",
        "run pipeline.yaml --input x.jsonl --task-timeout -1",
        "run pipeline.yaml --input x.jsonl --task-timeout 1e300",
        "run pipeline.yaml --input x.jsonl --task-timeout nan",
        "run pipeline.yaml --input x.jsonl --hedge 5",
        "run pipeline.yaml --input x.jsonl --ouptut y",
        "graph pipeline.yaml --format svg",
        "simulate --host example.org",
    ];
    let told = lines.map(|line| format!("$ inf {line}\n{}", shown(line)));
    assert_snapshot!("mistakes_in_arguments", told.join("\n"));
}
