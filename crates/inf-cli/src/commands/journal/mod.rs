//! `inf journal`: read what happened.

mod calls;
mod export;
mod failures;
mod summary;
mod table;

use std::path::Path;

use inf_engine::journal::{JournalReader, Record};

use crate::arguments::{JournalArguments, JournalView};
use crate::command_error::CommandError;
use crate::console::tell;
use crate::exit_code::Exit;

pub(crate) fn execute(arguments: &JournalArguments) -> Result<Exit, CommandError> {
    let folder = &*arguments.folder;
    match &arguments.view {
        None => summary::execute(folder, false),
        Some(JournalView::Summary { json }) => summary::execute(folder, *json),
        Some(JournalView::Failures { json }) => failures::execute(folder, *json),
        Some(JournalView::Calls(filter)) => calls::execute(folder, filter),
        Some(JournalView::Export(options)) => export::execute(folder, options),
    }
}

fn open(folder: &Path) -> Result<JournalReader, CommandError> {
    JournalReader::open(folder).map_err(|error| CommandError::new(error.to_string()))
}

/// Gives each record of a journal to `take`, and tells what of it is damaged.
fn read(reader: JournalReader, take: impl FnMut(Record)) -> Result<(), CommandError> {
    let file = reader.path().to_owned();
    let notices = reader.read(take);
    for notice in notices.map_err(|error| CommandError::new(error.to_string()))? {
        tell(format_args!("warning: {}: {notice}", file.display()));
    }
    Ok(())
}
