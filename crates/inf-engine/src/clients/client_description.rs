//! [`ClientDescription`]: whom a client asks.

/// Whom a client asks, for those who watch: it ends in spans and traces, so it
/// holds nothing secret.
///
/// ```
/// use inf_engine::clients::ClientDescription;
///
/// let description = ClientDescription::new("acme")
///     .with_model("acme-large")
///     .with_server("llm.acme.example", Some(443));
/// assert_eq!(description.model.as_deref(), Some("acme-large"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientDescription {
    /// The provider, by the name that the [GenAI conventions] have for it, or
    /// by its own; for a server that is a stand-in for a known provider, whose
    /// format it speaks.
    ///
    /// [GenAI conventions]: https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
    pub provider: Option<String>,
    /// The model that is asked for, if it is always the same.
    pub model: Option<String>,
    /// The server's name or address, if there is one.
    pub server: Option<String>,
    /// The server's port.
    pub port: Option<u16>,
}

impl ClientDescription {
    /// A client of `provider`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: Some(provider.into()),
            ..Self::default()
        }
    }

    /// Says which model is asked for.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Says which server is asked.
    #[must_use]
    pub fn with_server(mut self, server: impl Into<String>, port: Option<u16>) -> Self {
        self.server = Some(server.into());
        self.port = port;
        self
    }
}
