//! [`RequestIndex`]: where the answers to each request are.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::RequestKey;
use super::index::IdentityHasher;
use super::record::CallRecord;

/// Where the answers to each request are: 40 bytes for one that was asked once,
/// 46 to 92 with the room that the table keeps for growing.
#[derive(Debug, Default)]
pub(super) struct RequestIndex {
    answers: HashMap<RequestKey, Places, BuildHasherDefault<IdentityHasher>>,
}

/// Places in ascending order. Nearly all requests are asked once.
#[derive(Debug)]
enum Places {
    One(u64),
    Several(Vec<u64>),
}

impl Places {
    fn all(&self) -> &[u64] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Several(places) => places,
        }
    }
}

/// The key of a call that was answered.
pub(super) fn key_of(call: &CallRecord) -> Option<RequestKey> {
    let is_answered = call.outcome.is_ok();
    is_answered.then(|| call.request.at(&call.model, &call.endpoint))
}

impl RequestIndex {
    /// Notes an answer that is at `place`.
    pub(super) fn note(&mut self, key: RequestKey, place: u64) {
        use std::collections::hash_map::Entry;
        match self.answers.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert(Places::One(place))),
            Entry::Occupied(mut entry) => {
                let places = entry.get_mut();
                if let Places::One(first) = *places {
                    *places = Places::Several(vec![first]);
                }
                if let Places::Several(places) = places {
                    let at = places.partition_point(|other| *other < place);
                    places.insert(at, place);
                }
            }
        }
    }

    /// Forgets the answer at `place`.
    pub(super) fn forget(&mut self, key: RequestKey, place: u64) {
        let Some(places) = self.answers.get_mut(&key) else {
            return;
        };
        let left: Vec<u64> = places
            .all()
            .iter()
            .copied()
            .filter(|other| *other != place)
            .collect();
        match left[..] {
            [] => drop(self.answers.remove(&key)),
            [one] => *places = Places::One(one),
            _ => *places = Places::Several(left),
        }
    }

    /// The answer number `n`, from 0, in the order of the journal, to any of `keys`.
    pub(super) fn nth(&self, keys: &[RequestKey], n: usize) -> Option<u64> {
        if let [key] = keys {
            return self.answers.get(key)?.all().get(n).copied();
        }
        let mut places: Vec<u64> = keys
            .iter()
            .filter_map(|key| self.answers.get(key))
            .flat_map(|places| places.all().iter().copied())
            .collect();
        places.sort_unstable();
        places.dedup();
        places.get(n).copied()
    }

    /// Takes in all of `other`.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, places) in other.answers {
            places.all().iter().for_each(|place| self.note(key, *place));
        }
    }
}
