//! A provider in process that notes what it is asked, and what tests do with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry,
};
use inf_engine::execution::ResultStream;
use inf_engine::graph::{GraphNode, HostCall, LlmCall, NodeRef, Operation, Template, TemplatePart};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_engine::value::Data;
use tokio::time::sleep;

pub(crate) type Answers =
    dyn Fn(&str) -> (Duration, Result<LlmResponse, ClientError>) + Send + Sync;

/// Notes what it is asked; what it answers and when follows from that.
pub(crate) struct Peer {
    asked: Mutex<Vec<String>>,

    answers: Box<Answers>,
}

impl LlmClient for Peer {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async {
            let prompt = request.prompt();
            self.asked.lock().unwrap().push(prompt.to_string());
            let (took, outcome) = (self.answers)(&prompt);
            if took.is_zero() {
                tokio::task::yield_now().await;
            } else {
                sleep(took).await;
            }

            outcome
        })
    }
}

impl Peer {
    pub(crate) fn new(
        answers: impl Fn(&str) -> (Duration, Result<LlmResponse, ClientError>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),

            answers: Box::new(answers),
        })
    }

    /// Answers everything after a second.
    pub(crate) fn of_a_second() -> Arc<Self> {
        Self::new(|_| (Duration::from_secs(1), answer()))
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a provider says to anything; a `Result` like its refusals.
#[expect(clippy::unnecessary_wraps, reason = "the same type as the others")]
pub(crate) fn answer() -> Result<LlmResponse, ClientError> {
    Ok(LlmResponse::from_text("answer"))
}

/// Resources of some aliases, each with its calls at once.
pub(crate) fn resources<'a>(
    peers: impl IntoIterator<Item = (&'a str, &'a Arc<Peer>, usize)>,
) -> Arc<ResourceManager> {
    let mut resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    for (alias, peer, most) in peers {
        let peer: Arc<dyn LlmClient> = Arc::<Peer>::clone(peer);
        resources = resources.with_client(alias, peer, most);
    }
    Arc::new(resources)
}

/// A pipeline of one call of `a`.
pub(crate) fn one_call(resources: &Arc<ResourceManager>) -> Pipeline<String, String> {
    LlmInference::new("a").bind(resources).unwrap()
}

pub(crate) fn texts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|index| index.to_string())
}

/// A call of `alias` whose prompt is `name` and what `read` comes to.
pub(crate) fn call(alias: &str, name: &str, read: NodeRef) -> GraphNode {
    let mut prompt = Template::text(format!("{name} "));
    prompt.push(TemplatePart::Reference(read.into()));
    GraphNode::new(name, Operation::Llm(LlmCall::new(alias, prompt)))
}

pub(crate) fn host(name: &str, read: NodeRef) -> GraphNode {
    GraphNode::new(name, Operation::Host(HostCall::new(name, read)))
}

pub(crate) async fn rest<O: Data>(mut results: ResultStream<O>) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    while let Some(result) = results.next().await {
        kinds.push(
            result
                .output
                .map_or_else(|error| error.kind.as_str(), |_| "ok"),
        );
    }
    kinds
}

/// What a provider says that will never do it.
pub(crate) fn refusal() -> Result<LlmResponse, ClientError> {
    Err(ClientError::new(ClientErrorKind::Refused, "no"))
}

/// A failure that may pass.
pub(crate) fn failure() -> Result<LlmResponse, ClientError> {
    Err(ClientError::new(ClientErrorKind::Server, "later"))
}

/// Longer than an endpoint waits.
pub(crate) fn forever() -> Duration {
    Duration::from_hours(1)
}

/// A refusal for a limit that is over in a second.
pub(crate) fn limit() -> Result<LlmResponse, ClientError> {
    let after = Some(Duration::from_secs(1));
    let error = ClientError::new(ClientErrorKind::RateLimited, "full");
    Err(error.with_retry(Retry::RateLimited { after }))
}
