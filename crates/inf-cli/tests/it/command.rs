//! Running the binary.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

/// The pipeline that most tests run: three calls for each input.
pub(crate) const COMPARE: &str = r#"
version: 1
name: compare
input: { a: string, b: string }
nodes:
  facts_a: { llm: fast, prompt: "List the facts of:\n{input.a}" }
  facts_b: { llm: fast, prompt: "List the facts of:\n{input.b}" }
  compare: { llm: smart, prompt: "Compare {facts_a} with {facts_b}." }
output: { comparison: compare }
"#;

/// A directory of files in which commands run.
pub(crate) struct Workplace {
    directory: tempfile::TempDir,
}

impl Workplace {
    /// A directory that holds [`COMPARE`] as `pipeline.yaml`.
    pub(crate) fn new() -> Self {
        let workplace = Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
        };
        workplace.write("pipeline.yaml", COMPARE);
        workplace
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("writable");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("readable")
    }

    /// Writes `count` good inputs of [`COMPARE`] to `pairs.jsonl`.
    pub(crate) fn write_pairs(&self, count: usize) {
        let lines = (0..count).map(|i| format!("{{\"a\": \"apple {i}\", \"b\": \"pear {i}\"}}\n"));
        self.write("pairs.jsonl", lines.collect::<String>());
    }

    /// Writes `resources.yaml`, where `fast` and `smart` are the server at `url`.
    pub(crate) fn write_resources(&self, url: &str) {
        let endpoint =
            |model| format!("{{ provider: openai-compatible, base_url: '{url}', model: {model} }}");
        let text = format!(
            "endpoints:\n  fast: {}\n  smart: {}\n",
            endpoint("f"),
            endpoint("s")
        );
        self.write("resources.yaml", text);
    }

    /// `inf` with the arguments in `line`, in this directory. No test depends
    /// on the environment of who runs it.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inf"));
        command
            .args(line.split_whitespace())
            .current_dir(self.directory.path())
            .env_remove("OPENAI_API_KEY")
            .env_remove("OPENAI_BASE_URL")
            .env("COLUMNS", "100")
            .stdin(Stdio::null());
        command
    }

    /// Runs `inf` to its end.
    pub(crate) fn inf(&self, line: &str) -> Ended {
        Ended::of(self.command(line).output().expect("the binary runs"))
    }

    /// Runs `inf` with `input` on its stdin.
    pub(crate) fn inf_with_stdin(&self, line: &str, input: &[u8]) -> Ended {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stdin = child.stdin.take().expect("piped");
        // A command that refuses its arguments does not read.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ended::of(child.wait_with_output().expect("the binary ends"))
    }
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Everything that a person sees, for a snapshot; times are left out.
    pub(crate) fn shown(&self) -> String {
        let code = self.code.expect("an exit code");
        let stdout = redacted(&self.stdout);
        let stderr = redacted(&self.stderr);
        format!("exit code {code}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}")
    }

    /// The results on stdout, in the order of the inputs.
    pub(crate) fn results(&self) -> Vec<Json> {
        results(&self.stdout)
    }

    /// The summary of a run with `--json`, which is all that is on stderr.
    pub(crate) fn summary(&self) -> Json {
        serde_json::from_str(&self.stderr).expect("one line of JSON")
    }
}

/// Result lines in the order of their inputs.
pub(crate) fn results(text: &str) -> Vec<Json> {
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"));
    let mut results: Vec<Json> = lines.collect();
    results.sort_by_key(|result| result["index"].as_u64());
    results
}

/// The text without what differs from run to run.
fn redacted(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let kept = match line {
            line if line.starts_with("latency  ") => "latency  [latencies]",
            line if line.starts_with("waited   ") => "waited   [waits]",
            line if line.starts_with("time     ") => "time     [time]",
            line => line,
        };
        shown.push_str(kept);
        shown.push('\n');
    }
    shown
}

/// An `inf simulate` that ends with the test.
pub(crate) struct Server {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    /// The base URL, with `/v1`.
    pub(crate) url: String,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(options: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_inf"))
            .arg("simulate")
            .args(options.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("readable");
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .expect("an address")
            .to_owned();
        Self { child, stderr, url }
    }

    /// The address without `/v1`.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.host())
    }

    fn host(&self) -> &str {
        let host = self
            .url
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/v1"));
        host.expect("the form of the address")
    }

    /// Sends one HTTP request and returns the head and the body of the answer,
    /// both empty if the connection was dropped.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let host = self.host();
        let mut stream = TcpStream::connect(host).expect("the server listens");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
        .expect("writable");
        let mut answer = String::new();
        // A dropped connection may end in a reset.
        let _ = stream.read_to_string(&mut answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (head.to_owned(), body.to_owned())
    }

    /// Asks for a chat completion; the head and the JSON of the answer.
    pub(crate) fn complete(&self, body: &Json) -> (String, Json) {
        let (head, body) = self.request("POST", "/v1/chat/completions", &body.to_string());
        (head, serde_json::from_str(&body).unwrap_or_default())
    }

    /// What `GET /stats` tells.
    pub(crate) fn stats(&self) -> Json {
        serde_json::from_str(&self.request("GET", "/stats", "").1).expect("JSON")
    }

    /// Ends the server with `signal`; its exit code and last words.
    #[cfg(unix)]
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        send_signal(&self.child, signal);
        let mut last = String::new();
        self.stderr.read_to_string(&mut last).expect("readable");
        let status = self.child.wait().expect("an end");
        (status.code(), last)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal such as `INT` to a child.
#[cfg(unix)]
pub(crate) fn send_signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.expect("`kill` runs").success());
}

/// Says that a test could not be done where `what` is missing.
#[expect(
    clippy::print_stderr,
    reason = "what was not tested should be seen to be so"
)]
pub(crate) fn skipped_without(what: &str) {
    eprintln!("skipped: there is no {what} here");
}

/// The head and the body of the one request that a connection brings.
pub(crate) fn read_request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    (head, String::from_utf8_lossy(&body).into_owned())
}

/// Answers it with JSON, and closes the connection; each of `headers` ends its line.
pub(crate) fn answer_request(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    // A peer that has seen enough is no error.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
}
