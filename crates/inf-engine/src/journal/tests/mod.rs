//! The journal from the inside: what execution asks of it.

mod checkpoints;
mod damage;
mod faults;
mod format;
mod killed;
mod opening;

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clients::LlmRequest;
use crate::clients::{FinishReason, LlmResponse, Reasoning, Timings, ToolCall, Usage};
use crate::graph::InferenceGraph;
use crate::resources::{Cost, Dollars};
use crate::value::Value;

fn identity(number: u64) -> InputIdentity {
    InputIdentity::of("p", &Value::Number(number.into()), 0)
}

fn call(run: RunNumber, input: u64, path: &str) -> CallRecord {
    let cost = Cost {
        known: Dollars::new(0.000_123_4),
        unknown: 0,
    };
    let mut response =
        LlmResponse::from_text(format!("Answer \"{input}\" of {path}\nin two lines"));
    response.usage = Usage {
        input_tokens: 12,
        output_tokens: u64::MAX,
        cached_tokens: 1,
        reasoning_tokens: 2,
    };
    response.timings = Timings {
        first_byte: Duration::from_micros(1_234_567),
        first_token: (input.is_multiple_of(2)).then_some(Duration::from_micros(1)),
        total: Duration::from_secs(2),
    };
    if input.is_multiple_of(3) {
        response.finish_reason = FinishReason::Other("stop".to_owned());
        response.id = Some("id-1".to_owned());
        response.tool_calls = vec![ToolCall {
            id: "1".to_owned(),
            name: "t".to_owned(),
            arguments: "{".to_owned(),
        }];
        response.reasoning = vec![Reasoning {
            text: "Hm.".to_owned(),
            block: Some(json!({"sum": "00000000", "n": 0.1 + 0.2})),
        }];
    }
    CallRecord {
        run,
        input: identity(input),
        path: path.into(),
        turn: 1,
        request: RequestDigest::of(&LlmRequest::from_prompt(format!("{input}"))),
        alias: "fast".into(),
        endpoint: "https://api.example.org/v1".into(),
        model: "small".into(),
        outcome: Ok(response),
        attempts: Box::new([RecordedFailure {
            kind: "timeout".into(),
            message: "no answer in 5 s".to_owned(),
        }]),
        earlier: Box::default(),
        cost,
        charged: None,
        began_at: Timestamp::from_millis(1_795_000_000_123),
        waited: Duration::ZERO,
        took: Duration::from_micros(812_345),
    }
}

fn ended(run: RunNumber, input: u64) -> InputRecord {
    let outcome = if input.is_multiple_of(5) {
        Err(InputFailure {
            node: Some("b".into()),
            alias: Some("fast".into()),
            path: None,
            kind: "refused".into(),
            message: "no".to_owned(),
            answer: None,
            attempts: Box::default(),
        })
    } else {
        Ok(Value::from(
            json!({"z": [1, 2.5, 1e300, u64::MAX, -7, null], "a": "é\u{1F600}\u{0}"}),
        ))
    };
    InputRecord {
        run,
        input: identity(input),
        index: input,
        outcome,
        usage: Usage::default(),
        cost: Cost::default(),
        at: Timestamp::from_millis(1),
        timings: InputTimings::default(),
    }
}

fn begin(journal: &Journal) -> RunNumber {
    let text = "{version: 1, name: p, parameters: {style: {value: Be brief., description: The style.}}, nodes: {a: {llm: fast, system: '{parameters.style}', prompt: '{input}'}}, output: a}";
    let graph = InferenceGraph::from_text(text).unwrap();
    let fingerprint = GraphFingerprint::of(&graph);
    journal.begin_run(&NewRun {
        pipeline: "p",
        fingerprint: &fingerprint,
        parameters: &[("style".into(), "Be brief.".into())],
        models: &[("fast".into(), vec![ModelIdentity::new("openai", "small")])],
    })
}

/// A folder in memory where there is one: these tests make many.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    folder.unwrap()
}

/// Writes `inputs` inputs of two calls each and closes the journal.
fn write(folder: &Path, inputs: u64) -> RunNumber {
    let journal = Journal::open(folder).unwrap();
    let run = begin(&journal);
    for input in 0..inputs {
        journal.append(call(run, input, "a"));
        journal.append(call(run, input, "b"));
        journal.append(ended(run, input));
    }
    journal.close().unwrap();
    run
}

fn check_input(journal: &Journal, run: RunNumber, input: u64) {
    let found = journal.find(identity(input)).expect("it was recorded");
    let records = journal.read(found).unwrap();
    let expected: [Record; 3] = [
        ended(run, input).into(),
        call(run, input, "b").into(),
        call(run, input, "a").into(),
    ];
    assert_eq!(records, expected);
    assert_eq!(journal.read_newest(found, 1).unwrap(), expected[..1]);
}

#[test]
fn what_is_appended_is_found_again_in_this_process_and_in_the_next() {
    let folder = folder();
    let run = write(folder.path(), 20);
    let journal = Journal::open(folder.path()).unwrap();
    assert_eq!(journal.notices(), []);
    assert_eq!(journal.inputs(), 20);
    for input in 0..20 {
        check_input(&journal, run, input);
    }
    assert!(journal.find(identity(20)).is_none());
    let next = begin(&journal);
    assert_eq!((run, next), (RunNumber(1), RunNumber(2)));
    assert_eq!(journal.pipeline_of(run), journal.pipeline_of(next));
    // Found at once, and read when it is written.
    journal.append(ended(next, 20));
    let found = journal.find(identity(20)).expect("it was appended");
    assert_eq!(journal.read(found).unwrap(), [ended(next, 20).into()]);
}

#[test]
fn in_memory_the_newest_are_kept() {
    let journal = Journal::in_memory(4);
    let run = begin(&journal);
    for input in 0..3 {
        journal.append(call(run, input, "a"));
        journal.append(ended(run, input));
    }
    assert!(journal.find(identity(0)).is_none());
    let found = journal.find(identity(1)).unwrap();
    assert_eq!(journal.read(found).unwrap().len(), 2);
    journal.append(ended(run, 3));
    assert_eq!(journal.read(found).unwrap(), [ended(run, 1).into()]);
    assert_eq!(journal.pipeline_of(run).unwrap().number, PipelineNumber(1));
}
