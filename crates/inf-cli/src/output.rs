//! [`ResultWriter`]: one JSON line per input.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use inf_engine::Value;
use inf_engine::execution::BatchResult;
use serde::Serialize;

use crate::arguments::Place;
use crate::command_error::io_reason;

/// The files of the journal in `folder`, which nothing else may be written to.
pub(crate) fn journal_files(folder: &Path) -> [PathBuf; 3] {
    ["journal.jsonl", "lock", "reserve"].map(|name| folder.join(name))
}

/// The line of one input.
#[derive(Debug, Serialize)]
struct ResultLine<'a> {
    index: usize,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome<'a> {
    Output(&'a Value),
    Error {
        node: Option<&'a str>,
        /// Only of a node that a node of control flow runs.
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<&'a str>,
        /// Only of a node that calls a model.
        #[serde(skip_serializing_if = "Option::is_none")]
        alias: Option<&'a str>,
        kind: &'static str,
        message: &'a str,
        /// What the model answered, if that is what is wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<&'a str>,
        /// 0 if it is no node that failed.
        attempts: usize,
    },
}

impl<'a> ResultLine<'a> {
    fn of(result: &'a BatchResult<Value>) -> Self {
        let outcome = match &result.output {
            Ok(output) => Outcome::Output(output),
            Err(error) => Outcome::Error {
                node: error.node.as_deref(),
                path: error.path.as_deref(),
                alias: error.alias.as_deref(),
                kind: error.kind.as_str(),
                message: &error.message,
                answer: error.answer.as_deref(),
                attempts: error.attempts(),
            },
        };
        Self {
            index: result.index,
            outcome,
        }
    }
}

/// Writes results, in whole lines: whatever ends the program, a reader finds no
/// half of one.
pub(crate) struct ResultWriter {
    target: Target,
    /// Lines that are not yet written.
    lines: Vec<u8>,
    /// The number of lines that are.
    written: u64,
}

enum Target {
    Stdout,
    File(File),
}

impl ResultWriter {
    /// Opens `place`, replacing a file.
    pub(crate) fn open(place: &Place) -> Result<Self, String> {
        let target = match place {
            Place::Standard => Target::Stdout,
            Place::File(path) => {
                let file = open_alone(path)?;
                empty(&file).map_err(|error| cannot_write(path, &error))?;
                Target::File(file)
            }
        };
        Ok(Self {
            target,
            lines: Vec::new(),
            written: 0,
        })
    }

    /// Takes a result; [`flush`](Self::flush) writes it.
    pub(crate) fn take(&mut self, result: &BatchResult<Value>) {
        // Numbers, texts, lists and maps from text all have a JSON form, and
        // writing to a vector can't fail.
        let written = serde_json::to_writer(&mut self.lines, &ResultLine::of(result));
        written.expect("a result has a JSON form");
        self.lines.push(b'\n');
    }

    /// Writes what was taken.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let (written, outcome) = match &mut self.target {
            Target::Stdout => {
                let mut stdout = io::stdout().lock();
                let (written, outcome) = write_all(&mut stdout, &self.lines);
                (written, outcome.and_then(|()| stdout.flush()))
            }
            Target::File(file) => write_all(file, &self.lines),
        };
        let done = &self.lines[..written];
        let (mut lines, mut half) = (0, 0);
        for line in done.split_inclusive(|byte| *byte == b'\n') {
            match line.last() {
                Some(b'\n') => lines += 1,
                _ => half = line.len(),
            }
        }
        self.written += lines;
        if let Target::File(file) = &mut self.target
            && half > 0
            && let Ok(end) = file.stream_position()
        {
            // A file on a full disk can still be made shorter; what is no file
            // on a disk can't, and keeps its half of a line.
            let _ = file.set_len(end - half as u64);
        }
        self.lines.clear();
        outcome
    }

    /// The number of lines that are written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }
}

/// Writes as much of `bytes` as can be; how much that was.
fn write_all(target: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match target.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Opens the file `path` for results, or makes it; while it is open, no other run of
/// `inf` can open it so. What is in it stays.
pub(crate) fn open_alone(path: &Path) -> Result<File, String> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false);
    let file = options
        .open(path)
        .map_err(|error| cannot_write(path, &error))?;
    // Many may write to `/dev/null` at once, or to a pipe.
    if !is_regular(&file) {
        return Ok(file);
    }
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(format!(
            "can't write {}: another run is writing it; wait until that one ends, or name another file",
            path.display()
        )),
        // There are file systems that know no locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Removes what is in a file; what is none on a disk holds nothing.
pub(crate) fn empty(file: &File) -> io::Result<()> {
    if is_regular(file) {
        file.set_len(0)?;
    }
    Ok(())
}

fn is_regular(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// Whether the file `path`, which is to hold `what`, can be written without harm
/// to `others`, the files that the same command uses. Changes nothing.
pub(crate) fn check_file(what: &str, path: &Path, others: &[&Path]) -> Result<(), String> {
    let shown = path.display();
    if let Some(source) = others.iter().find(|other| is_same_file(path, other)) {
        return Err(format!(
            "the {what} {shown} is the same file as {}, which would be lost: write to another one",
            source.display()
        ));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(format!("the {what} {shown} is a folder: name a file in it"))
        }
        // Opened for appending, an existing file keeps its content.
        Ok(_) => OpenOptions::new()
            .append(true)
            .open(path)
            .map(drop)
            .map_err(|error| cannot_write(path, &error)),
        Err(_) => match parent(path) {
            Some(parent) if !parent.is_dir() => Err(format!(
                "can't write {shown}: there is no folder {}: make it first",
                parent.display()
            )),
            _ => Ok(()),
        },
    }
}

fn parent(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() {
        ".".into()
    } else {
        parent.to_owned()
    })
}

pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> String {
    let shown = path.display();
    // Its folder is there.
    if error.kind() == io::ErrorKind::NotFound {
        return format!("can't write {shown}: no file can be made there");
    }
    format!("can't write {shown}: {}", io_reason(error))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    // Neither may be there yet: then it is the name in the folder that counts.
    let place = |path: &Path| {
        let folder = fs::canonicalize(parent(path)?).ok()?;
        Some(folder.join(path.file_name()?))
    };
    is_one_file(one, other) || place(one).is_some_and(|one| place(other) == Some(one))
}

#[cfg(unix)]
fn is_one_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // Also through links of either kind.
    let identity = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
    };
    identity(one).is_some_and(|one| Some(one) == identity(other))
}

#[cfg(not(unix))]
fn is_one_file(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_there_yet_are_told_apart_by_their_place() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let [one, other] = ["one", "other"].map(|name| directory.path().join(name));
        let around = directory.path().join(".").join("one");
        assert!(is_same_file(&one, &around));
        assert!(!is_same_file(&one, &other));
        // Of what is no file at all, such as a device, many may be written.
        assert!(check_file("output", Path::new("/dev/null"), &[]).is_ok());
    }

    #[test]
    fn a_file_is_written_by_one_run_at_a_time() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("results.jsonl");
        let place = Place::File(path.clone());
        let first = ResultWriter::open(&place).expect("writable");
        fs::write(&path, "what the first run wrote").expect("writable");
        let refused = ResultWriter::open(&place).map(drop);
        assert_eq!(
            refused,
            Err(format!(
                "can't write {}: another run is writing it; wait until that one ends, or name another file",
                path.display()
            ))
        );
        let kept = fs::read_to_string(&path).expect("readable");
        assert_eq!(kept, "what the first run wrote");
        drop(first);
        let _second = ResultWriter::open(&place).expect("the first has ended");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_on_a_disk_is_written_by_many() {
        let place = Place::File("/dev/null".into());
        let _first = ResultWriter::open(&place).expect("writable");
        let _second = ResultWriter::open(&place).expect("writable");
    }
}
