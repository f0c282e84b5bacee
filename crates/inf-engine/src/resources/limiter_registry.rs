//! Which limiter belongs to which server: one for each in the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::endpoint_config::{EndpointConfig, Provider};
use super::environment::{Lookup, interpolate};
use super::limiter::{Declared, Limiter};

/// A real endpoint: address, key and model. Only a hash of them is kept, so
/// that no key is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity(blake3::Hash);

impl Identity {
    /// Whom `config` asks, with which key; `None` for the simulated provider,
    /// of which each endpoint is its own.
    pub(super) fn of(config: &EndpointConfig, lookup: Lookup<'_>) -> Option<Self> {
        if config.provider == Provider::Simulated {
            return None;
        }
        let text = |text: &str| interpolate(text, lookup).ok();
        let address = match &config.base_url {
            Some(address) => text(address)?.trim_end_matches('/').to_owned(),
            None => String::new(),
        };
        let model = text(&config.model)?;
        // Where no variable is named it is the provider's, the same for all.
        let key = match (&config.api_key_env, &config.api_key) {
            (Some(name), _) => lookup(name),
            (None, Some(key)) => text(key),
            (None, None) => None,
        };
        let mut hasher = blake3::Hasher::new();
        let provider = format!("{:?}", config.provider);
        for part in [&provider, &address, &model, &key.unwrap_or_default()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Some(Self(hasher.finalize()))
    }
}

/// The limiters that are in use.
static KNOWN: Mutex<Option<HashMap<Identity, Weak<Limiter>>>> = Mutex::new(None);

/// The limiter of a server, shared with everybody else who uses it.
pub(super) fn shared(identity: Identity, most: usize, declared: Declared) -> Arc<Limiter> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    known.retain(|_, limiter| limiter.strong_count() > 0);
    if let Some(limiter) = known.get(&identity).and_then(Weak::upgrade) {
        limiter.join(most, declared);
        return limiter;
    }
    let limiter = Arc::new(Limiter::new(most, declared, true));
    known.insert(identity, Arc::downgrade(&limiter));
    limiter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> EndpointConfig {
        crate::document::DocumentFormat::read(text).unwrap()
    }

    #[test]
    fn one_server_one_limiter() {
        let lookup = |name: &str| Some(format!("key of {name}"));
        let limiter = |text: &str| {
            let identity = Identity::of(&config(text), &lookup).unwrap();
            shared(identity, 8, Declared::default())
        };
        let base =
            "{ provider: openai-compatible, base_url: 'http://h/v1', model: one, api_key_env: A }";
        let one = limiter(base);
        for same in [
            base.to_owned(),
            base.replace("h/v1", "h/v1/"),
            base.replace("api_key_env: A", "api_key: '${A}'"),
            base.replace('}', ", max_concurrent: 3, timeout: 9 }"),
        ] {
            assert!(Arc::ptr_eq(&one, &limiter(&same)), "{same}");
        }
        for other in [
            base.replace("model: one", "model: two"),
            base.replace("env: A", "env: B"),
            base.replace("h/v1", "i/v1"),
            base.replace(", api_key_env: A", ""),
        ] {
            assert!(!Arc::ptr_eq(&one, &limiter(&other)), "{other}");
        }
        let weak = Arc::downgrade(&one);
        drop(one);
        assert!(
            weak.upgrade().is_none(),
            "it is forgotten with its last user"
        );
    }

    #[test]
    fn made_up_endpoints_are_their_own() {
        let config = config("{ provider: simulated, model: m }");
        assert!(Identity::of(&config, &|_| None).is_none());
    }
}
