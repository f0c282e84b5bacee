//! How long a server asks to wait.

use std::time::Duration;

use super::HttpReply;

/// The wait that a reply asks for: `retry-after-ms` (`OpenAI` and Azure send it)
/// or `retry-after`, in seconds or as a date
/// ([RFC 9110, 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
///
/// A date is taken relative to the reply's own `date` header, not to this
/// machine's clock, which may be wrong. What can't be read is no wait.
pub(crate) fn retry_after(reply: &HttpReply) -> Option<Duration> {
    let text = |name| reply.header(name).map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok())
        && let Ok(wait) = Duration::try_from_secs_f64(milliseconds / 1000.0)
    {
        return Some(wait);
    }
    let asked = text("retry-after")?;
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let now = httpdate::parse_http_date(text("date")?).ok()?;
    // A date that has passed means: now.
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::clients::Timings;

    fn check(headers: &[(&'static str, &'static str)], expected_ms: Option<u64>) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let reply = HttpReply {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers,
            body: Bytes::new(),
            timings: Timings::default(),
        };
        assert_eq!(retry_after(&reply), expected_ms.map(Duration::from_millis));
    }

    #[test]
    fn waits_in_every_form() {
        check(&[], None);
        check(&[("retry-after", "2")], Some(2000));
        check(&[("retry-after", " 0.5 ")], Some(500));
        check(
            &[("retry-after-ms", "120"), ("retry-after", "1")],
            Some(120),
        );
        check(
            &[("retry-after-ms", "soon"), ("retry-after", "1")],
            Some(1000),
        );
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(
            &[date, ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")],
            Some(30_000),
        );
        check(
            &[date, ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")],
            Some(0),
        );
    }

    #[test]
    fn nonsense_is_no_wait() {
        for nonsense in ["-1", "NaN", "inf", "1e300", "soon", ""] {
            check(&[("retry-after", nonsense)], None);
        }
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], None);
    }
}
