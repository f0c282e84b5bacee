//! One reply, read to its end.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::clients::Timings;

/// What a server answered, whatever its status.
#[derive(Debug)]
pub(crate) struct HttpReply {
    /// The status; never a redirect.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Bytes,
    /// How long the call took.
    pub(crate) timings: Timings,
}

impl HttpReply {
    /// A header, if it is there and is text.
    pub(crate) fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A reply without headers.
    #[cfg(test)]
    pub(crate) fn for_tests(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: body.into(),
            timings: Timings::default(),
        }
    }
}
