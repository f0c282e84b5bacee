//! Reading on a thread of its own, so that a slow pipe blocks nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use futures_util::{Stream, stream};
use inf_engine::value::Schema;
use tokio::sync::mpsc;

use super::{InputSource, Record, Records};

/// Records that are read ahead; a bound on memory, not on speed.
const READ_AHEAD: usize = 256;

/// The first `limit` records of a source as a stream; when all are read,
/// `total` is known. Dropping the stream ends the thread, at the latest when
/// its source gives the next record; the end of the program does not wait for
/// it.
pub(crate) fn read_in_background(
    records: Records,
    limit: usize,
    total: Total,
) -> impl Stream<Item = Record> + Send + 'static {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    thread::spawn(move || {
        let mut count = 0;
        for record in records.take(limit) {
            if sender.blocking_send(record).is_err() {
                return;
            }
            count += 1;
        }
        total.set(count);
    });
    stream::unfold(receiver, |mut receiver| async move {
        let record = receiver.recv().await?;
        Some((record, receiver))
    })
}

/// The number of inputs in a source that is being counted or read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Total(Arc<AtomicU64>);

impl Total {
    /// A source without inputs is not run.
    const UNKNOWN: u64 = 0;

    /// The number of inputs, once it is known.
    pub(crate) fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|total| *total != Self::UNKNOWN)
    }

    fn set(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }
}

/// Counts the inputs of a source, up to `limit`, from a second reading of it.
pub(crate) fn count_in_background(source: &InputSource, limit: usize) -> Total {
    let total = Total::default();
    if let Some(again) = source.reopened() {
        let shared = total.clone();
        thread::spawn(move || {
            if let Ok(records) = Records::new(again, &Schema::any()) {
                shared.set(records.count_up_to(limit));
            }
        });
    }
    total
}
