//! [`Traffic`]: the calls of all endpoints of one manager, and who waits for
//! room among them.
//!
//! Nobody holds a right to a call while it waits: a scheduler that can't go on
//! says so ([`Waiter::want`]), tries once more, and is woken when any call of
//! another one ends; of its own it hears anyway.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

/// The calls in flight over all endpoints of one manager.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// The most calls at once, if that is bounded.
    most: usize,
    in_flight: Mutex<usize>,
    waiters: Mutex<Vec<Weak<Waiter>>>,
}

/// A scheduler that may wait for room.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    wants_room: AtomicBool,
    room: Notify,
    /// Whether others were woken by calls of its own.
    has_woken_others: AtomicBool,
}

impl Traffic {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self {
            most: most.unwrap_or(usize::MAX),
            in_flight: Mutex::default(),
            waiters: Mutex::default(),
        }
    }

    /// Registers a scheduler, unless it is; it is forgotten when the handle is
    /// dropped.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        let mut waiters = lock(&self.waiters);
        waiters.retain(|known| known.strong_count() > 0);
        let is_same = |known: &Weak<Waiter>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(waiter));
        if !waiters.iter().any(is_same) {
            waiters.push(Arc::downgrade(waiter));
        }
    }

    /// Counts one more call, if there is room for it and `enter` finds some at an
    /// endpoint; `full` is why not if there is none.
    ///
    /// Both at once: a call that is counted for the time of a look would turn
    /// others away that look at the same time, and nobody would wake them.
    pub(super) fn enter<T, E>(
        &self,
        full: E,
        enter: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut in_flight = lock(&self.in_flight);
        if *in_flight >= self.most {
            return Err(full);
        }
        let entered = enter()?;
        *in_flight += 1;
        Ok(entered)
    }

    /// Counts one call less and wakes who waits, besides `own`.
    pub(super) fn leave(&self, own: Option<&Waiter>) {
        *lock(&self.in_flight) -= 1;
        self.wake(own);
    }

    /// Wakes who waits, besides `own`.
    pub(super) fn wake(&self, own: Option<&Waiter>) {
        let mut waiters = lock(&self.waiters);
        let is_own = |known: &Weak<Waiter>| own.is_some_and(|own| known.as_ptr() == own);
        if waiters.iter().all(is_own) {
            return;
        }
        // Who is woken first may take the room: that is another one each time.
        if waiters.len() > 1 {
            waiters.rotate_left(1);
        }
        let others = waiters.iter().filter(|known| !is_own(known));
        for waiter in others.filter_map(Weak::upgrade) {
            if waiter.wants_room.swap(false, Ordering::SeqCst) {
                waiter.room.notify_one();
                if let Some(own) = own {
                    own.has_woken_others.store(true, Ordering::SeqCst);
                }
            }
        }
    }
}

impl Waiter {
    /// Asks to be woken when a call ends. To be called before looking for
    /// room, so that room which comes up in between is not missed.
    pub(crate) fn want(&self) {
        self.wants_room.store(true, Ordering::SeqCst);
    }

    /// Whether others were woken by calls of its own since this was asked last.
    /// They have not looked for room yet: who always looks first keeps a full
    /// endpoint to itself.
    pub(crate) fn has_woken_others(&self) -> bool {
        self.has_woken_others.load(Ordering::Relaxed)
            && self.has_woken_others.swap(false, Ordering::SeqCst)
    }

    /// Wakes it, if it waits.
    pub(crate) fn wake(&self) {
        if self.wants_room.swap(false, Ordering::SeqCst) {
            self.room.notify_one();
        }
    }

    /// Waits until a call has ended since [`want`](Self::want), or it was woken
    /// in another way.
    pub(crate) async fn room(&self) {
        self.room.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is under these locks is whole after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who looks and finds nothing at its endpoint never turns others away, which
    /// nobody would wake.
    #[test]
    fn a_look_takes_no_room() {
        let traffic = Traffic::new(Some(1));
        let (looking, looks) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..10 {
                let looking = looking.clone();
                let traffic = &traffic;
                let other = scope.spawn(move || {
                    traffic.enter("full", || {
                        looking.send(()).expect("somebody listens");
                        (0..100).for_each(|_| std::thread::yield_now());
                        Err::<(), _>("blocked")
                    })
                });
                looks.recv().expect("the other one looks");
                assert_eq!(traffic.enter("full", || Ok(())), Ok(()));
                traffic.leave(None);
                assert_eq!(other.join().expect("no panic"), Err("blocked"));
            }
        });
        assert_eq!(traffic.enter("full", || Ok(())), Ok(()));
        assert_eq!(traffic.enter("full", || Ok(())), Err("full"));
    }
}
