//! What the headers of a reply say about the provider's limits.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};

use crate::clients::{Allowance, RateLimits};

const OPENAI: &str = "x-ratelimit-";
/// A month.
const LONGEST_WINDOW: Duration = Duration::from_hours(31 * 24);
const ANTHROPIC: &str = "anthropic-ratelimit-";

/// Reads `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` ([OpenAI],
/// whose resets are durations such as `1m30s`) and
/// `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,
/// remaining,reset}` ([Anthropic], whose resets are times, taken relative to
/// the reply's own `date`). What can't be read was not said.
///
/// Most servers say nothing, so that all that is done for each call is to look
/// at the beginning of each header's name.
///
/// [OpenAI]: https://platform.openai.com/docs/guides/rate-limits
/// [Anthropic]: https://docs.claude.com/en/api/rate-limits#response-headers
pub(super) fn rate_limits(headers: &HeaderMap) -> Option<Box<RateLimits>> {
    let mut limits = RateLimits::default();
    for (name, value) in headers {
        let name = name.as_str();
        let (what, figure) = if let Some(rest) = name.strip_prefix(OPENAI) {
            let Some((figure, what)) = rest.split_once('-') else {
                continue;
            };
            (what, figure)
        } else if let Some(rest) = name.strip_prefix(ANTHROPIC) {
            let Some((what, figure)) = rest.rsplit_once('-') else {
                continue;
            };
            (what, figure)
        } else {
            continue;
        };
        let (Some(allowance), Ok(value)) = (allowance(&mut limits, what), value.to_str()) else {
            continue;
        };
        match figure {
            "limit" => allowance.limit = value.trim().parse().ok(),
            "remaining" => allowance.remaining = value.trim().parse().ok(),
            "reset" => allowance.resets_in = resets_in(value.trim(), headers),
            _ => {}
        }
    }
    (!limits.is_empty()).then(|| Box::new(limits))
}

fn allowance<'l>(limits: &'l mut RateLimits, what: &str) -> Option<&'l mut Allowance> {
    match what {
        "requests" => Some(&mut limits.requests),
        "tokens" => Some(&mut limits.tokens),
        "input-tokens" => Some(&mut limits.input_tokens),
        "output-tokens" => Some(&mut limits.output_tokens),
        _ => None,
    }
}

fn resets_in(text: &str, headers: &HeaderMap) -> Option<Duration> {
    if let Some(time) = duration(text) {
        return Some(time);
    }
    let until = rfc3339(text)?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let time = until.duration_since(now).unwrap_or_default();
    (time <= LONGEST_WINDOW).then_some(time)
}

/// A duration as Go writes it (`1h2m3.5s`, `20ms`), or seconds alone.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let letters = after
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        seconds += number
            * match unit {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                // A number without a unit is seconds, but not after others.
                "" if text.len() == digits => 1.0,
                _ => return None,
            };
        rest = after;
    }
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    // No window is that long: it is a point in time, as some gateways write it.
    (time <= LONGEST_WINDOW).then_some(time)
}

/// A time as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) writes it, to
/// the second. A dependency for this one header would be larger than it.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let bytes = text.as_bytes();
    let is_marked = bytes.len() >= 20
        && text.is_ascii()
        && [4, 7].iter().all(|&at| bytes[at] == b'-')
        && [13, 16].iter().all(|&at| bytes[at] == b':')
        && matches!(bytes[10], b'T' | b't' | b' ');
    if !is_marked {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = &text[from..to];
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_possible = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_possible {
        return None;
    }
    // Days since 1970 of the proleptic Gregorian calendar, with March as the
    // first month (Howard Hinnant, "chrono-compatible low-level date
    // algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    let at = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let rest = text[19..]
        .trim_start_matches(|character: char| character == '.' || character.is_ascii_digit());
    let at = match rest.as_bytes() {
        [b'Z' | b'z'] => at,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let offset_at = text.len() - 5;
            let hours = number(offset_at, offset_at + 2)?;
            let minutes = number(offset_at + 3, offset_at + 5)?;
            let offset = hours * 3_600 + minutes * 60;
            if *sign == b'+' {
                at.checked_sub(offset)?
            } else {
                at + offset
            }
        }
        _ => return None,
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<RateLimits> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(*name).expect("a name");
                (name, HeaderValue::from_str(value).expect("a value"))
            })
            .collect();
        rate_limits(&headers).map(|limits| *limits)
    }

    fn allowance(limit: u64, remaining: u64, seconds: f64) -> Allowance {
        Allowance {
            limit: Some(limit),
            remaining: Some(remaining),
            resets_in: Some(Duration::from_secs_f64(seconds)),
        }
    }

    #[test]
    fn the_headers_of_openai() {
        let limits = read(&[
            ("content-type", "application/json"),
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ])
        .expect("limits");
        assert_eq!(limits.requests, self::allowance(60, 59, 1.0));
        assert_eq!(limits.tokens, self::allowance(150_000, 149_984, 360.0));
    }

    #[test]
    fn the_headers_of_anthropic() {
        let limits = read(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:49:38Z"),
            ("anthropic-ratelimit-input-tokens-limit", "30000"),
            ("anthropic-ratelimit-input-tokens-remaining", "29000"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "1994-11-06T09:50:07.5+01:00",
            ),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "7000"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "1994-11-06T08:49:00Z",
            ),
        ])
        .expect("limits");
        assert_eq!(limits.requests, self::allowance(50, 49, 1.0));
        assert_eq!(limits.input_tokens, self::allowance(30_000, 29_000, 30.0));
        assert_eq!(limits.output_tokens, self::allowance(8_000, 7_000, 0.0));
        assert_eq!(limits.tokens, Allowance::default());
    }

    #[test]
    fn what_is_not_said_or_makes_no_sense_is_nothing() {
        assert_eq!(read(&[("content-type", "application/json")]), None);
        assert_eq!(
            read(&[
                ("x-ratelimit-limit-requests", "many"),
                ("x-ratelimit-remaining-requests", "-1"),
                ("x-ratelimit-reset-requests", "1e400s"),
                ("x-ratelimit-limit", "5"),
                ("x-ratelimit-limit-bananas", "5"),
                // No `date` to take it relative to.
                ("anthropic-ratelimit-requests-reset", "2026-01-27T12:00:00Z"),
            ]),
            None
        );
    }

    #[test]
    fn durations_in_every_form() {
        let check = |text, expected: Option<f64>| {
            assert_eq!(
                duration(text),
                expected.map(Duration::from_secs_f64),
                "{text}"
            );
        };
        check("20ms", Some(0.02));
        check("1m30s", Some(90.0));
        check("1h0m0.5s", Some(3600.5));
        check("2d", Some(172_800.0));
        check("7", Some(7.0));
        check("", None);
        check("s", None);
        check("1s7", None);
        check("1m-3s", None);
        check("1..5s", None);
        check("99999999999999999999999h", None);
        check("1764122400", None);
    }

    #[test]
    fn times_are_counted_as_http_counts_them() {
        for (text, date) in [
            ("2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT"),
            ("2026-11-26T23:59:59.123Z", "Thu, 26 Nov 2026 23:59:59 GMT"),
            ("2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT"),
            ("1970-01-01T01:00:00+01:00", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            let expected = httpdate::parse_http_date(date).expect("a date");
            assert_eq!(rfc3339(text), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_harm(
            value in "\\PC{0,40}|[0-9.]{0,12}(ms|s|m|h|µs|d)?|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(Z|[+-][0-9:]{5})?",
            name in "(x|anthropic)-ratelimit-(limit|reset|remaining|requests|tokens|input-tokens)-(limit|reset|requests|tokens)",
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
            {
                headers.insert(name, value);
            }
            rate_limits(&headers);
        }
    }
}
