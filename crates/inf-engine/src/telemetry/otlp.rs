//! [`OtlpExport`]: spans, sent to a collector.

use std::fmt;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Array, InstrumentationScope, Key, KeyValue, StringValue, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use reqwest::blocking::Client;
use reqwest::redirect;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use super::names;

/// What is sent to whom; what is not said here, the standard `OTEL_*` variables
/// of the environment say.
///
/// ```
/// use inf_engine::telemetry::OtlpSettings;
///
/// let settings = OtlpSettings::new("my-service").with_endpoint("http://collector:4318/v1/traces");
/// assert_eq!(settings.service_name, "my-service");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OtlpSettings {
    /// The name of the program among others; `OTEL_SERVICE_NAME` goes before it.
    pub service_name: String,
    /// The whole address that spans are sent to, such as
    /// `http://localhost:4318/v1/traces`. By default what
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says, or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` without its path, or else that address.
    pub endpoint: Option<String>,
}

impl OtlpSettings {
    /// Settings of a program called `service_name`.
    pub fn new(service_name: impl Into<String>) -> Self {
        Self {
            service_name: service_name.into(),
            endpoint: None,
        }
    }

    /// Sends spans to `endpoint`, whatever the environment says.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }
}

/// Why spans can't be sent.
///
/// [`OtlpExport::install`] and [`OtlpExport::shutdown`] give it, as [`OtlpExport`] shows: as text it says
/// what to do.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The export could not be set up.
    #[error("the export of spans can't be set up: {0}")]
    Setup(String),
    /// The program has a subscriber already.
    #[error(
        "the program has a subscriber of `tracing` already; add `OtlpExport::layer` to that one"
    )]
    Subscribed,
    /// Spans that were left could not be sent.
    #[error("spans could not be sent: {0}")]
    Sending(String),
}

crate::document::debug_as_display!(OtlpError);

/// Spans on their way to a collector, over OTLP with protobuf over HTTP.
///
/// They are sent in batches by a thread of its own; what is left is sent by
/// [`shutdown`](Self::shutdown), or when this is dropped. Of the environment
/// it honours `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER=none`,
/// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`,
/// `OTEL_SPAN_*`, `OTEL_BSP_*` (`OTEL_BSP_MAX_QUEUE_SIZE` for runs that make
/// thousands of calls in a second: what finds no room is not sent), and of
/// `OTEL_EXPORTER_OTLP_*` the endpoint, the headers and the timeout.
///
/// ```no_run
/// use inf_engine::prelude::*;
/// use inf_engine::telemetry::{OtlpExport, OtlpSettings};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let export = OtlpExport::install(&OtlpSettings::new("my-service"))?;
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// pipeline.run("Why is the sky blue?".to_owned()).await?;
/// export.shutdown()?;
/// # Ok(())
/// # }
/// ```
///
/// A program with a subscriber of its own adds the [`layer`](Self::layer) to it:
///
/// ```no_run
/// use inf_engine::telemetry::{OtlpExport, OtlpSettings};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let export = OtlpExport::start(&OtlpSettings::new("my-service"))?;
/// let subscriber = tracing_subscriber::registry().with(export.layer());
/// tracing::subscriber::set_global_default(subscriber)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the export"]
pub struct OtlpExport {
    /// `None` if the environment wants none.
    provider: Option<SdkTracerProvider>,
}

impl OtlpExport {
    /// Starts the export; spans come from its [`layer`](Self::layer).
    ///
    /// # Errors
    /// If an address or another setting can't be used. Nothing is sent yet.
    pub fn start(settings: &OtlpSettings) -> Result<Self, OtlpError> {
        if is_disabled() {
            return Ok(Self { provider: None });
        }
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client()?);
        if let Some(endpoint) = &settings.endpoint {
            exporter = exporter.with_endpoint(endpoint);
        }
        let exporter = exporter
            .build()
            .map_err(|error| OtlpError::Setup(error.to_string()))?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(&settings.service_name))
            .with_batch_exporter(WithLists(exporter))
            .build();
        Ok(Self {
            provider: Some(provider),
        })
    }

    /// Starts the export of all spans of the program of level `INFO` and above,
    /// and of the events in them.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and if the program has a subscriber
    /// already.
    pub fn install(settings: &OtlpSettings) -> Result<Self, OtlpError> {
        let export = Self::start(settings)?;
        // Finer levels hold what the export itself does, call by call.
        let layer = export.layer().with_filter(LevelFilter::INFO);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| OtlpError::Subscribed)?;
        Ok(export)
    }

    /// What takes spans from a subscriber of `tracing`. Give it a filter that
    /// leaves out what HTTP clients say at levels below `INFO`: the export makes
    /// calls itself.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        self.provider.as_ref().map(|provider| {
            let url = format!("https://opentelemetry.io/schemas/{}", names::CONVENTIONS);
            let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
                .with_version(env!("CARGO_PKG_VERSION"))
                .with_schema_url(url)
                .build();
            // Lines of this crate and threads of the runtime say nothing about
            // a call.
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer_with_scope(scope))
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
        })
    }

    /// Sends what has ended so far. Waits for it: in an async program call it
    /// where blocking does no harm.
    ///
    /// # Errors
    /// If that fails.
    pub fn flush(&self) -> Result<(), OtlpError> {
        self.with_provider(SdkTracerProvider::force_flush)
    }

    /// Sends what is left and ends the export, as dropping does, and says
    /// whether that worked. Waits for it, 5 s at most.
    ///
    /// # Errors
    /// If that fails.
    pub fn shutdown(mut self) -> Result<(), OtlpError> {
        let ended = self.with_provider(SdkTracerProvider::shutdown);
        self.provider = None;
        ended
    }

    fn with_provider(
        &self,
        work: impl FnOnce(&SdkTracerProvider) -> OTelSdkResult,
    ) -> Result<(), OtlpError> {
        match &self.provider {
            Some(provider) => work(provider).map_err(|error| OtlpError::Sending(error.to_string())),
            None => Ok(()),
        }
    }
}

impl Drop for OtlpExport {
    fn drop(&mut self) {
        // There is nobody to be told.
        let _ = self.with_provider(SdkTracerProvider::shutdown);
    }
}

/// The two switches that the SDK leaves to programs.
fn is_disabled() -> bool {
    let is = |name: &str, wanted: &str| {
        let value = std::env::var(name).unwrap_or_default();
        value.trim().eq_ignore_ascii_case(wanted)
    };
    is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none")
}

fn resource(service_name: &str) -> Resource {
    const UNKNOWN: &str = "unknown_service";
    let found = Resource::builder().build();
    let named = found.get(&Key::from_static_str("service.name"));
    // What the SDK says if the environment does not.
    let is_unnamed = named.is_none_or(|name| name.as_str().starts_with(UNKNOWN));
    let mut builder = Resource::builder();
    if is_unnamed {
        builder = builder.with_service_name(service_name.to_owned());
    }
    builder.build()
}

/// The client that sends spans: a blocking one, because the SDK sends them from
/// a thread without a runtime.
fn client() -> Result<Client, OtlpError> {
    let build = || {
        // `Err` means that the process has a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .timeout(timeout())
                .redirect(redirect::Policy::none())
        };
        // Without the machine's certificates a collector can still be reached
        // over plain HTTP.
        builder()
            .build()
            .or_else(|_| builder().tls_certs_only([]).build())
    };
    // Such a client must not be made inside a runtime.
    let built = std::thread::spawn(build).join();
    let built = built.map_err(|_| OtlpError::Setup("the HTTP client panicked".to_owned()))?;
    built.map_err(|error| OtlpError::Setup(error.to_string()))
}

/// How long one request may take.
fn timeout() -> Duration {
    const DEFAULT: Duration = Duration::from_secs(10);
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    let mut set = names.iter().filter_map(|name| std::env::var(name).ok());
    let milliseconds = set.find_map(|value| value.parse().ok());
    milliseconds.map_or(DEFAULT, Duration::from_millis)
}

/// Makes lists of the attributes that `tracing` could only carry as JSON.
struct WithLists(SpanExporter);

impl opentelemetry_sdk::trace::SpanExporter for WithLists {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for attribute in batch.iter_mut().flat_map(|span| &mut span.attributes) {
            make_list(attribute);
        }
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

impl fmt::Debug for WithLists {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

fn make_list(attribute: &mut KeyValue) {
    if names::LISTS.contains(&attribute.key.as_str())
        && let Value::String(text) = &attribute.value
        && let Ok(texts) = serde_json::from_str::<Vec<String>>(text.as_str())
    {
        let texts = texts.into_iter().map(StringValue::from).collect();
        attribute.value = Value::Array(Array::String(texts));
    }
}
