//! The thread that writes.

use std::io;
use std::sync::atomic::Ordering;

use super::super::record::Record;
use super::super::request_index::key_of;
use super::batch::Batch;
use super::disk::Disk;
use super::opening::write_failure;
use super::shared::{Shared, wait};

/// How the file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// After a line break.
    Whole,
    /// After a line whose break is missing.
    Unbroken,
    /// After half a line that could not be cut off.
    Torn,
}

impl Shared {
    /// What the writing thread does.
    pub(super) fn write_until_closed(&self) {
        let mut batch = Batch::default();
        loop {
            let mut state = self.state();
            while state.queue.is_empty() || state.is_stuck {
                if state.is_closing {
                    state.writer_has_ended = true;
                    self.to_sync.notify_all();
                    return;
                }
                state.writer_waits = true;
                state = wait(&self.to_write, state);
                state.writer_waits = false;
            }
            batch.take(&mut state);
            let (length, tail) = (state.length, state.tail);
            drop(state);
            let outcome = self.mend(length, tail);
            let written = match outcome {
                Ok(length) => self.write_batch(&mut batch, length),
                Err(error) => Written {
                    whole: 0,
                    length,
                    tail,
                    outcome: Err(error),
                },
            };
            self.note_written(&mut batch, written);
        }
    }

    /// Sees to it that the file ends with a line break; how long it is then.
    fn mend(&self, length: u64, tail: Tail) -> io::Result<u64> {
        match tail {
            Tail::Whole => return Ok(length),
            Tail::Torn if self.disk.cut(length).is_ok() => return Ok(length),
            Tail::Torn | Tail::Unbroken => {}
        }
        // Half a line is then a damaged one.
        write_all(&*self.disk, b"\n").1?;
        Ok(self.disk_length(length + 1))
    }

    /// Writes what it can of `batch` to the file, which is `length` bytes long.
    fn write_batch(&self, batch: &mut Batch, length: u64) -> Written {
        batch.lay_out(length);
        let (bytes, outcome) = write_all(&*self.disk, &batch.lines);
        let end = length + bytes;
        let mut whole = batch.whole(end);
        let mut good = batch.end(length, whole);
        let mut tail = Tail::Whole;
        if end > good && self.disk.cut(good).is_err() {
            tail = Tail::Torn;
            // But for its break it is whole, and would be there twice.
            if batch.whole(end + 1) > whole {
                whole += 1;
                good = end;
                tail = Tail::Unbroken;
            }
        }
        Written {
            whole,
            length: good,
            tail,
            outcome,
        }
    }

    /// The length of the file, which may be more than `length` by half a line.
    fn disk_length(&self, length: u64) -> u64 {
        self.reader.metadata().map_or(length, |found| found.len())
    }

    fn note_written(&self, batch: &mut Batch, written: Written) {
        let Written {
            whole,
            length,
            tail,
            outcome,
        } = written;
        let mut state = self.state();
        let mut calls = 0;
        for (record, offset) in batch.records.drain(..whole).zip(&batch.offsets) {
            calls += u64::from(matches!(record, Record::Call(_)));
            if let Some(input) = record.input() {
                state.index.set(input, *offset);
            }
            if let (Some(requests), Record::Call(call)) = (&mut state.requests, &record)
                && let Some(key) = key_of(call)
            {
                requests.note(key, *offset);
            }
        }
        for record in batch.records.drain(..).rev() {
            state.queue.push_front(record);
        }
        state.written += whole as u64;
        self.calls_written.fetch_add(calls, Ordering::Release);
        let lag_was_told = std::mem::take(&mut state.lag_was_told);
        state.length = length;
        state.tail = tail;
        if state.syncer_waits {
            self.to_sync.notify_one();
        }
        match outcome {
            // What is in flight is still kept, and nothing more is begun.
            Ok(Some(full)) => self.fail(state, write_failure(&full, 0)),
            Ok(None) => {
                drop(state);
                self.settled.notify_all();
                if lag_was_told {
                    self.listeners.tell();
                }
            }
            Err(error) => self.fail_to_write(state, write_failure(&error, 0)),
        }
    }
}

/// What became of a batch.
struct Written {
    /// How many of its records are in the file.
    whole: usize,
    /// Where the last of them ends.
    length: u64,
    tail: Tail,
    outcome: Outcome,
}

/// How writing ended. What made it use the room for what is in flight is told as well, and nothing
/// is lost by it.
type Outcome = io::Result<Option<io::Error>>;

/// Writes as much of `bytes` as can be: how many that are, and how it ended.
fn write_all(disk: &dyn Disk, bytes: &[u8]) -> (u64, Outcome) {
    let mut written = 0;
    let mut full = None;
    let outcome = loop {
        if written == bytes.len() {
            break Ok(full);
        }
        match disk.write(&bytes[written..]) {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if may_get_room(&error) && disk.make_room() => full = Some(error),
            Err(error) => break Err(error),
        }
    };
    (written as u64, outcome)
}

/// Whether there is room again once a file of the same user is gone.
fn may_get_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
