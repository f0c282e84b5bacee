//! [`Log`]: a journal in a folder.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::super::journal_error::{JournalError, JournalErrorKind, reason};
use super::super::record::{CallRecord, PipelineRecord, Record, RunNumber};
use super::super::request_index::{RequestIndex, key_of};
use super::super::subscription::Listeners;
use super::super::{InputIdentity, JournalSettings, NewRun, Notice, RequestKey};
use super::disk::{Disk, FileDisk};
use super::line::Line;
use super::lock::Lock;
use super::opening::{self, OpenFile};
use super::reserve::Reserve;
use super::scan::{Damage, Visitor, scan};
use super::shared::{Flush, Shared, State, wait};
use super::writer::Tail;

/// A journal in a folder.
#[derive(Debug)]
pub(in crate::journal) struct Log {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Given back when all is written.
    _lock: Option<Lock>,
}
impl Log {
    /// Opens the journal in `folder`, which exists.
    pub(in crate::journal) fn open(
        folder: &Path,
        settings: JournalSettings,
    ) -> Result<Self, JournalError> {
        let lock = Lock::take(folder)?;
        let mut open = opening::open(folder)?;
        if !lock.holds {
            open.notices.push(Notice::NoLock);
        }
        Ok(Self::keep(folder, settings, open, Some(lock), |disk| {
            Box::new(disk)
        }))
    }

    /// The same with a disk of its own, without a lock.
    #[cfg(test)]
    pub(in crate::journal) fn open_on(
        folder: &Path,
        settings: JournalSettings,
        disk: impl FnOnce(FileDisk) -> Box<dyn Disk>,
    ) -> Result<Self, JournalError> {
        let open = opening::open(folder)?;
        Ok(Self::keep(folder, settings, open, None, disk))
    }

    fn keep(
        folder: &Path,
        settings: JournalSettings,
        open: OpenFile,
        lock: Option<Lock>,
        disk: impl FnOnce(FileDisk) -> Box<dyn Disk>,
    ) -> Self {
        let OpenFile {
            file,
            reader,
            path,
            length,
            index,
            definitions,
            notices,
        } = open;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            disk: disk(FileDisk {
                file,
                path: path.clone(),
                reserve: Reserve::take(folder),
            }),
            path,
            settings,
            reader,
            notices,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                written: 0,
                length,
                failure: None,
                is_stuck: false,
                is_unsure: false,
                dropped: 0,
                full_was_told: false,
                lag_was_told: false,
                is_closing: false,
                writer_has_ended: false,
                writer_waits: false,
                syncer_waits: false,
                tail: Tail::Whole,
                flushes: Vec::new(),
                index,
                definitions,
                requests: None,
            }),
            to_write: Condvar::new(),
            to_sync: Condvar::new(),
            settled: Condvar::new(),
            listeners: Arc::default(),
            appended: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            calls_appended: AtomicU64::new(0),
            calls_written: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
        });
        let start = |name: &str, work: fn(&Shared)| {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(name.to_owned());
            // As where the standard library starts one for a runtime: without threads nothing goes on.
            thread
                .spawn(move || work(&shared))
                .expect("the system can start a thread")
        };
        let threads = vec![
            start("journal-write", Shared::write_until_closed),
            start("journal-sync", Shared::sync_until_closed),
        ];
        Self {
            shared,
            threads,
            _lock: lock,
        }
    }

    pub(in crate::journal) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    pub(in crate::journal) fn notices(&self) -> &[Notice] {
        &self.shared.notices
    }

    pub(in crate::journal) fn listeners(&self) -> &Arc<Listeners> {
        &self.shared.listeners
    }

    pub(in crate::journal) fn begin_run(&self, run: &NewRun<'_>) -> RunNumber {
        let mut state = self.shared.state();
        let (number, records) = state.definitions.begin(run);
        for record in records {
            self.shared.take(&mut state, record);
        }
        self.shared.wake_writer(&state);
        number
    }

    pub(in crate::journal) fn append(&self, record: Record) {
        let mut state = self.shared.state();
        self.shared.take(&mut state, record);
        self.shared.wake_writer(&state);
    }

    pub(in crate::journal) fn pipeline_of(&self, run: RunNumber) -> Option<Arc<PipelineRecord>> {
        self.shared.state().definitions.pipeline_of(run)
    }

    pub(in crate::journal) fn has_room(&self) -> bool {
        let shared = &*self.shared;
        if shared.has_failed.load(Ordering::Relaxed) {
            return false;
        }
        if shared.is_within_bound() {
            return true;
        }
        // Under the lock, so that whoever makes room sees that it was missed.
        let mut state = shared.state();
        state.full_was_told = !shared.is_within_bound();
        !state.full_was_told
    }

    /// The same where `in_flight` calls are in flight of at most `most`: those
    /// that have ended and are not yet written count as well.
    pub(in crate::journal) fn has_room_beside(&self, in_flight: usize, most: usize) -> bool {
        if !self.has_room() {
            return false;
        }
        let shared = &*self.shared;
        let has_room = || {
            let unwritten = shared.unwritten_calls();
            (
                unwritten.saturating_add(in_flight as u64) < most as u64,
                unwritten,
            )
        };
        match has_room() {
            (true, _) => true,
            // Who waits for a call of his own to end is told of that.
            (false, 0) => false,
            (false, _) => {
                // Under the lock, so that whoever writes sees that it was missed.
                let mut state = shared.state();
                let (has_room, unwritten) = has_room();
                state.lag_was_told |= !has_room && unwritten > 0;
                has_room
            }
        }
    }

    pub(in crate::journal) fn failure(&self) -> Option<JournalError> {
        if !self.shared.has_failed.load(Ordering::Acquire) {
            return None;
        }
        self.shared.state().told_failure()
    }

    /// Calls `tell` when all that was handed over so far is durable, or will not
    /// be.
    pub(in crate::journal) fn when_flushed(
        &self,
        tell: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        let mut state = self.shared.state();
        if let Some(failure) = state.told_failure() {
            drop(state);
            return tell(Err(failure));
        }
        let records = self.shared.appended.load(Ordering::Relaxed);
        if self.shared.synced.load(Ordering::Relaxed) >= records {
            drop(state);
            return tell(Ok(()));
        }
        let tell = Box::new(tell);
        state.flushes.push(Flush { records, tell });
        self.shared.to_sync.notify_one();
    }

    /// Tries once more what failed, if that can help.
    pub(in crate::journal) fn try_again(&self) {
        self.shared.state().try_again(&self.shared);
    }

    /// How much was handed over, if there is anything of `input`.
    pub(in crate::journal) fn find(&self, input: InputIdentity) -> Option<u64> {
        let state = self.shared.state();
        let knows = state.index.knows(input);
        knows.then(|| self.shared.appended.load(Ordering::Relaxed))
    }

    /// The records of `input`, newest first, at most `most`, once the first `appended` are
    /// written.
    pub(in crate::journal) fn read(
        &self,
        input: InputIdentity,
        appended: u64,
        most: usize,
    ) -> Result<Vec<Record>, JournalError> {
        let shared = &*self.shared;
        let mut state = shared.state();
        while state.written < appended {
            if let Some(failure) = state.told_failure() {
                return Err(failure);
            }
            state = wait(&shared.settled, state);
        }
        let mut place = state.index.newest(input);
        drop(state);
        let mut records = Vec::new();
        while let Some(offset) = place {
            let (record, previous) = shared.read_at(offset)?;
            records.extend(record);
            if records.len() >= most {
                break;
            }
            let before = shared.state().index.before(offset, previous);
            // A file that somebody changed must not send us in circles.
            place = before.filter(|before| *before < offset);
        }
        Ok(records)
    }

    /// Sees to it that answers are found by their requests. Reads the file, the
    /// first time.
    pub(in crate::journal) fn index_requests(&self) -> Result<(), JournalError> {
        let shared = &*self.shared;
        let length = {
            let mut state = shared.state();
            if state.requests.is_some() {
                return Ok(());
            }
            // What is written from now on is noted by who writes it.
            state.requests = Some(RequestIndex::default());
            state.length
        };
        let scanned = File::open(&shared.path).and_then(|file| {
            let mut answers = Answers::default();
            scan(&mut file.take(length), 0, false, &mut answers)?;
            Ok(answers.0)
        });
        match (scanned, &mut shared.state().requests) {
            (Ok(older), Some(requests)) => requests.merge(older),
            (Ok(_), None) => {}
            (Err(error), requests) => {
                *requests = None;
                let kind = JournalErrorKind::Read(reason(&error));
                return Err(JournalError::new(&*shared.path, kind));
            }
        }
        Ok(())
    }

    /// Where the answer number `n` to any of `keys` is.
    pub(in crate::journal) fn find_request(&self, keys: &[RequestKey], n: usize) -> Option<u64> {
        self.shared.state().requests.as_ref()?.nth(keys, n)
    }

    /// The record at `offset`.
    pub(in crate::journal) fn read_at(&self, offset: u64) -> Result<Option<Record>, JournalError> {
        Ok(self.shared.read_at(offset)?.0)
    }

    /// The number of inputs that something is recorded of.
    pub(in crate::journal) fn inputs(&self) -> usize {
        self.shared.state().index.len()
    }
}

impl Drop for Log {
    /// Writes and makes durable what is left, and tries once more what failed.
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.try_again(&self.shared);
            state.is_closing = true;
        }
        self.shared.to_write.notify_all();
        self.shared.to_sync.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has written to stderr; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// Gathers the answers in a file.
#[derive(Default)]
struct Answers(RequestIndex);

impl Visitor for Answers {
    fn line(&mut self, offset: u64, line: Line<'_>) {
        if line.kind == b"call"
            && let Ok(call) = line.json::<CallRecord>()
            && let Some(key) = key_of(&call)
        {
            self.0.note(key, offset);
        }
    }

    fn damage(&mut self, _: Damage) {}
}
