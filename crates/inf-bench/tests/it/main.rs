//! Every subcommand at its smallest: the shape of what is printed, and no
//! word about how fast.

use std::process::Command;

use serde_json::Value;

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_inf-bench"))
        .args(arguments)
        .output();
    let output = output.expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    assert_eq!(errors, "");
    String::from_utf8(output.stdout).expect("text")
}

/// Checks the figures of a subcommand, as JSON and as text.
fn check(arguments: &str, expected: &[(&str, &str)]) {
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    let text = run(&arguments);
    for (line, (name, unit)) in text.lines().zip(expected) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!([words[0], words[2]], [*name, *unit], "{line}");
    }
    assert_eq!(text.lines().count(), expected.len(), "{text}");

    arguments.push("--json");
    let lines = run(&arguments);
    let figures: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let named = figures
        .iter()
        .map(|figure| (figure["name"].as_str(), figure["unit"].as_str()));
    let named: Vec<_> = named.collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|&(name, unit)| (Some(name), Some(unit)))
        .collect();
    assert_eq!(named, expected);
    for figure in figures {
        assert_eq!(figure["repeats"], 2);
        let number = |key: &str| figure[key].as_f64().expect("a number");
        // What is a difference, or a part, may be 0 or less.
        let may_be_none = [
            "http.excess.p99",
            "limits.quota.refused",
            "limits.quota_hint.refused",
            "soak.growth",
        ];
        let is_difference = may_be_none.map(Some);
        if !is_difference.contains(&figure["name"].as_str()) {
            assert!(number("lowest") > 0.0, "{figure}");
        }
        assert!(number("lowest") <= number("median"), "{figure}");
        assert!(number("median") <= number("highest"), "{figure}");
        assert!(
            figure["settings"]
                .as_object()
                .is_some_and(|settings| !settings.is_empty())
        );
    }
}

#[test]
fn nodes() {
    let cases = [
        "nodes.chain_10",
        "nodes.chain_10",
        "nodes.chain_10_typed",
        "nodes.chain_10_text",
        "nodes.fan_1000",
        "nodes.fan_1000",
        "nodes.diamond_5",
        "nodes.diamond_5",
    ];
    let flows = [
        "flow.branch_empty",
        "flow.branch",
        "flow.map",
        "flow.map",
        "flow.fold",
        "flow.fold_tree",
        "flow.repeat",
        "flow.fallback",
    ];
    let nodes = cases.map(|name| (name, "us/node"));
    let flows = flows.map(|name| (name, "us/run"));
    check("nodes --repeats 2 --divide 1000", &[nodes, flows].concat());
}

#[test]
fn traces() {
    let cases = ["traces.extract_and_compare", "traces.layers_1000"];
    check(
        "traces --repeats 2 --divide 1000",
        &cases.map(|name| (name, "traces/s")),
    );
}

#[test]
fn http() {
    let both = [
        ("http.engine.cpu", "us/call"),
        ("http.engine.wall", "us/call"),
        ("http.engine.p99", "us"),
        ("http.bare.cpu", "us/call"),
        ("http.bare.wall", "us/call"),
        ("http.bare.p99", "us"),
        ("http.ratio.cpu", "x"),
        ("http.ratio.wall", "x"),
        ("http.excess.p99", "us"),
    ];
    check(
        "http --inputs 20 --in-flight 2,4 --repeats 2",
        &[both, both].concat(),
    );
    check(
        "http --inputs 20 --in-flight 4 --repeats 2 --pipeline one --threads 1",
        &both,
    );
    check(
        "http --inputs 20 --in-flight 4 --repeats 2 --only bare --answer-after 1",
        &both[3..6],
    );
}

#[test]
fn limits() {
    check(
        "limits --seconds 1 --answer-after 20 --repeats 2",
        &[
            ("limits.quota.used", "%"),
            ("limits.quota.refused", "%"),
            ("limits.quota_hint.used", "%"),
            ("limits.quota_hint.refused", "%"),
            ("limits.queue.throughput", "%"),
            ("limits.queue.latency", "x"),
            ("limits.queue.limit", "calls"),
        ],
    );
}

#[test]
fn makespan() {
    let case = [
        ("makespan.dag_16.pareto.engine", "x"),
        ("makespan.dag_16.pareto.by_input", "x"),
        ("makespan.dag_16.pareto.by_level", "x"),
        ("makespan.dag_16.pareto.cpu", "us/call"),
    ];
    check(
        "makespan --inputs 20 --in-flight 2,4 --repeats 2 --only dag_16.pareto",
        &[case, case].concat(),
    );
}

#[cfg(target_os = "linux")]
#[test]
fn memory() {
    let sizes = [
        ("memory.peak", "MiB"),
        ("memory.peak", "MiB"),
        ("memory.ratio", "x"),
        ("memory.map_peak", "MiB"),
        ("memory.map_peak", "MiB"),
    ];
    check("memory --inputs 5,20 --elements 5,20 --repeats 2", &sizes);
    let one = [sizes[0], sizes[3]];
    check("memory --inputs 20 --elements 5 --repeats 2", &one);
}

#[test]
fn journal() {
    check(
        "journal --calls 20 --rate 5000 --in-flight 4 --repeats 2 --records 40",
        &[
            ("journal.off", "calls/s"),
            ("journal.off.cpu", "us/call"),
            ("journal.on", "calls/s"),
            ("journal.on.cpu", "us/call"),
            ("journal.throughput", "x"),
            ("journal.record", "bytes"),
            ("journal.open", "s"),
            ("journal.resume", "s"),
            ("journal.inputs", "s"),
        ],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn soak() {
    check(
        "soak --inputs 20 --repeats 2",
        &[
            ("soak.resident.warm", "MiB"),
            ("soak.resident.highest", "MiB"),
            ("soak.growth", "%"),
            ("soak.calls", "calls/s"),
        ],
    );
}

#[test]
fn profile() {
    let load = |load: &str| {
        let names = [
            ("off", "calls/s"),
            ("off.cpu", "us/call"),
            ("on", "calls/s"),
            ("on.cpu", "us/call"),
            ("ratio", "x"),
            ("ratio.cpu", "x"),
        ];
        names.map(|(name, unit)| (format!("profile.{load}.{name}"), unit))
    };
    let all = [load("paced"), load("most")].concat();
    let all: Vec<(&str, &str)> = all.iter().map(|(name, unit)| (&**name, *unit)).collect();
    check("profile --calls 200 --repeats 2", &all);
}

#[test]
fn optimize() {
    check(
        "optimize --latency 1 --repeats 2",
        &[
            ("optimize.sequential", "s"),
            ("optimize.at_once", "s"),
            ("optimize.times", "x"),
        ],
    );
}

#[test]
fn nothing_can_be_measured_no_times() {
    let output = Command::new(env!("CARGO_BIN_EXE_inf-bench"))
        .args(["http", "--inputs", "0"])
        .output();
    let output = output.expect("the program starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("at least 1"));
}
