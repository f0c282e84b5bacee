//! The engine's journal.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use inf_engine::journal::{CallRecord, Journal, JournalSettings};

use super::Store;
use crate::Failure;

pub(super) struct Log;

impl Store for Log {
    const NAME: &'static str = "log";

    fn write(
        folder: &Path,
        records: &mut dyn Iterator<Item = CallRecord>,
        group: usize,
    ) -> Result<(), Failure> {
        let settings = JournalSettings::default().with_max_unsynced_records(group);
        let journal = Journal::open_with(folder, settings)?;
        let (tell, told) = mpsc::channel();
        let _subscription = journal.on_change(move || {
            let _ = tell.send(());
        });
        for record in records {
            while !journal.has_room() {
                if let Some(failure) = journal.failure() {
                    return Err(failure.into());
                }
                told.recv()?;
            }
            journal.append(record);
        }
        Ok(journal.close()?)
    }

    fn open(folder: &Path) -> Result<usize, Failure> {
        Ok(Journal::open(folder)?.inputs())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        vec![folder.join("journal.jsonl")]
    }
}
