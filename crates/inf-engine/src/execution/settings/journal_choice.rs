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
    /// What it held when it could only be read: for replays.
    copied: OnceLock<Journal>,
}

impl JournalChoice {
    pub(super) fn folder(path: PathBuf) -> Self {
        Self::Folder(Arc::new(JournalFolder {
            path,
            opened: OnceLock::new(),
            copied: OnceLock::new(),
        }))
    }

    /// The journal, if it is open; for replays a copy will do.
    pub(crate) fn opened(&self, replays: bool) -> Option<&Journal> {
        match self {
            Self::Open(journal) => Some(journal),
            Self::Folder(folder) => {
                let copied = || folder.copied.get().filter(|_| replays);
                folder.opened.get().or_else(copied)
            }
        }
    }

    /// The journal, which is opened now if it is not yet: that reads it once,
    /// and blocks.
    pub(crate) fn open(&self, replays: bool) -> Result<Journal, JournalError> {
        let folder = match self {
            Self::Open(journal) => return Ok(journal.clone()),
            Self::Folder(folder) => folder,
        };
        if let Some(journal) = self.opened(replays) {
            return Ok(journal.clone());
        }
        // Two that open it at once get the same journal.
        let journal = if replays {
            Journal::open_to_replay(&folder.path)?
        } else {
            Journal::open(&folder.path)?
        };
        let place = match journal.folder() {
            Some(_) => &folder.opened,
            None => &folder.copied,
        };
        Ok(place.get_or_init(|| journal).clone())
    }
}
