//! `inf report`: a run as one page that needs nothing but a browser.
//!
//! A source, [`journal_source`] or [`trace_source`], tells a [`Gathering`](gathering::Gathering) what was sent and what
//! came of it. That makes a [`Report`] of it: sums ([`tally`]), latencies
//! ([`latency`]), the [`timeline`] in columns, and the graphs as [`drawing`]s. The [`page`](mod@page) puts the
//! report, as JSON, next to the style and the script that show it.
//!
//! What a source does not hold is a note on the page, and never a zero.

mod drawing;
mod failures;
mod gathering;
mod journal_source;
mod latency;
mod model;
mod optimization;
mod page;
mod parameters;
mod tally;
mod timeline;
mod trace_source;

use std::path::Path;

use crate::command_error::{CommandError, io_reason};

pub(crate) use model::Report;
pub(crate) use page::page;

/// Reads a journal's folder or the trace of a profile, whichever `path` is.
pub(crate) fn read(path: &Path, with_contents: bool) -> Result<Report, CommandError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => journal_source::read(path, with_contents),
        Ok(_) => trace_source::read(path),
        Err(error) => Err(CommandError::new(format!(
            "can't read {}: {}: name the folder of a journal, as in `inf run --checkpoint-dir`, or a trace, as in `inf run --profile`",
            path.display(),
            io_reason(&error)
        ))),
    }
}
