//! [`Reserve`]: room for what is in flight when the disk is full.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Room for what is in flight when the disk is full: a file that is given up
/// then. Calls that have been made are paid for, and what they say has to be kept.
#[derive(Debug)]
pub(in crate::journal) struct Reserve {
    /// `None` where something else has its name, which is nothing to write to or to remove.
    path: Option<PathBuf>,
}

impl Reserve {
    /// The file's name in the folder of the journal.
    const FILE: &str = "reserve";
    /// Enough for a thousand records and more.
    const BYTES: usize = 1 << 20;
    /// What it is full of, by which it is known.
    const FILLING: u8 = 0xA5;

    /// Takes room in `folder`, if there is some.
    pub(in crate::journal) fn take(folder: &Path) -> Self {
        let path = folder.join(Self::FILE);
        let Ok(found) = length_of_own(&path) else {
            return Self { path: None };
        };
        if found != Self::BYTES && fill(&path).is_err() {
            // Half of it helps nobody, and takes room that is needed.
            let _ = fs::remove_file(&path);
        }
        Self { path: Some(path) }
    }

    /// Gives the room up; whether there was any.
    pub(super) fn give_up(&self) -> bool {
        let removed = self.path.as_ref().map(fs::remove_file);
        removed.is_some_and(|removed| removed.is_ok())
    }
}

/// How long the reserve at `path` is, 0 if there is none; an error if something else is there.
fn length_of_own(path: &Path) -> io::Result<usize> {
    let mut found = Vec::new();
    match File::open(path) {
        // Whatever is longer is something else.
        Ok(file) => file
            .take(Reserve::BYTES as u64 + 1)
            .read_to_end(&mut found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let is_own =
        found.len() <= Reserve::BYTES && found.iter().all(|byte| *byte == Reserve::FILLING);
    is_own
        .then_some(found.len())
        .ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// Written and not only made longer: a file with a hole takes no room.
fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let block = [Reserve::FILLING; 1 << 14];
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

    #[test]
    fn what_was_cut_short_is_filled_and_what_is_no_reserve_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(Reserve::FILE);
        for own in [vec![], vec![Reserve::FILLING; 100]] {
            fs::write(&path, own).expect("writable");
            Reserve::take(folder.path());
            assert_eq!(
                fs::metadata(&path).map(|found| found.len()).ok(),
                Some(1 << 20)
            );
        }
        for other in [
            vec![1; 100],
            vec![0; 1 << 20],
            vec![Reserve::FILLING; (1 << 20) + 1],
        ] {
            fs::write(&path, &other).expect("writable");
            assert!(!Reserve::take(folder.path()).give_up());
            assert!(fs::read(&path).is_ok_and(|found| found == other));
        }
    }
}
