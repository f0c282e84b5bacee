//! `inf run --metrics`: what is served, read as Prometheus reads it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use insta::assert_snapshot;

use crate::command::{Server, Workplace};

const PAIR: &[u8] = b"{\"a\": \"x\", \"b\": \"y\"}\n";

/// What is at `address`.
pub(crate) fn get(address: &str) -> String {
    let (host, path) = address
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .expect("an address");
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .expect("writable");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("readable");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// The samples of a text by their names and labels; a text that is not in the
/// format is refused.
fn samples(text: &str) -> HashMap<String, f64> {
    let mut samples = HashMap::new();
    let mut family = (String::new(), String::new());
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            assert!(!help.is_empty() && !seen.contains(&name), "{line}");
            seen.push(name);
            name.clone_into(&mut family.0);
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name, family.0);
            kind.clone_into(&mut family.1);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a series and a value");
        let value: f64 = value.parse().expect("a number");
        let name = series.split('{').next().expect("a name");
        let suffix = name
            .strip_prefix(&family.0)
            .unwrap_or_else(|| panic!("{line}: not of {}", family.0));
        let allowed: &[&str] = match &*family.1 {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(allowed.contains(&suffix), "{line}");
        if let Some(labels) = series
            .strip_prefix(name)
            .filter(|labels| !labels.is_empty())
        {
            assert!(labels.starts_with('{') && labels.ends_with("\"}"), "{line}");
        }
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{line} is there twice"
        );
    }
    samples
}

/// A run that has its first input and whose stdin stays open, and where its
/// numbers are.
fn start(workplace: &Workplace, options: &str) -> (Child, String) {
    let mut child = workplace
        .command(&format!(
            "run pipeline.yaml -i - -o results.jsonl -r resources.yaml {options}"
        ))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let stdin = child.stdin.as_mut().expect("piped");
    stdin.write_all(PAIR).expect("writable");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("readable");
    let url = line
        .trim()
        .strip_prefix("metrics at ")
        .expect("an address")
        .to_owned();
    child.stderr = Some(stderr.into_inner());
    (child, url)
}

#[test]
fn numbers_of_endpoints_nodes_and_budget_are_served_while_it_runs() {
    let server = Server::start("--answer hash");
    let workplace = Workplace::new();
    let endpoint = |model, price| {
        format!(
            "{{ provider: openai-compatible, base_url: '{}', model: {model} {price} }}",
            server.url
        )
    };
    let fast = endpoint("'f\"1'", ", price: { input: 1000, output: 1000 }");
    workplace.write(
        "resources.yaml",
        format!(
            "endpoints:\n  fast: {fast}\n  smart: {{ strategy: round-robin, endpoints: [{}, {}] }}\n",
            endpoint("s", ""),
            endpoint("t", "")
        ),
    );
    let (mut child, url) = start(&workplace, "--metrics 0 --budget-calls 1000");
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with("/metrics"),
        "{url}"
    );
    let mut stdin = child.stdin.take().expect("piped");
    for _ in 1..10 {
        stdin.write_all(PAIR).expect("writable");
    }
    stdin.flush().expect("writable");
    let in_node = |node: &str| format!("{{pipeline=\"compare\",node=\"{node}\",alias=\"smart\"}}");
    let found = loop {
        let found = samples(&get(&url));
        if found.get("inf_inputs_total{outcome=\"succeeded\"}") == Some(&10.0) {
            break found;
        }
        assert!(
            child.try_wait().expect("a child").is_none(),
            "it waits for more inputs"
        );
    };
    let fast = "{alias=\"fast\",endpoint=\"fast\",model=\"f\\\"1\"}";
    let check = |series: String, expected: f64| {
        assert_eq!(found.get(&series), Some(&expected), "{series}");
    };
    check(format!("inf_endpoint_requests_total{fast}"), 20.0);
    check(format!("inf_endpoint_answers_total{fast}"), 20.0);
    check(format!("inf_endpoint_requests_in_flight{fast}"), 0.0);
    check(format!("inf_endpoint_answer_seconds_count{fast}"), 20.0);
    check(
        format!("inf_node_answers_total{}", in_node("compare")),
        10.0,
    );
    check("inf_budget{unit=\"calls\"}".to_owned(), 1000.0);
    check("inf_budget_spent{unit=\"calls\"}".to_owned(), 30.0);
    for (place, model) in ["s", "t"].into_iter().enumerate() {
        let smart = format!("{{alias=\"smart\",endpoint=\"smart[{place}]\",model=\"{model}\"}}");
        check(
            format!("inf_endpoint_answers_of_unknown_cost_total{smart}"),
            5.0,
        );
    }
    let dollars = found[&format!("inf_endpoint_cost_dollars_total{fast}")];
    let tokens = found[&format!("inf_endpoint_input_tokens_total{fast}")]
        + found[&format!("inf_endpoint_output_tokens_total{fast}")];
    assert!(
        (dollars - tokens / 1000.0).abs() < 1e-9 && dollars > 0.0,
        "{dollars} {tokens}"
    );
    // Buckets count up to all answers.
    let bucket = |bound: &str| {
        found[&format!(
            "inf_endpoint_answer_seconds_bucket{{alias=\"fast\",endpoint=\"fast\",model=\"f\\\"1\",le=\"{bound}\"}}"
        )]
    };
    assert!(bucket("0.05") <= bucket("10") && bucket("10") <= bucket("+Inf"));
    assert_eq!(Some(&bucket("+Inf")), Some(&20.0));

    drop(stdin);
    let mut rest = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut rest)
        .expect("readable");
    assert_eq!(child.wait().expect("an end").code(), Some(0), "{rest}");
}

#[test]
fn a_port_that_is_taken_is_an_error_before_anything_is_called() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let workplace = Workplace::new();
    workplace.write_pairs(1);
    let run = "run pipeline.yaml -i pairs.jsonl -o results.jsonl --metrics";
    for port in [address.port().to_string(), address.to_string()] {
        let ended = workplace.inf(&format!("{run} {port}"));
        assert_eq!(ended.code, Some(2));
        let told = ended.stderr.replace(&address.to_string(), "[address]");
        assert_eq!(
            told,
            "error: --metrics: can't listen on [address]: another program has that port: take another one, or 0 \
             for a free one\n"
        );
        assert!(!workplace.path("results.jsonl").exists());
    }
    let wrong = ["nonsense", "70000", "1.2.3.4"]
        .map(|wrong| workplace.inf(&format!("{run} {wrong}")).shown());
    assert_snapshot!("metrics_wrong_address", wrong.join("\n"));
}
