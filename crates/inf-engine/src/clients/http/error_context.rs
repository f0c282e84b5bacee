//! A refusal or failure as a [`ClientError`], with the server's own words.

use reqwest::StatusCode;
use reqwest::header::CONTENT_ENCODING;
use serde_json::Value;

use super::rate_limit_headers::rate_limits;
use super::{HttpReply, Redaction, WireFormat, excerpt, retry_after, shorten};
use crate::clients::{ClientError, ClientErrorKind, Retry};

/// What the sentences name.
#[derive(Debug)]
pub(crate) struct ErrorContext {
    /// Where the calls go.
    pub(crate) place: String,
    /// The model that is asked for.
    pub(crate) model: String,
    /// The environment variable of the key.
    pub(crate) api_key_name: Option<String>,
    /// Whether a key is sent.
    pub(crate) has_key: bool,
    /// What must not appear.
    pub(crate) redaction: Redaction,
    /// What is spoken there.
    pub(crate) format: &'static WireFormat,
}

/// What a server said about its error.
#[derive(Debug, Default)]
struct Report {
    message: Option<String>,
    /// `code` and `type`, as far as they are texts.
    codes: Vec<String>,
    /// `code`, if it is a number that can be a status.
    status: Option<StatusCode>,
}

impl ErrorContext {
    /// The error of a reply that is no success.
    pub(crate) fn refused(&self, reply: &HttpReply) -> ClientError {
        let report = serde_json::from_slice(&reply.body)
            .map(|body: Value| Report::of_body(&body))
            .unwrap_or_default();
        let words = self.words(reply, &report);
        self.by_status(reply.status, reply, &report, &words)
    }

    /// The error of a success that holds an error object: gateways send it, and
    /// a stream that fails in the middle.
    pub(crate) fn reported(&self, reply: &HttpReply, error: &Value) -> ClientError {
        let report = Report::of_error(error);
        let words = self.words(reply, &report);
        let status = report.status.or_else(|| {
            let of_code = |code: &String| (self.format.status_of)(code);
            let status = report.codes.iter().find_map(of_code)?;
            StatusCode::from_u16(status).ok()
        });
        if let Some(status) = status {
            return self.by_status(status, reply, &report, &words);
        }
        let message = format!(
            "{} answered {} but reported an error instead of an answer: {words}; its log may say \
             why{}",
            self.place,
            reply.status,
            self.request_id(reply)
        );
        ClientError::new(ClientErrorKind::MalformedReply, message)
    }

    /// The error of a success whose body is not what the format promises; `what`
    /// goes after "the answer".
    pub(crate) fn malformed(&self, reply: &HttpReply, what: &str) -> ClientError {
        let message = format!(
            "the answer of {} {what}; it begins with {}; is `base_url` the address of {}?{}",
            self.place,
            excerpt(&reply.body, &self.redaction),
            self.format.speaker,
            self.request_id(reply)
        );
        ClientError::new(ClientErrorKind::MalformedReply, message)
    }

    /// The error of a success whose JSON could not be read.
    pub(crate) fn unreadable(&self, reply: &HttpReply, error: &serde_json::Error) -> ClientError {
        use serde_json::error::Category;
        let body = &reply.body;
        let what = match error.classify() {
            _ if std::str::from_utf8(body).is_err() => "is not valid UTF-8".to_owned(),
            Category::Eof if body.trim_ascii().is_empty() => "is empty".to_owned(),
            Category::Eof => format!("is JSON that is cut off ({error})"),
            Category::Data => format!("is not {} ({error})", self.format.answer),
            Category::Syntax | Category::Io => format!("is not JSON ({error})"),
        };
        self.malformed(reply, &what)
    }

    /// The error of a stream that ended before the answer did.
    pub(crate) fn cut_off(&self, reply: &HttpReply) -> ClientError {
        let message = format!(
            "{} ended its stream in the middle of its answer; is it overloaded or restarting? Its \
             log may say why{}",
            self.place,
            self.request_id(reply)
        );
        ClientError::new(ClientErrorKind::Unreachable, message)
    }

    /// The error of a reply that was compressed, though nobody asked for it.
    pub(crate) fn compressed(&self, encoding: &str) -> ClientError {
        let message = format!(
            "{} answered with a body compressed as `{}`, though none was asked for; turn \
             compression off at the server, or at the proxy in front of it",
            self.place,
            shorten(encoding)
        );
        ClientError::new(ClientErrorKind::MalformedReply, message).with_retry(Retry::Never)
    }

    /// The server's message, or the body in short if there is none.
    fn words(&self, reply: &HttpReply, report: &Report) -> String {
        match (&report.message, reply.header(CONTENT_ENCODING)) {
            (Some(message), _) => shorten(&self.redaction.apply(message)),
            (None, Some(encoding)) => format!("a body compressed as `{}`", shorten(encoding)),
            (None, None) => excerpt(&reply.body, &self.redaction),
        }
    }

    fn by_status(
        &self,
        status: StatusCode,
        reply: &HttpReply,
        report: &Report,
        words: &str,
    ) -> ClientError {
        let after = retry_after(reply);
        let (kind, hint) = match status.as_u16() {
            401 => (ClientErrorKind::Authentication, self.key_hint()),
            403 => {
                let hint = format!("{}; may it use `{}`?", self.key_hint(), self.model);
                (ClientErrorKind::Authentication, hint)
            }
            404 => {
                let hint = format!("check `model` (`{}`) and `base_url`", self.model);
                (ClientErrorKind::Refused, hint)
            }
            408 => (ClientErrorKind::Timeout, "it may be tried again".to_owned()),
            409 | 425 => (ClientErrorKind::Server, "it may be tried again".to_owned()),
            402 => (ClientErrorKind::Refused, OUT_OF_QUOTA.to_owned()),
            429 if report.is_out_of_quota() => (ClientErrorKind::Refused, OUT_OF_QUOTA.to_owned()),
            429 if report.is_too_large() => (ClientErrorKind::Refused, TOO_LARGE.to_owned()),
            429 => {
                let hint = "it is full; lower the endpoint's limits if this goes on";
                (ClientErrorKind::RateLimited, hint.to_owned())
            }
            500.. => {
                let hint = "the server failed; it may be tried again";
                (ClientErrorKind::Server, hint.to_owned())
            }
            _ => {
                let hint = "check the prompt, the sampling settings and the output schema";
                (ClientErrorKind::Refused, hint.to_owned())
            }
        };
        let retry = match (kind, after) {
            (ClientErrorKind::RateLimited, after) => Some(Retry::RateLimited { after }),
            // A server that says how long to wait is full, not broken.
            (ClientErrorKind::Server, Some(_)) if matches!(status.as_u16(), 503 | 529) => {
                Some(Retry::RateLimited { after })
            }
            _ => None,
        };
        let message = format!(
            "{} answered {status}: {words}; {hint}{}",
            self.place,
            self.request_id(reply)
        );
        let mut error = ClientError::new(kind, message);
        error.rate_limits = rate_limits(&reply.headers);
        match retry {
            Some(retry) => error.with_retry(retry),
            None => error,
        }
    }

    fn key_hint(&self) -> String {
        match (&self.api_key_name, self.has_key) {
            (Some(name), true) => format!("check the key in `{name}`"),
            (Some(name), false) => format!("no key was sent: set `{name}`"),
            (None, true) => "check the endpoint's key".to_owned(),
            (None, false) => "no key was sent: give the endpoint an `api_key_env`".to_owned(),
        }
    }

    /// What the provider's support asks for, at the end of a sentence.
    fn request_id(&self, reply: &HttpReply) -> String {
        match reply.header(&self.format.request_id) {
            Some(id) => format!(" (request {})", shorten(id)),
            None => String::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(format: &'static WireFormat) -> Self {
        Self {
            place: format!("http://test/v1{}", format.path),
            model: "m".to_owned(),
            api_key_name: Some("TEST_API_KEY".to_owned()),
            has_key: true,
            redaction: Redaction::default(),
            format,
        }
    }
}

const TOO_LARGE: &str = "it is more than a minute's limit of tokens, so that waiting does not help; \
                         shorten the prompt or lower `max_tokens`";

const OUT_OF_QUOTA: &str = "the account has nothing left to spend, so that waiting does not help; \
                            check its plan and billing";

impl Report {
    /// Reads the bodies that servers are known to send: `OpenAI`, Anthropic, vLLM,
    /// TGI, llama.cpp and `LiteLLM`, Ollama (a text), `FastAPI` (`detail`), and
    /// Gemini (a list of one).
    fn of_body(body: &Value) -> Self {
        let body = body.get(0).unwrap_or(body);
        match body.get("error") {
            None | Some(Value::Null) => Self::of_error(body),
            // TGI: `{"error": "text", "error_type": "validation"}`.
            Some(error) => Self::of_error(error),
        }
    }

    fn of_error(error: &Value) -> Self {
        if let Some(message) = error.as_str() {
            return Self {
                message: Some(message.to_owned()),
                ..Self::default()
            };
        }
        let text = |name: &str| match error.get(name)? {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let code = text("code");
        Self {
            message: text("message").or_else(|| text("detail")),
            status: code
                .as_ref()
                .and_then(|code| code.parse().ok())
                .filter(|code| (400..600).contains(code))
                .and_then(|code| StatusCode::from_u16(code).ok()),
            codes: code.into_iter().chain(text("type")).collect(),
        }
    }

    /// Whether the request asks for more tokens than there ever are in a minute,
    /// which waiting does not change: `Limit 30000, Requested 34222`.
    fn is_too_large(&self) -> bool {
        let number = |name: &str| {
            let (_, rest) = self.message.as_deref()?.split_once(name)?;
            let end = rest.find(|letter: char| !letter.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse::<u64>().ok()
        };
        let (limit, requested) = (number("Limit "), number("Requested "));
        limit
            .zip(requested)
            .is_some_and(|(limit, requested)| requested > limit)
    }

    fn is_out_of_quota(&self) -> bool {
        let lasting = [
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
        ];
        self.codes.iter().any(|code| lasting.contains(&&**code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::openai::FORMAT;

    fn error(status: u16, body: &str) -> ClientError {
        let reply = HttpReply::for_tests(status, body.to_owned());
        ErrorContext::for_tests(&FORMAT).refused(&reply)
    }

    #[test]
    fn the_servers_words_are_found() {
        let check = |body: &str, expected: &str| {
            let error = error(400, body);
            let expected = format!(
                "http://test/v1/chat/completions answered 400 Bad Request: {expected}; check the \
                 prompt, the sampling settings and the output schema"
            );
            assert_eq!(error.message, expected);
        };
        check(r#"{"error":{"message":"too long","code":"x"}}"#, "too long");
        check(r#"{"error":{"message":"too long","code":400}}"#, "too long");
        check(r#"{"error":"too long","error_type":"v"}"#, "too long");
        check(r#"{"object":"error","message":"too long"}"#, "too long");
        check(r#"{"detail":"too long"}"#, "too long");
        check(
            r#"{"detail":[{"msg":"too long"}]}"#,
            r#"[{"msg":"too long"}]"#,
        );
        check(r#"[{"error":{"message":"too long"}}]"#, "too long");
        check(
            r#"{"error":{"message":""}}"#,
            r#"`{"error":{"message":""}}`"#,
        );
        check(r#"{"status":"bad"}"#, r#"`{"status":"bad"}`"#);
        check("null", "`null`");
        check("too\nlong", "`too long`");
        check("", "an empty body");
    }

    #[test]
    fn each_status_has_its_kind_and_advice() {
        use ClientErrorKind::{Authentication, RateLimited, Refused, Server, Timeout};
        let check = |status, kind, retry| {
            let error = error(status, "");
            assert_eq!((error.kind, error.retry), (kind, retry), "{status}");
        };
        for status in [400, 402, 404, 405, 413, 422] {
            check(status, Refused, Retry::Never);
        }
        check(401, Authentication, Retry::Never);
        check(403, Authentication, Retry::Never);
        check(408, Timeout, Retry::Transient);
        check(429, RateLimited, Retry::RateLimited { after: None });
        for status in [409, 425, 500, 502, 503, 504, 529] {
            check(status, Server, Retry::Transient);
        }
    }

    #[test]
    fn an_empty_account_is_never_tried_again() {
        for body in [
            r#"{"error":{"message":"m","code":"insufficient_quota"}}"#,
            r#"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#,
        ] {
            let error = error(429, body);
            assert_eq!(error.retry, Retry::Never);
            assert!(error.message.contains("billing"), "{error}");
        }
    }

    /// As OpenAI says it; and of a request that only comes too early.
    #[test]
    fn a_request_larger_than_any_minute_is_never_tried_again() {
        let check = |words: &str, retry| {
            let body = format!(
                r#"{{"error":{{"message":"{words}","type":"tokens","code":"rate_limit_exceeded"}}}}"#
            );
            assert_eq!(error(429, &body).retry, retry, "{words}");
        };
        let waits = Retry::RateLimited { after: None };
        let too_large = "Request too large for m in organization o on tokens per min (TPM): ";
        check(
            &format!("{too_large}Limit 30000, Requested 34222. See x."),
            Retry::Never,
        );
        let reached = "Rate limit reached for m on tokens per min (TPM): ";
        check(
            &format!("{reached}Limit 30000, Used 29000, Requested 1200."),
            waits,
        );
        check("Limit 3, Requested 99999999999999999999999", waits);
        check("Limit x, Requested 4", waits);
    }

    #[test]
    fn without_a_key_the_sentence_says_so() {
        let mut context = ErrorContext::for_tests(&FORMAT);
        context.has_key = false;
        assert_eq!(context.key_hint(), "no key was sent: set `TEST_API_KEY`");
    }
}
