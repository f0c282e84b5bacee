//! [`Shared`]: what the users of a journal and its two threads share.
//!
//! One thread takes what was handed over, all that there is, and writes it with one
//! call of the operating system (`writer`); the other makes durable what is written
//! (`syncer`). So nothing that is handed over waits for the disk, and a write does not
//! wait for a sync.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::super::definitions::Definitions;
use super::super::index::Index;
use super::super::journal_error::{JournalError, JournalErrorKind, reason};
use super::super::record::Record;
use super::super::request_index::RequestIndex;
use super::super::subscription::Listeners;
use super::super::{JournalSettings, Notice};
use super::disk::Disk;
use super::reading::stretch_at;
use super::salvage::first_line;
use super::writer::Tail;

/// What its users and its threads share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) path: PathBuf,
    pub(super) settings: JournalSettings,
    pub(super) disk: Box<dyn Disk>,
    pub(super) reader: File,
    pub(super) notices: Vec<Notice>,
    pub(super) state: Mutex<State>,
    /// There is something to write, or the end.
    pub(super) to_write: Condvar,
    /// There is something to make durable, or the end.
    pub(super) to_sync: Condvar,
    /// Something was written or made durable, or failed.
    pub(super) settled: Condvar,
    pub(super) listeners: Arc<Listeners>,
    /// Records that were handed over.
    pub(super) appended: AtomicU64,
    /// Those of them that are durable.
    pub(super) synced: AtomicU64,
    /// Calls that were handed over.
    pub(super) calls_appended: AtomicU64,
    /// Those of them that are written.
    pub(super) calls_written: AtomicU64,
    pub(super) has_failed: AtomicBool,
}

/// Counts are of records since the journal was opened.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the two threads and their users each have states of their own"
)]
pub(super) struct State {
    /// Handed over and not yet written; those in the hands of the writer are in neither.
    pub(super) queue: VecDeque<Record>,
    pub(super) written: u64,
    /// The length of the file, in whole lines.
    pub(super) length: u64,
    /// The first one, or that of writing.
    pub(super) failure: Option<JournalError>,
    /// The writer failed and waits until it is to try again.
    pub(super) is_stuck: bool,
    /// The disk failed to confirm what was written: nothing more counts as durable.
    pub(super) is_unsure: bool,
    /// Given up after a failure.
    pub(super) dropped: u64,
    /// Somebody was told that there is no room.
    pub(super) full_was_told: bool,
    /// Somebody was told that too much is not yet written.
    pub(super) lag_was_told: bool,
    pub(super) is_closing: bool,
    pub(super) writer_has_ended: bool,
    pub(super) writer_waits: bool,
    pub(super) syncer_waits: bool,
    pub(super) tail: Tail,
    pub(super) flushes: Vec<Flush>,
    pub(super) index: Index,
    pub(super) definitions: Definitions,
    /// Only if somebody asked for it.
    pub(super) requests: Option<RequestIndex>,
}

/// Somebody who waits for the first so many records to be durable.
pub(super) struct Flush {
    pub(super) records: u64,
    pub(super) tell: Box<dyn FnOnce(Result<(), JournalError>) + Send>,
}
impl State {
    /// Why there is a failure, with what it is about by now.
    pub(super) fn told_failure(&self) -> Option<JournalError> {
        let mut failure = self.failure.clone()?;
        if let JournalErrorKind::Write { kept, dropped, .. } = &mut failure.kind {
            *kept = self.queue.len();
            *dropped = self.dropped;
        }
        Some(failure)
    }

    /// What could not be written may be by now; what was not confirmed is
    /// lost, perhaps, and stays so.
    pub(super) fn try_again(&mut self, shared: &Shared) {
        if self.is_stuck {
            self.is_stuck = false;
            if !self.is_unsure {
                self.failure = None;
                shared.has_failed.store(false, Ordering::Release);
            }
            shared.to_write.notify_one();
        }
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_within_bound(&self) -> bool {
        let synced = self.synced.load(Ordering::Acquire);
        let unsynced = self.appended.load(Ordering::Relaxed).saturating_sub(synced);
        unsynced <= self.settings.max_unsynced_records as u64
    }

    /// The calls that were handed over and are not yet written.
    pub(super) fn unwritten_calls(&self) -> u64 {
        let written = self.calls_written.load(Ordering::Acquire);
        let appended = self.calls_appended.load(Ordering::Relaxed);
        appended.saturating_sub(written)
    }

    pub(super) fn take(&self, state: &mut State, record: Record) {
        if state.is_stuck && state.queue.len() >= self.settings.max_unsynced_records {
            state.dropped += 1;
            return;
        }
        if let Some(input) = record.input() {
            state.index.expect(input);
        }
        let is_call = matches!(record, Record::Call(_));
        self.calls_appended
            .fetch_add(u64::from(is_call), Ordering::Relaxed);
        state.queue.push_back(record);
        self.appended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wake_writer(&self, state: &State) {
        if state.writer_waits && !state.is_stuck {
            self.to_write.notify_one();
        }
    }

    /// The record at `offset`, if its kind is known, and where the one before it is.
    pub(super) fn read_at(
        &self,
        offset: u64,
    ) -> Result<(Option<Record>, Option<u64>), JournalError> {
        let error = |kind| JournalError::new(&*self.path, kind);
        let stretch = stretch_at(&self.reader, offset)
            .map_err(|cause| error(JournalErrorKind::Read(reason(&cause))))?;
        let damaged = || error(JournalErrorKind::Damaged { offset });
        let line = first_line(&stretch).ok_or_else(damaged)?;
        let record = line.record().map_err(|_| damaged())?;
        Ok((record, line.previous))
    }

    /// Nothing more is written until it is to be tried again.
    pub(super) fn fail_to_write(&self, mut state: MutexGuard<'_, State>, kind: JournalErrorKind) {
        state.is_stuck = true;
        self.fail(state, kind);
    }

    /// Nothing more counts as durable.
    pub(super) fn fail_to_sync(&self, mut state: MutexGuard<'_, State>, kind: JournalErrorKind) {
        state.is_unsure = true;
        self.fail(state, kind);
    }

    /// No more calls are to be made.
    pub(super) fn fail(&self, mut state: MutexGuard<'_, State>, kind: JournalErrorKind) {
        let failure = JournalError::new(&*self.path, kind);
        state.failure.get_or_insert(failure);
        self.has_failed.store(true, Ordering::Release);
        let flushes = std::mem::take(&mut state.flushes);
        let told = state.told_failure();
        drop(state);
        self.settled.notify_all();
        for flush in flushes {
            (flush.tell)(told.clone().map_or(Ok(()), Err));
        }
        self.listeners.tell();
    }
}

pub(super) fn wait<'s>(changed: &Condvar, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
    changed.wait(state).unwrap_or_else(PoisonError::into_inner)
}
impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = &self.folder;
        formatter
            .debug_struct("Journal")
            .field("folder", folder)
            .finish_non_exhaustive()
    }
}
