//! [`Journal`]: the durable record of what was done.

use std::path::Path;
use std::sync::{Arc, mpsc};

use super::in_memory::InMemory;
use super::journal_error::{JournalErrorKind, reason};
use super::log::Log;
use super::record::{CallRecord, PipelineRecord, Record, RunNumber};
use super::subscription::{Listeners, Subscription};
use super::{
    InputIdentity, JournalError, JournalReader, JournalSettings, NewRun, Notice, RequestKey,
    registry,
};

/// The durable record of finished calls, in a folder.
///
/// A journal is a cheap handle: clones and all journals that a process opens in
/// the same folder are one. When the last of them is dropped, what is left is
/// written and made durable, which can take as long as the disk does.
///
/// ```
/// use inf_engine::journal::Journal;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let journal = Journal::open(folder.join("night"))?;
/// for notice in journal.notices() {
///     eprintln!("{notice}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Journal(Arc<Store>);

/// Where a journal is.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each journal, and nobody moves it"
)]
pub(super) enum Store {
    Log {
        /// Dropped first of all, and then the folder is free.
        log: Option<Log>,
        folder: Arc<Path>,
    },
    InMemory {
        records: InMemory,
        listeners: Arc<Listeners>,
    },
}

/// That there is something of an input, as of the moment that it was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    input: InputIdentity,
    appended: u64,
}

/// A call that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundCall(u64);

impl Journal {
    /// Opens the journal in `folder`, or makes one, with the default settings.
    ///
    /// # Errors
    /// The folder or its file can't be made, read or written, another process writes it,
    /// or it is of a later version. A file that was cut off or is damaged is no error: see
    /// [`notices`](Self::notices).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, JournalError> {
        Self::open_with(folder, JournalSettings::default())
    }

    /// Opens the journal in `folder`, or makes one. If this process has it open
    /// already, it keeps the settings that it has.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        folder: impl AsRef<Path>,
        settings: JournalSettings,
    ) -> Result<Self, JournalError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| cannot_create(folder, &error))?;
        let folder = folder
            .canonicalize()
            .map_err(|error| cannot_create(folder, &error))?;
        let store = registry::open(&folder, || {
            let log = Log::open(&folder, settings)?;
            Ok(Store::Log {
                log: Some(log),
                folder: folder.as_path().into(),
            })
        });
        store.map(Self)
    }

    /// Opens the journal in `folder` for a replay, which writes nothing to it. One
    /// that may not be written, or that another process has open, is read into memory
    /// as it is now.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn open_to_replay(folder: impl AsRef<Path>) -> Result<Self, JournalError> {
        let folder = folder.as_ref();
        // Opening it would make one.
        let reader = JournalReader::open(folder)?;
        let refused = |kind: &JournalErrorKind| {
            matches!(
                kind,
                JournalErrorKind::ReadOnly | JournalErrorKind::InUse(_)
            )
        };
        match Self::open(folder) {
            Err(error) if refused(&error.kind) => {
                let copy = Self::in_memory(usize::MAX);
                reader.read(|record| copy.append(record))?;
                Ok(copy)
            }
            opened => opened,
        }
    }

    /// A journal on a disk of its own.
    #[cfg(test)]
    pub(super) fn open_on(
        folder: &Path,
        settings: JournalSettings,
        disk: impl FnOnce(super::log::FileDisk) -> Box<dyn super::log::Disk>,
    ) -> Result<Self, JournalError> {
        let log = Log::open_on(folder, settings, disk)?;
        Ok(Self(Arc::new(Store::Log {
            log: Some(log),
            folder: folder.into(),
        })))
    }

    /// A journal without a disk that keeps the newest records, at most so many:
    /// for caches and tests.
    pub fn in_memory(most_records: usize) -> Self {
        Self(Arc::new(Store::InMemory {
            records: InMemory::new(most_records),
            listeners: Arc::default(),
        }))
    }

    /// The folder that it is in; `None` if it is in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.0.log().map(Log::folder)
    }

    /// What was found when it was opened: what of it is damaged.
    pub fn notices(&self) -> &[Notice] {
        self.0.log().map_or(&[], Log::notices)
    }

    /// The number of inputs that something is recorded of.
    pub fn inputs(&self) -> usize {
        match &*self.0 {
            Store::InMemory { records, .. } => records.inputs(),
            Store::Log { .. } => self.0.log().map_or(0, Log::inputs),
        }
    }

    /// Notes that a run begins, and numbers it. Never waits for the disk.
    pub(crate) fn begin_run(&self, run: &NewRun<'_>) -> RunNumber {
        match &*self.0 {
            Store::InMemory { records, .. } => records.begin_run(run),
            Store::Log { .. } => self.0.open_log().begin_run(run),
        }
    }

    /// Adds a record. Never waits for the disk.
    // Public for `inf-bench`, which compares stores.
    #[doc(hidden)]
    pub fn append(&self, record: impl Into<Record>) {
        match &*self.0 {
            Store::InMemory { records, .. } => records.append(record.into()),
            Store::Log { .. } => self.0.open_log().append(record.into()),
        }
    }

    /// What `run` is a run of, from memory; `None` if its beginning is damaged.
    pub(crate) fn pipeline_of(&self, run: RunNumber) -> Option<Arc<PipelineRecord>> {
        match &*self.0 {
            Store::InMemory { records, .. } => records.pipeline_of(run),
            Store::Log { .. } => self.0.open_log().pipeline_of(run),
        }
    }

    /// Whether calls may be made: not while too many records wait to be
    /// durable, nor after a failure.
    // Public for `inf-bench`, which compares stores.
    #[doc(hidden)]
    pub fn has_room(&self) -> bool {
        self.0.log().is_none_or(Log::has_room)
    }

    /// Whether another call may be made beside `in_flight` others, of at most
    /// `most`. Calls that have ended and are not yet written count as in flight: a
    /// program that is killed loses no more than what is.
    pub(crate) fn has_room_beside(&self, in_flight: usize, most: usize) -> bool {
        match self.0.log() {
            Some(log) => log.has_room_beside(in_flight, most),
            None => in_flight < most,
        }
    }

    /// Why it takes nothing more, if it does not.
    pub fn failure(&self) -> Option<JournalError> {
        self.0.log().and_then(Log::failure)
    }

    /// Calls `tell` whenever there is room again, and when the journal failed, on
    /// a thread of the journal's, which it must not hold up.
    // Public for `inf-bench`, which compares stores.
    #[doc(hidden)]
    pub fn on_change(&self, tell: impl Fn() + Send + Sync + 'static) -> Subscription {
        let listeners = match &*self.0 {
            Store::InMemory { listeners, .. } => listeners,
            Store::Log { .. } => self.0.open_log().listeners(),
        };
        listeners.add(Arc::new(tell))
    }

    /// Waits until all that was handed over so far is durable.
    ///
    /// # Errors
    /// The journal failed.
    pub async fn flushed(&self) -> Result<(), JournalError> {
        let Some(log) = self.0.log() else {
            return Ok(());
        };
        let (tell, told) = tokio::sync::oneshot::channel();
        log.when_flushed(move |outcome| drop(tell.send(outcome)));
        // Whoever has to tell does so, or the journal is gone with this handle.
        told.await.unwrap_or(Ok(()))
    }

    /// The same for code that is not async. It must not be called on a thread of a runtime.
    ///
    /// # Errors
    /// The journal failed.
    pub fn flushed_blocking(&self) -> Result<(), JournalError> {
        let Some(log) = self.0.log() else {
            return Ok(());
        };
        let (tell, told) = mpsc::channel();
        log.when_flushed(move |outcome| drop(tell.send(outcome)));
        told.recv().unwrap_or(Ok(()))
    }

    /// Waits until all is durable, and tries once more to write what could not be
    /// written. Other handles stay open; if there was room on the disk again, they work again.
    ///
    /// # Errors
    /// The journal failed, or failed again.
    pub fn close(self) -> Result<(), JournalError> {
        if let Some(log) = self.0.log() {
            log.try_again();
        }
        self.flushed_blocking()
    }

    /// Whether anything was recorded of `input`; nothing is read for it.
    pub(crate) fn find(&self, input: InputIdentity) -> Option<Found> {
        let appended = match &*self.0 {
            Store::InMemory { records, .. } => records.knows(input).then_some(0)?,
            Store::Log { .. } => self.0.open_log().find(input)?,
        };
        Some(Found { input, appended })
    }

    /// All that was recorded of an input, newest first. Reads the file.
    ///
    /// # Errors
    /// It can't be read.
    #[cfg(test)]
    pub(crate) fn read(&self, found: Found) -> Result<Vec<Record>, JournalError> {
        self.read_newest(found, usize::MAX)
    }

    /// The newest `most` records of an input, newest first. Reads the file.
    ///
    /// # Errors
    /// They can't be read.
    pub(crate) fn read_newest(
        &self,
        found: Found,
        most: usize,
    ) -> Result<Vec<Record>, JournalError> {
        match &*self.0 {
            Store::InMemory { records, .. } => Ok(records.read(found.input, most)),
            Store::Log { .. } => self.0.open_log().read(found.input, found.appended, most),
        }
    }
}

impl Journal {
    /// Sees to it that [`find_request`](Self::find_request) finds something. Reads the
    /// file, the first time: about a second for a million calls.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn index_requests(&self) -> Result<(), JournalError> {
        self.0.log().map_or(Ok(()), Log::index_requests)
    }

    /// The answer number `n`, from 0, to any of `keys`, if there are as many and
    /// they are written; nothing is read for it.
    pub(crate) fn find_request(&self, keys: &[RequestKey], n: usize) -> Option<FoundCall> {
        let place = match &*self.0 {
            Store::InMemory { records, .. } => records.find_request(keys, n),
            Store::Log { .. } => self.0.open_log().find_request(keys, n),
        };
        place.map(FoundCall)
    }

    /// A call that was found; `None` if it was forgotten meanwhile, as happens in memory. Reads
    /// the file.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn read_call(&self, found: FoundCall) -> Result<Option<CallRecord>, JournalError> {
        let record = match &*self.0 {
            Store::InMemory { records, .. } => records.read_at(found.0),
            Store::Log { .. } => self.0.open_log().read_at(found.0)?,
        };
        Ok(match record {
            Some(Record::Call(call)) => Some(*call),
            _ => None,
        })
    }
}

impl Store {
    fn log(&self) -> Option<&Log> {
        match self {
            Self::Log { log, .. } => log.as_ref(),
            Self::InMemory { .. } => None,
        }
    }

    fn open_log(&self) -> &Log {
        self.log().expect("a journal is open while it has handles")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Self::Log { log, folder } = self {
            drop(log.take());
            registry::closed(folder);
        }
    }
}

fn cannot_create(folder: &Path, error: &std::io::Error) -> JournalError {
    use std::io::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => JournalErrorKind::NotAFolder,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => JournalErrorKind::ReadOnly,
        _ => JournalErrorKind::CannotCreate(reason(error)),
    };
    JournalError::new(folder, kind)
}
