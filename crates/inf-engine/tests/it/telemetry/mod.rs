//! What a listener of `tracing` is told of a run.

mod calls;
mod contents;
mod host_functions;
mod tools;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record as Recorded};
use ::tracing::subscriber::{DefaultGuard, Interest};
use ::tracing::{Event, Level, Metadata, Subscriber, info};
use inf_engine::clients::{
    ClientDescription, ClientError, LlmClient, LlmFuture, LlmRequest, LlmResponse, Usage,
};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// A span or an event, as it was told.
#[derive(Debug, Clone)]
struct Told {
    is_span: bool,
    id: Option<Id>,
    parent: Option<Id>,
    name: String,
    level: Level,
    target: String,
    fields: BTreeMap<String, String>,
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<Told>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent());
        let mut told = Told::new(attributes.metadata());
        told.is_span = true;
        told.id = Some(id.clone());
        told.parent = parent.map(|parent| parent.id());
        attributes.record(&mut Fields(&mut told.fields));
        self.told().push(told);
    }

    fn on_record(&self, id: &Id, values: &Recorded<'_>, _: Context<'_, S>) {
        let mut told = self.told();
        let span = told.iter_mut().rfind(|told| told.id.as_ref() == Some(id));
        values.record(&mut Fields(&mut span.unwrap().fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let parent = context.event_span(event);
        let mut told = Told::new(event.metadata());
        told.parent = parent.map(|parent| parent.id());
        event.record(&mut Fields(&mut told.fields));
        self.told().push(told);
    }
}

/// Wants to be asked every time, and listens to nothing.
struct Undecided;

impl Subscriber for Undecided {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Recorded<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Told {
    fn new(metadata: &Metadata<'_>) -> Self {
        Self {
            is_span: false,
            id: None,
            parent: None,
            name: metadata.name().to_owned(),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            fields: BTreeMap::new(),
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Listener {
    /// Listens to what happens in this thread, down to `level`.
    fn start(level: LevelFilter) -> (Self, DefaultGuard) {
        // Once nobody in the program listens to a place, `tracing` remembers that
        // for all threads, and a test that begins at the same moment goes unheard.
        static UNDECIDED: Once = Once::new();
        UNDECIDED.call_once(|| {
            ::tracing::subscriber::set_global_default(Undecided).expect("nobody else sets it");
        });
        let listener = Self::default();
        let subscriber = Registry::default().with(level).with(listener.clone());
        let guard = ::tracing::subscriber::set_default(subscriber);
        (listener, guard)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Vec<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the engine said, and tests.
    fn all(&self) -> Vec<Told> {
        let told = self.told();
        let ours = told.iter().filter(|told| {
            told.target.starts_with("inf_engine") || told.target.starts_with("it::")
        });
        ours.cloned().collect()
    }

    /// Everything that was called `name`.
    fn named(&self, name: &str) -> Vec<Told> {
        let mut all = self.all();
        all.retain(|told| told.name == name);
        all
    }

    fn only(&self, name: &str) -> Told {
        let mut named = self.named(name);
        assert_eq!(named.len(), 1, "{name}: {:#?}", self.all());
        named.remove(0)
    }

    fn parent_of(&self, told: &Told) -> Option<Told> {
        let parent = told.parent.as_ref()?;
        let all = self.all();
        let parent = all.iter().rfind(|told| told.id.as_ref() == Some(parent));
        parent.cloned()
    }

    /// The names of what `told` is in, from the inside.
    fn inside(&self, told: &Told) -> Vec<String> {
        let parents = std::iter::successors(self.parent_of(told), |told| self.parent_of(told));
        parents.map(|told| told.name).collect()
    }

    /// All texts, in one.
    fn text(&self) -> String {
        let mut text = String::new();
        for told in self.told().iter() {
            let _ = writeln!(text, "{} {:?}", told.name, told.fields);
        }
        text
    }
}

/// Answers with what is on its list, and then with what it was asked.
#[derive(Default)]
struct Scripted {
    outcomes: Mutex<VecDeque<Result<LlmResponse, ClientError>>>,
    latency: Mutex<VecDeque<Duration>>,
}

impl Scripted {
    fn failing(errors: impl IntoIterator<Item = ClientError>) -> Self {
        Self {
            outcomes: Mutex::new(errors.into_iter().map(Err).collect()),
            ..Self::default()
        }
    }
}

impl LlmClient for Scripted {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let latency = self.latency.lock().unwrap().pop_front();
            tokio::time::sleep(latency.unwrap_or(Duration::from_millis(10))).await;
            info!("a client at work");
            let outcome = self.outcomes.lock().unwrap().pop_front();
            outcome.unwrap_or_else(|| {
                let mut response = LlmResponse::from_text(format!("ANSWER {}", request.prompt()));
                "tiny-2026".clone_into(&mut response.model);
                response.id = Some("answer-1".to_owned());
                response.usage = {
                    let mut usage = Usage::new(7, 5);
                    usage.cached_tokens = 3;
                    usage
                };
                Ok(response)
            })
        })
    }

    fn description(&self) -> ClientDescription {
        ClientDescription::new("acme")
            .with_model("tiny")
            .with_server("llm.example", Some(443))
    }
}

fn pipeline(client: Scripted) -> Pipeline<String, String> {
    let resources = ResourceManager::new(&ResourceConfig::default()).unwrap();
    let resources = resources.with_client("fast", Arc::new(client), 8);
    LlmInference::new("fast")
        .temperature(0.5)
        .max_tokens(50)
        .stop("END")
        .system_prompt("SYSTEM")
        .bind(resources)
        .unwrap()
}

fn check_fields(told: &Told, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(told.field(name), Some(*value), "{name} of {told:#?}");
    }
}
