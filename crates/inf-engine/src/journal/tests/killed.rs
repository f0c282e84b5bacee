//! A process that is killed while it writes.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

/// The variable that makes this test the process that is killed.
const FOLDER: &str = "INF_TEST_JOURNAL_TO_KILL";

/// Records inputs and says on stdout how many are durable, until it is killed.
#[test]
#[ignore = "runs until it is killed; the test below starts it"]
fn appends_until_it_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let journal = Journal::open(folder).unwrap();
    let run = begin(&journal);
    // What an earlier process recorded is there.
    for input in journal.inputs() as u64.. {
        journal.append(ended(run, input));
        if input % 3 == 0 {
            journal.flushed_blocking().unwrap();
            writeln!(std::io::stderr(), "durable {}", input + 1).unwrap();
        }
    }
}

#[test]
fn nothing_that_was_confirmed_is_lost_when_the_process_is_killed() {
    let folder = folder();
    let mut confirmed = 0;
    for round in 1..=4 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("journal::tests::killed::appends_until_it_is_killed")
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let told = lines.filter_map(|line| line.unwrap().strip_prefix("durable ")?.parse().ok());
        // At another moment each time.
        let mut seen = 0;
        for inputs in told {
            confirmed = inputs;
            seen += 1;
            if seen == 10 * round + round * round {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        assert!(journal.inputs() as u64 >= confirmed);
        for input in 0..confirmed {
            let found = journal.find(identity(input)).expect("it was confirmed");
            let record = journal.read_newest(found, 1).unwrap().remove(0);
            let Record::Input(record) = record else {
                panic!("{record:?}");
            };
            assert_eq!(
                (record.index, &record.outcome),
                (input, &ended(record.run, input).outcome)
            );
        }
    }
}
