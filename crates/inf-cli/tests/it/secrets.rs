//! A key is never shown: not in results, on the terminal, in a profile or in
//! numbers, whatever the server says of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use crate::command::{Ended, Workplace, answer_request, read_request};
use crate::metrics::get;

/// As real ones are, with a character that JSON may write in two ways.
const KEY: &str = "sk-proj-0123456789/abcdefSECRET";

/// A server that answers every request with all that it was sent: as an error of
/// each kind in turn, with it in the head, too.
struct Echo {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let turn = counter.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || echo(stream, turn));
            }
        });
        Self { url, asked }
    }
}

fn echo(mut stream: TcpStream, turn: usize) {
    let (head, _) = read_request(&stream);
    assert!(head.contains(KEY), "the key was sent");
    let told =
        serde_json::json!({"error": {"message": head, "type": head, "code": KEY}}).to_string();
    let escaped = told.replace('/', "\\/");
    let html = format!("<html><body><h1>{head}</h1></body></html>");
    let (status, body) = match turn % 7 {
        0 => ("401 Unauthorized", told),
        1 => ("400 Bad Request", escaped),
        2 => ("500 Internal Server Error", html),
        3 => ("200 OK", told),
        4 => ("200 OK", head),
        5 => ("403 Forbidden", KEY.to_owned()),
        _ => ("302 Found", html),
    };
    let headers = format!("x-request-id: {KEY}\r\nlocation: /{KEY}\r\n");
    answer_request(&mut stream, status, &headers, &body);
}

/// Fails if the key is in `text`, whole or in a part that is long enough to help.
fn check(place: &str, text: &str) {
    for part in [KEY, "SECRET", "0123456789", &KEY.replace('/', "\\/")] {
        assert!(!text.contains(part), "{place} shows the key:\n{text}");
    }
}

fn check_all(workplace: &Workplace, ended: &Ended) {
    check("stdout", &ended.stdout);
    check("stderr", &ended.stderr);
    check_files(&workplace.path("."));
}

/// Every file below `folder` but the one that the key is in.
fn check_files(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            check_files(&path);
        } else if path.file_name().is_none_or(|name| name != "key.txt") {
            let content = fs::read(&path).expect("readable");
            let content = String::from_utf8_lossy(&content);
            check(&path.display().to_string(), &content);
        }
    }
}

#[test]
fn a_key_from_the_environment_or_a_file_is_shown_nowhere() {
    let server = Echo::start();
    let workplace = Workplace::new();
    workplace.write_pairs(30);
    workplace.write("key.txt", format!("\n{KEY}\r\n"));
    for key in [
        "api_key_env: TEST_KEY",
        "api_key: '${TEST_KEY}'",
        "api_key_file: key.txt",
        "api_key_file: '${KEY_FILE}'",
    ] {
        let endpoint = format!(
            "{{ provider: openai-compatible, base_url: '{}', model: m, {key}, max_retries: 1, price: {{ input: 1, output: 1 }} }}",
            server.url
        );
        workplace.write(
            "resources.yaml",
            format!("endpoints:\n  fast: {endpoint}\n  smart: {endpoint}\n"),
        );
        for options in [
            "--profile trace.json --metrics 0 --budget-usd 5",
            "--json --hedge 50",
            "--error-policy fail-fast -o -",
            "--quiet",
            "--checkpoint-dir night --retry-failed",
        ] {
            let line = format!(
                "run pipeline.yaml -i pairs.jsonl -r resources.yaml -o results.jsonl {options}"
            );
            let line = if options.contains("-o -") {
                line.replace("-o results.jsonl", "")
            } else {
                line
            };
            let before = server.asked.load(Ordering::SeqCst);
            let mut command = workplace.command(&line);
            let command = command
                .env("TEST_KEY", KEY)
                .env("KEY_FILE", workplace.path("key.txt"))
                .env("RUST_LOG", "trace")
                .env("RUST_BACKTRACE", "1");
            let ended = Ended::of(command.output().expect("the binary runs"));
            assert_eq!(ended.code, Some(1), "{line}\n{}", ended.stderr);
            assert!(server.asked.load(Ordering::SeqCst) > before);
            check_all(&workplace, &ended);
        }
        for line in [
            "journal night",
            "journal night failures",
            "journal night calls",
            "journal night export",
        ] {
            let ended = workplace.inf(line);
            assert_eq!(ended.code, Some(0), "{line}\n{}", ended.stderr);
            check_all(&workplace, &ended);
        }
    }
}

#[test]
fn a_key_is_in_no_number() {
    let server = Echo::start();
    let workplace = Workplace::new();
    let endpoint = format!(
        "{{ provider: openai-compatible, base_url: '{}', model: m, api_key_env: TEST_KEY, max_retries: 0 }}",
        server.url
    );
    workplace.write(
        "resources.yaml",
        format!("endpoints:\n  fast: {endpoint}\n  smart: {endpoint}\n"),
    );
    let mut child = workplace
        .command("run pipeline.yaml -i - -r resources.yaml -o results.jsonl --metrics 0")
        .env("TEST_KEY", KEY)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A run begins when it has its first input.
    let mut stdin = child.stdin.take().expect("piped");
    for pair in 0..10 {
        writeln!(stdin, "{{\"a\": \"{pair}\", \"b\": \"{pair}\"}}").expect("writable");
    }
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    stderr.read_line(&mut line).expect("readable");
    let address = line.trim().strip_prefix("metrics at ");
    let address = address.expect("an address");
    // A refusal that held the key was counted by then.
    let mut numbers = get(address);
    while !numbers.contains("authentication") {
        check("the metrics", &numbers);
        thread::yield_now();
        numbers = get(address);
    }
    check("the metrics", &numbers);
    child.kill().expect("it runs");
    child.wait().expect("an end");
    let mut told = String::new();
    stderr.read_to_string(&mut told).expect("readable");
    check("stderr", &told);
}

#[test]
fn a_key_that_is_wrong_or_in_the_wrong_place_is_shown_nowhere() {
    let workplace = Workplace::new();
    workplace.write_pairs(1);
    workplace.write("key.txt", format!("{KEY}\nand more\n"));
    for (key, expected) in [
        (
            "api_key_file: key.txt".to_owned(),
            "the file `key.txt` has several lines",
        ),
        (
            "api_key_file: none.txt".to_owned(),
            "the file `none.txt` does not exist",
        ),
        (
            "api_key_file: sk-proj-0123456789-SECRET".to_owned(),
            "looks like a key",
        ),
        (
            "api_key_file: key.txt, api_key_env: TEST_KEY".to_owned(),
            "keep one of",
        ),
        (format!("api_key: {KEY}"), "keys do not belong into files"),
        (
            format!("api_key_env: {KEY}"),
            "is not the name of an environment variable",
        ),
    ] {
        let endpoint = format!("{{ provider: openai, model: m, {key} }}");
        let text = format!(
            "endpoints:\n  fast: {endpoint}\n  smart: {{ provider: simulated, model: m }}\n"
        );
        workplace.write("resources.yaml", text);
        for line in [
            "run pipeline.yaml -i pairs.jsonl -r resources.yaml",
            "check pipeline.yaml -i pairs.jsonl -r resources.yaml",
        ] {
            let mut command = workplace.command(line);
            let ended = Ended::of(
                command
                    .env("TEST_KEY", KEY)
                    .output()
                    .expect("the binary runs"),
            );
            assert_eq!(ended.code, Some(2));
            assert!(
                ended.stderr.contains(expected),
                "{expected}\n{}",
                ended.stderr
            );
            check("stdout", &ended.stdout);
            check("stderr", &ended.stderr);
        }
    }
}
