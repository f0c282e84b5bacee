//! The journal's file: lines that are only ever added.
//!
//! `line` is a record as a line; `scan` finds lines in a file, and `salvage` in what
//! is damaged; `opening` makes an index of them. `log_journal` is what the journal asks, `shared` what
//! it shares with its two threads, `writer` and `syncer`.

mod batch;
mod disk;
mod line;
mod lock;
mod log_journal;
mod opening;
mod reading;
mod reserve;
mod salvage;
mod scan;
mod shared;
mod syncer;
mod writer;

#[cfg(test)]
pub(super) use disk::{Disk, FileDisk};
pub(super) use line::Line;
#[cfg(test)]
pub(super) use line::{write as write_record, write_line};
#[cfg(test)]
pub(super) use lock::Lock;
pub(super) use lock::is_held;
pub(super) use log_journal::Log;
#[cfg(test)]
pub(super) use opening::write_header;
pub(super) use opening::{FILE, Header, VERSION, cannot_open, may_be_a_journal, notice_of};
#[cfg(test)]
pub(super) use reserve::Reserve;
pub(super) use scan::{Damage, Visitor, scan};
