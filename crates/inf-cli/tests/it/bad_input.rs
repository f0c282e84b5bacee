//! Whatever is wrong gets one sentence that says what, where and what to do;
//! the other inputs go on.

use insta::assert_snapshot;

use crate::command::{Ended, Server, Workplace, results};

/// One pipeline run after the other, as a person sees it.
fn shown(workplace: &Workplace, lines: &[&str]) -> String {
    let shown = lines
        .iter()
        .map(|line| format!("$ inf {line}\n{}", workplace.inf(line).shown()));
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_bad_line_is_an_error_of_its_input() {
    let workplace = Workplace::new();
    let mut text = b"\xef\xbb\xbf{\"a\": \"x\", \"b\": \"y\"}\r\n\r\n".to_vec();
    text.extend(b"{\"a\": \"x\", \"b\": \n");
    text.extend(b"{\"a\": \"\xff\", \"b\": \"y\"}\n");
    text.extend(b"{\"a\": \"x\"}\n");
    text.extend(b"{\"a\": \"x\", \"b\": 5}\n");
    text.extend(b"[1, 2]\n");
    text.extend(b"{\"a\": \"x\", \"b\": \"the last one has no line break\"}");
    workplace.write("pairs.jsonl", text);
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --preserve-order");
    assert_snapshot!("bad_lines", ended.shown());
}

#[test]
fn a_bad_row_is_an_error_of_its_input() {
    let workplace = Workplace::new();
    workplace.write("pairs.csv", b"a,b\nx,y\nx\nx,y,z\n\xff,y\n\"x\ny\",z\n");
    let ended = workplace.inf("run pipeline.yaml --input pairs.csv --preserve-order");
    assert_snapshot!("bad_rows", ended.shown());
}

#[test]
fn a_stray_quote_is_told_with_what_it_swallowed() {
    let workplace = Workplace::new();
    workplace.write("never.csv", "a,b\n1,one\n2,\"two\n3,three\n4,four\n");
    workplace.write(
        "closed.csv",
        "a,b\n1,one\n2,\"two\n3,three\n4,\"four\"\n5,five\n",
    );
    workplace.write("header.csv", "a,\"b\n1,one\n");
    let lines = ["run", "check"].map(|command| {
        ["never.csv", "closed.csv", "header.csv"].map(|file| {
            let order = if command == "run" {
                " --preserve-order"
            } else {
                ""
            };
            format!("{command} pipeline.yaml --input {file}{order}")
        })
    });
    let lines: Vec<&str> = lines.iter().flatten().map(String::as_str).collect();
    assert_snapshot!("stray_quotes", shown(&workplace, &lines));
}

#[test]
fn no_inputs_are_told_the_same_way_however_there_are_none() {
    let workplace = Workplace::new();
    workplace.write("empty.jsonl", "");
    workplace.write("blank.jsonl", "\n \n");
    workplace.write("empty.csv", "");
    workplace.write("header.csv", "a,b\n");
    workplace.write("results.jsonl", "precious\n");
    let files = ["empty.jsonl", "blank.jsonl", "empty.csv", "header.csv", "-"];
    for file in files {
        let name = if file == "-" { "stdin" } else { file };
        for command in ["run", "run --output results.jsonl", "run --json", "check"] {
            let (command, options) = command.split_once(' ').unwrap_or((command, ""));
            let line = format!("{command} pipeline.yaml --input {file} {options}");
            let ended = workplace.inf_with_stdin(&line, b"");
            assert_eq!(ended.code, Some(2), "{line}");
            let expected = format!("error: there are no inputs in {name}: ");
            assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        }
    }
    assert_eq!(workplace.read("results.jsonl"), "precious\n");
}

#[test]
fn what_is_wrong_with_every_input_is_told_once() {
    let workplace = Workplace::new();
    workplace.write(
        "pipeline.yaml",
        "version: 1\nname: mail\ninput: { subject: string, body: string, \"note?\": string }\n\
         nodes: {}\noutput: input\n",
    );
    workplace.write("typo.csv", "subjct,body\nx,y\nx,y\n");
    workplace.write("semicolons.csv", "subject;body\nx;y\nx;y\n");
    workplace.write("other.csv", "body,when\nx,y\nx,y\n");
    workplace.write("fine.csv", "body,subject\nx,y\n");
    workplace.write(
        "array.jsonl",
        "[\n  {\"subject\": \"x\", \"body\": \"y\"},\n  {\"subject\": \"x\", \"body\": \"y\"}\n]\n",
    );
    workplace.write(
        "rows.jsonl",
        "[{\"subject\": \"x\", \"body\": \"y\"},\n {\"subject\": \"x\", \"body\": \"y\"}]\n",
    );
    workplace.write(
        "objects.jsonl",
        "{\n  \"subject\": \"x\",\n  \"body\": \"y\"\n}\n",
    );
    let files = [
        "typo.csv",
        "semicolons.csv",
        "other.csv",
        "fine.csv",
        "array.jsonl",
        "rows.jsonl",
        "objects.jsonl",
    ];
    let lines = files.map(|file| format!("run pipeline.yaml --quiet --input {file}"));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_snapshot!("bad_sources", shown(&workplace, &lines));
    let ended = workplace.inf("check pipeline.yaml --input typo.csv");
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn a_huge_line_is_an_input_like_any_other() {
    let workplace = Workplace::new();
    let huge = "x".repeat(3_000_000);
    workplace.write(
        "pairs.jsonl",
        format!("{{\"a\": \"{huge}\", \"b\": \"y\"}}\n{{\"a\": 1}}\n"),
    );
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --json");
    assert_eq!((ended.code, ended.results().len()), (Some(1), 2));
    assert!(ended.results()[0]["output"].is_object());
}

#[test]
fn bad_files_are_told_before_anything_is_called() {
    let server = Server::start("");
    let workplace = Workplace::new();
    workplace.write_pairs(2);
    workplace.write_resources(&server.url);
    workplace.write("empty.csv", "");
    workplace.write("twice.csv", "a,a\n");
    workplace.write("pairs.txt", "");
    workplace.write(
        "typo.yaml",
        "endpoints:\n  fast: { provider: simulated, modle: m }\n",
    );
    workplace.write(
        "other.yaml",
        "endpoints:\n  slow: { provider: simulated, model: m }\n",
    );
    workplace.write(
        "keyless.yaml",
        "endpoints:\n  fast: { provider: openai, model: m }\n  smart: { provider: openai, model: m, api_key_env: SMART_KEY }\n",
    );
    workplace.write(
        "cycle.yaml",
        "version: 1\nname: x\nnodes:\n  a: { llm: fast, prompt: \"{b}\" }\n  b: { llm: fast, prompt: \"{a}\" }\noutput: a\n",
    );
    std::fs::create_dir(workplace.path("directory")).expect("a directory");
    #[cfg(unix)]
    std::os::unix::fs::symlink("pairs.jsonl", workplace.path("link.jsonl")).expect("a link");
    let run = "run pipeline.yaml --resources resources.yaml";
    let lines = [
        "run none.yaml --input none.jsonl --resources lost.yaml --output none/results.jsonl"
            .to_owned(),
        format!("{run} --input directory"),
        format!("{run} --input pairs.txt"),
        format!("{run} --input empty.csv"),
        format!("{run} --input twice.csv"),
        format!("{run} --input pairs.jsonl --output pairs.jsonl"),
        format!("{run} --input pairs.jsonl --output link.jsonl"),
        format!("{run} --input pairs.jsonl --output pipeline.yaml"),
        format!("{run} --input pairs.jsonl --output directory"),
        "run pipeline.yaml --input pairs.jsonl --resources typo.yaml".to_owned(),
        "run pipeline.yaml --input pairs.jsonl --resources other.yaml".to_owned(),
        "run pipeline.yaml --input pairs.jsonl --resources keyless.yaml".to_owned(),
        "run cycle.yaml --input pairs.jsonl".to_owned(),
        "run resources.yaml --input pairs.jsonl".to_owned(),
        "run pipeline.yaml --input pairs.jsonl --resources pipeline.yaml".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let before = workplace.read("pairs.jsonl");
    assert_snapshot!("bad_files", shown(&workplace, &lines));
    assert_eq!(server.stats()["calls"], 0);
    assert_eq!(workplace.read("pairs.jsonl"), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_is_told() {
    let workplace = Workplace::new();
    workplace.write_pairs(3);
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --output /dev/full");
    let told = &ended.stderr;
    assert_eq!(ended.code, Some(1));
    let problem = "\n\nerror: can't write /dev/full: there is no room left; the run was stopped, and the lines that were \
                   written before are whole\n";
    assert!(told.ends_with(problem), "{told}");
    // It was not a person who cancelled it.
    assert!(!told.contains("the run was cancelled"), "{told}");
    assert!(told.contains("\nwritten  0 of "), "{told}");
    assert!(!told.contains("results in"), "{told}");
    let ended = workplace.inf("run pipeline.yaml -i pairs.jsonl --output /dev/full --json");
    let summary = ended.stderr.lines().last().expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
    assert_eq!(summary["written"], 0);
}

/// A limit on the size of files stands in for a disk that becomes full.
#[cfg(target_os = "linux")]
#[test]
fn of_a_disk_that_becomes_full_whole_lines_are_kept_and_counted() {
    let workplace = Workplace::new();
    workplace.write_pairs(200);
    let inf = env!("CARGO_BIN_EXE_inf");
    // In units of 512 or 1024 bytes, depending on the shell.
    let script = format!(
        "trap '' XFSZ; ulimit -f 4; exec '{inf}' run pipeline.yaml -i pairs.jsonl -o results.jsonl --json"
    );
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script])
        .current_dir(workplace.path(""));
    let ended = Ended::of(command.output().expect("a shell"));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let summary = ended.stderr.lines().last().expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
    let text = workplace.read("results.jsonl");
    assert!(text.ends_with('\n'), "{text}");
    assert!(!text.is_empty());
    assert_eq!(summary["written"], results(&text).len());
}

#[test]
fn an_output_that_another_run_writes_is_left_alone() {
    let server = Server::start("");
    let workplace = Workplace::new();
    workplace.write_resources(&server.url);
    workplace.write(
        "pairs.jsonl",
        "{\"a\": \"x\", \"b\": \"y\", \"c\": \"z\"}\n",
    );
    workplace.write("results.jsonl", "precious\n");
    let file = std::fs::File::open(workplace.path("results.jsonl")).expect("readable");
    file.lock().expect("a file system with locks");
    for command in [
        "run pipeline.yaml",
        "eval pipeline.yaml --expect c --field comparison",
    ] {
        let ended = workplace.inf(&format!(
            "{command} -i pairs.jsonl -r resources.yaml --output results.jsonl"
        ));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert_eq!(
            ended.stderr,
            "error: can't write results.jsonl: another run is writing it; wait until that one ends, or name \
             another file\n"
        );
        assert_eq!(workplace.read("results.jsonl"), "precious\n");
    }
    assert_eq!(server.stats()["calls"], 0);
    drop(file);
    let ended =
        workplace.inf("run pipeline.yaml -i pairs.jsonl -r resources.yaml -o results.jsonl");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn what_was_probably_not_meant_is_told_before_it_is_paid_for() {
    let workplace = Workplace::new();
    let spare = "  spare: { llm: fast, prompt: \"{input.a}\" }\noutput:";
    workplace.write(
        "pipeline.yaml",
        crate::command::COMPARE.replace("output:", spare),
    );
    workplace.write(
        "pairs.jsonl",
        "{\"a\": \"x\", \"b\": \"y\", \"c\": \"z\"}\n",
    );
    let warning = "warning: nothing uses node `spare`: it runs all the same, and is paid for; use it in the output or \
                   remove it\n";
    for command in [
        "run pipeline.yaml",
        "eval pipeline.yaml --expect c --field comparison",
    ] {
        let ended = workplace.inf(&format!("{command} -i pairs.jsonl"));
        assert_eq!(ended.stderr.matches(warning).count(), 1, "{}", ended.stderr);
        for silent in ["--quiet", "--json"] {
            let ended = workplace.inf(&format!("{command} -i pairs.jsonl {silent}"));
            assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
        }
    }
}

#[test]
fn an_output_stays_as_it_is_if_the_command_is_wrong() {
    let workplace = Workplace::new();
    workplace.write("results.jsonl", "precious\n");
    let ended = workplace.inf("run pipeline.yaml --input none.jsonl --output results.jsonl");
    assert_eq!(ended.code, Some(2));
    assert_eq!(workplace.read("results.jsonl"), "precious\n");
}

#[test]
fn a_server_that_is_not_there_fails_every_input_with_its_address() {
    let workplace = Workplace::new();
    workplace.write_pairs(2);
    // A port that was free a moment ago and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/v1", free.local_addr().expect("an address"));
    drop(free);
    workplace.write_resources(&url);
    let ended =
        workplace.inf("run pipeline.yaml -i pairs.jsonl -r resources.yaml --max-retries 0 --json");
    assert_eq!(ended.code, Some(1));
    for result in ended.results() {
        let error = &result["error"];
        assert_eq!(error["kind"], "unreachable");
        let place = url
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/v1"))
            .expect("its form");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.contains(place)),
            "{error}"
        );
    }
}

#[test]
fn a_refusal_is_shown_with_the_server_s_words() {
    let server = Server::start("--model only");
    let workplace = Workplace::new();
    workplace.write_pairs(1);
    workplace.write_resources(&server.url);
    let ended = workplace.inf("run pipeline.yaml -i pairs.jsonl -r resources.yaml --json");
    let error = &ended.results()[0]["error"];
    assert_eq!(error["kind"], "refused");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("there is no model `f` here; this server has `only`"),
        "{message}"
    );
}
