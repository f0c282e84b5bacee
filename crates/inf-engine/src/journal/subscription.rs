//! [`Subscription`]: who wants to be told of changes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

type Tell = Arc<dyn Fn() + Send + Sync>;

/// Those who are told when there is room again, or when a journal failed.
#[derive(Default)]
pub(super) struct Listeners(Mutex<State>);

#[derive(Default)]
struct State {
    all: Vec<(u64, Tell)>,
    next: u64,
}

/// Being told of a journal's changes, until this is dropped.
#[must_use = "dropped, it tells nothing more"]
pub struct Subscription {
    listeners: Weak<Listeners>,
    id: u64,
}

impl Listeners {
    pub(super) fn add(self: &Arc<Self>, tell: Tell) -> Subscription {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.all.push((id, tell));
        Subscription {
            listeners: Arc::downgrade(self),
            id,
        }
    }

    /// Tells all of them. Nothing is locked meanwhile, so they may ask or leave.
    pub(super) fn tell(&self) {
        let all: Vec<Tell> = {
            let state = self.state();
            state.all.iter().map(|(_, tell)| Arc::clone(tell)).collect()
        };
        for tell in all {
            tell();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.state().all.retain(|(id, _)| *id != self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Subscription")
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Listeners").finish_non_exhaustive()
    }
}
