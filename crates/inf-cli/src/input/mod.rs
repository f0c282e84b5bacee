//! Inputs: from a file or a pipe to one record for each input.
//!
//! [`InputSource`] is where they come from, `jsonl` and `csv` read it, and
//! [`Records`] checks each record against the pipeline's input. A record that
//! can't be read is an error of that input, with its file and line; the others
//! go on. [`reader_thread`] puts all of this on a thread of its own.

mod csv;
mod csv_cells;
mod csv_rows;
mod jsonl;
mod labelled;
mod reader_thread;
mod records;
mod source;

pub(crate) use labelled::read_labelled;
pub(crate) use reader_thread::{Total, count_in_background, read_in_background};
pub(crate) use records::{Record, Records};
pub(crate) use source::InputSource;
