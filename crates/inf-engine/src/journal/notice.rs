//! [`Notice`]: what was found when a journal was opened.

use std::fmt;
use std::path::PathBuf;

use crate::document::counted;

/// Something that was found when a journal was opened and that its owner should
/// know; all else in it is as it should be.
///
/// ```
/// use inf_engine::journal::Journal;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let journal = Journal::open(folder)?;
/// for notice in journal.notices() {
///     eprintln!("warning: {notice}");
/// }
/// # assert!(journal.notices().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The end of the file is cut off or unreadable: it is put aside, and the journal goes on before it.
    CutEnd {
        /// Where it begins, in bytes from the beginning of the file.
        offset: u64,
        /// How many bytes it has.
        bytes: u64,
        /// The file that they were put into; `None` where the journal was opened
        /// to be read alone.
        kept_in: Option<PathBuf>,
    },
    /// A part in the middle is unreadable and is passed over.
    Damaged {
        /// The line in which it begins, from 1.
        line: u64,
        /// Where it begins, in bytes from the beginning of the file.
        offset: u64,
        /// How many bytes it has.
        bytes: u64,
    },
    /// The file system can't lock files.
    NoLock,
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutEnd {
                offset,
                bytes,
                kept_in,
            } => {
                let bytes = counted(*bytes, "byte");
                write!(
                    formatter,
                    "the last record was not written to its end: {bytes} from byte {offset} on are dropped"
                )?;
                if let Some(kept_in) = kept_in {
                    write!(formatter, " (a copy is in {})", kept_in.display())?;
                }
                formatter.write_str("; all before it is kept")
            }
            Self::Damaged {
                line,
                offset,
                bytes,
            } => {
                let bytes = counted(*bytes, "byte");
                write!(
                    formatter,
                    "line {line} is damaged: {bytes} from byte {offset} on are passed over; all \
                     before and after is kept"
                )
            }
            Self::NoLock => formatter.write_str(
                "the file system can't lock files: see to it that no other process writes this journal",
            ),
        }
    }
}
