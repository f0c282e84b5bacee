//! The client of one server and model.

use std::fmt;

use bytes::Bytes;

use super::FORMAT;
use super::request::ChatBody;
use super::response::read_reply;
use super::stream::ChatDraft;
use crate::clients::http::{Exchange, HttpPeer, HttpReply, exchange};
use crate::clients::structured::Substitutes;
use crate::clients::{
    ClientDescription, ClientError, DeltaSink, HttpSettings, HttpStack, LlmClient, LlmFuture,
    LlmRequest, LlmResponse,
};

/// A model of an Ollama server.
///
/// ```
/// use inf_engine::clients::ollama::OllamaClient;
/// use inf_engine::clients::{HttpSettings, HttpStack};
///
/// let http = HttpStack::new()?;
/// let settings = HttpSettings::new(OllamaClient::BASE_URL, "qwen3:8b");
/// let client = OllamaClient::new(http, settings)?;
/// # Ok::<(), inf_engine::clients::ClientError>(())
/// ```
pub struct OllamaClient {
    peer: HttpPeer,
    substitutes: Substitutes,
}

impl OllamaClient {
    /// Where Ollama listens unless it is told otherwise.
    pub const BASE_URL: &str = "http://localhost:11434";

    /// A client that sends its calls through `http`.
    ///
    /// # Errors
    /// If a setting can't be used: the sentence names it. Nothing is sent yet.
    pub fn new(http: HttpStack, settings: HttpSettings) -> Result<Self, ClientError> {
        Ok(Self {
            peer: HttpPeer::new(http, settings, &FORMAT)?,
            substitutes: Substitutes::default(),
        })
    }
}

impl Exchange for OllamaClient {
    type Draft = ChatDraft;

    fn peer(&self) -> &HttpPeer {
        &self.peer
    }

    fn substitutes(&self) -> &Substitutes {
        &self.substitutes
    }

    /// The format has no way to.
    fn may_force(&self, _request: &LlmRequest) -> bool {
        false
    }

    fn write(&self, request: &LlmRequest, is_streamed: bool) -> Result<Bytes, ClientError> {
        let body = ChatBody::new(self.peer.model(), request, is_streamed)?;
        self.peer.write(&body, request.extra.as_deref())
    }

    fn read(&self, reply: &HttpReply) -> Result<LlmResponse, ClientError> {
        read_reply(reply, &self.peer.context)
    }
}

impl LlmClient for OllamaClient {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(exchange::send(self, request))
    }

    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        Box::pin(exchange::stream(self, request, sink))
    }

    fn description(&self) -> ClientDescription {
        self.peer.description("ollama")
    }
}

impl fmt::Debug for OllamaClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.debug("OllamaClient", formatter)
    }
}
