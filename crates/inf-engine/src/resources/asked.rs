//! [`Asked`]: whom an endpoint asks, for records.

use std::sync::Arc;

use crate::clients::{ClientDescription, ExtraFields};

/// Whom an endpoint asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// The provider, or the wire format.
    pub(crate) provider: Arc<str>,
    /// The model and, where its requests have fields besides what they are made
    /// of, a hash of those: `qwen3-8b#1f0a77c2`. There may be a key in them.
    pub(crate) model: Arc<str>,
    /// The server, without anything secret; empty if there is none.
    pub(crate) address: Arc<str>,
}

impl Asked {
    pub(super) fn of(description: &ClientDescription, extra: &ExtraFields) -> Self {
        let provider = description.provider.as_deref().unwrap_or("unknown");
        let model = description.model.as_deref().unwrap_or("any");
        let model = if extra.is_empty() {
            model.into()
        } else {
            let text = serde_json::Value::from(extra.clone()).to_string();
            let hash = blake3::hash(text.as_bytes()).to_hex();
            format!("{model}#{}", &hash[..8]).into()
        };
        let address = match (description.server.as_deref(), description.port) {
            (Some(server), Some(port)) => format!("{server}:{port}").into(),
            (server, _) => server.unwrap_or_default().into(),
        };
        Self {
            provider: provider.into(),
            model,
            address,
        }
    }
}
