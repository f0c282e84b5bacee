//! The client of one server and model.

use std::fmt;

use bytes::Bytes;

use super::FORMAT;
use super::request::{ResponseBody, TextFormat};
use super::response::read_reply;
use super::stream::ResponseDraft;
use crate::clients::http::{Exchange, HttpPeer, HttpReply, exchange};
use crate::clients::structured::{PerSchema, Substitutes};
use crate::clients::{
    ClientDescription, ClientError, DeltaSink, HttpSettings, HttpStack, LlmClient, LlmFuture,
    LlmRequest, LlmResponse, openai,
};

/// A server of `OpenAI`'s Responses API.
///
/// ```
/// use inf_engine::clients::openai_responses::ResponsesClient;
/// use inf_engine::clients::{HttpSettings, HttpStack};
///
/// let http = HttpStack::new()?;
/// let settings = HttpSettings::new("https://api.openai.com/v1", "gpt-5");
/// let client = ResponsesClient::new(http, settings)?;
/// # Ok::<(), inf_engine::clients::ClientError>(())
/// ```
pub struct ResponsesClient {
    peer: HttpPeer,
    formats: PerSchema<TextFormat>,
    substitutes: Substitutes,
}

impl ResponsesClient {
    /// A client that sends its calls through `http`.
    ///
    /// # Errors
    /// If a setting can't be used: the sentence names it. Nothing is sent yet.
    pub fn new(http: HttpStack, settings: HttpSettings) -> Result<Self, ClientError> {
        Ok(Self {
            peer: HttpPeer::new(http, settings, &FORMAT)?,
            formats: PerSchema::default(),
            substitutes: Substitutes::default(),
        })
    }
}

impl Exchange for ResponsesClient {
    type Draft = ResponseDraft;

    fn peer(&self) -> &HttpPeer {
        &self.peer
    }

    fn substitutes(&self) -> &Substitutes {
        &self.substitutes
    }

    fn write(&self, request: &LlmRequest, is_streamed: bool) -> Result<Bytes, ClientError> {
        let schema = request.output_schema.as_ref();
        let format = schema.map(|schema| self.formats.of(schema, TextFormat::new));
        let body = ResponseBody::new(self.peer.model(), request, format.as_deref(), is_streamed)?;
        self.peer.write(&body, request.extra.as_deref())
    }

    fn read(&self, reply: &HttpReply) -> Result<LlmResponse, ClientError> {
        read_reply(reply, &self.peer.context)
    }
}

impl LlmClient for ResponsesClient {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(exchange::send(self, request))
    }

    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        Box::pin(exchange::stream(self, request, sink))
    }

    fn description(&self) -> ClientDescription {
        self.peer.description(openai::provider(self.peer.url()))
    }
}

impl fmt::Debug for ResponsesClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.debug("ResponsesClient", formatter)
    }
}
