//! SQLite with a write-ahead log: a transaction is a group.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use inf_engine::journal::{CallRecord, InputIdentity};
use rusqlite::{Connection, params};

use super::Store;
use crate::Failure;

pub(super) struct Sqlite;

impl Store for Sqlite {
    const NAME: &'static str = "sqlite";

    fn write(
        folder: &Path,
        records: &mut dyn Iterator<Item = CallRecord>,
        group: usize,
    ) -> Result<(), Failure> {
        let mut connection = Connection::open(folder.join("journal.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE calls (id INTEGER PRIMARY KEY, input TEXT NOT NULL, record TEXT NOT NULL);",
        )?;
        let mut more = true;
        while more {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT INTO calls (input, record) VALUES (?1, ?2)")?;
                more = false;
                for record in records.take(group) {
                    let text = serde_json::to_string(&record)?;
                    insert.execute(params![record.input.to_string(), text])?;
                    more = true;
                }
            }
            transaction.commit()?;
        }
        // All into one file, so that its size is known and it can be copied.
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(())
    }

    fn open(folder: &Path) -> Result<usize, Failure> {
        let connection = Connection::open(folder.join("journal.db"))?;
        let mut select = connection.prepare("SELECT id, input FROM calls ORDER BY id")?;
        let mut rows = select.query([])?;
        let mut index: HashMap<InputIdentity, i64> = HashMap::new();
        // What can't be read ends it: the rows behind are not found either.
        while let Ok(Some(row)) = rows.next() {
            let input = serde_json::from_value(row.get::<_, String>(1)?.into())?;
            index.insert(input, row.get(0)?);
        }
        Ok(index.len())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        vec![folder.join("journal.db")]
    }
}
