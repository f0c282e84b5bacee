//! One request.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use url::Url;

use super::Timeouts;

/// A JSON document to be sent by POST.
#[derive(Debug)]
pub(crate) struct JsonPost<'a> {
    /// Where to.
    pub(crate) url: &'a Url,
    /// Headers besides `content-type` and `accept`, which are JSON unless they
    /// are named here. The secret ones are marked sensitive, so that no log
    /// prints them.
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
