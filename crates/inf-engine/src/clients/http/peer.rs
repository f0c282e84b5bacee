//! [`HttpPeer`]: the server that a client asks, whatever its format.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use super::wire_format::{Framing, KeyHeader};
use super::{
    ErrorContext, HttpReply, HttpSettings, HttpStack, JsonPost, Redaction, ReplyStream, Timeouts,
    WireFormat, extra_fields, json_headers, place,
};
use crate::clients::{
    ClientDescription, ClientError, ClientErrorKind, ExtraFields, StructuredOutput,
};

/// Headers that belong to the connection, or that would make replies come in a
/// form that nobody here reads.
const OWN_HEADERS: [&str; 7] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "te",
    "transfer-encoding",
];

/// One server and model: where it is, what every call of it carries, and what
/// is said when one fails.
#[derive(Debug)]
pub(crate) struct HttpPeer {
    http: HttpStack,
    url: Url,
    headers: HeaderMap,
    stream_headers: HeaderMap,
    timeouts: Timeouts,
    extra_body: ExtraFields,
    /// How answers are made to fit a schema.
    pub(crate) structured_output: StructuredOutput,
    /// What sentences about it name.
    pub(crate) context: ErrorContext,
}

impl HttpPeer {
    /// The server of `settings`, which speaks `format`.
    ///
    /// # Errors
    /// If a setting can't be used: the sentence begins with its key, unless it
    /// is about the provider's key. Nothing is sent yet.
    pub(crate) fn new(
        http: HttpStack,
        settings: HttpSettings,
        format: &'static WireFormat,
    ) -> Result<Self, ClientError> {
        let url = address(&settings.base_url, format)?;
        if settings.model.trim().is_empty() {
            return Err(unusable("`model` is empty; name the model to ask for"));
        }
        extra_fields::check(&settings.extra_body, format, "`extra_body` may not")?;
        let headers = headers(&settings, format)?;
        let mut stream_headers = headers.clone();
        if let Framing::Events = format.framing {
            let events = HeaderValue::from_static("text/event-stream");
            stream_headers.insert(ACCEPT, events);
        }
        let secrets = settings.extra_headers.iter().map(|(_, value)| value);
        let context = ErrorContext {
            place: place(&url),
            has_key: settings.api_key.is_some(),
            redaction: Redaction::new(secrets.chain(&settings.api_key)),
            model: settings.model,
            api_key_name: settings.api_key_name,
            format,
        };
        Ok(Self {
            http,
            url,
            headers,
            stream_headers,
            timeouts: Timeouts {
                total: settings.timeout,
                first_byte: settings.first_byte_timeout,
                idle: settings.idle_timeout,
            },
            extra_body: settings.extra_body,
            structured_output: settings.structured_output,
            context,
        })
    }

    /// The model that is asked for.
    pub(crate) fn model(&self) -> &str {
        &self.context.model
    }

    /// `body` as it is sent, with the user's own fields in it.
    pub(crate) fn write(
        &self,
        body: &impl Serialize,
        extra: Option<&ExtraFields>,
    ) -> Result<Bytes, ClientError> {
        if let Some(extra) = extra {
            extra_fields::check(
                extra,
                self.context.format,
                "the request's extra fields may not",
            )?;
        }
        let written = extra_fields::write(body, &self.extra_body, extra);
        written.map(Bytes::from).map_err(|error| {
            let message = format!(
                "the request can't be sent to {}: {error}",
                self.context.format.speaker
            );
            unusable(message)
        })
    }

    /// Sends `body` and reads the whole reply, which is a success.
    pub(crate) async fn post(&self, body: Bytes) -> Result<HttpReply, ClientError> {
        let post = JsonPost::new(&self.url, &self.headers, body, self.timeouts);
        let reply = self.http.post_json(post).await?;
        if !reply.status.is_success() {
            return Err(self.context.refused(&reply));
        }
        self.check_encoding(&reply.headers)?;
        Ok(reply)
    }

    /// Sends `body` and reads the head of the reply, which is a success.
    pub(crate) async fn open(&self, body: Bytes) -> Result<ReplyStream<'_>, ClientError> {
        let post = JsonPost::new(&self.url, &self.stream_headers, body, self.timeouts);
        let stream = self.http.open(post).await?;
        if !stream.status().is_success() {
            // What a refusal is does not depend on the rest of its words.
            let head = stream.reply_with(Bytes::new());
            let reply = stream.into_reply().await.unwrap_or(head);
            return Err(self.context.refused(&reply));
        }
        self.check_encoding(stream.headers())?;
        Ok(stream)
    }

    fn check_encoding(&self, headers: &HeaderMap) -> Result<(), ClientError> {
        match headers.get(CONTENT_ENCODING) {
            None => Ok(()),
            Some(encoding) if encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
            Some(encoding) => Err(self
                .context
                .compressed(&String::from_utf8_lossy(encoding.as_bytes()))),
        }
    }

    /// The last gate: wherever a server put the key (a redirect's target, a
    /// field's name), it ends here.
    pub(crate) fn without_secrets(&self, mut error: ClientError) -> ClientError {
        error.message = self.context.redaction.apply(&error.message);
        error
    }

    /// Where calls go.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whom calls go to.
    pub(crate) fn description(&self, provider: &str) -> ClientDescription {
        let description = ClientDescription::new(provider).with_model(self.model());
        match self.url.host_str() {
            Some(host) => description.with_server(host, self.url.port_or_known_default()),
            None => description,
        }
    }

    /// What `Debug` says of a client named `name`.
    pub(crate) fn debug(
        &self,
        name: &str,
        formatter: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        formatter
            .debug_struct(name)
            .field("url", &self.context.place)
            .field("model", &self.context.model)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

fn address(base_url: &str, format: &WireFormat) -> Result<Url, ClientError> {
    let example = format!("write it like `{}`", format.example);
    // What can't be parsed can't be cleaned either: it is shown only if it
    // looks like an address and holds no credentials.
    let shown = if base_url.contains([':', '/']) && !base_url.contains(['@', '?']) {
        format!(" `{base_url}`")
    } else {
        String::new()
    };
    let url = Url::parse(base_url)
        .map_err(|error| unusable(format!("`base_url`{shown} is no URL ({error}); {example}")));
    let mut url = url?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unusable(format!(
            "`base_url`{shown} does not start with `http://` or `https://`; {example}"
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable(format!(
            "`base_url` holds credentials; write it as `{}` and give the key as the endpoint's key",
            place(&url)
        )));
    }
    let base = url.path().trim_end_matches('/');
    if base.ends_with(format.path) {
        return Err(unusable(format!(
            "`base_url`{shown} ends with `{}`, which is added to it; leave it out",
            format.path
        )));
    }
    let version = if base.ends_with(format.version) {
        ""
    } else {
        format.version
    };
    let path = format!("{base}{version}{}", format.path);
    url.set_fragment(None);
    url.set_path(&path);
    Ok(url)
}

fn headers(settings: &HttpSettings, format: &WireFormat) -> Result<HeaderMap, ClientError> {
    let mut headers = json_headers();
    for (name, value) in format.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    for (name, value) in &settings.extra_headers {
        let parsed = HeaderName::try_from(name.as_str());
        let parsed = parsed.map_err(|_| {
            unusable(format!(
                "`headers`: `{name}` is no header's name: write letters, digits and `-`"
            ))
        })?;
        if OWN_HEADERS.contains(&parsed.as_str()) {
            return Err(unusable(format!(
                "`headers` may not set `{name}`, which the engine writes itself; take it out"
            )));
        }
        let value = secret_value("", value).ok_or_else(|| {
            unusable(format!(
                "`headers`: the value of `{name}` holds characters that no header has, such \
                     as a line break; write it anew"
            ))
        })?;
        headers.insert(parsed, value);
    }
    if let Some(key) = &settings.api_key {
        let name = match &settings.api_key_name {
            Some(name) => format!("the key in `{name}`"),
            None => "the endpoint's key".to_owned(),
        };
        let wrong = |what| ClientError::new(ClientErrorKind::Authentication, what);
        if key.expose_secret().trim().is_empty() {
            return Err(wrong(format!(
                "{name} is empty; set it to the provider's key"
            )));
        }
        let (header, prefix) = match format.key {
            KeyHeader::Bearer => ("authorization", "Bearer "),
            KeyHeader::Named(header) => (header, ""),
        };
        let value = secret_value(prefix, key).ok_or_else(|| {
            wrong(format!(
                "{name} holds characters that no key has, such as a line break; set it anew"
            ))
        })?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// A header that is never printed. Space around a secret comes from the file or
/// the shell that it was read from, and is not part of it.
fn secret_value(prefix: &str, secret: &SecretString) -> Option<HeaderValue> {
    let value = format!("{prefix}{}", secret.expose_secret().trim());
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unusable(what: impl Into<String>) -> ClientError {
    ClientError::new(ClientErrorKind::Refused, what)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::{anthropic, ollama, openai};

    #[test]
    fn the_address_of_completions() {
        let check = |format, base_url, expected| {
            assert_eq!(
                address(base_url, format).expect("usable").as_str(),
                expected
            );
        };
        let openai = &openai::FORMAT;
        check(openai, "http://h:1/v1", "http://h:1/v1/chat/completions");
        check(openai, "http://h:1/v1/", "http://h:1/v1/chat/completions");
        check(openai, "http://h:1", "http://h:1/chat/completions");
        check(
            openai,
            "https://h/deployments/d?api-version=1",
            "https://h/deployments/d/chat/completions?api-version=1",
        );
        let anthropic = &anthropic::FORMAT;
        check(anthropic, "https://h", "https://h/v1/messages");
        check(anthropic, "https://h/a/v1/", "https://h/a/v1/messages");
        check(&ollama::FORMAT, "http://h:1", "http://h:1/api/chat");
        check(&ollama::FORMAT, "http://h:1/api", "http://h:1/api/chat");
    }

    #[test]
    fn an_unusable_address_says_how_to_write_it() {
        let check = |base_url, expected: &str| {
            let error = address(base_url, &openai::FORMAT).expect_err("an error");
            assert!(error.message.contains(expected), "{error}");
            assert!(!error.message.contains("secret"), "{error}");
        };
        check("", "`base_url` is no URL (relative URL without a base)");
        check(
            "localhost:8000/v1",
            "`base_url` `localhost:8000/v1` does not start with `http://`",
        );
        check("ftp://host/v1", "does not start with `http://`");
        check("http://me:secret@host/v1", "write it as `http://host/v1`");
        check("http://me:secret@:1:2/v1", "`base_url` is no URL");
        check("http://host/v1/chat/completions", "leave it out");
    }

    fn refusal(change: impl FnOnce(HttpSettings) -> HttpSettings) -> ClientError {
        let settings = change(HttpSettings::new("http://host/v1", "m"));
        let http = HttpStack::new().expect("a stack");
        HttpPeer::new(http, settings, &openai::FORMAT).expect_err("an error")
    }

    #[test]
    fn an_unusable_key_names_its_variable_and_is_not_shown() {
        let check = |key: &str, expected: &str| {
            let key = SecretString::from(key);
            let error = refusal(|settings| settings.with_api_key("MY_KEY", key));
            assert_eq!(error.kind, ClientErrorKind::Authentication);
            assert!(error.message.starts_with(expected), "{error}");
        };
        check(" \n", "the key in `MY_KEY` is empty");
        check(
            "ab\ncd",
            "the key in `MY_KEY` holds characters that no key has",
        );
    }

    #[test]
    fn what_the_engine_writes_itself_can_not_be_set() {
        let error = refusal(|settings| settings.with_header("Content-Length", "5".into()));
        assert!(
            error
                .message
                .starts_with("`headers` may not set `Content-Length`")
        );
        let error = refusal(|settings| settings.with_header("a b", "5".into()));
        assert_eq!(
            error.message,
            "`headers`: `a b` is no header's name: write letters, digits and `-`"
        );
        let error = refusal(|settings| settings.with_header("x-key", "secret\n1".into()));
        assert_eq!(
            error.message,
            "`headers`: the value of `x-key` holds characters that no header has, such as a line \
             break; write it anew"
        );
        let error = refusal(|settings| {
            let fields = json!({"top_k": 3, "stream": true});
            settings.with_extra_body(fields.as_object().cloned().expect("an object"))
        });
        assert_eq!(
            error.message,
            "`extra_body` may not set `stream`, which the engine writes itself; take it out"
        );
    }
}
