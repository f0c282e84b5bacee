//! What is typed, read as values: what no value is made of is told in words.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse();
    number.map_err(|_| "it must be a whole number from 1".to_owned())
}

pub(super) fn dollars(text: &str) -> Result<f64, String> {
    let dollars = text.trim_start_matches('$').parse().ok();
    dollars
        .filter(|dollars: &f64| dollars.is_finite() && *dollars > 0.0)
        .ok_or_else(|| "it must be a number of dollars, more than 0, as in 2.50".to_owned())
}

/// A port of this machine alone, or an address with a port.
pub(super) fn metrics_address(text: &str) -> Result<SocketAddr, String> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(local(port));
    }
    if let Some(port) = text.strip_prefix("localhost:")
        && let Ok(port) = port.parse()
    {
        return Ok(local(port));
    }
    text.parse()
        .map_err(|_| "it must be a port, or an address and a port as in 127.0.0.1:9090".to_owned())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "it is no number of seconds".to_owned())?;
    if seconds.is_nan() || seconds <= 0.0 {
        return Err("it must be more than 0 seconds".to_owned());
    }
    // What is too short to count takes the shortest time there is.
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|_| "that is longer than can be measured: leave it out".to_owned())?;
    Ok(duration.max(Duration::from_nanos(1)))
}

pub(super) fn percentile(text: &str) -> Result<f64, String> {
    let percentile = text.parse().ok();
    percentile
        .filter(|percentile| (50.0..=99.9).contains(percentile))
        .ok_or_else(|| "it must be a number from 50 to 99.9".to_owned())
}
