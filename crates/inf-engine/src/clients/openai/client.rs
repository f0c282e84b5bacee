//! The client of one server and model.

use std::fmt;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::OpenAiSettings;
use super::error::ErrorContext;
use super::request::ChatBody;
use super::response::read_reply;
use super::response_format::ResponseFormats;
use super::settings::Dialect;
use crate::clients::http::{JsonPost, Redaction, Timeouts, json_headers, place};
use crate::clients::{
    ClientDescription, ClientError, ClientErrorKind, HttpStack, LlmClient, LlmFuture, LlmRequest,
    LlmResponse,
};

/// A server of `OpenAI`'s chat completions.
///
/// ```
/// use inf_engine::clients::HttpStack;
/// use inf_engine::clients::openai::{OpenAiClient, OpenAiSettings};
///
/// let http = HttpStack::new()?;
/// let settings = OpenAiSettings::new("http://localhost:8000/v1", "qwen3-8b");
/// let client = OpenAiClient::new(http, settings)?;
/// # Ok::<(), inf_engine::clients::ClientError>(())
/// ```
pub struct OpenAiClient {
    http: HttpStack,
    url: Url,
    headers: HeaderMap,
    model: String,
    dialect: Dialect,
    timeouts: Timeouts,
    formats: ResponseFormats,
    context: ErrorContext,
}

impl OpenAiClient {
    /// A client that sends its calls through `http`.
    ///
    /// # Errors
    /// If a setting can't be used: the sentence names it. Nothing is sent yet.
    pub fn new(http: HttpStack, settings: OpenAiSettings) -> Result<Self, ClientError> {
        let url = completions_url(&settings.base_url)?;
        if settings.model.trim().is_empty() {
            return Err(unusable("`model` is empty; name the model to ask for"));
        }
        let secrets = settings.extra_headers.iter().map(|(_, value)| value);
        let context = ErrorContext {
            place: place(&url),
            model: settings.model.clone(),
            has_key: settings.api_key.is_some(),
            redaction: Redaction::new(secrets.chain(&settings.api_key)),
            api_key_name: settings.api_key_name.clone(),
        };
        Ok(Self {
            headers: headers(&settings)?,
            http,
            url,
            model: settings.model,
            dialect: settings.dialect,
            timeouts: Timeouts {
                total: settings.timeout,
                first_byte: settings.first_byte_timeout,
                idle: settings.idle_timeout,
            },
            formats: ResponseFormats::default(),
            context,
        })
    }

    async fn call(&self, request: &LlmRequest) -> Result<LlmResponse, ClientError> {
        let format = request
            .output_schema
            .as_ref()
            .map(|schema| self.formats.of(schema));
        let body = ChatBody::new(&self.model, self.dialect, request, format.as_deref());
        let body = serde_json::to_vec(&body)
            .map_err(|error| unusable(format!("the request can't be written as JSON: {error}")))?;
        let post = JsonPost::new(&self.url, &self.headers, body.into(), self.timeouts);
        let reply = self.http.post_json(post).await?;
        if reply.status.is_success() {
            read_reply(&reply, &self.context)
        } else {
            Err(self.context.refused(&reply))
        }
    }
}

impl LlmClient for OpenAiClient {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            self.call(request).await.map_err(|mut error| {
                // The last gate: wherever a server put the key (a redirect's
                // target, a field's name), it ends here.
                error.message = self.context.redaction.apply(&error.message);
                error
            })
        })
    }

    fn description(&self) -> ClientDescription {
        let description = ClientDescription::new(provider(&self.url)).with_model(&self.model);
        match self.url.host_str() {
            Some(host) => description.with_server(host, self.url.port_or_known_default()),
            None => description,
        }
    }
}

impl fmt::Debug for OpenAiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiClient")
            .field("url", &self.context.place)
            .field("model", &self.model)
            .field("dialect", &self.dialect)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// Whose server it is. One that is nobody's known one counts as `openai`, whose
/// format it speaks, as the conventions advise.
fn provider(url: &Url) -> &'static str {
    const KNOWN: [(&str, &str); 7] = [
        ("openai.azure.com", "azure.ai.openai"),
        ("groq.com", "groq"),
        ("deepseek.com", "deepseek"),
        ("mistral.ai", "mistral_ai"),
        ("x.ai", "x_ai"),
        ("perplexity.ai", "perplexity"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
    ];
    let host = url.host_str().unwrap_or_default();
    let is_at = |domain: &str| {
        let before = host.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let known = KNOWN.iter().find(|(domain, _)| is_at(domain));
    known.map_or("openai", |(_, name)| name)
}

fn completions_url(base_url: &str) -> Result<Url, ClientError> {
    let example = "write it like `https://api.openai.com/v1`";
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
    if url
        .path()
        .trim_end_matches('/')
        .ends_with("/chat/completions")
    {
        return Err(unusable(format!(
            "`base_url`{shown} ends with `/chat/completions`, which is added to it; leave it out"
        )));
    }
    url.set_fragment(None);
    let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

fn headers(settings: &OpenAiSettings) -> Result<HeaderMap, ClientError> {
    let mut headers = json_headers();
    for (name, value) in &settings.extra_headers {
        let parsed = HeaderName::try_from(name.as_str());
        let parsed = parsed.map_err(|_| unusable(format!("`{name}` is no name for a header")))?;
        let value = secret_value("", value)
            .ok_or_else(|| unusable(format!("the value of the header `{name}` can't be sent")))?;
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
        let value = secret_value("Bearer ", key).ok_or_else(|| {
            wrong(format!(
                "{name} holds characters that no key has, such as a line break; set it anew"
            ))
        })?;
        headers.insert(AUTHORIZATION, value);
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
    use super::*;

    #[test]
    fn the_address_of_completions() {
        let check = |base_url, expected| {
            assert_eq!(
                completions_url(base_url).expect("usable").as_str(),
                expected
            );
        };
        check("http://h:1/v1", "http://h:1/v1/chat/completions");
        check("http://h:1/v1/", "http://h:1/v1/chat/completions");
        check("http://h:1", "http://h:1/chat/completions");
        check(
            "https://h/deployments/d?api-version=1",
            "https://h/deployments/d/chat/completions?api-version=1",
        );
    }

    #[test]
    fn the_address_says_whose_server_it_is() {
        let check = |base_url, expected| {
            assert_eq!(provider(&Url::parse(base_url).expect("a URL")), expected);
        };
        check("https://api.openai.com/v1", "openai");
        check("https://mine.openai.azure.com/openai/v1", "azure.ai.openai");
        check("https://api.groq.com/openai/v1", "groq");
        check("https://x.ai/v1", "x_ai");
        check("https://linux.ai/v1", "openai");
        check("http://localhost:8000/v1", "openai");
    }

    #[test]
    fn an_unusable_address_says_how_to_write_it() {
        let check = |base_url, expected: &str| {
            let message = completions_url(base_url).expect_err("an error").message;
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("secret"), "{message}");
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

    #[test]
    fn an_unusable_key_names_its_variable_and_is_not_shown() {
        let check = |key: &str, expected: &str| {
            let settings = OpenAiSettings::new("http://host/v1", "m")
                .with_api_key("MY_KEY", SecretString::from(key));
            let error = OpenAiClient::new(HttpStack::new().expect("a stack"), settings)
                .expect_err("an error");
            assert_eq!(error.kind, ClientErrorKind::Authentication);
            assert!(error.message.starts_with(expected), "{error}");
        };
        check(" \n", "the key in `MY_KEY` is empty");
        check(
            "ab\ncd",
            "the key in `MY_KEY` holds characters that no key has",
        );
    }
}
