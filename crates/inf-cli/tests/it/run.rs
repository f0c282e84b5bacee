//! `inf run`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::json;

use crate::command::{Server, Workplace, results};

#[test]
fn results_go_to_stdout_and_the_summary_to_stderr() {
    let workplace = Workplace::new();
    workplace.write_pairs(3);
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --preserve-order");
    assert_snapshot!("run_to_stdout", ended.shown());
}

#[test]
fn a_file_of_results_is_shown_in_short() {
    let workplace = Workplace::new();
    workplace.write_pairs(1);
    workplace.write(
        "results.jsonl",
        "something longer than the result that was there before\n".repeat(9),
    );
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --output results.jsonl");
    assert_snapshot!("run_to_file", ended.shown());
    let written = results(&workplace.read("results.jsonl"));
    assert_eq!(written.len(), 1);
    assert!(written[0]["output"]["comparison"].is_string());
}

#[test]
fn with_json_stderr_is_one_line_of_json() {
    let workplace = Workplace::new();
    workplace.write("pairs.jsonl", "{\"a\": \"x\", \"b\": \"y\"}\n{}\n");
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --json");
    assert_eq!(ended.code, Some(1));
    let mut summary = ended.summary();
    for key in [
        "seconds",
        "waiting_seconds",
        "calling_seconds",
        "latency_ms",
    ] {
        assert!(!summary[key].is_null());
        summary[key] = "[redacted]".into();
    }
    assert_snapshot!(
        "run_json",
        serde_json::to_string_pretty(&summary).expect("JSON")
    );
}

#[test]
fn quiet_says_nothing() {
    let workplace = Workplace::new();
    workplace.write_pairs(2);
    let ended = workplace.inf("run pipeline.yaml --input pairs.jsonl --quiet");
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert_eq!(ended.results().len(), 2);
}

#[test]
fn csv_cells_become_what_the_pipeline_takes() {
    let workplace = Workplace::new();
    workplace.write(
        "pipeline.yaml",
        "version: 1\nname: pick\ninput: { name: string, stars: integer, \"open?\": boolean }\n\
         nodes: {}\noutput: { all: input }\n",
    );
    workplace.write(
        "rows.csv",
        "name,stars,open\r\n\"A, B\",5,true\r\nC,many,\r\nD,7,\r\n",
    );
    let ended = workplace.inf("run pipeline.yaml --input rows.csv --quiet");
    assert_eq!(ended.code, Some(1));
    let [first, second, third] = &ended.results()[..] else {
        panic!("{ended:?}")
    };
    assert_eq!(
        first["output"]["all"],
        json!({"name": "A, B", "stars": 5, "open": true})
    );
    let message = second["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("rows.csv:3: "), "{message}");
    assert_eq!(third["output"]["all"], json!({"name": "D", "stars": 7}));
}

#[test]
fn pipes_in_every_format_and_a_limit() {
    let workplace = Workplace::new();
    let jsonl = "{\"a\": \"x\", \"b\": \"y\"}\n".repeat(5);
    let ended = workplace.inf_with_stdin(
        "run pipeline.yaml --input - --limit 2 --json",
        jsonl.as_bytes(),
    );
    assert_eq!((ended.code, ended.results().len()), (Some(0), 2));
    let ended = workplace.inf_with_stdin(
        "run pipeline.yaml --input - --input-format csv --json",
        b"a,b\nx,y\n",
    );
    assert_eq!((ended.code, ended.results().len()), (Some(0), 1));
}

#[test]
fn a_result_comes_before_the_pipe_gives_the_next_input() {
    let workplace = Workplace::new();
    let mut child = workplace
        .command("run pipeline.yaml --input - --quiet")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    for index in 0..3 {
        stdin
            .write_all(b"{\"a\": \"x\", \"b\": \"y\"}\n")
            .expect("writable");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("readable");
        assert_eq!(results(&line)[0]["index"], index);
    }
    drop(stdin);
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run_quietly() {
    let workplace = Workplace::new();
    let mut child = workplace
        .command("run pipeline.yaml --input - --quiet")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdin
        .write_all(b"{\"a\": \"x\", \"b\": \"y\"}\n")
        .expect("writable");
    stdout.read_line(&mut line).expect("readable");
    drop(stdout);
    // An endless input: only the closed stdout can end the run.
    while stdin.write_all(b"{\"a\": \"x\", \"b\": \"y\"}\n").is_ok() {}
    let mut told = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut told)
        .expect("readable");
    assert_eq!(
        (child.wait().expect("an end").code(), &*told),
        (Some(0), "")
    );
}

#[test]
fn order_is_kept_where_it_is_asked_for() {
    let server = Server::start("--latency 5 --latency-spread 1 --answer hash");
    let workplace = Workplace::new();
    workplace.write_pairs(200);
    workplace.write_resources(&server.url);
    let ended = workplace
        .inf("run pipeline.yaml --input pairs.jsonl -r resources.yaml --preserve-order --json");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let indices: Vec<u64> = ended
        .stdout
        .lines()
        .map(|line| results(line)[0]["index"].as_u64().expect("an index"))
        .collect();
    assert_eq!(indices, (0..200).collect::<Vec<u64>>());
}

#[test]
fn every_input_gets_its_result_from_a_server_with_a_quota_and_faults() {
    let server = Server::start(
        "--quota 400 --burst 20 --faults 0.05 --disconnects 0.05 --latency 2 --seed 3",
    );
    let workplace = Workplace::new();
    workplace.write_pairs(100);
    workplace.write_resources(&server.url);
    let ended = workplace.inf(
        "run pipeline.yaml --input pairs.jsonl --resources resources.yaml --max-retries 20 --json",
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (summary, stats) = (ended.summary(), server.stats());
    assert_eq!(ended.results().len(), 100);
    assert_eq!(summary["succeeded"], 100);
    assert_eq!(stats["calls"], 300);
    assert_eq!(
        summary["calls"].as_u64(),
        stats["faulted"].as_u64().map(|faulted| 300 + faulted)
    );
    assert!(stats["faulted"].as_u64() > Some(0));
    assert_eq!(summary["rate_limited"], stats["rate_limited"]);
    // A failed call that is then refused for the quota is sent more than once again.
    assert!(summary["retries"].as_u64() >= stats["faulted"].as_u64());
    assert_eq!(summary["simulated"], false);
}

#[test]
fn typed_outputs_come_over_http() {
    let server = Server::start("");
    let workplace = Workplace::new();
    workplace.write(
        "pipeline.yaml",
        "version: 1\nname: typed\ninput: string\nnodes:\n  \
         facts: { llm: fast, prompt: \"{input}\", output: { title: string, tags: [string], stars: integer } }\n\
         output: facts\n",
    );
    workplace.write_resources(&server.url);
    let ended = workplace.inf_with_stdin(
        "run pipeline.yaml -i - -r resources.yaml --json",
        b"\"one\"\n\"two\"\n",
    );
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for result in ended.results() {
        let output = &result["output"];
        assert!(
            output["title"].is_string() && output["tags"].is_array() && output["stars"].is_i64()
        );
    }
}

#[test]
fn policies_and_limits_reach_the_engine() {
    let server = Server::start("--faults 1");
    let workplace = Workplace::new();
    workplace.write_pairs(5);
    workplace.write_resources(&server.url);
    let run = "run pipeline.yaml -i pairs.jsonl -r resources.yaml --json";
    let ended = workplace.inf(&format!("{run} --error-policy continue"));
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.results().len(), 5);
    assert!(ended.summary()["latency_ms"]["p50"].is_null());
    let error = &ended.results()[0]["error"];
    assert_eq!(
        (&error["kind"], &error["attempts"]),
        (&json!("server"), &json!(1))
    );
    assert!(
        error["node"]
            .as_str()
            .is_some_and(|node| node.starts_with("facts_"))
    );

    let ended = workplace.inf(&format!("{run} --max-retries 1 --limit 1"));
    assert_eq!(ended.results()[0]["error"]["attempts"], 2);

    let ended = workplace.inf(&format!(
        "{run} --error-policy fail-fast --max-concurrent 1"
    ));
    assert_eq!(
        (ended.code, &ended.summary()["calls"]),
        (Some(1), &json!(1))
    );
}

#[test]
fn a_run_whose_source_is_slower_than_its_time_does_not_succeed() {
    let workplace = Workplace::new();
    let mut child = workplace
        .command("run pipeline.yaml --input - --json --run-timeout 0.3")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    let pair = b"{\"a\": \"x\", \"b\": \"y\"}\n";
    stdin.write_all(pair).expect("writable");
    // The pipe stays open: there may be more.
    let ended = child.wait_with_output().expect("an end");
    drop(stdin);
    let summary: serde_json::Value = serde_json::from_slice(&ended.stderr).expect("JSON");
    assert_eq!(
        (&summary["succeeded"], &summary["not_read"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn timeouts_bound_a_call_and_the_run() {
    let server = Server::start("--latency 600000");
    let workplace = Workplace::new();
    workplace.write_pairs(5);
    workplace.write_resources(&server.url);
    let run = "run pipeline.yaml -i pairs.jsonl -r resources.yaml --json";
    let ended = workplace.inf(&format!("{run} --task-timeout 0.05 --max-retries 0"));
    let error = &ended.results()[4]["error"];
    assert_eq!(
        (&error["kind"], &error["attempts"]),
        (&json!("timeout"), &json!(1))
    );

    // Each input that was read by then has its line, and no other has.
    let ended = workplace.inf(&format!("{run} --run-timeout 0.2 --max-inputs-in-flight 2"));
    assert_eq!((ended.code, ended.results().len()), (Some(1), 2));
    for result in ended.results() {
        let error = &result["error"];
        assert_eq!(
            (&error["kind"], &error["attempts"]),
            (&json!("timeout"), &json!(0))
        );
    }
    let summary = ended.summary();
    assert_eq!(
        (&summary["failed"], &summary["not_read"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(
        (&summary["cancelled_calls"], &summary["calls_in_flight"]),
        (&json!(4), &json!(0))
    );
}

#[test]
fn a_run_that_fails_fast_says_what_it_left() {
    let server = Server::start("--faults 1");
    let workplace = Workplace::new();
    workplace.write_pairs(5000);
    workplace.write_resources(&server.url);
    let ended = workplace
        .inf("run pipeline.yaml -i pairs.jsonl -r resources.yaml --json --error-policy fail-fast");
    let (results, summary) = (ended.results(), ended.summary());
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], index);
    }
    assert_eq!(
        (ended.code, &summary["failed"]),
        (Some(1), &json!(1)),
        "{summary}"
    );
    assert_eq!(summary["cancelled"], results.len() - 1);
    assert_eq!(summary["not_read"], 5000 - results.len());
}

#[test]
fn a_profile_is_a_timeline_and_where_the_time_went() {
    let workplace = Workplace::new();
    workplace.write_pairs(3);
    let ended = workplace
        .inf("run pipeline.yaml --input pairs.jsonl --output results.jsonl --profile trace.json");
    assert_eq!(ended.code, Some(0));
    let shown = ended.shown();
    assert!(
        shown.contains("Time on the wall, by what it was bound by"),
        "{shown}"
    );
    assert!(shown.contains("profile in trace.json"), "{shown}");
    let trace: serde_json::Value =
        serde_json::from_str(&workplace.read("trace.json")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let calls = events
        .iter()
        .filter(|event| event["ph"] == "X" && !event["args"]["attempt"].is_null());
    assert!(calls.count() >= 9);

    let ended = workplace.inf(
        "run pipeline.yaml --input pairs.jsonl --output results.jsonl --profile results.jsonl",
    );
    assert_eq!(ended.code, Some(2));
    assert!(ended.shown().contains("is the same file as results.jsonl"));
}

#[test]
fn an_answer_of_the_wrong_type_is_kept_with_its_error() {
    let workplace = Workplace::new();
    workplace.write(
        "typed.yaml",
        "version: 1\nname: typed\ninput: { a: string }\nnodes:\n  facts:\n    llm: fast\n    \
         prompt: 'Facts of {input.a}'\n    max_tokens: 3\n    output: { facts: [string], topic: string }\n\
         output: facts\n",
    );
    workplace.write("inputs.jsonl", "{\"a\": \"x\"}\n");
    let ended = workplace.inf("run typed.yaml -i inputs.jsonl --max-reasks 0 --json");
    assert_eq!(ended.code, Some(1));
    let error = &ended.results()[0]["error"];
    assert_eq!(error["kind"], "invalid_output");
    let answer = error["answer"].as_str().expect("what was answered");
    assert!(
        answer.starts_with('{') && !answer.ends_with('}'),
        "{answer}"
    );
}
