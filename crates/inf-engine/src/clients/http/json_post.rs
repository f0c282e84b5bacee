//! One request.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use url::Url;

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
    /// The longest that the whole call may take, connecting included.
    pub(crate) timeout: Duration,
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
        timeout: Duration,
    ) -> Self {
        Self {
            url,
            headers,
            body,
            timeout,
            max_reply_bytes: Self::MAX_REPLY_BYTES,
        }
    }
}
