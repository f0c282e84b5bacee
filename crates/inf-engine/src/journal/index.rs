//! [`Index`]: where the newest record of each input is.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::InputIdentity;

/// Where the newest record of each input is: 24 bytes an entry, 28 to 56 with
/// the room that the table keeps for growing.
#[derive(Debug, Default)]
pub(super) struct Index {
    newest: HashMap<InputIdentity, Place, BuildHasherDefault<IdentityHasher>>,
    /// Records whose line names a `previous` one that is damaged, and the one
    /// before that.
    detours: HashMap<u64, Option<u64>>,
}

/// Where a record begins; all ones while it is not yet written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u64);

const UNWRITTEN: Place = Place(u64::MAX);

impl Index {
    /// Notes that something of `input` will be written.
    pub(super) fn expect(&mut self, input: InputIdentity) {
        self.newest.entry(input).or_insert(UNWRITTEN);
    }

    /// Notes that the newest record of `input` is at `place`.
    pub(super) fn set(&mut self, input: InputIdentity, place: u64) {
        self.newest.insert(input, Place(place));
    }

    /// The same for a record that was read, whose line names `previous`.
    pub(super) fn note_read(&mut self, input: InputIdentity, place: u64, previous: Option<u64>) {
        let before = self.newest.insert(input, Place(place));
        let before = before.map(|Place(place)| place);
        if before != previous {
            self.detours.insert(place, before);
        }
    }

    /// Whether anything is or will be written of `input`.
    pub(super) fn knows(&self, input: InputIdentity) -> bool {
        self.newest.contains_key(&input)
    }

    /// Where the newest record of `input` is that is written.
    pub(super) fn newest(&self, input: InputIdentity) -> Option<u64> {
        let place = *self.newest.get(&input)?;
        (place != UNWRITTEN).then_some(place.0)
    }

    /// The record before the one at `place`, whose line names `previous`.
    pub(super) fn before(&self, place: u64, previous: Option<u64>) -> Option<u64> {
        self.detours.get(&place).copied().unwrap_or(previous)
    }

    /// Forgets `input` if its newest record is at `place`.
    pub(super) fn forget(&mut self, input: InputIdentity, place: u64) {
        if self.newest(input) == Some(place) {
            self.newest.remove(&input);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.newest.len()
    }
}

/// Takes the first eight bytes of what is a hash already.
#[derive(Debug, Default)]
pub(super) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        for (place, byte) in bytes.iter().take(8).enumerate() {
            self.0 ^= u64::from(*byte) << (8 * place);
        }
    }

    fn write_usize(&mut self, _: usize) {
        // The length of an array, which is always the same.
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
