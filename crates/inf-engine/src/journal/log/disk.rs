//! [`Disk`]: what is needed of the file that is written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use super::super::journal_error::{JournalErrorKind, reason};
use super::reserve::Reserve;

/// The file that is written; in tests one that fails when it is told to.
pub(in crate::journal) trait Disk: Send + Sync {
    /// Adds what it can of `bytes` at the end, and says how much that was.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes the file `length` bytes long.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Makes durable what was written.
    fn sync(&self) -> io::Result<()>;

    /// Makes room where there is none any more; whether it could.
    fn make_room(&self) -> bool;

    /// What is wrong with the file, which should have at least `length` bytes, if
    /// somebody else did something to it.
    fn inspect(&self, length: u64) -> Option<JournalErrorKind>;
}

/// A real file.
#[derive(Debug)]
pub(in crate::journal) struct FileDisk {
    /// Opened for appending.
    pub(in crate::journal) file: File,
    pub(in crate::journal) path: PathBuf,
    pub(in crate::journal) reserve: Reserve,
}

impl Disk for FileDisk {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn make_room(&self) -> bool {
        self.reserve.give_up()
    }

    fn inspect(&self, length: u64) -> Option<JournalErrorKind> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some(JournalErrorKind::Vanished);
            }
            Err(error) => return Some(JournalErrorKind::Read(reason(&error))),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let own = self.file.metadata().ok()?;
            if (own.dev(), own.ino()) != (found.dev(), found.ino()) {
                return Some(JournalErrorKind::Vanished);
            }
        }
        (found.len() < length).then_some(JournalErrorKind::Changed)
    }
}
