//! [`ReplyStream`]: one reply, read as it comes.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::timeouts::after;
use super::transport_error::{Phase, TimeOut, timed_out, too_large, transport_error};
use super::{HttpReply, Timeouts};
use crate::clients::{ClientError, Timings};

/// A reply whose head is there. Dropping it closes its connection.
#[derive(Debug)]
pub(crate) struct ReplyStream<'p> {
    pub(super) response: reqwest::Response,
    pub(super) url: &'p Url,
    pub(super) timeouts: Timeouts,
    /// The most bytes that are read of it.
    pub(super) limit: usize,
    /// When the request was sent.
    pub(super) sent: Instant,
    pub(super) first_byte: Duration,
    pub(super) read: usize,
}

impl ReplyStream<'_> {
    /// The status; never a redirect.
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// When the request was sent.
    pub(crate) fn sent(&self) -> Instant {
        self.sent
    }

    /// The times so far.
    pub(crate) fn timings(&self) -> Timings {
        Timings {
            first_byte: self.first_byte,
            total: self.sent.elapsed(),
            ..Timings::default()
        }
    }

    /// The next piece of the body, or nothing at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        let end = after(self.sent, self.timeouts.total);
        // One timer for both: the one that runs out first.
        let silent = self.timeouts.idle.map(|idle| after(Instant::now(), idle));
        let (time_out, limit, at) = match (silent, self.timeouts.idle) {
            (Some(silent), Some(idle)) if silent < end => (TimeOut::Idle, idle, silent),
            _ => (TimeOut::Total(Phase::Body), self.timeouts.total, end),
        };
        let piece = timeout_at(at, self.response.chunk())
            .await
            .map_err(|_| timed_out(self.url, time_out, limit))?
            .map_err(|error| transport_error(self.url, Phase::Body, &error))?;
        self.read += piece.as_ref().map_or(0, Bytes::len);
        if self.read > self.limit {
            return Err(too_large(self.url, self.limit));
        }
        Ok(piece)
    }

    /// The whole reply, for one that is no stream.
    pub(crate) async fn into_reply(mut self) -> Result<HttpReply, ClientError> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await? {
            body.extend_from_slice(&piece);
        }
        Ok(HttpReply {
            status: self.response.status(),
            headers: std::mem::take(self.response.headers_mut()),
            body: body.into(),
            timings: self.timings(),
        })
    }

    /// A reply with what is known so far and `body`, for a message.
    pub(crate) fn reply_with(&self, body: impl Into<Bytes>) -> HttpReply {
        HttpReply {
            status: self.response.status(),
            headers: self.response.headers().clone(),
            body: body.into(),
            timings: self.timings(),
        }
    }

    /// Reads what is left beside the caller, who needs none of it: only then can
    /// another call use the connection.
    pub(crate) fn finish(self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        const MOST_PIECES: usize = 16;
        let mut response = self.response;
        tokio::spawn(timeout(PATIENCE, async move {
            for _ in 0..MOST_PIECES {
                if !matches!(response.chunk().await, Ok(Some(_))) {
                    return;
                }
            }
        }));
    }
}
