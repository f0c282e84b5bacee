//! `inf report`: what is in the page, and what a browser shows of it.

mod browser;
mod pages;

use std::fs;

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::Value as Json;

use crate::command::Workplace;

/// A pipeline with all that a graph can have: frames, and a node that calls nothing.
const SORT: &str = r#"
version: 1
name: sort
input: { text: string }
nodes:
  about: { prompt: "About: {input.text}" }
  topic: { llm: fast, prompt: "{about}", output: { $schema: { type: string, enum: [play, study] } } }
  answer:
    match: topic
    cases:
      play: { nodes: { tease: { llm: smart, prompt: "{about}" } }, output: tease }
      study: { nodes: { terms: { llm: fast, prompt: "{about}" }, explain: { llm: smart, prompt: "{terms}" } }, output: explain }
    default: { output: input.text }
output: { topic: topic, answer: answer }
"#;

/// Endpoints that refuse, fail and cost.
const RESOURCES: &str = "
endpoints:
  fast:
    provider: simulated
    model: small
    max_concurrent: 6
    price: { input: 100, output: 400 }
    simulated: { latency: { median_ms: 4, spread: 0.4 }, quota: { requests_per_second: 400, burst: 4, hint: true }, faults: { error_ratio: 0.1 } }
  smart:
    provider: simulated
    model: large
    max_concurrent: 3
    max_retries: 0
    price: { input: 1000, output: 4000 }
    simulated: { latency: { median_ms: 9, spread: 0.4 }, faults: { error_ratio: 0.1 } }
";

/// A directory with the journal `night` of version 1: a run that was interrupted, and one that went
/// on with it.
fn with_old_journal() -> Workplace {
    let workplace = Workplace::new();
    fs::create_dir(workplace.path("night")).expect("a new folder");
    let data = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../inf-engine/tests/data/journal-v1/journal.jsonl"
    );
    workplace.write("night/journal.jsonl", fs::read(data).expect("readable"));
    workplace
}

/// A directory with the journal `night` and the trace `trace.json` of one run of [`SORT`] over so many inputs.
fn with_run(inputs: usize) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("sort.yaml", SORT);
    workplace.write("resources.yaml", RESOURCES);
    let lines = (0..inputs).map(|i| format!("{{\"text\": \"secret {i}\"}}\n"));
    workplace.write("texts.jsonl", lines.collect::<String>());
    let ended = workplace.inf("run sort.yaml --input texts.jsonl --resources resources.yaml --output out.jsonl --checkpoint-dir night --profile trace.json --json");
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    workplace
}

/// What the page `name` holds as data.
fn data_of(workplace: &Workplace, name: &str) -> Json {
    let page = workplace.read(name);
    let (_, data) = page
        .split_once("<script type=\"application/json\" id=\"report\">")
        .expect("it has data");
    let (data, _) = data.split_once("</script>").expect("it ends");
    serde_json::from_str(data).expect("JSON")
}

#[test]
fn the_data_of_a_journal_that_an_older_version_wrote() {
    let workplace = with_old_journal();
    let ended = workplace.inf("report night");
    assert_snapshot!("report_told", ended.shown());
    let mut data = data_of(&workplace, "report.html");
    // Twelve hundred numbers are for the browser.
    data["timeline"]["density"] = Json::Null;
    assert_json_snapshot!("report_of_journal_v1", data);
}

#[test]
fn the_sums_are_those_of_the_journal() {
    let workplace = with_run(40);
    assert_eq!(
        workplace.inf("report night --output page.html").code,
        Some(0)
    );
    let data = data_of(&workplace, "page.html");
    let summary = workplace.inf("journal night summary --json").stdout;
    let summary: Json = serde_json::from_str(&summary).expect("one line of JSON");
    for of in [
        "calls",
        "failed",
        "retries",
        "input_tokens",
        "output_tokens",
    ] {
        assert_eq!(data["total"][of], summary["total"][of], "{of}");
    }
    for of in ["completed", "failed", "pending"] {
        assert_eq!(data["inputs"][of], summary["inputs"][of], "{of}");
    }
    let cost = |data: &Json| data["total"]["cost_usd"].as_f64().expect("a number");
    assert!((cost(&data) - cost(&summary)).abs() < 1e-9 && cost(&data) > 0.0);
    for by in ["by_node", "by_model", "by_endpoint"] {
        let rows = data[by].as_array().expect("rows");
        let calls: u64 = rows.iter().filter_map(|row| row["calls"].as_u64()).sum();
        assert_eq!(Json::from(calls), data["total"]["calls"], "{by}");
    }
    // Every request is on the timeline: those that were sent again, too.
    let endings = data["timeline"]["columns"]["ending"]
        .as_array()
        .expect("a column");
    let of = |code: u64| endings.iter().filter(|ending| **ending == code).count() as u64;
    let total = &data["total"];
    let counts = [of(0) + of(1), of(1), of(2), of(3)].map(Json::from);
    let expected = ["calls", "failed", "retries", "refused"].map(|key| total[key].clone());
    assert_eq!(counts, expected);
    assert!(of(2) > 0, "none was tried again");
    assert!(of(3) > 0, "none was refused");
    for column in data["timeline"]["columns"]
        .as_object()
        .expect("columns")
        .values()
    {
        let length = column.as_array().expect("a column").len();
        assert!(length <= endings.len());
    }
    assert!(data["notes"].as_array().expect("notes").is_empty());
}

#[test]
fn a_trace_tells_the_same_but_costs_and_causes() {
    let workplace = with_run(40);
    assert_eq!(
        workplace.inf("report night --output journal.html").code,
        Some(0)
    );
    assert_eq!(
        workplace.inf("report trace.json --output trace.html").code,
        Some(0)
    );
    let [journal, trace] = ["journal.html", "trace.html"].map(|name| data_of(&workplace, name));
    for of in [
        "calls",
        "failed",
        "retries",
        "refused",
        "input_tokens",
        "output_tokens",
    ] {
        assert_eq!(trace["total"][of], journal["total"][of], "{of}");
    }
    assert_eq!(trace["inputs"]["failed"], journal["inputs"]["failed"]);
    assert!(trace["total"].get("cost_usd").is_none());
    assert!(trace.get("failures").is_none());
    assert_snapshot!(trace["notes"][0].as_str().expect("a note"), @"A trace holds no costs, no models and no messages of failures: a journal does, which `inf run --checkpoint-dir` keeps.");
    let waited = |data: &Json| data["total"]["waits"]["p95"].as_f64().expect("a number");
    let (one, other) = (waited(&trace), waited(&journal));
    assert!(
        (one - other).abs() <= 0.2 * one.max(other) + 2.0,
        "{one} {other}"
    );
    // Both have the graph.
    let graph = |name: &str| workplace.read(name).matches("data-node=").count();
    assert_eq!([graph("journal.html"), graph("trace.html")], [6, 6]);
}

#[test]
fn contents_are_in_it_only_where_they_are_asked_for() {
    let workplace = with_old_journal();
    workplace.inf("report night --output without.html");
    workplace.inf("report night --output with.html --contents");
    let [without, with] = ["without.html", "with.html"].map(|name| data_of(&workplace, name));
    assert_eq!(with["failures"][0]["samples"][0]["answer"], "{\"a\": ");
    assert_eq!(with["parameters"][0]["versions"][1]["diff"][0], "- Brief.");
    assert!(without["failures"][0]["samples"][0].get("answer").is_none());
    let page = workplace.read("without.html");
    for content in ["Brief.", "Long.", "{\\\"a\\\": "] {
        assert!(!page.contains(content), "{content}");
    }
    // The engine's own messages quote answers and values.
    let workplace = Workplace::new();
    workplace.write(
        "kind.yaml",
        "{version: 1, name: kind, input: string, nodes: {n: {llm: fast, prompt: '{input}', output: {kind: integer}}}, output: n}",
    );
    workplace.write(
        "resources.yaml",
        "endpoints: {fast: {provider: simulated, model: m, simulated: {answer: {script: {rules: [{contains: x, answer: '{\"kind\": \"secret\"}'}]}}}}}",
    );
    workplace.write("one.jsonl", "\"x\"\n");
    let run = "run kind.yaml --input one.jsonl --resources resources.yaml --max-reasks 0 --checkpoint-dir night";
    let ended = workplace.inf(run);
    assert!(ended.stdout.contains("secret"), "{ended:?}");
    workplace.inf("report night --output without.html");
    workplace.inf("report night --output with.html --contents");
    assert!(!workplace.read("without.html").contains("secret"));
    let cause = &data_of(&workplace, "without.html")["failures"][0];
    assert_eq!(
        (&cause["kind"], &cause["inputs"]),
        (&"invalid_output".into(), &1.into())
    );
    assert!(workplace.read("with.html").contains("secret"));
    let workplace = with_run(10);
    for source in ["night", "trace.json"] {
        workplace.inf(&format!("report {source} --output page.html"));
        assert!(!workplace.read("page.html").contains("secret"), "{source}");
    }
}

#[test]
fn names_are_no_markup() {
    let workplace = Workplace::new();
    workplace.write(
        "evil.yaml",
        "{version: 1, name: '</script><b>&', nodes: {n: {llm: '<i>', prompt: x}}, output: n}",
    );
    workplace.write("one.jsonl", "1\n");
    let ran =
        workplace.inf("run evil.yaml --input one.jsonl --output out.jsonl --checkpoint-dir night");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(workplace.inf("report night").code, Some(0));
    let page = workplace.read("report.html");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<b>&") && !page.contains("<i>\""));
    assert_eq!(data_of(&workplace, "report.html")["title"], "</script><b>&");
}

/// Sources are files: what no graph can be is not drawn.
#[test]
fn a_damaged_graph_is_left_out() {
    let workplace = Workplace::new();
    let nested = |deep: usize| {
        let map = |place: usize| serde_json::json!({"name": "m", "does": "map", "region": place.checked_sub(1)});
        serde_json::json!({
            "nodes": (0..deep).map(map).collect::<Vec<_>>(),
            "regions": (0..deep).map(|owner| serde_json::json!({"owner": owner, "label": "body"})).collect::<Vec<_>>(),
            "edges": [], "outputs": [0],
        })
    };
    let circle = serde_json::json!({
        "nodes": [{"name": "m", "does": "map", "region": 0}], "edges": [], "outputs": [0],
        "regions": [{"owner": 0, "label": "body"}],
    });
    for (outline, drawn) in [(nested(12), 12), (nested(3000), 0), (circle, 0)] {
        let trace = serde_json::json!({
            "otherData": {"engine": "inf-engine", "graphs": ["a"], "outlines": [outline]},
            "traceEvents": [],
        });
        workplace.write("trace.json", trace.to_string());
        let ended = workplace.inf("report trace.json");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(
            workplace.read("report.html").matches("data-node=").count(),
            drawn
        );
    }
}

#[test]
fn mistakes_are_told() {
    let workplace = with_old_journal();
    workplace.write("empty.json", "");
    workplace.write(
        "other.json",
        "{\"traceEvents\": [], \"otherData\": {\"engine\": \"v8\"}}",
    );
    workplace.write("array.json", "[]");
    fs::create_dir(workplace.path("nothing")).expect("a new folder");
    let lines = [
        "report",
        "report nowhere",
        "report nothing",
        "report empty.json",
        "report array.json",
        "report other.json",
        "report night --output nowhere/report.html",
        "report night --output night/journal.jsonl",
    ];
    let told = lines.map(|line| format!("$ inf {line}\n{}", workplace.inf(line).shown()));
    assert_snapshot!("report_mistakes", told.join("\n"));
}
