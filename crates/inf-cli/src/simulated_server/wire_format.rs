//! [`WireFormat`]: what a provider's format says in its own way.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use inf_engine::clients::{LlmRequest, LlmResponse, RateLimits};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::calendar::UnixTime;
use super::pieces::Pieces;
use super::refusal::{Read, Refusal};

/// A provider's format.
pub(super) trait WireFormat: 'static {
    /// What shapes the reply and not the answer.
    type Shape: Send + 'static;

    /// The media type of a stream.
    const STREAM: &'static str;

    /// The header that names a request; some providers have none.
    const REQUEST_ID: Option<&'static str>;

    /// Reads the body of a call.
    fn read(headers: &HeaderMap, body: Value) -> Read<Asked<Self::Shape>>;

    /// The whole answer.
    fn whole(reply: &Reply<'_>, shape: &Self::Shape) -> Value;

    /// The answer in pieces. The first one tells nothing of the answer: a
    /// connection that is cut is cut after it.
    fn pieces(reply: &Reply<'_>, shape: &Self::Shape) -> Pieces;

    /// The body of an error.
    fn error(refusal: &Refusal) -> Value;

    /// The headers that tell how long to wait after an error.
    fn retry_headers(wait: Duration, headers: &mut HeaderMap);

    /// The headers that tell what is left of the quotas.
    fn limit_headers(limits: &RateLimits, now: UnixTime, headers: &mut HeaderMap);
}

/// What is asked of the server.
#[derive(Debug, PartialEq)]
pub(super) struct Asked<S> {
    pub(super) model: String,
    pub(super) request: LlmRequest,
    /// Whether the answer is wanted in pieces.
    pub(super) stream: bool,
    pub(super) shape: S,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Reply<'r> {
    pub(super) response: &'r LlmResponse,
    /// The model, by the name that it was asked by.
    pub(super) model: &'r str,
    /// The stop text that ended the answer.
    pub(super) stopped_by: Option<&'r str>,
    pub(super) now: UnixTime,
}

impl Reply<'_> {
    /// The identifier of the call.
    pub(super) fn id(&self) -> &str {
        self.response.id.as_deref().unwrap_or("simulated")
    }

    /// What the model thought.
    pub(super) fn thoughts(&self) -> Option<&str> {
        let first = self.response.reasoning.first()?;
        Some(&first.text)
    }
}

/// Reads a body as `T`; `what` says what it should be.
pub(super) fn read_body<T: DeserializeOwned>(body: Value, what: &str) -> Read<T> {
    T::deserialize(body).map_err(|error| Refusal::bad(format!("the body is no {what}: {error}")))
}

/// The name of the model that is asked for.
pub(super) fn read_model(model: Option<String>) -> Read<String> {
    let model = model.filter(|model| !model.is_empty());
    model.ok_or_else(|| Refusal::bad_param("model", "`model` is missing; name any model"))
}

/// A server-sent event.
pub(super) fn event(name: Option<&str>, data: &Value) -> Bytes {
    Bytes::from(match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    })
}

/// Pieces that a text has at most: each has an envelope around it, and a prompt
/// that is repeated can be long.
const MOST_PIECES: usize = 1000;

/// The words of a text, each with the space after it: the pieces of a stream. A
/// very long text has pieces of several words.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let count = text.split_inclusive(char::is_whitespace).count();
    let together = count.div_ceil(MOST_PIECES).max(1);
    let mut seen = 0;
    text.split_inclusive(move |letter: char| {
        seen += usize::from(letter.is_whitespace());
        letter.is_whitespace() && seen.is_multiple_of(together)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_has_pieces_of_several_words() {
        let pieces: Vec<_> = words("one two  three").collect();
        assert_eq!(pieces, ["one ", "two ", " ", "three"]);
        assert_eq!(words("").count(), 0);
        let long = "word ".repeat(2500);
        let pieces: Vec<_> = words(&long).collect();
        assert_eq!(pieces.len(), 834);
        assert_eq!(pieces[0], "word word word ");
        assert_eq!(pieces.concat(), long);
    }
}
