//! [`Simulation`]: what is served, and what happened so far.

use std::sync::atomic::{AtomicU64, Ordering};

use inf_engine::clients::simulated::SimulatedClient;
use serde_json::{Value, json};

use super::refusal::{Refusal, RefusalKind};

/// What is served.
#[derive(Debug)]
pub(crate) struct Simulation {
    client: SimulatedClient,
    /// The only name that is served; every name if `None`.
    model: Option<String>,
    /// Requests that were wrong: the client never saw them.
    refused: AtomicU64,
    /// Requests that got no answer, for whatever reason.
    unanswered: AtomicU64,
}

impl Simulation {
    pub(crate) fn new(client: SimulatedClient, model: Option<String>) -> Self {
        Self {
            client,
            model,
            refused: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
        }
    }

    pub(super) fn client(&self) -> &SimulatedClient {
        &self.client
    }

    /// The name by which the model is listed.
    pub(super) fn listed(&self) -> &str {
        self.model.as_deref().unwrap_or(self.client.model())
    }

    /// Whether the model of the name `asked` is served.
    pub(super) fn check_model(&self, asked: &str) -> Result<(), Refusal> {
        match &self.model {
            Some(model) if model != asked => {
                let message =
                    format!("there is no model `{asked}` here; this server has `{model}`");
                Err(Refusal::of_param(
                    RefusalKind::UnknownModel,
                    "model",
                    message,
                ))
            }
            _ => Ok(()),
        }
    }

    /// One more request was wrong.
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// An identifier of a request that gets no answer, which would have its own.
    pub(super) fn next_id(&self) -> String {
        let count = self.unanswered.fetch_add(1, Ordering::Relaxed);
        format!("sim-unanswered-{}", count + 1)
    }

    /// What happened so far.
    pub(crate) fn stats(&self) -> Value {
        json!({
            "calls": self.client.calls(),
            "rate_limited": self.client.rate_limited(),
            "faulted": self.client.faulted(),
            "rejected": self.client.rejected() + self.refused.load(Ordering::Relaxed),
        })
    }
}
