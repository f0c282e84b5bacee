//! One request.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use super::Timeouts;

/// The headers of every post, to which an endpoint adds its own.
pub(crate) fn json_headers() -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    // With room for what the client adds: growing costs every post.
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, json.clone());
    headers.insert(ACCEPT, json);
    headers
}

/// A JSON document to be sent by POST.
#[derive(Debug)]
pub(crate) struct JsonPost<'a> {
    /// Where to.
    pub(crate) url: &'a Url,
    /// All headers, [`json_headers`] and those of the endpoint. The secret ones
    /// are marked sensitive, so that no log prints them.
    pub(crate) headers: &'a HeaderMap,
    /// The document.
    pub(crate) body: Bytes,
    /// How long to wait.
    pub(crate) timeouts: Timeouts,
    /// The longest reply that is read.
    pub(crate) max_reply_bytes: usize,
}

impl<'a> JsonPost<'a> {
    /// The longest reply that is read unless something else is asked for: far
    /// more than any model writes, far less than would hurt.
    pub(crate) const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

    /// A post with the usual bound on the reply.
    pub(crate) fn new(
        url: &'a Url,
        headers: &'a HeaderMap,
        body: Bytes,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            url,
            headers,
            body,
            timeouts,
            max_reply_bytes: Self::MAX_REPLY_BYTES,
        }
    }
}
