//! [`BareLoop`]: the calls made by a loop without any engine.
//!
//! What a careful person would write for this one job: the same client
//! settings as the engine's `HttpStack`, the same request, a typed reply, a
//! timeout, one task per call and a bound on the calls in flight. No retries,
//! no metrics, no limits that are shared, no errors that help.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url, redirect};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{Load, MODEL, prompt};
use crate::Failure;

#[derive(Serialize)]
struct ChatBody<'a> {
    model: &'a str,
    messages: [ChatMessage<'a>; 1],
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

/// A client and where it calls.
#[derive(Debug)]
pub(super) struct BareLoop(Arc<Target>);

#[derive(Debug)]
struct Target {
    client: Client,
    url: Url,
}

impl BareLoop {
    pub(super) fn new(base_url: &str) -> Result<Self, Failure> {
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
        let url = Url::parse(&format!("{base_url}/chat/completions"))?;
        Ok(Self(Arc::new(Target { client, url })))
    }

    pub(super) async fn run(&self, load: Load) -> Result<(), Failure> {
        let mut inputs = (0..load.calls).map(prompt);
        let mut calls = JoinSet::new();
        let mut spawn = |calls: &mut JoinSet<_>| {
            if let Some(prompt) = inputs.next() {
                let target = Arc::clone(&self.0);
                calls.spawn(async move { target.call(&prompt).await });
            }
        };
        for _ in 0..load.in_flight {
            spawn(&mut calls);
        }
        let mut answers = 0;
        while let Some(answer) = calls.join_next().await {
            if answer??.is_empty() {
                return Err("an answer is empty".into());
            }
            answers += 1;
            spawn(&mut calls);
        }
        assert_eq!(answers, load.calls, "every input has one result");
        Ok(())
    }
}

impl Target {
    async fn call(&self, prompt: &str) -> Result<String, Failure> {
        let messages = [ChatMessage {
            role: "user",
            content: prompt,
        }];
        let body = serde_json::to_vec(&ChatBody {
            model: MODEL,
            messages,
        })?;
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
        Ok(choice.message.content)
    }
}
