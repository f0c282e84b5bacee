//! The journals that are open in this process: each folder has one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::JournalError;
use super::journal::Store;

static OPEN: Mutex<Option<HashMap<PathBuf, Weak<Store>>>> = Mutex::new(None);
/// A journal was closed.
static CLOSED: Condvar = Condvar::new();

type Table = Option<HashMap<PathBuf, Weak<Store>>>;

fn table() -> MutexGuard<'static, Table> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The journal that is open in `folder`, a canonical path, or the one that `open` opens.
pub(super) fn open(
    folder: &Path,
    open: impl FnOnce() -> Result<Store, JournalError>,
) -> Result<Arc<Store>, JournalError> {
    let mut table = table();
    loop {
        let known = table.get_or_insert_default().get(folder);
        match known.map(Weak::upgrade) {
            Some(Some(store)) => return Ok(store),
            // Its last user left, and it is writing what is left.
            Some(None) => table = CLOSED.wait(table).unwrap_or_else(PoisonError::into_inner),
            None => break,
        }
    }
    let store = Arc::new(open()?);
    let open = table.get_or_insert_default();
    open.insert(folder.to_owned(), Arc::downgrade(&store));
    Ok(store)
}

/// Notes that the journal in `folder` is closed.
pub(super) fn closed(folder: &Path) {
    table().get_or_insert_default().remove(folder);
    CLOSED.notify_all();
}
