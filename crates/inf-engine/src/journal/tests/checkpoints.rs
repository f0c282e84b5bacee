//! The state of runs.

use super::*;

const PIPELINE: &str = "{version: 1, name: p, \
    parameters: {style: {value: Be brief., description: The style.}, tone: {value: Kind., description: d}}, nodes: {\
    a: {llm: fast, system: '{parameters.style}', prompt: '{input}', temperature: 0}, \
    b: {llm: fast, prompt: '{a} {parameters.tone}'}}, output: b}";

fn graph(changes: &[(&str, &str)]) -> InferenceGraph {
    let mut text = PIPELINE.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    InferenceGraph::from_text(&text).unwrap()
}

fn begin(journal: &Journal, graph: &InferenceGraph) -> RunNumber {
    let parameters: Vec<_> = graph
        .parameters()
        .iter()
        .map(|parameter| (parameter.path.as_str().into(), parameter.parameter.value()))
        .collect();
    journal.begin_run(&NewRun {
        pipeline: graph.name(),
        fingerprint: &GraphFingerprint::of(graph),
        parameters: &parameters,
        models: &[],
    })
}

#[test]
fn a_run_goes_on_with_those_of_its_name_before_it() {
    let folder = folder();
    let journal = Journal::open(folder.path()).unwrap();
    let (one, other) = (graph(&[]), graph(&[("name: p", "name: q")]));
    let first = begin(&journal, &one);
    for input in 0..3 {
        journal.append(call(first, input, "a"));
        journal.append(ended(first, input));
    }
    journal.append(call(first, 6, "a"));
    let foreign = begin(&journal, &other);
    journal.append(ended(foreign, 9));
    let second = begin(&journal, &one);
    journal.append(call(second, 3, "a"));
    journal.append(ended(second, 6));
    journal.append(EndRecord {
        run: second,
        at: Timestamp::now(),
        why: "stopped".into(),
        counts: EndCounts::default(),
    });
    journal.flushed_blocking().unwrap();
    // While it is open.
    let manager = CheckpointManager::open(folder.path()).unwrap();
    assert_eq!(manager.runs().count(), 3);
    assert_eq!(manager.notices(), []);
    let checkpoint = manager.latest().unwrap();
    assert_eq!(checkpoint.run(), second);
    let completed: Vec<_> = checkpoint.completed().collect();
    assert_eq!(completed, [1, 2, 6].map(identity));
    let failed: Vec<_> = checkpoint
        .failed()
        .map(|failed| (failed.input, failed.run))
        .collect();
    assert_eq!(failed, [(identity(0), first)]);
    assert_eq!(checkpoint.pending().collect::<Vec<_>>(), [identity(3)]);
    let counts = checkpoint.counts();
    let counts = (
        counts.completed,
        counts.failed,
        counts.pending,
        counts.calls,
    );
    assert_eq!(counts, (3, 1, 1, 5));
    assert_eq!(checkpoint.end().unwrap().why, "stopped");
    let checkpoint = manager.checkpoint(first).unwrap();
    assert_eq!(checkpoint.pending().collect::<Vec<_>>(), [identity(6)]);
    assert!(checkpoint.end().is_none());
    assert!(manager.checkpoint(RunNumber(4)).is_none());
}

#[test]
fn what_changed_is_told() {
    let folder = folder();
    let journal = Journal::open(folder.path()).unwrap();
    begin(&journal, &graph(&[]));
    journal.close().unwrap();
    let checkpoint = CheckpointManager::open(folder.path())
        .unwrap()
        .latest()
        .unwrap();
    let told = |changes: &[(&str, &str)]| checkpoint.compatibility(&graph(changes)).to_string();
    let all = [
        told(&[]),
        told(&[
            ("temperature: 0", "temperature: 0, priority: 3, module: m"),
            ("The style.", "Other."),
        ]),
        told(&[("Be brief.", "Be long.")]),
        told(&[("'{input}'", "'Say {input}'")]),
        told(&[
            ("a: {llm: fast", "a: {llm: smart"),
            ("temperature: 0", "max_tokens: 7"),
        ]),
        told(&[("b: {llm", "c: {llm"), ("output: b", "output: c")]),
        told(&[
            ("name: p", "name: q, input: string"),
            ("output: b", "output: [b]"),
        ]),
        told(&[
            (", tone: {value: Kind., description: d}", ""),
            (" {parameters.tone}", ""),
        ]),
    ];
    insta::assert_snapshot!("what_changed", all.join("\n"));
}

#[test]
fn where_there_is_no_journal_it_is_said() {
    let folder = folder();
    let told = |folder: &Path| {
        let error = CheckpointManager::open(folder).unwrap_err().to_string();
        error.replace(&*folder.to_string_lossy(), "FOLDER")
    };
    insta::assert_snapshot!(told(folder.path()), @"there is no journal in FOLDER: name the folder that a run was given, as in `inf run … --checkpoint-dir FOLDER`");
    let error = told(&folder.path().join("none"));
    assert!(
        error.starts_with("there is no journal in FOLDER"),
        "{error}"
    );
}
