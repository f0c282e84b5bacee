//! A pool of connections.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Method, Request, redirect};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::timeouts::after;
use super::transport_error::{
    Phase, TimeOut, connect_error, timed_out, too_large, transport_error,
};
use super::{HttpReply, JsonPost, ReplyStream, Timeouts, place, shorten};
use crate::clients::{ClientError, ClientErrorKind, Retry, Timings};

const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const TCP_KEEPALIVE: Duration = Duration::from_mins(1);

/// The pooled, keep-alive HTTP client that endpoints share.
///
/// Cloning is cheap and every clone uses the same connections: make one per
/// process, or one for each time that opening a connection may take. Redirects
/// are never followed, so that a key reaches nobody but the server that was
/// named; HTTP/2 is used where a TLS server offers it.
///
/// ```
/// let http = inf_engine::clients::HttpStack::new()?;
/// # Ok::<(), inf_engine::clients::ClientError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HttpStack {
    client: reqwest::Client,
    connect_timeout: Duration,
    trust: Trust,
}

/// Whom `https` calls trust.
#[derive(Debug, Clone)]
enum Trust {
    /// What the machine trusts.
    Platform,
    /// Nobody, because the machine's certificates could not be loaded.
    Nobody {
        /// Why not.
        cause: Arc<str>,
    },
}

impl HttpStack {
    /// How long opening a connection may take unless something else is set.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// A stack with an empty pool.
    ///
    /// On a machine without CA certificates, plain `http` works and a call of
    /// an `https` address is an error that says what to install.
    pub fn new() -> Result<Self, ClientError> {
        Self::with_connect_timeout(Self::DEFAULT_CONNECT_TIMEOUT)
    }

    /// A stack with an empty pool, where opening a connection (resolving the
    /// host's name, TCP and TLS) may take as long as `connect_timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use inf_engine::clients::HttpStack;
    ///
    /// let far_away = HttpStack::with_connect_timeout(Duration::from_secs(30))?;
    /// # Ok::<(), inf_engine::clients::ClientError>(())
    /// ```
    pub fn with_connect_timeout(connect_timeout: Duration) -> Result<Self, ClientError> {
        // `Err` means that the process has a provider already; that one serves
        // as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // reqwest loads the machine's certificates while it builds and fails
        // without any, even if no https address is ever called.
        Self::build(connect_timeout, Trust::Platform).or_else(|error| {
            let cause = deepest_cause(&error).into();
            Self::build(connect_timeout, Trust::Nobody { cause }).map_err(|error| {
                let cause = deepest_cause(&error);
                let message = format!("the HTTP client could not be set up: {cause}");
                ClientError::new(ClientErrorKind::Unreachable, message).with_retry(Retry::Never)
            })
        })
    }

    fn build(connect_timeout: Duration, trust: Trust) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("inf-engine/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connect_timeout)
            // The engine decides how much is in flight; a smaller pool would
            // only close connections that are needed again at once.
            .pool_max_idle_per_host(usize::MAX)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .redirect(redirect::Policy::none());
        // `http2_adaptive_window` stays off: with it, h2 kills connections that
        // carry many small frames (ENHANCE_YOUR_CALM).
        if let Trust::Nobody { .. } = trust {
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            client: builder.build()?,
            connect_timeout,
            trust,
        })
    }

    /// POSTs a JSON document and reads the whole reply.
    ///
    /// A reply of any status but a redirect is `Ok`: what it means is the
    /// provider's to say.
    pub(crate) async fn post_json(&self, post: JsonPost<'_>) -> Result<HttpReply, ClientError> {
        let (url, limit, timeouts) = (post.url, post.max_reply_bytes, post.timeouts);
        let sent = Instant::now();
        let mut response = head(self.send(post)?, url, timeouts, sent).await?;
        let first_byte = sent.elapsed();
        let reading = read_body(&mut response, url, limit, timeouts.idle);
        let read = timeout_at(after(sent, timeouts.total), reading)
            .await
            .unwrap_or_else(|_| Err(timed_out(url, TimeOut::Total(Phase::Body), timeouts.total)));
        let body = match read {
            Ok(body) => body,
            // What a refusal is does not depend on the rest of its words.
            Err(_) if !response.status().is_success() => Bytes::new(),
            Err(error) => return Err(error),
        };
        Ok(HttpReply {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body,
            timings: Timings {
                first_byte,
                total: sent.elapsed(),
                ..Timings::default()
            },
        })
    }

    /// POSTs a JSON document and reads the head of the reply.
    pub(crate) async fn open<'p>(
        &self,
        post: JsonPost<'p>,
    ) -> Result<ReplyStream<'p>, ClientError> {
        let (url, limit, timeouts) = (post.url, post.max_reply_bytes, post.timeouts);
        let sent = Instant::now();
        let response = head(self.send(post)?, url, timeouts, sent).await?;
        Ok(ReplyStream {
            response,
            url,
            timeouts,
            limit,
            sent,
            first_byte: sent.elapsed(),
            read: 0,
        })
    }

    /// Sends a request.
    fn send(
        &self,
        post: JsonPost<'_>,
    ) -> Result<
        Sending<impl Future<Output = reqwest::Result<reqwest::Response>> + use<>>,
        ClientError,
    > {
        self.check_trust(post.url)?;
        let mut request = Request::new(Method::POST, post.url.clone());
        *request.headers_mut() = post.headers.clone();
        *request.body_mut() = Some(post.body.into());
        Ok(Sending {
            reply: self.client.execute(request),
            connect_timeout: self.connect_timeout,
        })
    }

    fn check_trust(&self, url: &Url) -> Result<(), ClientError> {
        match &self.trust {
            Trust::Nobody { cause } if url.scheme() == "https" => {
                let message = format!(
                    "could not call {}: no CA certificates were found on this machine ({cause}); \
                     install the `ca-certificates` package, or name a bundle in `SSL_CERT_FILE`",
                    place(url)
                );
                Err(ClientError::new(ClientErrorKind::Unreachable, message)
                    .with_retry(Retry::Never))
            }
            _ => Ok(()),
        }
    }
}

/// A request on its way.
struct Sending<F> {
    reply: F,
    connect_timeout: Duration,
}

/// Waits for the head of the reply to a request that was `sent` then. Looking at the
/// clock is a part of what a call costs: it is done once for both of its timers.
async fn head(
    sending: Sending<impl Future<Output = reqwest::Result<reqwest::Response>>>,
    url: &Url,
    timeouts: Timeouts,
    sent: Instant,
) -> Result<reqwest::Response, ClientError> {
    // One timer for both: the shorter time is the one that can run out.
    let (time_out, limit) = match timeouts.first_byte {
        Some(within) if within < timeouts.total => (TimeOut::FirstByte, within),
        _ => (TimeOut::Total(Phase::Head), timeouts.total),
    };
    let response = timeout_at(after(sent, limit), sending.reply)
        .await
        .map_err(|_| timed_out(url, time_out, limit))?
        .map_err(|error| {
            if error.is_connect() {
                connect_error(url, sending.connect_timeout, &error)
            } else {
                transport_error(url, Phase::Head, &error)
            }
        })?;
    if response.status().is_redirection() {
        return Err(redirected(url, &response));
    }
    Ok(response)
}

/// Reads the body, but no more than `limit` bytes of it, and without waiting
/// longer than `idle` for a piece of it.
async fn read_body(
    response: &mut reqwest::Response,
    url: &Url,
    limit: usize,
    idle: Option<Duration>,
) -> Result<Bytes, ClientError> {
    // Some servers announce nonsense: the announcement is good for refusing
    // early and for a first guess, not for a large allocation.
    let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(url, limit));
    }
    let mut body = Body::Whole(Bytes::new());
    loop {
        let piece = match idle {
            Some(idle) => timeout(idle, response.chunk())
                .await
                .map_err(|_| timed_out(url, TimeOut::Idle, idle))?,
            None => response.chunk().await,
        };
        let piece = piece.map_err(|error| transport_error(url, Phase::Body, &error))?;
        let Some(piece) = piece else {
            return Ok(body.into_bytes());
        };
        if body.len() + piece.len() > limit {
            return Err(too_large(url, limit));
        }
        body.add(piece, announced.min(256 * 1024));
    }
}

/// What there is of a body: most come in one piece, which needs no copying.
enum Body {
    Whole(Bytes),
    Pieces(Vec<u8>),
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Whole(piece) => piece.len(),
            Self::Pieces(pieces) => pieces.len(),
        }
    }

    fn add(&mut self, piece: Bytes, expected: usize) {
        match self {
            Self::Whole(first) if first.is_empty() => *first = piece,
            Self::Whole(first) => {
                let mut pieces = Vec::with_capacity(expected.max(first.len() + piece.len()));
                pieces.extend_from_slice(first);
                pieces.extend_from_slice(&piece);
                *self = Self::Pieces(pieces);
            }
            Self::Pieces(pieces) => pieces.extend_from_slice(&piece),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(piece) => piece,
            Self::Pieces(pieces) => pieces.into(),
        }
    }
}

fn redirected(url: &Url, response: &reqwest::Response) -> ClientError {
    let place = place(url);
    let status = response.status();
    let location = response
        .headers()
        .get(LOCATION)
        .map(|location| shorten(&String::from_utf8_lossy(location.as_bytes())));
    let message = match location {
        Some(location) => format!(
            "{place} redirects to {location} ({status}), which is not followed, so that the key \
             stays with the server that was named; set `base_url` to where the server is"
        ),
        None => format!(
            "{place} answered {status} without saying where to; set `base_url` to where the \
             server is"
        ),
    };
    ClientError::new(ClientErrorKind::Refused, message)
}

fn deepest_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match error.source() {
        Some(_) => cause.to_string(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    #[tokio::test]
    async fn without_certificates_https_says_what_to_install_and_http_still_goes_out() {
        HttpStack::new().expect("a stack");
        let cause = "none loaded".into();
        let stack = HttpStack::build(HttpStack::DEFAULT_CONNECT_TIMEOUT, Trust::Nobody { cause })
            .expect("a stack");
        let call = async |url: &str| {
            let url = Url::parse(url).expect("a URL");
            let headers = HeaderMap::new();
            let timeouts = Timeouts {
                total: Duration::from_secs(5),
                first_byte: None,
                idle: None,
            };
            let post = JsonPost::new(&url, &headers, Bytes::new(), timeouts);
            stack.post_json(post).await.expect_err("an error")
        };

        let https = call("https://127.0.0.1:9/v1").await;
        assert_eq!(https.retry, Retry::Never);
        assert_eq!(
            https.message,
            "could not call https://127.0.0.1:9/v1: no CA certificates were found on this machine \
             (none loaded); install the `ca-certificates` package, or name a bundle in \
             `SSL_CERT_FILE`"
        );

        let http = call("http://127.0.0.1:9/v1").await;
        assert!(http.message.contains("connection refused"), "{http}");
    }
}
