//! The trait that a provider implements.

use std::pin::Pin;

use super::{ClientDescription, ClientError, LlmRequest, LlmResponse};

/// The answer of [`LlmClient::send`], as it is being waited for.
///
/// [`LlmClient`] shows how to make one: `Box::pin(async move { … })`.
pub type LlmFuture<'a> =
    Pin<Box<dyn Future<Output = Result<LlmResponse, ClientError>> + Send + 'a>>;

/// A piece of an answer, as it comes.
///
/// ```
/// use inf_engine::clients::{Delta, DeltaSink, LlmClient, LlmFuture, LlmRequest, LlmResponse};
///
/// /// Says the prompt, word by word.
/// struct Parrot;
///
/// impl LlmClient for Parrot {
///     fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
///         Box::pin(async move { Ok(LlmResponse::from_text(request.prompt())) })
///     }
///
///     fn stream<'a>(
///         &'a self,
///         request: &'a LlmRequest,
///         sink: &'a mut DeltaSink<'_>,
///     ) -> LlmFuture<'a> {
///         Box::pin(async move {
///             let response = self.send(request).await?;
///             for word in response.text.split_inclusive(' ') {
///                 sink(Delta::Text(word));
///             }
///             Ok(response)
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut heard = Vec::new();
/// let mut sink = |delta: Delta<'_>| if let Delta::Text(text) = delta { heard.push(text.to_owned()) };
/// let whole = Parrot.stream(&LlmRequest::from_prompt("Hello, you!"), &mut sink).await?;
/// assert_eq!(heard, ["Hello, ", "you!"]);
/// assert_eq!(heard.concat(), whole.text);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delta<'d> {
    /// More of the text.
    Text(&'d str),
    /// More of what the model thinks.
    Reasoning(&'d str),
}

/// Who is given the pieces of an answer. It must not block: it is called where
/// the answer is read.
///
/// [`Delta`] shows a client that tells pieces, and who hears them.
pub type DeltaSink<'s> = dyn FnMut(Delta<'_>) + Send + 's;

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

    /// Sends one request and gives the pieces of its answer to `sink` as they
    /// come; what it returns is the whole answer. Where a provider has no pieces,
    /// the text is one.
    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        Box::pin(async move {
            let response = self.send(request).await?;
            if !response.text.is_empty() {
                sink(Delta::Text(&response.text));
            }
            Ok(response)
        })
    }

    /// Whom it asks, for spans and traces; nothing unless written. It is read
    /// once, when an endpoint is made of the client.
    fn description(&self) -> ClientDescription {
        ClientDescription::default()
    }
}
