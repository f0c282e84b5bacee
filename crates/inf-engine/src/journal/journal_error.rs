//! [`JournalError`]: what is wrong with a journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

/// What is wrong with a journal, and where it is.
///
/// As text it is one sentence that says what, where and what to do.
///
/// ```
/// use inf_engine::journal::{Journal, JournalErrorKind, JournalReader};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let error = JournalReader::open(folder).unwrap_err();
/// assert_eq!(error.kind, JournalErrorKind::NoJournal);
/// println!("{error}"); // names the folder, and says what to do
/// Journal::open(folder)?; // makes one
/// assert!(JournalReader::open(folder).is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalError {
    /// The folder, or the file in it.
    pub path: Arc<Path>,
    /// What is wrong.
    pub kind: JournalErrorKind,
}

crate::document::debug_as_display!(JournalError);

/// What is wrong with a journal.
///
/// [`JournalError`] has it, and shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalErrorKind {
    /// There is no journal in the folder.
    NoJournal,
    /// There is something else in place of the folder.
    NotAFolder,
    /// The folder can't be made.
    CannotCreate(String),
    /// The journal can't be opened.
    CannotOpen(String),
    /// The folder or the journal may not be written.
    ReadOnly,
    /// Another process writes it; its number, if that is known.
    InUse(Option<u32>),
    /// It was written by a later version.
    NewerVersion(u64),
    /// The file is no journal.
    NotAJournal,
    /// It can't be read.
    Read(String),
    /// A record that is asked for is damaged.
    Damaged {
        /// Where it begins, in bytes from the beginning of the file.
        offset: u64,
    },
    /// It can't be written.
    Write {
        /// The operating system's reason.
        reason: String,
        /// Whether it is that there is no room.
        is_full: bool,
        /// The records that are kept in memory and written when that is possible again.
        kept: usize,
        /// The records that were given up because too many are kept already.
        dropped: u64,
    },
    /// What was written can't be made durable.
    Sync(String),
    /// The file is no longer where it was.
    Vanished,
    /// Something else wrote to the file.
    Changed,
}

impl JournalError {
    pub(super) fn new(path: impl Into<PathBuf>, kind: JournalErrorKind) -> Self {
        Self {
            path: path.into().into(),
            kind,
        }
    }
}

impl std::error::Error for JournalError {}

impl fmt::Display for JournalError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        use JournalErrorKind as Kind;
        let path = self.path.display();
        match &self.kind {
            Kind::NoJournal => write!(
                formatter,
                "there is no journal in {path}: name the folder that a run was given, as in \
                 `inf run … --checkpoint-dir {path}`"
            ),
            Kind::NotAFolder => write!(
                formatter,
                "{path} is no folder, and a journal is one: name another place"
            ),
            Kind::CannotCreate(reason) => {
                write!(formatter, "the folder {path} can't be made: {reason}")
            }
            Kind::CannotOpen(reason) => write!(formatter, "{path} can't be opened: {reason}"),
            Kind::ReadOnly => write!(
                formatter,
                "{path} may not be written: allow it, or name a folder of your own"
            ),
            Kind::InUse(Some(process)) => write!(
                formatter,
                "the journal in {path} is being written by process {process}: wait for its end, \
                 or give this run a folder of its own"
            ),
            Kind::InUse(None) => write!(
                formatter,
                "the journal in {path} is being written by another process: wait for its end, \
                 or give this run a folder of its own"
            ),
            Kind::NewerVersion(version) => write!(
                formatter,
                "{path} was written by a later version, whose format {version} this one does not \
                 know: use that version, or another folder"
            ),
            Kind::NotAJournal => write!(
                formatter,
                "{path} is no journal, and nothing was written to it: move it away, or name \
                 another folder"
            ),
            Kind::Read(reason) => write!(formatter, "{path} can't be read: {reason}"),
            Kind::Damaged { offset } => write!(
                formatter,
                "a record of {path} is damaged, at byte {offset}: what it holds is done again in a new run"
            ),
            Kind::Write {
                reason,
                is_full,
                kept,
                dropped,
            } => {
                let advice = if *is_full {
                    "free some space"
                } else {
                    "mend that"
                };
                write!(
                    formatter,
                    "{path} can't be written: {reason}; no more calls are made: {advice}, then run the same again"
                )?;
                match kept {
                    0 => {}
                    1 => formatter.write_str(" (1 record waits to be written)")?,
                    kept => write!(formatter, " ({kept} records wait to be written)")?,
                }
                match dropped {
                    0 => Ok(()),
                    1 => formatter.write_str(" (1 more was given up)"),
                    more => write!(formatter, " ({more} more were given up)"),
                }
            }
            Kind::Sync(reason) => write!(
                formatter,
                "the disk does not confirm what was written to {path}: {reason}; no more calls are made: check the disk, \
                 then run the same again"
            ),
            Kind::Vanished => write!(
                formatter,
                "{path} is no longer there: it was moved or removed while it was written; no more calls are made: put it \
                 back, or run again with another folder"
            ),
            Kind::Changed => write!(
                formatter,
                "something else wrote to {path} while it was written; no more calls are made: run the same again \
                 when nothing else does"
            ),
        }
    }
}

/// The operating system's reason, in plain words where it is a common one.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::StorageFull => "no space is left on the disk".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        io::ErrorKind::FileTooLarge => "the file may not become larger".to_owned(),
        _ => error.to_string(),
    }
}
