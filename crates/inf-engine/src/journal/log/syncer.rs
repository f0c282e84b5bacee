//! The thread that makes durable what is written.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::journal_error::{JournalErrorKind, reason};
use super::shared::{Flush, Shared, wait};

impl Shared {
    /// What the thread does that makes things durable.
    pub(super) fn sync_until_closed(&self) {
        loop {
            let mut state = self.state();
            let mut began: Option<Instant> = None;
            loop {
                let synced = self.synced.load(Ordering::Relaxed);
                let unsynced = state.written - synced;
                if unsynced == 0 || state.is_unsure {
                    if state.writer_has_ended {
                        return;
                    }
                    state.syncer_waits = true;
                    state = wait(&self.to_sync, state);
                    state.syncer_waits = false;
                    continue;
                }
                // While half of what is allowed waits, the other half is made durable.
                let hurries = state.is_closing
                    || !state.flushes.is_empty()
                    || 2 * unsynced >= self.settings.max_unsynced_records as u64;
                let waited = began.get_or_insert_with(Instant::now).elapsed();
                let Some(left) = self.settings.max_delay.checked_sub(waited) else {
                    break;
                };
                if hurries || left.is_zero() {
                    break;
                }
                state.syncer_waits = true;
                let waited = self.to_sync.wait_timeout(state, left);
                state = waited.map_or_else(|error| error.into_inner().0, |(state, _)| state);
                state.syncer_waits = false;
            }
            let (written, length) = (state.written, state.length);
            drop(state);
            let outcome = self
                .disk
                .sync()
                .map_err(|error| JournalErrorKind::Sync(reason(&error)));
            let outcome = outcome.and_then(|()| self.disk.inspect(length).map_or(Ok(()), Err));
            match outcome {
                Ok(()) => self.note_synced(written),
                Err(kind) => self.fail_to_sync(self.state(), kind),
            }
        }
    }

    fn note_synced(&self, written: u64) {
        let mut state = self.state();
        self.synced.store(written, Ordering::Release);
        let (done, left) = std::mem::take(&mut state.flushes)
            .into_iter()
            .partition(|flush| flush.records <= written);
        state.flushes = left;
        let has_room_again = state.full_was_told && self.is_within_bound();
        state.full_was_told &= !has_room_again;
        drop(state);
        self.settled.notify_all();
        let done: Vec<Flush> = done;
        for flush in done {
            (flush.tell)(Ok(()));
        }
        if has_room_again {
            self.listeners.tell();
        }
    }
}
