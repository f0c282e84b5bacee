//! `inf completions`: scripts that their shells can read.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::command::{Workplace, skipped_without};

/// What a shell says of a script that it only reads; `None` if the shell is not there.
fn complaints(shell: &str, script: &str) -> Option<String> {
    let child = Command::new(shell)
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skipped_without(shell);
        return None;
    };
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(script.as_bytes()).expect("writable");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || !told.is_empty());
    Some(told)
}

#[test]
fn every_shell_has_a_script_that_it_can_read() {
    let workplace = Workplace::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = workplace.inf(&format!("completions {shell}"));
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{shell}"
        );
        for word in ["checkpoint-dir", "simulate"] {
            assert!(ended.stdout.contains(word), "{shell} completes {word}");
        }
        if ["bash", "zsh", "fish"].contains(&shell)
            && let Some(told) = complaints(shell, &ended.stdout)
        {
            assert_eq!(told, "", "{shell}");
        }
    }
}

/// What Tab gives in bash; with `Workplace`'s `pipeline.yaml` and a folder `night` there.
#[test]
fn bash_completes_commands_options_values_and_files() {
    let workplace = Workplace::new();
    workplace.write("inf.bash", workplace.inf("completions bash").stdout);
    workplace.write("night", "");
    let check = |words: &str, expected: &str| {
        // What the function that is set for `inf` gives, or else files, as bash does with `-o default`.
        let script = format!(
            r#"source ./inf.bash
            set -- $(complete -p inf)
            [[ $* == *' -o default '* ]] || exit 1
            while [[ $1 != -F ]]; do shift; done
            COMP_WORDS=({words})
            COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            word=${{COMP_WORDS[COMP_CWORD]}}
            "$2" inf "$word" "${{COMP_WORDS[COMP_CWORD-1]}}"
            if ((${{#COMPREPLY[@]}})); then echo "${{COMPREPLY[@]}}"
            else echo files: $(compgen -f -- "$word" | sort); fi"#
        );
        let bash = Command::new("bash")
            .args(["--norc", "-c", &script])
            .current_dir(workplace.path("."))
            .output();
        let Ok(output) = bash else {
            skipped_without("bash");
            return;
        };
        let given = String::from_utf8_lossy(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(given.trim(), expected, "{words}\n{told}");
    };
    check("inf ch", "check");
    check("inf run --check", "--checkpoint-dir");
    check("inf run pipeline.yaml --check", "--checkpoint-dir");
    check("inf run --error-policy con", "continue");
    check(
        "inf run --error-policy ''",
        "retry-then-fail continue fail-fast",
    );
    check("inf run --input pi", "pipeline.yaml");
    check("inf completions ''", "bash elvish fish powershell zsh");
    // Where there is nothing of these, it is a file.
    check("inf run pipe", "files: pipeline.yaml");
    let all = "files: inf.bash night pipeline.yaml";
    for command in ["run", "check", "eval", "graph", "report", "journal", "init"] {
        check(&format!("inf {command} ''"), all);
    }
    check("inf run pipeline.yaml ''", all);
    check("inf journal ni", "files: night");
    check("inf journal night ex", "export");
    check("inf journal night ''", "summary failures calls export");
    check("inf journal night export ''", all);
    check(
        "inf ''",
        "init run eval check graph simulate journal report completions man",
    );
}
