//! Which limiter belongs to which server: one for each in the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::ExposeSecret;

use super::limiter::{Declared, Limiter};
use crate::clients::HttpSettings;

/// A real endpoint: address, model and whatever it is shown as a key. Only a hash
/// of them is kept, so that no key is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity(blake3::Hash);

impl Identity {
    /// Whom `settings` ask. How they ask does not matter: the formats of one
    /// server share its limits.
    pub(super) fn of(settings: &HttpSettings) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut add = |part: &str| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        };
        add(settings.base_url.trim_end_matches('/'));
        add(&settings.model);
        // A key may be in a header of its own.
        let headers = settings.extra_headers.iter();
        let keys = settings
            .api_key
            .iter()
            .chain(headers.map(|(_, value)| value));
        keys.for_each(|key| add(key.expose_secret().trim()));
        Self(hasher.finalize())
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

    #[test]
    fn one_server_one_limiter() {
        let limiter =
            |settings: &HttpSettings| shared(Identity::of(settings), 8, Declared::default());
        let base = HttpSettings::new("http://one-server/v1", "one").with_api_key("A", "k-1".into());
        let one = limiter(&base);
        let other = |change: &dyn Fn(&mut HttpSettings)| {
            let mut other = base.clone();
            change(&mut other);
            Arc::ptr_eq(&one, &limiter(&other))
        };
        assert!(other(&|_| {}));
        assert!(other(&|other| other.base_url += "/"));
        assert!(other(&|other| other.api_key_name = None));
        assert!(other(&|other| other.timeout *= 2));
        assert!(!other(&|other| other.model = "two".into()));
        assert!(!other(&|other| other.api_key = Some("k-2".into())));
        assert!(!other(&|other| other.api_key = None));
        assert!(!other(&|other| other.base_url = "http://another/v1".into()));
        assert!(!other(&|other| {
            other.extra_headers.push(("api-key".into(), "k-3".into()));
        }));
        let weak = Arc::downgrade(&one);
        drop(one);
        assert!(
            weak.upgrade().is_none(),
            "it is forgotten with its last user"
        );
    }
}
