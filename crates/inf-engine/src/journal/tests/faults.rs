//! Disks that are full or broken.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use super::*;
use crate::journal::log::{Disk, FILE, FileDisk, Reserve};

/// What of a disk works.
#[derive(Debug)]
struct Faults {
    /// The bytes that can still be written.
    room: AtomicUsize,
    cuts: AtomicBool,
    syncs: AtomicBool,
    /// A sync waits until something is sent.
    gate: std::sync::Mutex<Option<mpsc::Receiver<()>>>,
    /// Bytes that it can make room for.
    reserve: AtomicUsize,
    /// Held, nothing is written.
    writes: std::sync::Mutex<()>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            room: AtomicUsize::new(usize::MAX),
            cuts: AtomicBool::new(true),
            syncs: AtomicBool::new(true),
            gate: std::sync::Mutex::default(),
            reserve: AtomicUsize::new(0),
            writes: std::sync::Mutex::default(),
        }
    }
}

struct FaultyDisk(FileDisk, Arc<Faults>);

impl Disk for FaultyDisk {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let _gate = self.1.writes.lock().unwrap();
        let room = self.1.room.load(Ordering::SeqCst);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.0.write(&bytes[..bytes.len().min(room)])?;
        if room != usize::MAX {
            self.1.room.store(room - written, Ordering::SeqCst);
        }
        Ok(written)
    }

    fn make_room(&self) -> bool {
        let reserve = self.1.reserve.swap(0, Ordering::SeqCst);
        self.1.room.fetch_add(reserve, Ordering::SeqCst);
        reserve > 0
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        if self.1.cuts.load(Ordering::SeqCst) {
            self.0.cut(length)
        } else {
            Err(io::Error::other("no"))
        }
    }

    fn sync(&self) -> io::Result<()> {
        if let Some(gate) = &*self.1.gate.lock().unwrap() {
            // Whoever holds the other end may be gone: then nobody waits.
            let _ = gate.recv();
        }
        if self.1.syncs.load(Ordering::SeqCst) {
            self.0.sync()
        } else {
            Err(io::Error::other("the cable is out"))
        }
    }

    fn inspect(&self, length: u64) -> Option<JournalErrorKind> {
        self.0.inspect(length)
    }
}

fn open(folder: &Path, settings: JournalSettings) -> (Journal, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let disk = |file| Box::new(FaultyDisk(file, Arc::clone(&faults))) as Box<dyn Disk>;
    (
        Journal::open_on(folder, settings, disk).unwrap(),
        Arc::clone(&faults),
    )
}

/// Records one input, as [`check_input`] wants it.
fn record(journal: &Journal, run: RunNumber, input: u64) {
    journal.append(call(run, input, "a"));
    journal.append(call(run, input, "b"));
    journal.append(ended(run, input));
}

fn length(folder: &Path) -> usize {
    fs::read(folder.join(FILE)).unwrap().len()
}

#[test]
fn a_disk_that_is_full_at_any_byte_loses_nothing() {
    // How much a whole run takes.
    let (header, all) = {
        let folder = folder();
        let (journal, _) = open(folder.path(), JournalSettings::default());
        let header = length(folder.path());
        let run = begin(&journal);
        record(&journal, run, 1);
        journal.close().unwrap();
        (header, length(folder.path()))
    };
    for room in 0..all - header {
        let folder = folder();
        let (journal, faults) = open(folder.path(), JournalSettings::default());
        faults.room.store(room, Ordering::SeqCst);
        let cuts = room % 2 == 0;
        faults.cuts.store(cuts, Ordering::SeqCst);
        let run = begin(&journal);
        record(&journal, run, 1);
        let error = journal.flushed_blocking().unwrap_err();
        let JournalErrorKind::Write {
            is_full: true,
            kept,
            dropped: 0,
            ..
        } = error.kind
        else {
            panic!("{error}");
        };
        // If only the last line break is missing and can't be made up for, nothing is.
        assert!((usize::from(cuts)..=6).contains(&kept), "{kept} are kept");
        assert!(!journal.has_room());
        assert_eq!(journal.failure(), Some(error));
        let found = journal.find(identity(1)).unwrap();
        if kept > 1 {
            assert!(journal.read(found).is_err());
        }
        if cuts {
            // A reader finds whole lines alone.
            let bytes = fs::read(folder.path().join(FILE)).unwrap();
            assert_eq!(bytes.last(), Some(&b'\n'), "{room} bytes");
        }
        faults.room.store(usize::MAX, Ordering::SeqCst);
        if room % 3 == 0 {
            // The last handle.
            drop(journal);
        } else {
            journal.clone().close().unwrap();
            assert!(journal.has_room());
            check_input(&journal, run, 1);
            record(&journal, run, 2);
            drop(journal);
        }
        let journal = Journal::open(folder.path()).unwrap();
        let damaged = journal.notices().iter();
        let damaged = damaged.filter(|notice| !matches!(notice, Notice::Damaged { .. }));
        assert_eq!(damaged.count(), 0);
        assert!(!cuts || journal.notices().is_empty());
        check_input(&journal, run, 1);
        if room % 3 != 0 {
            check_input(&journal, run, 2);
        }
    }
}

#[test]
fn a_full_disk_keeps_a_bounded_number_of_records_and_says_so() {
    let folder = folder();
    let settings = JournalSettings::default().with_max_unsynced_records(3);
    let (journal, faults) = open(folder.path(), settings);
    faults.room.store(0, Ordering::SeqCst);
    let run = RunNumber(1);
    journal.append(ended(run, 0));
    journal.flushed_blocking().unwrap_err();
    for input in 1..6 {
        journal.append(ended(run, input));
    }
    let error = journal.failure().unwrap().to_string();
    let error = error.replace(&*folder.path().to_string_lossy(), "FOLDER");
    insta::assert_snapshot!(error, @"FOLDER/journal.jsonl can't be written: no space is left on the disk; no more calls are made: free some space, then run the same again (3 records wait to be written) (3 more were given up)");
}

#[test]
fn what_is_not_confirmed_does_not_count_as_durable() {
    let folder = folder();
    let (journal, faults) = open(folder.path(), JournalSettings::default());
    let run = begin(&journal);
    journal.flushed_blocking().unwrap();
    faults.syncs.store(false, Ordering::SeqCst);
    record(&journal, run, 1);
    let error = journal.flushed_blocking().unwrap_err();
    assert!(matches!(error.kind, JournalErrorKind::Sync(_)));
    // The disk may have lost it and say so only once.
    faults.syncs.store(true, Ordering::SeqCst);
    assert_eq!(journal.flushed_blocking(), Err(error.clone()));
    assert_eq!(journal.clone().close(), Err(error));
    drop(journal);
    let journal = Journal::open(folder.path()).unwrap();
    check_input(&journal, run, 1);
}

#[test]
fn while_too_much_is_not_durable_there_is_no_room_and_then_again() {
    let folder = folder();
    let settings = JournalSettings::default().with_max_unsynced_records(4);
    let (journal, faults) = open(folder.path(), settings);
    let (open_gate, gate) = mpsc::channel();
    *faults.gate.lock().unwrap() = Some(gate);
    let (tell, told) = mpsc::channel();
    let subscription = journal.on_change(move || {
        let _ = tell.send(());
    });
    for input in 0..4 {
        assert!(journal.has_room());
        journal.append(ended(RunNumber(1), input));
    }
    assert!(journal.has_room());
    journal.append(ended(RunNumber(1), 4));
    assert!(!journal.has_room());
    // Written all the same: nothing that is handed over waits for a sync.
    let found = journal.find(identity(4)).unwrap();
    assert_eq!(journal.read(found).unwrap().len(), 1);
    drop(open_gate);
    told.recv().expect("there is room");
    assert!(journal.has_room());
    drop(subscription);
    assert!(told.recv().is_err());
}

#[test]
fn a_file_that_is_removed_or_cut_is_noticed() {
    type Harm = fn(&Path);
    let harms: [(Harm, JournalErrorKind); 3] = [
        (
            |folder| fs::remove_file(folder.join(FILE)).unwrap(),
            JournalErrorKind::Vanished,
        ),
        (
            |folder| fs::remove_dir_all(folder).unwrap(),
            JournalErrorKind::Vanished,
        ),
        (
            |folder| {
                let file = fs::OpenOptions::new().write(true).open(folder.join(FILE));
                file.unwrap().set_len(0).unwrap();
            },
            JournalErrorKind::Changed,
        ),
    ];
    for (harm, expected) in harms {
        let folder = folder();
        let journal = Journal::open(folder.path()).unwrap();
        let (tell, told) = mpsc::channel();
        let _subscription = journal.on_change(move || {
            let _ = tell.send(());
        });
        let run = begin(&journal);
        journal.flushed_blocking().unwrap();
        harm(folder.path());
        record(&journal, run, 1);
        let error = journal.flushed_blocking().unwrap_err();
        assert_eq!(error.kind, expected);
        told.recv().expect("it failed");
        assert!(!journal.has_room());
        let answer = journal.close();
        assert_eq!(answer.unwrap_err().kind, expected);
    }
}

/// The size of a file is limited by the operating system: a disk that is full
/// for real.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_is_told_in_plain_words() {
    // `/dev/full` takes nothing and says that there is no space.
    let file = fs::OpenOptions::new()
        .append(true)
        .open("/dev/full")
        .unwrap();
    let disk = FileDisk {
        file,
        path: "/dev/full".into(),
        reserve: Reserve::take(folder().path()),
    };
    let error = disk.write(b"a").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn the_reserve_keeps_what_is_in_flight_when_the_disk_is_full() {
    let folder = folder();
    let (journal, faults) = open(folder.path(), JournalSettings::default());
    let run = begin(&journal);
    record(&journal, run, 1);
    journal.flushed_blocking().unwrap();
    faults.reserve.store(1 << 20, Ordering::SeqCst);
    faults.room.store(100, Ordering::SeqCst);
    record(&journal, run, 2);
    let error = journal.flushed_blocking().unwrap_err();
    // Some of it may still wait for its turn.
    assert!(
        error.to_string().contains(
            "can't be written: no space is left on the disk; no more calls are made: free some space, then run the \
             same again"
        ),
        "{error}"
    );
    assert!(!journal.has_room() && !journal.has_room_beside(0, 8));
    // What was in flight ends, and is kept.
    record(&journal, run, 3);
    drop(journal);
    let (journal, _) = open(folder.path(), JournalSettings::default());
    for input in 1..=3 {
        check_input(&journal, run, input);
    }
    assert_eq!(journal.failure(), None);
}

#[test]
fn calls_that_are_not_written_are_in_flight() {
    let folder = folder();
    let (journal, faults) = open(folder.path(), JournalSettings::default());
    let run = begin(&journal);
    journal.flushed_blocking().unwrap();
    assert!(journal.has_room_beside(3, 4) && !journal.has_room_beside(4, 4));
    let (tells, told) = mpsc::channel();
    let _told = journal.on_change(move || {
        let _ = tells.send(());
    });
    // Nothing is written while this is held.
    let gate = faults.writes.lock().unwrap();
    record(&journal, run, 1);
    assert!(journal.has_room_beside(1, 4) && !journal.has_room_beside(2, 4));
    drop(gate);
    journal.flushed_blocking().unwrap();
    // The thread that writes tells it, in its own time.
    told.recv_timeout(Duration::from_mins(1)).unwrap();
    assert!(journal.has_room_beside(3, 4));
}
