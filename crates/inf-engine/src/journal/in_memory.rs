//! [`InMemory`]: a journal without a disk, bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::definitions::Definitions;
use super::index::Index;
use super::record::{PipelineRecord, Record, RunNumber};
use super::request_index::{RequestIndex, key_of};
use super::{InputIdentity, NewRun, RequestKey};

/// A journal without a disk: the newest records, up to a bound.
#[derive(Debug)]
pub(super) struct InMemory {
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Each with the place of the one of the same input before it. The place of the first is
    /// `forgotten`; places are counted from 0.
    records: VecDeque<(Record, Option<u64>)>,
    forgotten: u64,
    index: Index,
    definitions: Definitions,
    requests: RequestIndex,
}

impl InMemory {
    pub(super) fn new(most_records: usize) -> Self {
        Self {
            most: most_records.max(1),
            state: Mutex::default(),
        }
    }

    pub(super) fn begin_run(&self, run: &NewRun<'_>) -> RunNumber {
        // What runs are of is in the definitions.
        self.state().definitions.begin(run).0
    }

    pub(super) fn append(&self, record: Record) {
        let mut state = self.state();
        let place = state.forgotten + state.records.len() as u64;
        let input = record.input();
        let previous = input.and_then(|input| state.index.newest(input));
        if let Some(input) = input {
            state.index.set(input, place);
        }
        if let Record::Call(call) = &record
            && let Some(key) = key_of(call)
        {
            state.requests.note(key, place);
        }
        state.records.push_back((record, previous));
        if state.records.len() > self.most
            && let Some((oldest, _)) = state.records.pop_front()
        {
            let place = state.forgotten;
            state.forgotten += 1;
            if let Some(input) = oldest.input() {
                state.index.forget(input, place);
            }
            if let Record::Call(call) = &oldest
                && let Some(key) = key_of(call)
            {
                state.requests.forget(key, place);
            }
        }
    }

    pub(super) fn pipeline_of(&self, run: RunNumber) -> Option<Arc<PipelineRecord>> {
        self.state().definitions.pipeline_of(run)
    }

    pub(super) fn knows(&self, input: InputIdentity) -> bool {
        self.state().index.knows(input)
    }

    pub(super) fn read(&self, input: InputIdentity, most: usize) -> Vec<Record> {
        let state = self.state();
        let mut records = Vec::new();
        let mut place = state.index.newest(input);
        while let Some(found) = place.and_then(|place| place.checked_sub(state.forgotten))
            && let Some((record, previous)) = usize::try_from(found)
                .ok()
                .and_then(|found| state.records.get(found))
            && records.len() < most
        {
            records.push(record.clone());
            place = *previous;
        }
        records
    }

    pub(super) fn find_request(&self, keys: &[RequestKey], n: usize) -> Option<u64> {
        self.state().requests.nth(keys, n)
    }

    /// The record at `place`, if it is not forgotten.
    pub(super) fn read_at(&self, place: u64) -> Option<Record> {
        let state = self.state();
        let place = usize::try_from(place.checked_sub(state.forgotten)?).ok()?;
        state.records.get(place).map(|(record, _)| record.clone())
    }

    pub(super) fn inputs(&self) -> usize {
        self.state().index.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
