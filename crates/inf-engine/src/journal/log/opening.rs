//! Opening a journal's file: what is in it, and what of it is damaged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::Timestamp;
use super::super::definitions::Definitions;
use super::super::index::Index;
use super::super::journal_error::{JournalError, JournalErrorKind, reason};
use super::super::notice::Notice;
use super::line::{Line, MARKER, write_line};
use super::scan::{Damage, Visitor, scan};

/// The version of the format that is written; it and older ones are read.
pub(in crate::journal) const VERSION: u64 = 1;

/// The file's name in its folder.
pub(in crate::journal) const FILE: &str = "journal.jsonl";

/// The kind of the line that says which format follows.
pub(in crate::journal) const HEADER: &str = "journal";

/// The line that says which format follows; the first of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::journal) struct Header {
    pub(in crate::journal) version: u64,
    /// The program that wrote it.
    #[serde(default)]
    written_by: String,
    /// When.
    #[serde(default)]
    at: Timestamp,
}

/// A file that was opened to be written.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// For appending.
    pub(super) file: File,
    /// For reading.
    pub(super) reader: File,
    pub(super) path: PathBuf,
    /// The length of the file.
    pub(super) length: u64,
    pub(super) index: Index,
    pub(super) definitions: Definitions,
    pub(super) notices: Vec<Notice>,
}

/// Opens or makes the file in `folder`, which exists.
pub(super) fn open(folder: &Path) -> Result<OpenFile, JournalError> {
    let path = folder.join(FILE);
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).open(&path);
    let file = file.map_err(|error| cannot_open(&path, &error))?;
    let mut reader = File::open(&path).map_err(|error| cannot_open(&path, &error))?;
    let cannot_read =
        |error: io::Error| JournalError::new(&*path, JournalErrorKind::Read(reason(&error)));

    let mut contents = Contents::default();
    let end = scan(&mut reader, 0, true, &mut contents).map_err(cannot_read)?;
    contents.check(&path, &mut reader)?;

    let mut length = end.length;
    let mut ends_with_break = end.unended.is_none();
    let mut notices = Vec::new();
    let mut cut_from = None;
    for damage in contents.damages {
        match end.unended {
            // What no line break ends and no line was found in was not written to its end.
            Some(unended) if damage.offset + damage.bytes == end.length => {
                let from = damage.offset.max(unended);
                cut_from = Some(from);
                if damage.offset < from {
                    let bytes = from - damage.offset;
                    notices.push(notice_of(Damage { bytes, ..damage }));
                }
                ends_with_break = from == unended;
            }
            _ => notices.push(notice_of(damage)),
        }
    }
    let cannot_write = |error: io::Error| JournalError::new(&*path, write_failure(&error, 0));
    if let Some(from) = cut_from {
        let kept_in = put_aside(folder, &mut reader, from).map_err(cannot_write)?;
        file.set_len(from).map_err(cannot_write)?;
        notices.push(Notice::CutEnd {
            offset: from,
            bytes: length - from,
            kept_in: Some(kept_in),
        });
        length = from;
    }
    let mut front = Vec::new();
    if !ends_with_break {
        front.push(b'\n');
    }
    if !contents.has_header {
        write_header(Timestamp::now(), &mut front);
    }
    if !front.is_empty() {
        let written = (&file).write_all(&front).and_then(|()| file.sync_data());
        if let Err(error) = written {
            let _ = file.set_len(length);
            return Err(cannot_write(error));
        }
        length += front.len() as u64;
        sync_folder(folder);
    }
    Ok(OpenFile {
        file,
        reader,
        path,
        length,
        index: contents.index,
        definitions: contents.definitions,
        notices,
    })
}

pub(in crate::journal) fn write_header(at: Timestamp, lines: &mut Vec<u8>) {
    let header = Header {
        version: VERSION,
        written_by: concat!("inf-engine ", env!("CARGO_PKG_VERSION")).to_owned(),
        at,
    };
    write_line(HEADER, None, lines, |lines| {
        serde_json::to_writer(lines, &header)
    });
}

/// Without this a new file can be lost with its folder's entry. Not every system
/// can do it, and those that can't need not.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Copies what is from `from` on into a file of its own, durably.
fn put_aside(folder: &Path, reader: &mut File, from: u64) -> io::Result<PathBuf> {
    reader.seek(SeekFrom::Start(from))?;
    for number in 1.. {
        let path = folder.join(format!("damaged-{number}.jsonl"));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let copied = io::copy(reader, &mut file).and_then(|_| file.sync_all());
                return match copied {
                    Ok(()) => Ok(path),
                    Err(error) => {
                        let _ = fs::remove_file(&path);
                        Err(error)
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("there are more numbers than files")
}

pub(in crate::journal) fn notice_of(damage: Damage) -> Notice {
    Notice::Damaged {
        line: damage.line,
        offset: damage.offset,
        bytes: damage.bytes,
    }
}

/// Why the file can't be written, with `kept` records that wait.
pub(super) fn write_failure(error: &io::Error, kept: usize) -> JournalErrorKind {
    let is_full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    JournalErrorKind::Write {
        reason: reason(error),
        is_full,
        kept,
        dropped: 0,
    }
}

pub(in crate::journal) fn cannot_open(path: &Path, error: &io::Error) -> JournalError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            JournalErrorKind::ReadOnly
        }
        io::ErrorKind::NotADirectory => JournalErrorKind::NotAFolder,
        _ => JournalErrorKind::CannotOpen(reason(error)),
    };
    JournalError::new(path, kind)
}

/// What was found in a file.
#[derive(Debug, Default)]
struct Contents {
    index: Index,
    definitions: Definitions,
    damages: Vec<Damage>,
    has_header: bool,
    newer: Option<u64>,
    has_lines: bool,
}

impl Contents {
    /// Whether the file is a journal that this version can write.
    fn check(&self, path: &Path, reader: &mut File) -> Result<(), JournalError> {
        if let Some(version) = self.newer {
            return Err(JournalError::new(
                path,
                JournalErrorKind::NewerVersion(version),
            ));
        }
        if !self.has_lines && !may_be_a_journal(reader).unwrap_or_default() {
            return Err(JournalError::new(path, JournalErrorKind::NotAJournal));
        }
        Ok(())
    }
}

/// Whether a file without a single good line can be one that was begun: what
/// is damaged must not be lost, and neither may somebody else's file be written to.
pub(in crate::journal) fn may_be_a_journal(reader: &mut File) -> io::Result<bool> {
    let mut front = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(64).read_to_end(&mut front)?;
    let length = front.len().min(MARKER.len());
    let is_begun = front[..length] == MARKER[..length];
    let kind = format!("\"kind\":\"{HEADER}\"");
    Ok(is_begun
        || front.iter().all(|byte| *byte == 0)
        || memchr::memmem::find(&front, kind.as_bytes()).is_some())
}

impl Visitor for Contents {
    fn line(&mut self, offset: u64, line: Line<'_>) {
        self.has_lines = true;
        if let Some(run) = line.run {
            self.definitions.note_number(run);
        }
        match (line.kind, line.input) {
            (b"journal", _) => {
                if let Ok(header) = line.json::<Header>() {
                    self.has_header = true;
                    if header.version > VERSION {
                        self.newer = Some(header.version);
                    }
                }
            }
            (_, Some(input)) => self.index.note_read(input, offset, line.previous),
            (b"pipeline" | b"parameter" | b"run", _) => {
                // What can't be read is of a later writer, and of no use here.
                if let Ok(Some(record)) = line.record() {
                    self.definitions.note(&record);
                }
            }
            _ => {}
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.damages.push(damage);
    }
}
