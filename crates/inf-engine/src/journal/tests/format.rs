//! The format of the file: written as ever, and read from every version.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::clients::OutputSchema;
use crate::conversation::{Message, ReasoningEffort, Role, ToolChoice, ToolSpec};
use crate::journal::log::{FILE, write_header, write_record};

/// A file that version 1 wrote. `UPDATE_JOURNALS=1` writes it anew, which only a new
/// version may do.
fn version_1() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal-v1")
}

fn pipeline(number: u64, style: &str) -> PipelineRecord {
    let text = format!(
        "{{version: 1, name: compare, input: {{a: string, b: string}}, parameters: {{style: {{value: {style}, description: d}}}}, \
         nodes: {{facts_a: {{llm: fast, prompt: 'List {{input.a}}'}}, facts_b: {{llm: fast, prompt: 'List {{input.b}}'}}, \
         compare: {{llm: smart, system: '{{parameters.style}}', prompt: '{{facts_a}} {{facts_b}}'}}}}, output: compare}}"
    );
    let graph = InferenceGraph::from_text(&text).unwrap();
    let fingerprint = GraphFingerprint::of(&graph);
    PipelineRecord {
        number: PipelineNumber(number),
        name: "compare".into(),
        structure: fingerprint.structure.clone(),
        nodes: fingerprint.nodes.clone(),
        graph: None,
        parameters: [("style".into(), ParameterVersion::of(style))]
            .into_iter()
            .collect(),
        models: [
            ("fast".into(), vec![ModelIdentity::new("openai", "small")]),
            (
                "smart".into(),
                vec![ModelIdentity::new("anthropic", "large")],
            ),
        ]
        .into_iter()
        .collect(),
    }
}

/// What the file holds: a run that was killed and one that went on with it after a parameter had
/// changed.
fn records() -> Vec<Record> {
    const START: u64 = 1_795_666_211_000;
    let parameter = |text: &str| {
        Record::Parameter(ParameterRecord {
            path: "style".into(),
            version: ParameterVersion::of(text),
            text: text.into(),
        })
    };
    let run = |number, pipeline, at| {
        Record::Run(RunRecord {
            number: RunNumber(number),
            pipeline: PipelineNumber(pipeline),
            at: Timestamp::from_millis(at),
        })
    };
    let mut records = vec![
        parameter("Brief."),
        Record::Pipeline(Arc::new(pipeline(1, "Brief."))),
        run(1, 1, START),
    ];
    let one = |run, input: u64, node: &str, at| {
        let mut call = call(RunNumber(run), input, node);
        call.began_at = Timestamp::from_millis(at);
        if let Ok(response) = &mut call.outcome {
            response.usage.output_tokens = 20 + input;
        }
        if node == "compare" {
            call.alias = "smart".into();
            call.model = "large".into();
            call.endpoint = "https://api.anthropic.example".into();
            call.cost = Cost::default();
            call.cost.unknown = 1;
        } else {
            call.attempts = Box::default();
        }
        call
    };
    for input in 1..=3 {
        let at = START + 100 * input;
        records.push(one(1, input, "facts_a", at).into());
        records.push(one(1, input, "facts_b", at).into());
        if input < 3 {
            records.push(one(1, input, "compare", at + 50).into());
            records.push(ended(RunNumber(1), input).into());
        }
    }
    let at = START + 60_000;
    records.extend([
        parameter("Long."),
        Record::Pipeline(Arc::new(pipeline(2, "Long."))),
        run(2, 2, at),
    ]);
    for input in 1..=5 {
        records.push(one(2, input, "compare", at + 10 * input).into());
        let mut ended = ended(RunNumber(2), input);
        ended.at = Timestamp::from_millis(at + 20 * input);
        ended.usage = Usage {
            input_tokens: 12,
            output_tokens: 20,
            ..Usage::default()
        };
        if let Err(failure) = &mut ended.outcome {
            failure.node = Some("compare".into());
            failure.alias = Some("smart".into());
            failure.message = "the server refused the request: too long (status 400)".into();
            failure.answer = Some("{\"a\": ".into());
            failure.attempts = Box::new([RecordedFailure {
                kind: "timeout".into(),
                message: "no answer in 5 s".into(),
            }]);
            let mut failed = one(2, input, "compare", at + 15 * input);
            failed.turn = 2;
            failed.outcome = Err(RecordedFailure {
                kind: "refused".into(),
                message: failure.message.clone(),
            });
            failed.cost = Cost::default();
            records.push(failed.into());
        }
        records.push(ended.into());
    }
    records.push(
        HostRecord {
            run: RunNumber(2),
            input: identity(1),
            path: "chunks[2]/parse".into(),
            arguments: ArgumentsDigest::of(&Value::from("x")),
            outcome: Ok([1_i64, 2].into_iter().map(Value::from).collect()),
            began_at: Timestamp::from_millis(at + 500),
            took: Duration::from_micros(7),
        }
        .into(),
    );
    records.push(ended(RunNumber(2), 1).into());
    records.push(
        EndRecord {
            run: RunNumber(2),
            at: Timestamp::from_millis(at + 1_500),
            why: "done".into(),
            counts: EndCounts {
                completed: 4,
                failed: 1,
                calls: 6,
                recalled_calls: 4,
                ..EndCounts::default()
            },
        }
        .into(),
    );
    records
}

fn lines() -> Vec<u8> {
    let mut lines = Vec::new();
    write_header(Timestamp::from_millis(1_795_666_210_000), &mut lines);
    let mut newest = std::collections::HashMap::new();
    for record in records() {
        let offset = lines.len() as u64;
        let previous = record
            .input()
            .and_then(|input| newest.insert(input, offset));
        write_record(&record, previous, &mut lines);
    }
    lines
}

#[test]
fn what_version_1_wrote_is_read() {
    let folder = version_1();
    if std::env::var_os("UPDATE_JOURNALS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(FILE), lines()).unwrap();
    }
    let mut read = Vec::new();
    let notices = JournalReader::open(&folder)
        .unwrap()
        .read(|record| read.push(record));
    assert_eq!(notices.unwrap(), []);
    assert_eq!(read, records());
    // It can be gone on with, too.
    let copy = self::folder();
    fs::copy(folder.join(FILE), copy.path().join(FILE)).unwrap();
    let journal = Journal::open(copy.path()).unwrap();
    let found = journal.find(identity(1)).unwrap();
    let newest_first: Vec<Record> = records()
        .into_iter()
        .rev()
        .filter(|record| record.input() == Some(identity(1)))
        .collect();
    assert_eq!(journal.read(found).unwrap(), newest_first);
    assert_eq!(
        journal.pipeline_of(RunNumber(2)).as_deref(),
        Some(&pipeline(2, "Long."))
    );
    assert_eq!(begin(&journal), RunNumber(3));
}

#[test]
fn lines_are_written_as_ever() {
    let written = String::from_utf8(lines()).unwrap();
    let kept = fs::read_to_string(version_1().join(FILE)).unwrap();
    let without_program = |line: &str| line[line.find("\"at\"").unwrap_or(0)..].to_owned();
    for (line, (written, kept)) in written.lines().zip(kept.lines()).enumerate() {
        if line == 0 {
            assert_eq!(without_program(written), without_program(kept));
        } else {
            assert_eq!(written, kept, "line {}", line + 1);
        }
    }
    assert_eq!(written.lines().count(), kept.lines().count());
}

#[test]
fn what_is_not_known_is_passed_over_and_a_newer_version_refused() {
    let folder = folder();
    let run = write(folder.path(), 1);
    let path = folder.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    crate::journal::log::write_line("dream", None, &mut bytes, |lines| {
        serde_json::to_writer(lines, &json!({"run": 7, "of": "sheep"}))
    });
    crate::journal::log::write_line("end", None, &mut bytes, |lines| {
        let end = json!({"run": 1, "more": [1], "at": 5, "why": "done", "counts": {"completed": 1, "dreamt": 3}});
        serde_json::to_writer(lines, &end)
    });
    fs::write(&path, &bytes).unwrap();
    let mut ends = 0;
    let reader = JournalReader::open(folder.path()).unwrap();
    let notices = reader.read(|record| ends += u64::from(record.kind() == "end"));
    assert_eq!((notices.unwrap(), ends), (vec![], 1));
    let journal = Journal::open(folder.path()).unwrap();
    check_input(&journal, run, 0);
    assert_eq!(begin(&journal), RunNumber(8));
    drop(journal);

    bytes.truncate(length);
    crate::journal::log::write_line("journal", None, &mut bytes, |lines| {
        serde_json::to_writer(lines, &json!({"version": 2, "surprise": true}))
    });
    fs::write(&path, &bytes).unwrap();
    let expected = JournalErrorKind::NewerVersion(2);
    assert_eq!(Journal::open(folder.path()).unwrap_err().kind, expected);
    let read = JournalReader::open(folder.path()).unwrap().read(drop);
    assert_eq!(read.unwrap_err().kind, expected);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn digests_of_requests_never_change_and_count_all_that_is_asked() {
    let mut request = LlmRequest::from_prompt("Hello.");
    let mut digests = vec![RequestDigest::of(&request)];
    let changes: [fn(&mut LlmRequest); 11] = [
        |request| request.temperature = Some(0.1 + 0.2),
        |request| request.max_tokens = Some(7),
        |request| request.stop = vec!["\n".into()],
        |request| request.top_p = Some(0.5),
        |request| request.seed = Some(u64::MAX),
        |request| request.reasoning_effort = Some(ReasoningEffort::Low),
        |request| {
            request.output_schema = Some(Arc::new(OutputSchema {
                name: "n".into(),
                schema: json!({"b": 1, "a": 2}),
            }));
        },
        |request| {
            request.tools = vec![Arc::new(ToolSpec {
                name: "t".into(),
                description: "d".into(),
                parameters: json!({}),
            })];
        },
        |request| request.tool_choice = ToolChoice::Tool("t".into()),
        |request| request.extra = Some(Arc::new(serde_json::Map::new())),
        |request| {
            let system = Message::new(Role::System, "Be brief.");
            request.messages.insert(0, system);
        },
    ];
    for change in changes {
        change(&mut request);
        digests.push(RequestDigest::of(&request));
    }
    let texts: Vec<_> = digests.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("request_digests", texts.join("\n"));
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), texts.len());
    assert_ne!(digests[0].at("m", "e"), digests[0].at("me", ""));
    assert_ne!(digests[0].at("m", "e"), digests[1].at("m", "e"));
}

#[test]
fn answers_are_found_by_their_requests() {
    let folder = folder();
    let on_disk = Journal::open(folder.path()).unwrap();
    for journal in [on_disk, Journal::in_memory(100)] {
        let run = begin(&journal);
        let mut calls: Vec<CallRecord> =
            (0..4).map(|path| call(run, 1, &path.to_string())).collect();
        calls[1].endpoint = "http://127.0.0.1".into();
        calls[2].outcome = Err(RecordedFailure {
            kind: "timeout".into(),
            message: String::new(),
        });
        calls[..3]
            .iter()
            .for_each(|call| journal.append(call.clone()));
        journal.flushed_blocking().unwrap();
        journal.index_requests().unwrap();
        journal.append(calls[3].clone());
        journal.flushed_blocking().unwrap();
        let key = |call: &CallRecord| call.request.at(&call.model, &call.endpoint);
        let keys = [key(&calls[0]), key(&calls[1])];
        let nth = |keys: &[RequestKey], n| {
            let found = journal.find_request(keys, n)?;
            journal.read_call(found).unwrap()
        };
        assert_eq!(nth(&keys[..1], 0).as_ref(), Some(&calls[0]));
        assert_eq!(nth(&keys[..1], 1).as_ref(), Some(&calls[3]));
        assert_eq!(nth(&keys[..1], 2), None);
        assert_eq!(nth(&keys[1..], 0).as_ref(), Some(&calls[1]));
        assert_eq!(nth(&keys, 1).as_ref(), Some(&calls[1]));
        assert_eq!(nth(&keys, 2).as_ref(), Some(&calls[3]));
        assert_eq!(nth(&[calls[0].request.at("other", "")], 0), None);
    }
    let journal = Journal::in_memory(1);
    let run = begin(&journal);
    let one = call(run, 1, "a");
    let key = one.request.at(&one.model, &one.endpoint);
    journal.append(one);
    let found = journal.find_request(&[key], 0).unwrap();
    journal.append(call(run, 2, "a"));
    assert!(journal.find_request(&[key], 0).is_none());
    assert_eq!(journal.read_call(found), Ok(None));
}

#[test]
fn whoever_looks_for_requests_finds_all_of_them() {
    let folder = folder();
    let journal = Journal::open(folder.path()).unwrap();
    let run = begin(&journal);
    for input in 0..2_000 {
        journal.append(call(run, input, "a"));
    }
    let last = call(run, 1_999, "a");
    let key = last.request.at(&last.model, &last.endpoint);
    journal.flushed_blocking().unwrap();
    std::thread::scope(|threads| {
        let look = || {
            journal.index_requests().unwrap();
            journal.find_request(&[key], 0).is_some()
        };
        let looking: Vec<_> = (0..4).map(|_| threads.spawn(look)).collect();
        for one in looking {
            assert!(one.join().unwrap());
        }
    });
}
