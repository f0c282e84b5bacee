//! The file `lock`: one process writes a journal at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use super::super::journal_error::{JournalError, JournalErrorKind};
use super::opening::cannot_open;

/// A reader that looks whether somebody writes has the right for an instant.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(2);

/// Whether somebody writes the journal in `folder`; `None` if that can't be known.
pub(in crate::journal) fn is_held(folder: &Path) -> Option<bool> {
    let file = match File::open(folder.join("lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(false),
        Err(_) => return None,
    };
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            Some(false)
        }
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

/// The right to write a journal; given back when it is dropped, and by the
/// operating system when the process ends, however that happens.
#[derive(Debug)]
pub(in crate::journal) struct Lock {
    file: File,
    /// Whether the file system can lock files.
    pub(super) holds: bool,
}

impl Lock {
    /// Takes the right to write the journal in `folder`.
    pub(in crate::journal) fn take(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options
            .open(&path)
            .map_err(|error| cannot_open(&path, &error))?;
        let mut tried = file.try_lock();
        for _ in 0..TRIES {
            if !matches!(tried, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(PAUSE);
            tried = file.try_lock();
        }
        let holds = match tried {
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
