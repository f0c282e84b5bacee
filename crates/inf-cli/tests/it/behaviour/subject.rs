//! [`Subject`]: a client and the server that it asks.

use std::ops::Deref;
use std::sync::Arc;

use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
use inf_engine::clients::{HttpSettings, LlmClient, StructuredOutput};

use super::independent::Independent;
use super::provider::{Feature, Provider};
use crate::command::Server;

/// The model that every check asks.
pub(super) const MODEL: &str = "checked";

/// What is checked.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) provider: Provider,
    origin: Origin,
}

/// Who answers.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// Our own simulated model, one that is made for each check.
    Simulated,
    /// A server that runs already.
    Independent(Arc<Independent>),
}

/// What the server does in a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// It repeats the prompt.
    Echo,
    /// It repeats what the system message says.
    System,
    /// It looks the weather of two cities up.
    Weather,
    /// It does not want to answer.
    Refusing,
    /// It writes slowly.
    Slow,
    /// It lets one call in, and tells the others when to come back.
    Full,
    /// It lets one call in, and tells the others nothing.
    FullAndSilent,
    /// It fails.
    Failing,
    /// It breaks connections.
    Breaking,
    /// It breaks a stream off after some pieces.
    BreakingOff,
    /// It answers with what is no JSON.
    Garbling,
    /// It takes only short requests.
    Small,
}

/// A client, with the server that it asks.
pub(super) struct Asked {
    client: Arc<dyn LlmClient>,
    _server: Option<Server>,
    _settings: Option<tempfile::TempDir>,
}

impl Deref for Asked {
    type Target = dyn LlmClient;

    fn deref(&self) -> &Self::Target {
        &*self.client
    }
}

impl Subject {
    pub(super) fn new(provider: Provider, origin: Origin) -> Self {
        Self { provider, origin }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.provider.has(feature)
            && match &self.origin {
                Origin::Simulated => true,
                Origin::Independent(server) => server.has(self.provider, feature),
            }
    }

    /// Whether our own simulated model answers.
    pub(super) fn is_simulated(&self) -> bool {
        matches!(self.origin, Origin::Simulated)
    }

    /// Whether the server calls tools if, and only if, it is told to. A format
    /// without a word for it has to refuse such requests.
    pub(super) fn obeys_tool_choice(&self) -> bool {
        self.is_simulated()
    }

    /// A client for `scene`; `None` if the server can't play it.
    pub(super) fn ask(&self, scene: Scene) -> Option<Asked> {
        self.ask_as(scene, StructuredOutput::Native)
    }

    /// A client for `scene` that has answers fit their schema in the way `mode`.
    pub(super) fn ask_as(&self, scene: Scene, mode: StructuredOutput) -> Option<Asked> {
        if self.is_simulated() && matches!(scene, Scene::Garbling | Scene::BreakingOff) {
            return None;
        }
        let (root, model, server, directory) = match &self.origin {
            Origin::Simulated if self.provider == Provider::Simulated => {
                let settings: SimulatedSettings =
                    serde_saphyr::from_str(scene.settings()).expect("settings");
                let client = SimulatedClient::new(MODEL, settings).expect("valid");
                return Some(Asked {
                    client: Arc::new(client),
                    _server: None,
                    _settings: None,
                });
            }
            Origin::Simulated => {
                let directory = tempfile::tempdir().expect("a directory");
                let file = directory.path().join("simulated.yaml");
                std::fs::write(&file, scene.settings()).expect("writable");
                let options = format!("--model {MODEL} --settings {}", file.display());
                let server = Server::start(&options);
                let root = server.root();
                (root, MODEL.to_owned(), Some(server), Some(directory))
            }
            Origin::Independent(server) => {
                let root = server.root(scene)?;
                (root, MODEL.to_owned(), None, None)
            }
        };
        let mut settings = HttpSettings::new(root, model);
        settings.structured_output = mode;
        if !self.is_simulated() {
            settings.extra_headers = Independent::headers(scene);
        }
        Some(Asked {
            client: self.provider.client_with(settings),
            _server: server,
            _settings: directory,
        })
    }

    /// A client that asks the same server for another model; `None` if it takes
    /// every name.
    pub(super) fn ask_for_unknown_model(&self) -> Option<Asked> {
        if self.provider == Provider::Simulated {
            return None;
        }
        let Origin::Simulated = self.origin else {
            return None;
        };
        let server = Server::start(&format!("--model {MODEL}"));
        Some(Asked {
            client: self.provider.client(&server.root(), "unheard-of"),
            _server: Some(server),
            _settings: None,
        })
    }
}

impl Scene {
    /// The settings of the simulated model.
    fn settings(self) -> &'static str {
        match self {
            Self::Echo => "answer: echo",
            Self::System => "answer: { template: '{system}' }",
            Self::Weather => {
                "
answer:
  script:
    rules:
      - contains: weather
        tool_calls:
          - { name: get_weather, arguments: { city: Paris } }
          - { name: get_weather, arguments: { city: Rome, days: [1, 2] } }
"
            }
            Self::Refusing => {
                "
answer:
  script:
    rules:
      - { contains: secret, answer: I would rather not say., refusal: true }
"
            }
            Self::Slow => "{ answer: echo, latency: { per_output_token_ms: 10 } }",
            Self::Full => {
                "{ answer: echo, quota: { requests_per_second: 0.1, burst: 1 },
                   token_quota: { tokens_per_minute: 6000 } }"
            }
            Self::FullAndSilent => {
                "{ answer: echo, quota: { requests_per_second: 0.1, burst: 1, hint: false } }"
            }
            Self::Failing => "faults: { error_ratio: 1 }",
            Self::Breaking => "faults: { disconnect_ratio: 1 }",
            Self::Garbling | Self::BreakingOff => unreachable!("it answers well or not at all"),
            Self::Small => "token_quota: { tokens_per_minute: 60, burst: 1000 }",
        }
    }
}
