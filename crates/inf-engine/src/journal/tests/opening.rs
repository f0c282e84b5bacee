//! Who may open a journal, and what is said to others.

use std::fs;

use super::*;
use crate::journal::log::Lock;

#[test]
fn all_that_a_process_opens_in_a_folder_is_one_journal() {
    let folder = folder();
    let one = Journal::open(folder.path()).unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    let other = Journal::open(folder.path().join("inner/..")).unwrap();
    let run = begin(&one);
    one.append(ended(run, 1));
    drop(one);
    let found = other.find(identity(1)).expect("it is the same journal");
    assert_eq!(other.read(found).unwrap().len(), 1);
    drop(other);
    // In many threads, each of which may be the last that leaves.
    std::thread::scope(|scope| {
        for input in 10..14 {
            let folder = folder.path();
            scope.spawn(move || {
                for _ in 0..10 {
                    let journal = Journal::open(folder).unwrap();
                    journal.append(ended(run, input));
                }
            });
        }
    });
    let journal = Journal::open(folder.path()).unwrap();
    for input in 10..14 {
        let found = journal.find(identity(input)).unwrap();
        assert_eq!(journal.read(found).unwrap().len(), 10);
    }
}

#[test]
fn mistakes_are_told() {
    let folder = folder();
    let told = |result: Result<Journal, JournalError>| {
        let error = result.unwrap_err().to_string();
        let error = error.replace(&*folder.path().to_string_lossy(), "FOLDER");
        error.replace(&std::process::id().to_string(), "PID")
    };
    fs::write(folder.path().join("file"), "").unwrap();
    let lock = Lock::take(folder.path()).unwrap();
    let in_use = told(Journal::open(folder.path()));
    let reader = JournalReader::open(folder.path());
    assert!(reader.is_err(), "there is no file yet");
    drop(lock);
    assert!(Journal::open(folder.path()).is_ok());
    fs::create_dir_all(folder.path().join("folder/journal.jsonl")).unwrap();
    let read_only = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let read_only = crate::journal::log::cannot_open(&folder.path().join("lock"), &read_only);
    let all = [
        in_use,
        told(Journal::open(folder.path().join("file"))),
        told(Journal::open(folder.path().join("file/inner"))),
        told(Journal::open(folder.path().join("folder"))),
        told(Err(read_only)),
    ];
    insta::assert_snapshot!("mistakes", all.join("\n"));
}

#[test]
fn a_reader_sees_what_is_written_and_whether_it_goes_on() {
    let folder = folder();
    let journal = Journal::open(folder.path()).unwrap();
    let run = begin(&journal);
    let read = || {
        let mut records = 0;
        let reader = JournalReader::open(folder.path()).unwrap();
        let is_being_written = reader.is_being_written();
        let notices = reader.read(|_| records += 1).unwrap();
        (records, is_being_written, notices)
    };
    journal.append(ended(run, 1));
    journal.flushed_blocking().unwrap();
    // The parameter, the pipeline, the run, the input.
    assert_eq!(read(), (4, Some(true), vec![]));
    journal.append(ended(run, 2));
    drop(journal);
    assert_eq!(read(), (5, Some(false), vec![]));
    let path = folder.path().join(crate::journal::log::FILE);
    let bytes = fs::read(&path).unwrap();
    // The last line without its break is a record all the same; half of one is none.
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(read(), (5, Some(false), vec![]));
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let (records, _, notices) = read();
    let [Notice::CutEnd { kept_in: None, .. }] = &notices[..] else {
        panic!("{notices:?}");
    };
    assert_eq!(records, 4);
    assert!(
        notices[0]
            .to_string()
            .ends_with("are dropped; all before it is kept")
    );
}
