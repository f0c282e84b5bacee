//! The file `lock`: one process writes a journal at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use super::super::journal_error::{JournalError, JournalErrorKind};
use super::opening::cannot_open;

/// The right to write a journal; given back when it is dropped, and by the
/// operating system when the process ends, however that happens.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// Whether the file system can lock files.
    pub(super) holds: bool,
}

impl Lock {
    /// Takes the right to write the journal in `folder`.
    pub(super) fn take(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options
            .open(&path)
            .map_err(|error| cannot_open(&path, &error))?;
        let holds = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // On some systems a locked file can't be read.
                let _ = file.read_to_string(&mut text);
                let process = text.trim().parse().ok();
                return Err(JournalError::new(folder, JournalErrorKind::InUse(process)));
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => false,
            Err(TryLockError::Error(error)) => return Err(cannot_open(&path, &error)),
        };
        // Who it is, for whom the right is refused. On a full disk they will not know.
        let _ = file.set_len(0);
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { file, holds })
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a process that is being started at this moment
    /// has it, too, until it runs its own program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}
