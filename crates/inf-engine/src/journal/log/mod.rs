//! The journal's file: lines that are only ever added.
mod disk;
mod keeper;
mod line;
mod lock;
mod opening;
mod reading;
mod salvage;
mod scan;

#[cfg(test)]
pub(super) use disk::{Disk, FileDisk};
pub(super) use keeper::Log;
pub(super) use line::Line;
#[cfg(test)]
pub(super) use line::{write as write_record, write_line};
pub(super) use lock::is_held;
#[cfg(test)]
pub(super) use opening::write_header;
pub(super) use opening::{FILE, Header, VERSION, cannot_open, may_be_a_journal, notice_of};
pub(super) use scan::{Damage, Visitor, scan};
