//! The client of one model.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::FORMAT;
use super::model::enforces_schemas;
use super::request::{MessagesBody, Thinking};
use super::response::read_reply;
use super::stream::MessageDraft;
use crate::clients::http::{Exchange, HttpPeer, HttpReply, exchange};
use crate::clients::structured::{PerSchema, Subset, Substitutes, strict_schema};
use crate::clients::{
    ClientDescription, ClientError, DeltaSink, HttpSettings, HttpStack, LlmClient, LlmFuture,
    LlmRequest, LlmResponse, StructuredOutput,
};

/// A model behind Anthropic's messages.
///
/// ```
/// use inf_engine::clients::anthropic::AnthropicClient;
/// use inf_engine::clients::{HttpSettings, HttpStack};
///
/// let http = HttpStack::new()?;
/// let settings = HttpSettings::new(AnthropicClient::BASE_URL, "claude-sonnet-4-6")
///     .with_api_key("ANTHROPIC_API_KEY", "sk-ant-0123".into());
/// let client = AnthropicClient::new(http, settings)?;
/// # Ok::<(), inf_engine::clients::ClientError>(())
/// ```
pub struct AnthropicClient {
    peer: HttpPeer,
    schemas: PerSchema<Option<Value>>,
    substitutes: Substitutes,
}

impl AnthropicClient {
    /// Anthropic's own address.
    pub const BASE_URL: &str = "https://api.anthropic.com/v1";

    /// The most tokens of an answer unless a request or `extra_body` says
    /// otherwise: the format has to have a bound. Newer models could write more,
    /// but not within the two minutes that a call has by default.
    pub const DEFAULT_MAX_TOKENS: u32 = 8_192;

    /// A client that sends its calls through `http`.
    ///
    /// # Errors
    /// If a setting can't be used: the sentence names it. Nothing is sent yet.
    pub fn new(http: HttpStack, settings: HttpSettings) -> Result<Self, ClientError> {
        Ok(Self {
            peer: HttpPeer::new(http, settings, &FORMAT)?,
            schemas: PerSchema::default(),
            substitutes: Substitutes::default(),
        })
    }
}

impl Exchange for AnthropicClient {
    type Draft = MessageDraft;

    fn peer(&self) -> &HttpPeer {
        &self.peer
    }

    fn substitutes(&self) -> &Substitutes {
        &self.substitutes
    }

    fn structured_output(&self, request: &LlmRequest) -> StructuredOutput {
        let mode = self.peer.structured_output;
        match &request.output_schema {
            Some(schema) if mode == StructuredOutput::Native => {
                match *self.schemas.of(schema, enforceable) {
                    Some(_) if enforces_schemas(self.peer.model()) => mode,
                    _ => StructuredOutput::Tool,
                }
            }
            _ => mode,
        }
    }

    /// A model that thinks can't be forced.
    fn may_force(&self, request: &LlmRequest) -> bool {
        !Thinking::is_on(request)
    }

    fn write(&self, request: &LlmRequest, is_streamed: bool) -> Result<Bytes, ClientError> {
        let schema = request.output_schema.as_ref();
        let schema = schema.map(|schema| self.schemas.of(schema, enforceable));
        let schema = schema.as_deref().and_then(Option::as_ref);
        let body = MessagesBody::new(self.peer.model(), request, schema, is_streamed)?;
        self.peer.write(&body, request.extra.as_deref())
    }

    fn read(&self, reply: &HttpReply) -> Result<LlmResponse, ClientError> {
        read_reply(reply, &self.peer.context)
    }
}

fn enforceable(output: &crate::clients::OutputSchema) -> Option<Value> {
    strict_schema(&output.schema, Subset::Anthropic)
}

impl LlmClient for AnthropicClient {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(exchange::send(self, request))
    }

    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        Box::pin(exchange::stream(self, request, sink))
    }

    fn description(&self) -> ClientDescription {
        self.peer.description("anthropic")
    }
}

impl fmt::Debug for AnthropicClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.debug("AnthropicClient", formatter)
    }
}
