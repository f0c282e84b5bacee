//! `inf journal`.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value as Json;

use crate::command::Workplace;

const FILE: &str = "night/journal.jsonl";

/// A directory with the journal `night`: a run that was interrupted, and one that went on
/// with it.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    fs::create_dir(workplace.path("night")).expect("a new folder");
    let data = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../inf-engine/tests/data/journal-v1/journal.jsonl"
    );
    workplace.write(FILE, fs::read(data).expect("readable"));
    workplace
}

#[test]
fn what_happened_is_shown() {
    let workplace = workplace();
    let before = fs::read(workplace.path(FILE)).expect("readable");
    let lines = [
        "journal night",
        "journal night failures",
        "journal night failures --json",
        "journal night calls --limit 3",
        "journal night calls --node compare --failed",
        "journal night calls --node nothing",
    ];
    let shown = lines.map(|line| format!("$ inf {line}\n{}", workplace.inf(line).shown()));
    assert_snapshot!("journal_views", shown.join("\n"));
    assert_eq!(
        workplace.inf("journal night summary").stdout,
        workplace.inf("journal night").stdout
    );
    // It was only read.
    let left = fs::read_dir(workplace.path("night")).expect("readable");
    assert_eq!(left.count(), 1);
    assert_eq!(fs::read(workplace.path(FILE)).expect("readable"), before);
}

#[test]
fn the_summary_for_programs_adds_up() {
    let ended = workplace().inf("journal night summary --json");
    let summary: Json = serde_json::from_str(&ended.stdout).expect("one line of JSON");
    assert_eq!(summary["runs"][0]["end"], "interrupted");
    assert_eq!(summary["runs"][1]["end"], "done");
    assert_eq!(
        summary["inputs"],
        serde_json::json!({"completed": 4, "failed": 1, "pending": 0})
    );
    let sum = |by: &str, of: &str| -> u64 {
        let tallies = summary[by].as_object().expect("an object").values();
        tallies
            .map(|tally| tally[of].as_u64().expect("a number"))
            .sum()
    };
    for of in ["calls", "failed", "input_tokens", "output_tokens"] {
        let total = summary["total"][of].as_u64().expect("a number");
        assert_eq!(
            (sum("by_node", of), sum("by_model", of)),
            (total, total),
            "{of}"
        );
    }
}

#[test]
fn exports_have_a_row_for_each_call_or_input() {
    let workplace = workplace();
    let lines = workplace.inf("journal night export").stdout;
    let rows: Vec<Json> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 14);
    let csv = workplace.inf("journal night export --format csv").stdout;
    let (head, _) = csv.split_once("\r\n").expect("a first row");
    let names: Vec<_> = rows[0]
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(head.split(',').collect::<Vec<_>>(), names);
    assert_snapshot!("journal_export_csv", csv.replace("\r\n", "\n"));
    assert_snapshot!(
        "journal_export_inputs",
        workplace.inf("journal night export --of inputs").stdout
    );
    let ended = workplace.inf("journal night export --format csv --output calls.csv");
    assert_eq!(
        (ended.code, &*ended.stdout, &*ended.stderr),
        (Some(0), "", "14 rows in calls.csv\n")
    );
    assert_eq!(workplace.read("calls.csv"), csv);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_written() {
    let workplace = workplace();
    let ended = workplace.inf("journal night export --format parquet --output calls.parquet");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let bytes = fs::read(workplace.path("calls.parquet")).expect("readable");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn what_is_wrong_is_told() {
    let workplace = workplace();
    let journal = fs::read_to_string(workplace.path(FILE)).expect("readable");
    let middle = journal.replacen("facts_b", "facts_c", 3);
    fs::create_dir(workplace.path("damaged")).expect("a new folder");
    workplace.write("damaged/journal.jsonl", &middle[..middle.len() - 20]);
    fs::create_dir(workplace.path("other")).expect("a new folder");
    workplace.write("other/journal.jsonl", "a,b\n1,2\n");
    let mut lines = vec![
        "journal nothing",
        "journal pipeline.yaml",
        "journal other failures",
        "journal damaged failures",
        "journal night export --output night/journal.jsonl",
        "journal night export --format xml",
    ];
    if cfg!(not(feature = "parquet")) {
        lines.push("journal night export --format parquet");
    }
    let shown = lines
        .iter()
        .map(|line| format!("$ inf {line}\n{}", workplace.inf(line).shown()));
    let shown = shown.collect::<Vec<_>>().join("\n");
    if cfg!(not(feature = "parquet")) {
        assert_snapshot!("journal_problems", shown);
    }
    assert_eq!(workplace.read(FILE), journal);
}
