//! The HTTP stack that all providers share.
//!
//! [`HttpStack`] owns a pool of connections. A provider hands it a [`JsonPost`],
//! which says with [`Timeouts`] how long to wait, and gets an [`HttpReply`] with
//! any status but a redirect; what kept an answer from coming at all is already
//! a `ClientError` by then.
//!
//! What every provider needs to read a reply is here too: the wait that it
//! asks for ([`retry_after()`]), a short [`excerpt()`] of a body for a message, and
//! [`Redaction`], which keeps keys out of every message.

mod excerpt;
mod http_reply;
mod json_post;
mod place;
mod redaction;
mod retry_after;
mod stack;
mod timeouts;
mod transport_error;

pub(crate) use excerpt::{excerpt, shorten};
pub(crate) use http_reply::HttpReply;
pub(crate) use json_post::{JsonPost, json_headers};
pub(crate) use place::place;
pub(crate) use redaction::Redaction;
pub(crate) use retry_after::retry_after;
pub use stack::HttpStack;
pub(crate) use timeouts::Timeouts;
