//! [`Log`]: a journal in a folder, and the two threads that keep it.
//!
//! One thread takes what was handed over, all that there is, and writes it with one
//! call of the operating system; the other makes durable what is written. So nothing
//! that is handed over waits for the disk, and a write does not wait for a sync.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::super::definitions::Definitions;
use super::super::index::Index;
use super::super::journal_error::{JournalError, JournalErrorKind, reason};
use super::super::record::{CallRecord, PipelineRecord, Record, RunNumber};
use super::super::request_index::{RequestIndex, key_of};
use super::super::subscription::Listeners;
use super::super::{InputIdentity, JournalSettings, NewRun, Notice, RequestKey};
use super::disk::{Disk, FileDisk};
use super::line::{self, Line};
use super::lock::Lock;
use super::opening::{self, OpenFile, write_failure};
use super::reading::stretch_at;
use super::salvage::first_line;
use super::scan::{Damage, Visitor, scan};

/// The most records that are written at once: what is in the hands of the
/// writer is in memory twice.
const AT_ONCE: usize = 512;

/// A journal in a folder.
#[derive(Debug)]
pub(in crate::journal) struct Log {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Given back when all is written.
    _lock: Option<Lock>,
}

/// What its users and its threads share.
struct Shared {
    folder: PathBuf,
    path: PathBuf,
    settings: JournalSettings,
    disk: Box<dyn Disk>,
    reader: File,
    notices: Vec<Notice>,
    state: Mutex<State>,
    /// There is something to write, or the end.
    to_write: Condvar,
    /// There is something to make durable, or the end.
    to_sync: Condvar,
    /// Something was written or made durable, or failed.
    settled: Condvar,
    listeners: Arc<Listeners>,
    /// Records that were handed over.
    appended: AtomicU64,
    /// Those of them that are durable.
    synced: AtomicU64,
    has_failed: AtomicBool,
}

/// Counts are of records since the journal was opened.
struct State {
    /// Handed over and not yet written; those in the hands of the writer are in neither.
    queue: VecDeque<Record>,
    written: u64,
    /// The length of the file, in whole lines.
    length: u64,
    /// The first one, or that of writing.
    failure: Option<JournalError>,
    /// The writer failed and waits until it is to try again.
    is_stuck: bool,
    /// The disk failed to confirm what was written: nothing more counts as durable.
    is_unsure: bool,
    /// Given up after a failure.
    dropped: u64,
    /// Somebody was told that there is no room.
    full_was_told: bool,
    is_closing: bool,
    writer_has_ended: bool,
    writer_waits: bool,
    syncer_waits: bool,
    tail: Tail,
    flushes: Vec<Flush>,
    index: Index,
    definitions: Definitions,
    /// Only if somebody asked for it.
    requests: Option<RequestIndex>,
}

/// How the file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// After a line break.
    Whole,
    /// After a line whose break is missing.
    Unbroken,
    /// After half a line that could not be cut off.
    Torn,
}

/// Somebody who waits for the first so many records to be durable.
struct Flush {
    records: u64,
    tell: Box<dyn FnOnce(Result<(), JournalError>) + Send>,
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

impl State {
    /// Why there is a failure, with what it is about by now.
    fn told_failure(&self) -> Option<JournalError> {
        let mut failure = self.failure.clone()?;
        if let JournalErrorKind::Write { kept, dropped, .. } = &mut failure.kind {
            *kept = self.queue.len();
            *dropped = self.dropped;
        }
        Some(failure)
    }

    /// What could not be written may be by now; what was not confirmed is
    /// lost, perhaps, and stays so.
    fn try_again(&mut self, shared: &Shared) {
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
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_within_bound(&self) -> bool {
        let synced = self.synced.load(Ordering::Acquire);
        let unsynced = self.appended.load(Ordering::Relaxed).saturating_sub(synced);
        unsynced <= self.settings.max_unsynced_records as u64
    }

    fn take(&self, state: &mut State, record: Record) {
        if state.is_stuck && state.queue.len() >= self.settings.max_unsynced_records {
            state.dropped += 1;
            return;
        }
        if let Some(input) = record.input() {
            state.index.expect(input);
        }
        state.queue.push_back(record);
        self.appended.fetch_add(1, Ordering::Relaxed);
    }

    fn wake_writer(&self, state: &State) {
        if state.writer_waits && !state.is_stuck {
            self.to_write.notify_one();
        }
    }

    /// The record at `offset`, if its kind is known, and where the one before it is.
    fn read_at(&self, offset: u64) -> Result<(Option<Record>, Option<u64>), JournalError> {
        let error = |kind| JournalError::new(&*self.path, kind);
        let stretch = stretch_at(&self.reader, offset)
            .map_err(|cause| error(JournalErrorKind::Read(reason(&cause))))?;
        let damaged = || error(JournalErrorKind::Damaged { offset });
        let line = first_line(&stretch).ok_or_else(damaged)?;
        let record = line.record().map_err(|_| damaged())?;
        Ok((record, line.previous))
    }

    fn fail(&self, mut state: MutexGuard<'_, State>, kind: JournalErrorKind) {
        if matches!(kind, JournalErrorKind::Write { .. }) {
            state.is_stuck = true;
        } else {
            state.is_unsure = true;
        }
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

    /// What the writing thread does.
    fn write_until_closed(&self) {
        let mut batch = Batch::default();
        loop {
            let mut state = self.state();
            while state.queue.is_empty() || state.is_stuck {
                if state.is_closing {
                    state.writer_has_ended = true;
                    self.to_sync.notify_all();
                    return;
                }
                state.writer_waits = true;
                state = wait(&self.to_write, state);
                state.writer_waits = false;
            }
            batch.take(&mut state);
            let (length, tail) = (state.length, state.tail);
            drop(state);
            let outcome = self.mend(length, tail);
            let written = match outcome {
                Ok(length) => self.write_batch(&mut batch, length),
                Err(error) => Written {
                    whole: 0,
                    length,
                    tail,
                    outcome: Err(error),
                },
            };
            self.note_written(&mut batch, written);
        }
    }

    /// Sees to it that the file ends with a line break; how long it is then.
    fn mend(&self, length: u64, tail: Tail) -> io::Result<u64> {
        match tail {
            Tail::Whole => return Ok(length),
            Tail::Torn if self.disk.cut(length).is_ok() => return Ok(length),
            Tail::Torn | Tail::Unbroken => {}
        }
        // Half a line is then a damaged one.
        write_all(&*self.disk, b"\n").1?;
        Ok(self.disk_length(length + 1))
    }

    /// Writes what it can of `batch` to the file, which is `length` bytes long.
    fn write_batch(&self, batch: &mut Batch, length: u64) -> Written {
        batch.lay_out(length);
        let (bytes, outcome) = write_all(&*self.disk, &batch.lines);
        let end = length + bytes;
        let mut whole = batch.whole(end);
        let mut good = batch.end(length, whole);
        let mut tail = Tail::Whole;
        if end > good && self.disk.cut(good).is_err() {
            tail = Tail::Torn;
            // But for its break it is whole, and would be there twice.
            if batch.whole(end + 1) > whole {
                whole += 1;
                good = end;
                tail = Tail::Unbroken;
            }
        }
        Written {
            whole,
            length: good,
            tail,
            outcome,
        }
    }

    /// The length of the file, which may be more than `length` by half a line.
    fn disk_length(&self, length: u64) -> u64 {
        self.reader.metadata().map_or(length, |found| found.len())
    }

    fn note_written(&self, batch: &mut Batch, written: Written) {
        let Written {
            whole,
            length,
            tail,
            outcome,
        } = written;
        let mut state = self.state();
        for (record, offset) in batch.records.drain(..whole).zip(&batch.offsets) {
            if let Some(input) = record.input() {
                state.index.set(input, *offset);
            }
            if let (Some(requests), Record::Call(call)) = (&mut state.requests, &record)
                && let Some(key) = key_of(call)
            {
                requests.note(key, *offset);
            }
        }
        for record in batch.records.drain(..).rev() {
            state.queue.push_front(record);
        }
        state.written += whole as u64;
        state.length = length;
        state.tail = tail;
        if state.syncer_waits {
            self.to_sync.notify_one();
        }
        match outcome {
            Ok(()) => {
                drop(state);
                self.settled.notify_all();
            }
            Err(error) => self.fail(state, write_failure(&error, 0)),
        }
    }

    /// What the thread does that makes things durable.
    fn sync_until_closed(&self) {
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
                Err(kind) => self.fail(self.state(), kind),
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

/// What became of a batch.
struct Written {
    /// How many of its records are in the file.
    whole: usize,
    /// Where the last of them ends.
    length: u64,
    tail: Tail,
    outcome: io::Result<()>,
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

/// What is written at once.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    /// Where the record of the same input is that was written before.
    previous: Vec<Option<u64>>,
    /// Where each begins in the file.
    offsets: Vec<u64>,
    lines: Vec<u8>,
    /// Where the newest record of an input is that has several here.
    newest: FxHashMap<InputIdentity, u64>,
}

impl Batch {
    /// Takes what there is.
    fn take(&mut self, state: &mut State) {
        let count = state.queue.len().min(AT_ONCE);
        self.records.extend(state.queue.drain(..count));
        let inputs = self.records.iter().map(Record::input);
        self.previous.clear();
        self.previous
            .extend(inputs.map(|input| input.and_then(|input| state.index.newest(input))));
    }

    /// Makes lines of the records, the first of which begins at `start`.
    fn lay_out(&mut self, start: u64) {
        self.lines.clear();
        // One that was very long must not stay for good.
        self.lines.shrink_to(1 << 22);
        self.offsets.clear();
        self.newest.clear();
        for (record, previous) in self.records.iter().zip(&self.previous) {
            let offset = start + self.lines.len() as u64;
            self.offsets.push(offset);
            let here = record
                .input()
                .and_then(|input| self.newest.insert(input, offset));
            line::write(record, here.or(*previous), &mut self.lines);
        }
    }

    /// How many records are in the file as a whole if that is `end` bytes long.
    fn whole(&self, end: u64) -> usize {
        let begun = self.offsets.partition_point(|offset| *offset <= end);
        let all = self.lines.len() as u64;
        let is_all = self.offsets.first().is_some_and(|first| first + all == end);
        if is_all {
            begun
        } else {
            begun.saturating_sub(1)
        }
    }

    /// Where the first `count` records end, the first of which begins at `start`.
    fn end(&self, start: u64, count: usize) -> u64 {
        let next = self.offsets.get(count).copied();
        next.unwrap_or(start + self.lines.len() as u64)
    }
}

/// Writes as much of `bytes` as can be; how much that was.
fn write_all(disk: &dyn Disk, bytes: &[u8]) -> (u64, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match disk.write(&bytes[written..]) {
            Ok(0) => return (written as u64, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written as u64, Err(error)),
        }
    }
    (written as u64, Ok(()))
}

fn wait<'s>(changed: &Condvar, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
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
