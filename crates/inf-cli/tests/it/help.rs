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
        "init ",
        "run ",
        "eval ",
        "check ",
        "graph ",
        "simulate ",
        "journal ",
        "report ",
        "completions ",
        "man ",
    ] {
        let name = format!("help_{}", command.trim());
        assert_snapshot!(name, shown(&format!("{command}--help")));
    }
}

/// A line break in a text that is wrapped leaves lines of one word.
#[test]
fn help_is_as_wide_as_the_terminal() {
    for command in [
        "",
        "init",
        "run",
        "eval",
        "check",
        "graph",
        "simulate",
        "journal",
        "completions",
        "man",
    ] {
        for width in ["60", "100"] {
            let line = format!("{command} --help");
            let workplace = Workplace::new();
            let mut told = workplace.command(&line);
            let told = told
                .env("COLUMNS", width)
                .output()
                .expect("the binary runs");
            let told = String::from_utf8(told.stdout).expect("UTF-8");
            let lines: Vec<&str> = told.lines().collect();
            for pair in lines.windows(2) {
                let is_torn = !pair[0].starts_with(' ')
                    && !pair[1].is_empty()
                    && !pair[1].starts_with(' ')
                    && pair[1].split(' ').count() == 1
                    && pair[1].ends_with(char::is_alphanumeric);
                assert!(!is_torn, "{command} {width}: {pair:?}");
            }
        }
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
