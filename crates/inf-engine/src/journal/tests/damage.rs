//! Files that are cut off and damaged.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::journal::log::FILE;

/// How many inputs the files of these tests have, each with three records; before them are a
/// header and what the run is of.
const INPUTS: u64 = 4;
const BEFORE: usize = 4;

fn sample() -> (Vec<u8>, RunNumber) {
    let folder = folder();
    let run = write(folder.path(), INPUTS);
    (fs::read(folder.path().join(FILE)).unwrap(), run)
}

fn folder_with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = folder();
    fs::write(folder.path().join(FILE), bytes).unwrap();
    folder
}

/// Where each line begins, and where the last one ends.
fn line_starts(bytes: &[u8]) -> Vec<usize> {
    let ends = memchr::memchr_iter(b'\n', bytes).map(|end| end + 1);
    std::iter::once(0).chain(ends).collect()
}

/// Checks that exactly the records of `kept` lines are there, before and after something more is
/// recorded.
fn check(folder: &Path, run: RunNumber, kept: &dyn Fn(usize) -> bool, what: &str) -> Vec<Notice> {
    let expected = |input: u64| -> Vec<Record> {
        let all: [Record; 3] = [
            call(run, input, "a").into(),
            call(run, input, "b").into(),
            ended(run, input).into(),
        ];
        let line = BEFORE + 3 * usize::try_from(input).unwrap();
        let numbered = all.into_iter().enumerate();
        let kept = numbered.filter(|(place, _)| kept(line + place));
        let mut kept: Vec<_> = kept.map(|(_, record)| record).collect();
        kept.reverse();
        kept
    };
    let check = |journal: &Journal, more: &[Record]| {
        for input in 0..INPUTS {
            let found = journal.find(identity(input));
            let records = found.map(|found| journal.read(found).unwrap());
            let mut expected = expected(input);
            if input == INPUTS - 1 {
                expected.splice(0..0, more.iter().cloned());
            }
            assert_eq!(records.unwrap_or_default(), expected, "{what}");
        }
    };
    let journal = Journal::open(folder).unwrap();
    let notices = journal.notices().to_vec();
    check(&journal, &[]);
    let more = call(RunNumber(9), INPUTS - 1, "c");
    journal.append(more.clone());
    journal.close().unwrap();
    let journal = Journal::open(folder).unwrap();
    check(&journal, &[more.into()]);
    let cuts = journal.notices().iter();
    let cuts = cuts.filter(|notice| matches!(notice, Notice::CutEnd { .. }));
    assert_eq!(cuts.count(), 0, "{what}");
    notices
}

#[test]
fn cut_anywhere_in_its_last_records_all_before_is_kept() {
    let (bytes, run) = sample();
    let starts = line_starts(&bytes);
    let lines = starts.len() - 1;
    for cut in starts[lines - 3]..=bytes.len() {
        let folder = folder_with(&bytes[..cut]);
        // A line whose break alone is missing is whole.
        let kept = |line: usize| starts[line + 1] - 1 <= cut;
        let notices = check(folder.path(), run, &kept, &format!("cut at {cut}"));
        let last = starts.partition_point(|start| *start <= cut) - 1;
        let start = starts[last];
        let dropped = &bytes[start..cut];
        if dropped.is_empty() || kept(last) {
            assert_eq!(notices, [], "cut at {cut}");
            continue;
        }
        let aside = folder
            .path()
            .canonicalize()
            .unwrap()
            .join("damaged-1.jsonl");
        assert_eq!(fs::read(&aside).unwrap(), dropped);
        let expected = Notice::CutEnd {
            offset: start as u64,
            bytes: dropped.len() as u64,
            kept_in: Some(aside),
        };
        assert_eq!(notices, [expected], "cut at {cut}");
    }
}

#[test]
fn cut_anywhere_in_its_first_lines_it_opens() {
    let (bytes, run) = sample();
    let end = line_starts(&bytes)[BEFORE];
    for cut in 0..end {
        let folder = folder_with(&bytes[..cut]);
        check(folder.path(), run, &|_| false, &format!("cut at {cut}"));
    }
}

#[test]
fn with_any_byte_of_its_last_records_changed_all_others_are_kept() {
    let (bytes, run) = sample();
    let starts = line_starts(&bytes);
    let lines = starts.len() - 1;
    for place in starts[lines - 2]..bytes.len() {
        {
            // Into the nearest byte, one of no text, or a line break.
            let change = match [1, 0x80, bytes[place] ^ b'\n'][place % 3] {
                0 => 2,
                change => change,
            };
            let mut damaged = bytes.clone();
            damaged[place] ^= change;
            let folder = folder_with(&damaged);
            let line = starts.partition_point(|start| *start <= place) - 1;
            let is_break = bytes[place] == b'\n';
            let kept = |other: usize| other != line || is_break;
            let what = format!("byte {place} changed by {change}");
            let notices = check(folder.path(), run, &kept, &what);
            // What was the last line's break is cut off, all else passed over.
            let told = match &notices[..] {
                [Notice::CutEnd { offset, bytes, .. } | Notice::Damaged { offset, bytes, .. }] => {
                    (*offset, *bytes)
                }
                other => panic!("{what}: {other:?}"),
            };
            let whole = (starts[line], starts[line + 1] - 1 - starts[line]);
            let expected = if is_break { (place, 1) } else { whole };
            // A line that begins with a break is a byte shorter, and so is one that ends so.
            let at_most = (expected.0 as u64 + 1, expected.1 as u64);
            assert!(
                told.0 >= expected.0 as u64
                    && told.0 <= at_most.0
                    && told.1 <= at_most.1
                    && told.1 + 1 >= at_most.1,
                "{what}: {told:?} instead of {expected:?}"
            );
        }
    }
}

#[test]
fn with_a_damaged_first_line_the_rest_is_kept() {
    let (bytes, run) = sample();
    let starts = line_starts(&bytes);
    for place in 0..starts[1] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 4;
        let folder = folder_with(&damaged);
        check(folder.path(), run, &|_| true, &format!("byte {place}"));
        // It has a header again.
        let text = fs::read(folder.path().join(FILE)).unwrap();
        let headers = memchr::memmem::find_iter(&text, b"\"kind\":\"journal\"");
        assert!(headers.count() >= 1);
    }
}

#[test]
fn what_is_no_journal_is_left_alone() {
    for text in ["a,b\n1,2\n", "{\"index\": 0}\n", "no line break", "\n\n"] {
        let folder = folder_with(text.as_bytes());
        let error = Journal::open(folder.path()).unwrap_err();
        assert_eq!(error.kind, JournalErrorKind::NotAJournal, "{text:?}");
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), text.as_bytes());
    }
    for begun in ["", "{", "{\"sum\":\"", "\0\0\0\0"] {
        let folder = folder_with(begun.as_bytes());
        assert!(Journal::open(folder.path()).is_ok(), "{begun:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Several places are overwritten and the end is cut off: whatever that is, the
    /// file opens, and each line that was not touched is read.
    #[test]
    fn random_damage_loses_nothing_else(
        scratches in proptest::collection::vec((any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 1..40)), 0..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let (bytes, run) = sample();
        let starts = line_starts(&bytes);
        let mut damaged = bytes.clone();
        for (place, scratch) in &scratches {
            let place = place.index(damaged.len());
            let end = damaged.len().min(place + scratch.len());
            damaged[place..end].copy_from_slice(&scratch[..end - place]);
        }
        if cuts {
            let cut = cut.index(damaged.len() - starts[1]) + starts[1];
            damaged.truncate(cut);
        }
        let is_same = |line: usize| {
            let place = starts[line]..starts[line + 1] - 1;
            damaged.get(place.clone()) == Some(&bytes[place])
        };
        let folder = folder_with(&damaged);
        let opened = Journal::open(folder.path());
        let Ok(journal) = opened else {
            // Nothing of it is left.
            prop_assert!((0..starts.len() - 1).all(|line| !is_same(line)));
            return Ok(());
        };
        drop(journal);
        check(folder.path(), run, &is_same, "random damage");
    }
}
