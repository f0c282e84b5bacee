//! Ctrl-C.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::command::{Ended, Server, Workplace, results, send_signal};

#[test]
fn the_first_stops_taking_inputs_and_keeps_what_is_done() {
    let workplace = Workplace::new();
    let mut child = workplace
        .command("run pipeline.yaml --input - --json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    stdin
        .write_all(b"{\"a\": \"x\", \"b\": \"y\"}\n")
        .expect("writable");
    let mut written = String::new();
    stdout.read_line(&mut written).expect("readable");
    // The pipe stays open: only the signal can end the run.
    send_signal(&child, "INT");
    stdout.read_to_string(&mut written).expect("readable");
    let mut told = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut told)
        .expect("readable");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    assert_eq!(results(&written).len(), 1);
    let summary: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (&summary["interrupted"], &summary["succeeded"]),
        (&true.into(), &1.into())
    );
    // How many more the pipe had to give, nobody knows.
    assert!(summary["not_read"].is_null());
}

#[test]
fn the_second_exits_at_once_and_leaves_whole_lines() {
    // Some calls are answered and the others never in the time of a test.
    let server = Server::start("--latency 600000 --latency-spread 5 --seed 1 --answer hash");
    let workplace = one_call(&server, 2000, 1000);
    let mut child = workplace
        .command(RUN)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped")).lines();
    // The file is there before the first call, and a call is made before the signal.
    while server.stats()["calls"] == 0 {
        assert_eq!(
            child.try_wait().expect("a state"),
            None,
            "the run ended by itself"
        );
        std::thread::yield_now();
    }
    send_signal(&child, "INT");
    let told = stderr
        .by_ref()
        .map(|line| line.expect("readable"))
        .find(|line| line.starts_with("stopping: "));
    assert!(
        told.expect("a line")
            .contains("being finished, for at most 10 s; Ctrl-C again exits at once")
    );
    send_signal(&child, "INT");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let last = stderr.last().expect("a line").expect("readable");
    assert_eq!(
        last,
        "stopped at once: what was in flight was given up; results that were written stay"
    );
    let written = workplace.read("results.jsonl");
    assert!(written.is_empty() || written.ends_with('\n'));
    results(&written);
}

/// A pipeline of one call over `count` inputs, against `server`.
fn one_call(server: &Server, count: usize, max_concurrent: usize) -> Workplace {
    let workplace = Workplace::new();
    workplace.write(
        "pipeline.yaml",
        "version: 1\nname: one\ninput: any\nnodes:\n  answer: { llm: fast, prompt: \"{input}\" }\noutput: answer\n",
    );
    let inputs = (0..count).map(|index| format!("{index}\n"));
    workplace.write("inputs.jsonl", inputs.collect::<String>());
    workplace.write(
        "resources.yaml",
        format!(
            "endpoints:\n  fast: {{ provider: openai-compatible, base_url: '{}', model: m, \
             max_concurrent: {max_concurrent}, timeout: 86000 }}\n",
            server.url
        ),
    );
    workplace
}

const RUN: &str = "run pipeline.yaml -i inputs.jsonl -r resources.yaml -o results.jsonl";

#[test]
fn an_evaluation_reports_what_has_a_score() {
    // Some calls are answered and the others never in the time of a test.
    let server = Server::start("--latency 600000 --latency-spread 5 --seed 1 --answer hash");
    let workplace = one_call(&server, 0, 1000);
    let lines = (0..200).map(|number| format!("{{\"text\": \"{number}\", \"label\": \"x\"}}\n"));
    workplace.write("labelled.jsonl", lines.collect::<String>());
    let child = workplace
        .command(
            "eval pipeline.yaml --input labelled.jsonl --expect label --input-field text \
             --resources resources.yaml --output scores.jsonl --quiet",
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    while server.stats()["calls"] == 0 {
        std::thread::yield_now();
    }
    send_signal(&child, "INT");
    let ended = Ended::of(child.wait_with_output().expect("an end"));
    assert_eq!(ended.code, Some(130));
    assert!(ended.stdout.contains("without a score"), "{}", ended.stdout);
    assert_eq!(results(&workplace.read("scores.jsonl")).len(), 200);
}

#[test]
fn what_has_begun_is_finished_and_what_was_read_has_its_line() {
    for options in [
        "",
        "--json --preserve-order",
        "--json --error-policy fail-fast",
    ] {
        let server = Server::start("--latency 1000 --answer hash");
        let workplace = one_call(&server, 500, 5);
        let child = workplace
            .command(&format!("{RUN} {options}"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        while server.stats()["calls"] != 5 {
            std::thread::yield_now();
        }
        send_signal(&child, "INT");
        let ended = Ended::of(child.wait_with_output().expect("an end"));
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert_eq!(server.stats()["calls"], 5);
        let written = results(&workplace.read("results.jsonl"));
        // No gaps: what follows was not read.
        assert!(
            written
                .iter()
                .enumerate()
                .all(|(index, result)| result["index"] == index)
        );
        let (finished, cancelled) = written.split_at(5);
        assert!(finished.iter().all(|result| result["output"].is_string()));
        for result in cancelled {
            let error = &result["error"];
            assert_eq!(
                error["message"], "not begun, because the run was stopped",
                "{result}"
            );
            assert_eq!(
                (&error["kind"], &error["attempts"]),
                (&"cancelled".into(), &0.into())
            );
        }
        let (read, not_read) = (written.len(), 500 - written.len());
        if options.is_empty() {
            let told = ended.stderr;
            assert!(
                told.contains(
                    "stopping: 5 inputs are being finished, for at most 10 s; Ctrl-C again"
                ),
                "{told}"
            );
            let expected = format!(
                "inputs   {read} (5 succeeded, 0 failed, {} cancelled), {not_read} not read\n",
                read - 5
            );
            assert!(told.contains(&expected), "{told}");
        } else {
            let summary = ended.summary();
            assert_eq!(
                (&summary["inputs"], &summary["not_read"]),
                (&read.into(), &not_read.into())
            );
            assert_eq!(
                (&summary["written"], &summary["cancelled"]),
                (&read.into(), &(read - 5).into())
            );
        }
    }
}
