//! [`JournalChoice`]: which journal runs have.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::journal::{Journal, JournalError};

/// Which journal runs have.
#[derive(Debug, Clone)]
pub(crate) enum JournalChoice {
    /// One that is open.
    Open(Journal),
    /// That of a folder, which is opened when the first run begins, and stays
    /// open as long as the settings live that name it.
    Folder(Arc<JournalFolder>),
}

/// A folder whose journal is opened when it is needed.
#[derive(Debug)]
pub(crate) struct JournalFolder {
    path: PathBuf,
    opened: OnceLock<Journal>,
}

impl JournalChoice {
    pub(super) fn folder(path: PathBuf) -> Self {
        Self::Folder(Arc::new(JournalFolder {
            path,
            opened: OnceLock::new(),
        }))
    }

    /// The journal, if it is open.
    pub(crate) fn opened(&self) -> Option<&Journal> {
        match self {
            Self::Open(journal) => Some(journal),
            Self::Folder(folder) => folder.opened.get(),
        }
    }

    /// The journal, which is opened now if it is not yet: that reads it once,
    /// and blocks.
    pub(crate) fn open(&self) -> Result<Journal, JournalError> {
        let folder = match self {
            Self::Open(journal) => return Ok(journal.clone()),
            Self::Folder(folder) => folder,
        };
        if let Some(journal) = folder.opened.get() {
            return Ok(journal.clone());
        }
        // Two that open it at once get the same journal.
        let journal = Journal::open(&folder.path)?;
        Ok(folder.opened.get_or_init(|| journal).clone())
    }
}
