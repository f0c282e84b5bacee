//! Reading and writing a file as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::FileError;
use super::file_error::FileErrorKind;

pub(super) fn read(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|error| error_of(path, FileErrorKind::Read(error)))
}

/// Writes beside the file and renames over it, so that there is always a whole
/// one, also after a crash.
pub(super) fn write(path: &Path, text: &str) -> Result<(), FileError> {
    write_with(path, |file| file.write_all(text.as_bytes()))
}

/// [`write`] for what is too large to be one text.
pub(crate) fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let beside = beside(path);
    let written = File::create(&beside)
        .and_then(|mut file| {
            fill(&mut file)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // What is left of the attempt is of no use; failing to remove it harms nobody.
        let _ = fs::remove_file(&beside);
        error_of(path, FileErrorKind::Write(error))
    })
}

pub(super) fn error_of(path: &Path, kind: FileErrorKind) -> FileError {
    FileError {
        path: path.to_owned(),
        kind,
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}
