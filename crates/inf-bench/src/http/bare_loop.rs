//! [`BareLoop`]: the same calls made without any engine.
//!
//! What a careful person would write for this one job: the same client
//! settings as the engine's `HttpStack`, the same requests, a typed reply, a
//! timeout, one task per input and a bound on the calls in flight. No retries,
//! no limits that are shared, no errors that help. Latencies are noted as the
//! engine notes them, because they are compared.
//!
//! With one call for an input, tasks are the bound: there are as many as there
//! may be calls. With three, a task has two calls in flight at first and one
//! at the end, so a semaphore bounds the calls. There are still as many tasks
//! as permits: each of them always has a call to make, so no permit is idle
//! while there are inputs. More tasks would only wait in the semaphore's queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url, redirect};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Load, MODEL, PipelineName, prompt};
use crate::Failure;
use crate::extract_and_compare::{ExtractAndCompare, Pair};

#[derive(Serialize)]
struct ChatBody<'a> {
    model: &'a str,
    messages: &'a [ChatMessage<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'a str,
    content: &'a str,
}

/// What the engine keeps of a reply, too.
#[derive(Deserialize)]
#[expect(dead_code, reason = "reading them is part of the work")]
struct Completion {
    choices: Vec<Choice>,
    model: String,
    usage: Usage,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading them is part of the work")]
struct Choice {
    message: ReplyMessage,
    finish_reason: String,
}

#[derive(Deserialize)]
struct ReplyMessage {
    content: String,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading them is part of the work")]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// A client, where it calls, and how much at once.
#[derive(Debug)]
pub(super) struct BareLoop {
    target: Arc<Target>,
    pipeline: PipelineName,
    in_flight: usize,
}

#[derive(Debug)]
struct Target {
    client: Client,
    url: Url,
    /// One for each call in flight; used where an input has several calls.
    permits: Semaphore,
    /// In microseconds.
    latencies: Mutex<Histogram<u64>>,
}

impl BareLoop {
    pub(super) fn new(
        base_url: &str,
        pipeline: PipelineName,
        in_flight: usize,
    ) -> Result<Self, Failure> {
        // `Err` means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("inf-engine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(usize::MAX)
            .pool_idle_timeout(Duration::from_secs(90))
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_mins(1))
            .redirect(redirect::Policy::none())
            // Plain http alone is called: no need to load the machine's.
            .tls_certs_only([])
            .build()?;
        let target = Arc::new(Target {
            client,
            url: Url::parse(&format!("{base_url}/chat/completions"))?,
            permits: Semaphore::new(in_flight),
            latencies: Mutex::new(Histogram::new(3)?),
        });
        Ok(Self {
            target,
            pipeline,
            in_flight,
        })
    }

    pub(super) async fn run(&self, load: Load) -> Result<(), Failure> {
        let mut inputs = 0..load.inputs;
        let mut under_way = JoinSet::new();
        let mut spawn = |under_way: &mut JoinSet<Result<String, Failure>>| {
            if let Some(input) = inputs.next() {
                let target = Arc::clone(&self.target);
                match self.pipeline {
                    PipelineName::One => {
                        under_way.spawn(async move { target.ask(&prompt(input)).await })
                    }
                    PipelineName::Three => {
                        under_way.spawn(async move { target.compare(Pair::of(input)).await })
                    }
                };
            }
        };
        for _ in 0..self.in_flight {
            spawn(&mut under_way);
        }
        let mut answers = 0;
        while let Some(answer) = under_way.join_next().await {
            if answer??.is_empty() {
                return Err("an answer is empty".into());
            }
            answers += 1;
            spawn(&mut under_way);
        }
        assert_eq!(answers, load.inputs, "every input has one result");
        Ok(())
    }

    /// 99 of 100 calls took no longer, of those since this was asked before.
    pub(super) fn take_p99(&self) -> Duration {
        let mut latencies = self.target.latencies();
        let p99 = latencies.value_at_quantile(0.99);
        latencies.reset();
        Duration::from_micros(p99)
    }
}

impl Target {
    /// One call for an input.
    async fn ask(&self, prompt: &str) -> Result<String, Failure> {
        let messages = [ChatMessage::user(prompt)];
        self.call(&ChatBody::new(&messages)).await
    }

    /// Two calls for an input, and a third that reads their answers.
    async fn compare(&self, pair: Pair) -> Result<String, Failure> {
        let (facts_a, facts_b) = tokio::try_join!(self.extract(&pair.a), self.extract(&pair.b))?;
        let prompt = format!("Compare:\n{facts_a}\n\nwith:\n{facts_b}");
        let messages = [
            ChatMessage::system(ExtractAndCompare::STYLE),
            ChatMessage::user(&prompt),
        ];
        let _permit = self.permits.acquire().await?;
        self.call(&ChatBody::new(&messages)).await
    }

    async fn extract(&self, text: &str) -> Result<String, Failure> {
        let messages = [
            ChatMessage::system(ExtractAndCompare::EXTRACT),
            ChatMessage::user(text),
        ];
        let body = ChatBody {
            temperature: Some(ExtractAndCompare::TEMPERATURE),
            max_tokens: Some(ExtractAndCompare::MAX_TOKENS),
            ..ChatBody::new(&messages)
        };
        let _permit = self.permits.acquire().await?;
        self.call(&body).await
    }

    async fn call(&self, body: &ChatBody<'_>) -> Result<String, Failure> {
        let start = Instant::now();
        let body = serde_json::to_vec(body)?;
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .timeout(Duration::from_mins(2))
            .body(body);
        let reply = request.send().await?.error_for_status()?.bytes().await?;
        let mut completion: Completion = serde_json::from_slice(&reply)?;
        let choice = completion.choices.pop().ok_or("a reply without choices")?;
        let micros = u64::try_from(start.elapsed().as_micros())?;
        self.latencies().record(micros)?;
        Ok(choice.message.content)
    }

    fn latencies(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> ChatBody<'a> {
    fn new(messages: &'a [ChatMessage<'a>]) -> Self {
        Self {
            model: MODEL,
            messages,
            temperature: None,
            max_tokens: None,
        }
    }
}

impl<'a> ChatMessage<'a> {
    fn system(content: &'a str) -> Self {
        let role = "system";
        Self { role, content }
    }

    fn user(content: &'a str) -> Self {
        let role = "user";
        Self { role, content }
    }
}
