//! [`Batch`]: records that are written at once.

use rustc_hash::FxHashMap;

use super::super::InputIdentity;
use super::super::record::Record;
use super::line;
use super::shared::State;

/// The most records that are written at once: what is in the hands of the
/// writer is in memory twice.
const AT_ONCE: usize = 512;
/// What is written at once.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// Where the record of the same input is that was written before.
    pub(super) previous: Vec<Option<u64>>,
    /// Where each begins in the file.
    pub(super) offsets: Vec<u64>,
    pub(super) lines: Vec<u8>,
    /// Where the newest record of an input is that has several here.
    pub(super) newest: FxHashMap<InputIdentity, u64>,
}

impl Batch {
    /// Takes what there is.
    pub(super) fn take(&mut self, state: &mut State) {
        let count = state.queue.len().min(AT_ONCE);
        self.records.extend(state.queue.drain(..count));
        let inputs = self.records.iter().map(Record::input);
        self.previous.clear();
        self.previous
            .extend(inputs.map(|input| input.and_then(|input| state.index.newest(input))));
    }

    /// Makes lines of the records, the first of which begins at `start`.
    pub(super) fn lay_out(&mut self, start: u64) {
        self.lines.clear();
        // One that was very long must not stay for good.
        self.lines.shrink_to(1 << 22);
        self.offsets.clear();
        self.newest.clear();
        for (record, previous) in self.records.iter().zip(&self.previous) {
            let offset = start + self.lines.len() as u64;
            self.offsets.push(offset);
            let here = record
                .input()
                .and_then(|input| self.newest.insert(input, offset));
            line::write(record, here.or(*previous), &mut self.lines);
        }
    }

    /// How many records are in the file as a whole if that is `end` bytes long.
    pub(super) fn whole(&self, end: u64) -> usize {
        let begun = self.offsets.partition_point(|offset| *offset <= end);
        let all = self.lines.len() as u64;
        let is_all = self.offsets.first().is_some_and(|first| first + all == end);
        if is_all {
            begun
        } else {
            begun.saturating_sub(1)
        }
    }

    /// Where the first `count` records end, the first of which begins at `start`.
    pub(super) fn end(&self, start: u64, count: usize) -> u64 {
        let next = self.offsets.get(count).copied();
        next.unwrap_or(start + self.lines.len() as u64)
    }
}
