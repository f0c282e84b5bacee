//! Why no answer came, in a sentence.

use std::error::Error;
use std::io;
use std::time::Duration;

use url::Url;

use super::{place, shorten};
use crate::clients::{ClientError, ClientErrorKind, Retry};

/// How far a call had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of the answer had not come yet.
    Head,
    /// The head had come, the body not wholly.
    Body,
}

/// Which time of a call ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeOut {
    /// That of opening a connection.
    Connect,
    /// That until the head of the reply.
    FirstByte,
    /// That between two pieces of the reply.
    Idle,
    /// That of the whole call.
    Total(Phase),
}

/// The error of a call that took longer than `limit`.
pub(super) fn timed_out(url: &Url, time_out: TimeOut, limit: Duration) -> ClientError {
    let place = place(url);
    let seconds = limit.as_secs_f64();
    let message = match time_out {
        TimeOut::Connect => format!(
            "could not reach {place}: no connection within {seconds} s; is the host up, is \
             `base_url` right, and does a firewall stand between? Raise the endpoint's \
             `connect_timeout` if connecting takes that long"
        ),
        TimeOut::FirstByte => format!(
            "{place} did not begin to answer within {seconds} s; raise the endpoint's \
             `first_byte_timeout` if writing a whole answer takes that long: only then does its \
             first byte come"
        ),
        TimeOut::Idle => format!(
            "{place} began to answer but then sent nothing for {seconds} s; raise the endpoint's \
             `idle_timeout` if it pauses that long"
        ),
        TimeOut::Total(Phase::Head) => format!(
            "{place} did not answer within {seconds} s; raise the endpoint's `timeout` if its \
             answers take that long"
        ),
        TimeOut::Total(Phase::Body) => format!(
            "{place} began to answer but did not finish within {seconds} s; raise the endpoint's \
             `timeout` or lower `max_tokens`"
        ),
    };
    ClientError::new(ClientErrorKind::Timeout, message)
}

/// The error of a reply that is longer than `limit` bytes.
pub(super) fn too_large(url: &Url, limit: usize) -> ClientError {
    let message = format!(
        "{} answered with more than the {limit} bytes that are read of a reply; is `base_url` \
         right?",
        place(url)
    );
    // Nothing suggests that the next one is shorter, and each one is costly.
    ClientError::new(ClientErrorKind::MalformedReply, message).with_retry(Retry::Never)
}

/// The error of a call for which no connection could be opened; `limit` is how
/// long that may take.
pub(super) fn connect_error(url: &Url, limit: Duration, error: &reqwest::Error) -> ClientError {
    // The system gives up, too, after minutes: a longer limit would not help.
    if error.is_timeout() && !is_of_system(error) {
        return timed_out(url, TimeOut::Connect, limit);
    }
    let place = place(url);
    if let Some(tls) = find_tls(error) {
        return tls_error(url, &place, tls);
    }
    let message = if causes(error).any(|cause| cause.to_string().starts_with("dns error")) {
        format!(
            "could not reach {place}: the host name `{}` could not be resolved ({}); is \
             `base_url` right, and is the network up?",
            url.host_str().unwrap_or_default(),
            deepest(error)
        )
    } else {
        let cause = match find_io(error) {
            Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
            _ => deepest(error),
        };
        format!("could not reach {place}: {cause}; is the server running, and is `base_url` right?")
    };
    ClientError::new(ClientErrorKind::Unreachable, message)
}

/// The error of a call that the network, or the peer's use of it, ended once
/// there was a connection.
pub(super) fn transport_error(url: &Url, phase: Phase, error: &reqwest::Error) -> ClientError {
    let place = place(url);
    let unreachable = |message| ClientError::new(ClientErrorKind::Unreachable, message);

    if error.is_builder() {
        let message = format!("no request could be made for {place}: {}", deepest(error));
        return ClientError::new(ClientErrorKind::Refused, message);
    }
    let cause = deepest(error);
    if cause.starts_with("invalid HTTP") {
        let message = format!(
            "{place} did not answer in HTTP ({cause}); is `base_url` right, or should it start \
             with `https://`?"
        );
        return ClientError::new(ClientErrorKind::MalformedReply, message);
    }
    let what = match find_io(error) {
        Some(io::ErrorKind::ConnectionReset) => "reset the connection".to_owned(),
        Some(io::ErrorKind::UnexpectedEof) => "closed the connection".to_owned(),
        _ if cause.contains("closed before") => "closed the connection".to_owned(),
        _ => format!("broke the connection ({cause})"),
    };
    unreachable(match phase {
        Phase::Head => format!(
            "{place} {what} before it answered; is it overloaded or restarting? Its log may say why"
        ),
        Phase::Body => format!(
            "{place} {what} in the middle of its answer; is it overloaded or restarting? Its log \
             may say why"
        ),
    })
}

fn tls_error(url: &Url, place: &str, error: &rustls::Error) -> ClientError {
    let host = url.host_str().unwrap_or_default();
    let message = match error {
        rustls::Error::InvalidCertificate(_) => format!(
            "could not reach {place}: the certificate of `{host}` is not accepted ({error}); is \
             `base_url` right, and is the certificate's issuer installed on this machine?"
        ),
        rustls::Error::InvalidMessage(_) => format!(
            "could not reach {place}: the server does not speak TLS ({error}); should `base_url` \
             start with `http://`?"
        ),
        _ => {
            let message = format!(
                "could not reach {place}: the TLS handshake failed ({error}); is `base_url` right?"
            );
            return ClientError::new(ClientErrorKind::Unreachable, message);
        }
    };
    ClientError::new(ClientErrorKind::Unreachable, message).with_retry(Retry::Never)
}

/// What `error` wraps, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

/// The innermost cause, which names the fact that the outer ones wrap.
fn deepest(error: &reqwest::Error) -> String {
    match causes(error).last() {
        Some(cause) => shorten(&cause.to_string()),
        None => "no cause was given".to_owned(),
    }
}

fn find_io(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()))
}

/// Whether the operating system reported it, and no clock of ours.
fn is_of_system(error: &reqwest::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.raw_os_error().is_some())
}

fn find_tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    causes(error).find_map(|mut cause| {
        // An `io::Error` hides what it wraps: its `source` is the wrapped
        // error's source, not the wrapped error. TLS comes in two of them.
        while let Some(wrapped) = cause.downcast_ref().and_then(io::Error::get_ref) {
            cause = wrapped;
        }
        cause.downcast_ref()
    })
}
