//! The trait that a provider implements.

use std::pin::Pin;

use super::{ClientDescription, ClientError, LlmRequest, LlmResponse};

/// The answer of [`LlmClient::send`], as it is being waited for.
pub type LlmFuture<'a> =
    Pin<Box<dyn Future<Output = Result<LlmResponse, ClientError>> + Send + 'a>>;

/// A provider of language models: sends one request and returns its answer.
///
/// A client does not retry, queue or limit: the engine above does that for
/// every client alike. It must not lose an error either: whatever goes wrong
/// is a [`ClientError`] that says whether the same request may succeed later.
/// Dropping the future abandons the call and closes its connection.
///
/// ```
/// use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse};
///
/// struct Shout;
///
/// impl LlmClient for Shout {
///     fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
///         let answer = request.prompt().to_uppercase();
///         Box::pin(async move { Ok(LlmResponse::from_text(answer)) })
///     }
/// }
/// ```
pub trait LlmClient: Send + Sync {
    /// Sends one request.
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a>;

    /// Whom it asks, for spans and traces; nothing unless written. It is read
    /// once, when an endpoint is made of the client.
    fn description(&self) -> ClientDescription {
        ClientDescription::default()
    }
}
