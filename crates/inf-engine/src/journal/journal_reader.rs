//! [`JournalReader`]: reads a journal, also while it is being written.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::journal_error::{JournalErrorKind, reason};
use super::log::{
    Damage, FILE, Header, Line, VERSION, Visitor, cannot_open, is_held, may_be_a_journal,
    notice_of, scan,
};
use super::record::Record;
use super::{JournalError, Notice};

/// Reads a journal from its beginning to its end, also while a run writes it;
/// changes nothing.
///
/// ```
/// use inf_engine::journal::{Journal, JournalReader, Record};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// # Journal::open(folder)?;
/// let mut calls = 0;
/// JournalReader::open(folder)?.read(|record| {
///     if let Record::Call(_) = record {
///         calls += 1;
///     }
/// })?;
/// assert_eq!(calls, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    file: File,
    length: u64,
}

impl JournalReader {
    /// Opens the journal in `folder` to be read.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, JournalError> {
        let folder = folder.as_ref();
        let path = folder.join(FILE);
        let file = File::open(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                JournalError::new(folder, JournalErrorKind::NoJournal)
            }
            std::io::ErrorKind::PermissionDenied => {
                JournalError::new(&*path, JournalErrorKind::Read(reason(&error)))
            }
            _ => cannot_open(&path, &error),
        })?;
        let length = file.metadata().map_or(0, |found| found.len());
        Ok(Self { path, file, length })
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a run writes it at this moment; `None` if that can't be known.
    pub fn is_being_written(&self) -> Option<bool> {
        is_held(self.path.parent()?)
    }

    /// How many bytes the file had when it was opened.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// Gives each record to `take`, oldest first; what is damaged is in what it
    /// returns. What is written after it began may be read or not.
    ///
    /// # Errors
    /// The file can't be read, is no journal, or of a later version.
    pub fn read(self, take: impl FnMut(Record)) -> Result<Vec<Notice>, JournalError> {
        let is_being_written = self.is_being_written() != Some(false);
        let Self { path, mut file, .. } = self;
        let error = |kind| JournalError::new(&*path, kind);
        let cannot_read = |cause: std::io::Error| error(JournalErrorKind::Read(reason(&cause)));
        let mut records = Records {
            take,
            notices: Vec::new(),
            has_lines: false,
            newer: None,
        };
        // A last line without its break may be one that is being written.
        let end = scan(&mut file, 0, !is_being_written, &mut records).map_err(cannot_read)?;
        if let Some(version) = records.newer {
            return Err(error(JournalErrorKind::NewerVersion(version)));
        }
        if !records.has_lines && !may_be_a_journal(&mut file).map_err(cannot_read)? {
            return Err(error(JournalErrorKind::NotAJournal));
        }
        if end.unended.is_some()
            && let Some(Notice::Damaged { offset, bytes, .. }) = records.notices.last().cloned()
            && offset + bytes == end.length
        {
            records.notices.pop();
            records.notices.push(Notice::CutEnd {
                offset,
                bytes,
                kept_in: None,
            });
        }
        Ok(records.notices)
    }
}

/// Makes records of lines.
struct Records<F> {
    take: F,
    notices: Vec<Notice>,
    has_lines: bool,
    newer: Option<u64>,
}

impl<F: FnMut(Record)> Visitor for Records<F> {
    fn line(&mut self, _: u64, line: Line<'_>) {
        self.has_lines = true;
        if line.kind == b"journal"
            && let Ok(header) = line.json::<Header>()
            && header.version > VERSION
        {
            self.newer = Some(header.version);
        }
        // What is not known is of a later writer.
        if self.newer.is_none()
            && let Ok(Some(record)) = line.record()
        {
            (self.take)(record);
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.notices.push(notice_of(damage));
    }
}
