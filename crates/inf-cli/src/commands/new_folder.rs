//! [`NewFolder`]: a journal's folder that this command made.

use std::fs;
use std::path::{Path, PathBuf};

use crate::output::journal_files;

/// Takes away a journal that this command made and did not come to use, when it is dropped.
/// Opening one makes it, which is early: only then can other files be told from it.
#[derive(Debug)]
pub(super) struct NewFolder {
    folder: PathBuf,
    /// Those above it that are new, too, from the innermost.
    above: Vec<PathBuf>,
}

impl NewFolder {
    /// `None` if there is something already; to be asked before the journal is opened.
    pub(super) fn unless_there(folder: &Path) -> Option<Self> {
        // What can't be looked at may be there.
        if folder.try_exists().unwrap_or(true) {
            return None;
        }
        let above = folder.ancestors().skip(1);
        let above = above.take_while(|above| !above.as_os_str().is_empty() && !above.exists());
        Some(Self {
            folder: folder.to_owned(),
            above: above.map(Path::to_owned).collect(),
        })
    }

    /// Leaves it: it is used from here on.
    pub(super) fn keep(mut self) {
        self.folder = PathBuf::new();
        self.above.clear();
    }
}

/// Whether there is more than the first line, which says what it is: another run may have
/// begun and ended one in between.
fn has_records(folder: &Path) -> bool {
    let [journal, ..] = journal_files(folder);
    fs::read_to_string(journal).is_ok_and(|text| text.lines().nth(1).is_some())
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if self.folder.as_os_str().is_empty() || has_records(&self.folder) {
            return;
        }
        // What can't be removed stays, and so does a folder with anything else in it.
        for file in journal_files(&self.folder) {
            let _ = fs::remove_file(file);
        }
        for folder in [&self.folder].into_iter().chain(&self.above) {
            let _ = fs::remove_dir(folder);
        }
    }
}
