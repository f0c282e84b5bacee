//! The client of one server and model.

use std::fmt;

use bytes::Bytes;
use url::Url;

use super::request::ChatBody;
use super::response::read_reply;
use super::response_format::ResponseFormat;
use super::stream::ChatDraft;
use super::{Dialect, FORMAT};
use crate::clients::http::{Exchange, HttpPeer, HttpReply, exchange};
use crate::clients::structured::{PerSchema, Substitutes};
use crate::clients::{
    ClientDescription, ClientError, DeltaSink, HttpSettings, HttpStack, LlmClient, LlmFuture,
    LlmRequest, LlmResponse,
};

/// A server of `OpenAI`'s chat completions.
///
/// ```
/// use inf_engine::clients::openai::OpenAiClient;
/// use inf_engine::clients::{HttpSettings, HttpStack};
///
/// let http = HttpStack::new()?;
/// let settings = HttpSettings::new("http://localhost:8000/v1", "qwen3-8b");
/// let client = OpenAiClient::new(http, settings)?;
/// # Ok::<(), inf_engine::clients::ClientError>(())
/// ```
pub struct OpenAiClient {
    peer: HttpPeer,
    dialect: Dialect,
    formats: PerSchema<ResponseFormat>,
    substitutes: Substitutes,
}

impl OpenAiClient {
    /// A client that sends its calls through `http`, in the dialect that the
    /// address suggests.
    ///
    /// # Errors
    /// If a setting can't be used: the sentence names it. Nothing is sent yet.
    pub fn new(http: HttpStack, settings: HttpSettings) -> Result<Self, ClientError> {
        Ok(Self {
            dialect: Dialect::of_base_url(&settings.base_url),
            peer: HttpPeer::new(http, settings, &FORMAT)?,
            formats: PerSchema::default(),
            substitutes: Substitutes::default(),
        })
    }

    /// Speaks `dialect`, whatever the address suggests.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }
}

impl Exchange for OpenAiClient {
    type Draft = ChatDraft;

    fn peer(&self) -> &HttpPeer {
        &self.peer
    }

    fn substitutes(&self) -> &Substitutes {
        &self.substitutes
    }

    fn write(&self, request: &LlmRequest, is_streamed: bool) -> Result<Bytes, ClientError> {
        let schema = request.output_schema.as_ref();
        let format = schema.map(|schema| self.formats.of(schema, ResponseFormat::new));
        let mut body = ChatBody::new(self.peer.model(), self.dialect, request, format.as_deref());
        if is_streamed {
            body.stream();
        }
        self.peer.write(&body, request.extra.as_deref())
    }

    fn read(&self, reply: &HttpReply) -> Result<LlmResponse, ClientError> {
        read_reply(reply, &self.peer.context)
    }
}

impl LlmClient for OpenAiClient {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(exchange::send(self, request))
    }

    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        Box::pin(exchange::stream(self, request, sink))
    }

    fn description(&self) -> ClientDescription {
        self.peer.description(provider(self.peer.url()))
    }
}

impl fmt::Debug for OpenAiClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.debug("OpenAiClient", formatter)
    }
}

/// Whose server it is. One that is nobody's known one counts as `openai`, whose
/// format it speaks, as the conventions advise.
pub(crate) fn provider(url: &Url) -> &'static str {
    const KNOWN: [(&str, &str); 9] = [
        ("openai.azure.com", "azure.ai.openai"),
        ("groq.com", "groq"),
        ("deepseek.com", "deepseek"),
        ("mistral.ai", "mistral_ai"),
        ("x.ai", "x_ai"),
        ("perplexity.ai", "perplexity"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("amazonaws.com", "aws.bedrock"),
        ("api.aws", "aws.bedrock"),
    ];
    let host = url.host_str().unwrap_or_default();
    let is_at = |domain: &str| {
        let before = host.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let known = KNOWN.iter().find(|(domain, _)| is_at(domain));
    known.map_or("openai", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_whose_server_it_is() {
        let check = |base_url, expected| {
            assert_eq!(provider(&Url::parse(base_url).expect("a URL")), expected);
        };
        check("https://api.openai.com/v1", "openai");
        check("https://mine.openai.azure.com/openai/v1", "azure.ai.openai");
        check("https://api.groq.com/openai/v1", "groq");
        check("https://x.ai/v1", "x_ai");
        check("https://bedrock-mantle.us-east-1.api.aws/v1", "aws.bedrock");
        check("https://linux.ai/v1", "openai");
        check("http://localhost:8000/v1", "openai");
    }
}
