//! [`WireFormat`]: what the providers' formats do differently over HTTP.

use reqwest::header::HeaderName;

/// One wire format, as far as HTTP is concerned.
#[derive(Debug)]
pub(crate) struct WireFormat {
    /// What an address ends with unless it does so already: some providers'
    /// addresses are known with their version and some without.
    pub(crate) version: &'static str,
    /// What is added to an address.
    pub(crate) path: &'static str,
    /// An address, for messages.
    pub(crate) example: &'static str,
    /// How the key is sent.
    pub(crate) key: KeyHeader,
    /// Headers that every call has.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The header of replies that names the request.
    pub(crate) request_id: HeaderName,
    /// Who speaks it, for messages.
    pub(crate) speaker: &'static str,
    /// What an answer is called, for messages.
    pub(crate) answer: &'static str,
    /// The fields of a body that nobody may overwrite.
    pub(crate) own_fields: &'static [&'static str],
    /// What stands between the pieces of an answer.
    pub(crate) framing: Framing,
    /// The status that goes with an error's code, where an error comes with the
    /// status of a success: in the middle of a stream, or from a gateway.
    pub(crate) status_of: fn(&str) -> Option<u16>,
}

/// How a key is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyHeader {
    /// `authorization: Bearer …`.
    Bearer,
    /// As the value of this header.
    Named(&'static str),
}

/// What stands between the pieces of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON text on each line.
    Lines,
}
