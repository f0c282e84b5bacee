//! [`Reserve`]: room for what is in flight when the disk is full.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Room for what is in flight when the disk is full: a file that is given up
/// then. Calls that have been made are paid for, and what they say has to be kept.
#[derive(Debug)]
pub(in crate::journal) struct Reserve(PathBuf);

impl Reserve {
    /// The file's name in the folder of the journal.
    const FILE: &str = "reserve";
    /// Enough for a thousand records and more.
    const BYTES: usize = 1 << 20;

    /// Takes room in `folder`, if there is some.
    pub(in crate::journal) fn take(folder: &Path) -> Self {
        let path = folder.join(Self::FILE);
        let has_room = fs::metadata(&path).is_ok_and(|found| found.len() == Self::BYTES as u64);
        if !has_room && fill(&path).is_err() {
            // Half of it helps nobody, and takes room that is needed.
            let _ = fs::remove_file(&path);
        }
        Self(path)
    }

    /// Gives the room up; whether there was any.
    pub(super) fn give_up(&self) -> bool {
        fs::remove_file(&self.0).is_ok()
    }
}

/// Written and not only made longer: a file with a hole takes no room.
fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let block = [0xA5; 1 << 14];
    for _ in 0..Reserve::BYTES / block.len() {
        file.write_all(&block)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_until_it_is_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::take(folder.path());
        let length =
            |_: &Reserve| fs::metadata(folder.path().join(Reserve::FILE)).map(|it| it.len());
        assert_eq!(length(&reserve).ok(), Some(1 << 20));
        assert!(reserve.give_up() && !reserve.give_up());
        assert_eq!(length(&Reserve::take(folder.path())).ok(), Some(1 << 20));
    }
}
