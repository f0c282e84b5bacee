//! The journal's file: lines that are only ever added.
mod disk;
mod keeper;
mod line;
mod lock;
mod opening;
mod reading;
mod salvage;
mod scan;

pub(super) use keeper::Log;
pub(super) use opening::FILE;
