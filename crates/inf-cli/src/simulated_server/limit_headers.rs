//! The headers that say how long to wait and what is left of the quotas.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use inf_engine::clients::{Allowance, RateLimits};

use super::calendar::UnixTime;

/// `retry-after`, in whole seconds: who waits that long is let in.
pub(super) fn retry_after(wait: Duration, headers: &mut HeaderMap) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    headers.insert("retry-after", HeaderValue::from(seconds));
}

/// `retry-after-ms`, which some servers add because a second is long.
pub(super) fn retry_after_ms(wait: Duration, headers: &mut HeaderMap) {
    let milliseconds = wait.as_micros().div_ceil(1000);
    let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
    headers.insert("retry-after-ms", HeaderValue::from(milliseconds));
}

/// `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, as `OpenAI` has them:
/// a reset is how long it takes, as `1m30s` or `20ms`
/// (<https://platform.openai.com/docs/guides/rate-limits>).
pub(super) fn openai(limits: &RateLimits, headers: &mut HeaderMap) {
    for (what, allowance) in [("requests", limits.requests), ("tokens", limits.tokens)] {
        let name = |figure: &str| format!("x-ratelimit-{figure}-{what}");
        let resets_in = allowance.resets_in.map(short_duration);
        insert(allowance, resets_in, name, headers);
    }
}

/// `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`, whose reset
/// is a time (<https://docs.claude.com/en/api/rate-limits#response-headers>).
pub(super) fn anthropic(limits: &RateLimits, now: UnixTime, headers: &mut HeaderMap) {
    for (what, allowance) in [("requests", limits.requests), ("tokens", limits.tokens)] {
        let name = |figure: &str| format!("anthropic-ratelimit-{what}-{figure}");
        let resets_at = allowance.resets_in.map(|wait| now.after(wait).rfc3339());
        insert(allowance, resets_at, name, headers);
    }
}

fn insert(
    allowance: Allowance,
    reset: Option<String>,
    name: impl Fn(&str) -> String,
    headers: &mut HeaderMap,
) {
    let figures = [
        ("limit", allowance.limit.map(|limit| limit.to_string())),
        (
            "remaining",
            allowance.remaining.map(|left| left.to_string()),
        ),
        ("reset", reset),
    ];
    for (figure, value) in figures {
        let Some(value) = value else { continue };
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name(figure)),
            HeaderValue::try_from(value),
        ) {
            headers.insert(name, value);
        }
    }
}

/// The duration as Go writes it, to the millisecond.
fn short_duration(duration: Duration) -> String {
    let milliseconds = duration.as_micros().div_ceil(1000);
    let (minutes, seconds) = (milliseconds / 60_000, milliseconds / 1000 % 60);
    let rest = milliseconds % 1000;
    match (minutes, seconds, rest) {
        (0, 0, rest) => format!("{rest}ms"),
        (0, seconds, 0) => format!("{seconds}s"),
        (0, seconds, rest) => format!("{seconds}.{rest:03}s"),
        (minutes, seconds, 0) => format!("{minutes}m{seconds}s"),
        (minutes, seconds, rest) => format!("{minutes}m{seconds}.{rest:03}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let check = |milliseconds, expected| {
            let duration = Duration::from_micros(milliseconds);
            assert_eq!(short_duration(duration), expected);
        };
        check(0, "0ms");
        check(19_001, "20ms");
        check(1_000_000, "1s");
        check(1_050_000, "1.050s");
        check(90_000_000, "1m30s");
        check(3_600_500_000, "60m0.500s");
    }
}
