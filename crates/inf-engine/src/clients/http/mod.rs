//! The HTTP stack that all providers share.
//!
//! [`HttpStack`] owns a pool of connections. [`HttpSettings`] say which server,
//! model and key a client has; with its [`WireFormat`] they become an
//! [`HttpPeer`], which sends a body and gives an [`HttpReply`], or a
//! [`ReplyStream`] if the answer is to come in pieces. What kept an answer from
//! coming at all is already a `ClientError` by then.
//!
//! [`exchange`] is one call from the request to the answer; a format implements
//! [`Exchange`] to write and read it, and [`Draft`] to put it together from its
//! pieces, which `server_sent_events` and `line_splitter` find.
//!
//! What every provider needs to read a reply is here too: the wait that it
//! asks for ([`retry_after()`]), its limits (`rate_limit_headers`), a short
//! [`excerpt()`] of a body for a message, [`ErrorContext`], which turns refusals
//! into sentences, and [`Redaction`], which keeps keys out of every message.

mod error_context;
mod excerpt;
pub(crate) mod exchange;
mod extra_fields;
mod http_reply;
mod http_settings;
mod json_post;
mod line_splitter;
mod peer;
mod place;
mod rate_limit_headers;
mod redaction;
mod reply_stream;
mod retry_after;
mod server_sent_events;
mod stack;
mod timeouts;
mod transport_error;
mod wire_format;

pub(crate) use error_context::ErrorContext;
pub(crate) use excerpt::{excerpt, shorten};
pub(crate) use exchange::{Draft, Exchange, Fault, Progress};
pub(crate) use http_reply::HttpReply;
pub use http_settings::HttpSettings;
pub(crate) use json_post::{JsonPost, json_headers};
pub(crate) use peer::HttpPeer;
pub(crate) use place::place;
pub(crate) use redaction::Redaction;
pub(crate) use reply_stream::ReplyStream;
pub(crate) use retry_after::retry_after;
pub use stack::HttpStack;
pub(crate) use timeouts::Timeouts;
pub(crate) use wire_format::{Framing, KeyHeader, WireFormat};
