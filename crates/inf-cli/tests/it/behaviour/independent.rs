//! Servers that we did not write, if they are there.
//!
//! `INF_TEST_SERVERS` names the folder that CONTRIBUTING.md says how to fill.
//! What a server can't play is left out; all other checks have to pass.

use std::net::TcpListener;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::provider::{Feature, Provider};
use super::requests::{BROKEN_OFF, PROMPT, THOUGHTFUL};
use super::subject::{MODEL, Origin, Scene, Subject};
use super::{answers, cancellation, failures, limits, streaming, tools, typed, with_all_checks};

/// A server that ends with the test.
#[derive(Debug)]
pub(super) struct Independent {
    kind: Kind,
    root: String,
    child: Child,
    _files: tempfile::TempDir,
}

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `@copilotkit/aimock`, which answers from a script, in every format.
    Aimock,
    /// llama.cpp's server, with a real model, in every format but Ollama's.
    Llama,
}

impl Independent {
    /// Starts a server of the folder; `None` if it is not there.
    async fn start(kind: Kind) -> Option<Self> {
        let program = in_folder(kind.program())?;
        let files = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut command = Command::new(program);
        match kind {
            Kind::Aimock => {
                let script = files.path().join("script.json");
                std::fs::write(&script, script_of_aimock().to_string()).expect("writable");
                command
                    .args(["--host", "127.0.0.1", "--log-level", "silent", "--strict"])
                    // Small pieces with rests between them.
                    .args(["--latency", "10", "--chunk-size", "4"])
                    .arg("--fixtures")
                    .arg(script);
            }
            Kind::Llama => {
                let model = in_folder("model.gguf")?;
                command
                    .args(["--host", "127.0.0.1", "-c", "4096", "-np", "1", "-t", "1"])
                    .args(["--cache-ram", "0", "--alias", MODEL, "-m"])
                    .arg(model);
            }
        }
        let child = command
            .args(["--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Self {
            kind,
            root: format!("http://127.0.0.1:{port}"),
            child,
            _files: files,
        };
        server.until_ready(port).await;
        Some(server)
    }

    /// Neither server says when it is ready but by answering.
    async fn until_ready(&self, port: u16) {
        let ready = async {
            loop {
                if self.is_healthy(port).await.unwrap_or(false) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let ready = tokio::time::timeout(Duration::from_mins(2), ready).await;
        ready.expect("the server gets ready");
    }

    async fn is_healthy(&self, port: u16) -> std::io::Result<bool> {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    }

    /// Whether replies in the provider's format have `feature`.
    pub(super) fn has(&self, provider: Provider, feature: Feature) -> bool {
        use Feature as F;
        match self.kind {
            // It answers what its script says, however long that is, and
            // counts nothing.
            Kind::Aimock => match feature {
                F::Usage
                | F::TokenDetails
                | F::StopTexts
                | F::Bounds
                | F::FailedResults
                | F::Refusals
                | F::Identifiers => false,
                F::Thoughts => provider != Provider::Ollama,
                _ => true,
            },
            // In other formats than chat completions it passes neither schemas on
            // nor, in responses, the reason why an answer ended.
            Kind::Llama => match feature {
                F::Script | F::Thoughts | F::TokenDetails | F::Identifiers => false,
                F::Schemas => provider == Provider::OpenAi,
                F::Bounds => provider != Provider::OpenAiResponses,
                _ => true,
            },
        }
    }

    /// Where `scene` is played; `None` if it can't be.
    pub(super) fn root(&self, scene: Scene) -> Option<String> {
        let plays = match self.kind {
            Kind::Aimock => !matches!(scene, Scene::Refusing | Scene::FullAndSilent | Scene::Small),
            Kind::Llama => matches!(scene, Scene::Echo | Scene::Slow | Scene::Small),
        };
        plays.then(|| self.root.clone())
    }

    /// The headers that make it play `scene`.
    pub(super) fn headers(scene: Scene) -> Vec<(String, SecretString)> {
        let name = match scene {
            Scene::Full => "x-aimock-chaos-ratelimit",
            Scene::Failing => "x-aimock-chaos-drop",
            Scene::Breaking => "x-aimock-chaos-disconnect",
            Scene::Garbling => "x-aimock-chaos-malformed",
            _ => return Vec::new(),
        };
        vec![(name.to_owned(), "1".into())]
    }
}

impl Drop for Independent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Aimock => "node_modules/.bin/llmock",
            Self::Llama => "build/bin/llama-server",
        }
    }

    fn providers(self) -> &'static [Provider] {
        match self {
            Self::Aimock => &Provider::OVER_HTTP,
            Self::Llama => &[
                Provider::OpenAi,
                Provider::OpenAiResponses,
                Provider::Anthropic,
            ],
        }
    }
}

/// What aimock answers: the first entry that fits.
fn script_of_aimock() -> serde_json::Value {
    let weather = "How is the weather";
    json!({"fixtures": [
        {"match": {"systemMessage": "You are terse.", "userMessage": PROMPT},
         "response": {"content": "You are terse."}},
        {"match": {"userMessage": PROMPT}, "response": {"content": PROMPT}},
        {"match": {"userMessage": THOUGHTFUL}, "response": {
            "content": THOUGHTFUL, "reasoning": format!("This is about: {THOUGHTFUL}")}},
        {"match": {"userMessage": BROKEN_OFF}, "response": {"content": BROKEN_OFF},
         "truncateAfterChunks": 6},
        {"match": {"userMessage": "Count the fruit"},
         "response": {"content": "{\"count\": 3, \"name\": \"apple\"}"}},
        {"match": {"userMessage": weather, "toolResultContains": "rainy, 15 degrees"},
         "response": {"content": "It is sunny, 25 degrees and rainy, 15 degrees."}},
        {"match": {"userMessage": weather, "toolResultContains": "rainy"},
         "response": {"content": "The first one gave: no such city."}},
        {"match": {"userMessage": weather}, "response": {"toolCalls": [
            {"name": "get_weather", "arguments": {"city": "Paris"}},
            {"name": "get_weather", "arguments": {"city": "Rome", "days": [1, 2]}},
        ]}},
    ]})
}

type Check = for<'s> fn(&'s Subject) -> Pin<Box<dyn Future<Output = ()> + 's>>;

macro_rules! list {
    ($($group:ident::$check:ident,)*) => {
        [$((
            stringify!($check),
            (|subject| Box::pin($group::$check(subject))) as Check,
        )),*]
    };
}

/// Runs all checks that the server can play, and tells all that fail.
async fn check_all(kind: Kind) {
    let Some(server) = Independent::start(kind).await else {
        return;
    };
    let server = Arc::new(server);
    let checks: Vec<(&str, Check)> = Vec::from(with_all_checks!(list! {}));
    let mut failed = Vec::new();
    for provider in kind.providers() {
        let subject = Subject::new(*provider, Origin::Independent(Arc::clone(&server)));
        for (name, check) in &checks {
            let checked = std::panic::AssertUnwindSafe(check(&subject));
            if checked.catch_unwind().await.is_err() {
                failed.push(format!("{provider:?}: {name}"));
            }
        }
    }
    assert!(failed.is_empty(), "{kind:?} failed:\n{}", failed.join("\n"));
}

/// A file of the folder; `None`, which is told, if it is not there.
pub(super) fn in_folder(file: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("INF_TEST_SERVERS").map(PathBuf::from) else {
        tell("INF_TEST_SERVERS is not set");
        return None;
    };
    let file = folder.join(file);
    if !file.exists() {
        tell(&format!("there is no {}", file.display()));
        return None;
    }
    Some(file)
}

#[expect(clippy::print_stdout, reason = "a test that did nothing has to say so")]
fn tell(why: &str) {
    println!("skipped: {why}");
}

#[tokio::test]
async fn aimock() {
    check_all(Kind::Aimock).await;
}

#[tokio::test]
async fn llama_server() {
    check_all(Kind::Llama).await;
}
