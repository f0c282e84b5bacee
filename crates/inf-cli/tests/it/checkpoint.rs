//! `inf run --checkpoint-dir`: what is finished is kept, whatever ends the
//! program, and is not paid again.

use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::Value as Json;

use crate::command::{Server, Workplace, results};

const RUN: &str =
    "run pipeline.yaml -i pairs.jsonl -o results.jsonl -r resources.yaml --checkpoint-dir night";

fn workplace(server: &Server, inputs: usize) -> Workplace {
    let workplace = Workplace::new();
    workplace.write_pairs(inputs);
    workplace.write_resources(&server.url);
    workplace
}

fn calls(server: &Server) -> u64 {
    server.stats()["calls"].as_u64().expect("a count")
}

/// The number of calls in the journal of `workplace`: whole lines of its file.
fn recorded(workplace: &Workplace) -> u64 {
    let file = workplace.read("night/journal.jsonl");
    let lines = file
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let records = lines.map(|line| serde_json::from_str::<Json>(line).expect("a line of JSON"));
    records.filter(|record| record["kind"] == "call").count() as u64
}

#[test]
fn the_same_command_again_calls_nothing_and_gives_the_same() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 20);
    let first = workplace.inf(&format!("{RUN} --preserve-order"));
    let written = workplace.read("results.jsonl");
    assert_eq!(calls(&server), 60);
    let again = workplace.inf(&format!("{RUN} --preserve-order"));
    assert_eq!(calls(&server), 60);
    assert_eq!(workplace.read("results.jsonl"), written);
    assert_snapshot!(
        "checkpoint_again",
        [first.shown(), again.shown()].join("\n")
    );
}

#[test]
fn inputs_are_known_by_what_they_say() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 20);
    workplace.inf(RUN);
    let before = results(&workplace.read("results.jsonl"));
    let pairs = workplace.read("pairs.jsonl");
    let mut lines: Vec<&str> = pairs.lines().collect();
    lines.reverse();
    let new = "{\"a\": \"plum\", \"b\": \"fig\"}";
    // The last one comes twice: its second occurrence is another input.
    lines.extend([new, lines[0]]);
    workplace.write("pairs.jsonl", lines.join("\n"));
    let ended = workplace.inf(RUN);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(calls(&server), 60 + 6);
    let after = results(&workplace.read("results.jsonl"));
    for (index, result) in after.iter().take(20).enumerate() {
        assert_eq!(result["output"], before[19 - index]["output"]);
    }
    assert_eq!(after.len(), 22);
}

#[test]
fn what_depends_on_a_change_runs_again_and_nothing_else() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 10);
    workplace.inf(RUN);
    let changed = workplace
        .read("pipeline.yaml")
        .replace("Compare {facts_a}", "Contrast {facts_a}");
    workplace.write("pipeline.yaml", changed);
    let ended = workplace.inf(&format!("{RUN} --json"));
    assert_eq!(calls(&server), 30 + 10);
    let summary = ended.summary();
    assert_eq!(summary["calls"], 10);
    assert_eq!(summary["calls_from_journal"], 20);
    assert_eq!(summary["inputs_from_journal"], 0);
    // Another model is asked everything again. It answers the same, so that
    // nothing that depends on it has changed.
    let resources = workplace
        .read("resources.yaml")
        .replace("model: f", "model: f2");
    workplace.write("resources.yaml", resources);
    workplace.inf(RUN);
    assert_eq!(calls(&server), 40 + 20);
    // Back again: it is all there.
    let resources = workplace
        .read("resources.yaml")
        .replace("model: f2", "model: f");
    workplace.write("resources.yaml", resources);
    workplace.inf(RUN);
    assert_eq!(calls(&server), 60);
}

#[test]
fn a_budget_goes_on_with_a_higher_one() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 50);
    let stopped = workplace.inf(&format!("{RUN} --budget-calls 40"));
    assert_eq!(stopped.code, Some(3), "{}", stopped.stderr);
    assert_eq!(calls(&server), 40);
    // The same budget again is spent.
    let again = workplace.inf(&format!("{RUN} --budget-calls 40"));
    assert_eq!((again.code, calls(&server)), (Some(3), 40));
    assert!(
        again
            .stderr
            .contains("run the same command with a higher budget"),
        "{}",
        again.stderr
    );
    let higher = workplace.inf(&format!("{RUN} --budget-calls 150 --json"));
    assert_eq!(higher.code, Some(0), "{}", higher.stderr);
    assert_eq!(calls(&server), 150);
    assert_eq!(higher.summary()["budget"]["calls"]["spent"], 150);
    assert_eq!(results(&workplace.read("results.jsonl")).len(), 50);
}

#[test]
fn what_failed_stays_failed_until_it_is_to_be_tried_again() {
    let server = Server::start("--answer hash --faults 0.4");
    let workplace = workplace(&server, 30);
    let run = format!("{RUN} --max-retries 0 --json");
    let first = workplace.inf(&run).summary();
    let failed = first["failed"].as_u64().expect("a count");
    assert!((1..30).contains(&failed), "{first}");
    let before = calls(&server);
    let for_people = workplace.inf(&format!("{RUN} --max-retries 0")).stderr;
    assert!(
        for_people.contains("not run again: --retry-failed does"),
        "{for_people}"
    );
    let again = workplace.inf(&run).summary();
    assert_eq!(again["failed"], failed);
    assert_eq!(again["inputs_from_journal"], 30);
    assert_eq!(calls(&server), before);
    // A healthy server now, at the same address as far as the models go.
    let healthy = Server::start("--answer hash");
    workplace.write_resources(&healthy.url);
    let retried = workplace.inf(&format!("{run} --retry-failed"));
    assert_eq!(retried.code, Some(0), "{}", retried.stderr);
    let retried = retried.summary();
    assert_eq!(retried["inputs_from_journal"], 30 - failed);
    assert!(calls(&healthy) <= 3 * failed);
    assert_eq!(results(&workplace.read("results.jsonl")).len(), 30);
}

#[test]
fn the_first_run_already_says_how_to_try_what_failed_again() {
    let server = Server::start("--faults 1");
    let workplace = workplace(&server, 3);
    let advice = "\n  in the journal 3 stay failed: the same command again tries them only with --retry-failed\n";
    let first = workplace.inf(&format!("{RUN} --max-retries 0")).stderr;
    assert!(first.contains(advice), "{first}");
    let again = workplace.inf(&format!("{RUN} --max-retries 0")).stderr;
    assert!(!again.contains(advice), "{again}");
    // Without a journal nothing stays.
    let run = "run pipeline.yaml -i pairs.jsonl -r resources.yaml -o results.jsonl --max-retries 0";
    let without = workplace.inf(run).stderr;
    assert!(!without.contains("--retry-failed"), "{without}");
}

#[test]
fn a_replay_calls_nothing_and_names_what_is_missing() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 5);
    workplace.inf(RUN);
    let before = results(&workplace.read("results.jsonl"));
    drop(server);
    // Not even the resources are needed.
    let replay =
        "run pipeline.yaml -i pairs.jsonl -o results.jsonl --checkpoint-dir night --replay";
    let ended = workplace.inf(replay);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(results(&workplace.read("results.jsonl")), before);
    let changed = workplace
        .read("pipeline.yaml")
        .replace("Compare {facts_a}", "Contrast {facts_a}");
    workplace.write("pipeline.yaml", changed);
    let lines = workplace.read("pairs.jsonl") + "{\"a\": \"new\", \"b\": \"one\"}\n";
    workplace.write("pairs.jsonl", lines);
    let ended = workplace.inf(&format!("{replay} --preserve-order"));
    let missing =
        workplace.inf("run pipeline.yaml -i pairs.jsonl --checkpoint-dir nowhere --replay");
    std::fs::create_dir(workplace.path("empty")).expect("a new folder");
    let empty = workplace.inf("run pipeline.yaml -i pairs.jsonl --checkpoint-dir empty --replay");
    assert!(
        empty.stderr.contains("there is no journal in empty"),
        "{}",
        empty.stderr
    );
    assert_snapshot!(
        "replay_missing",
        [
            ended.shown(),
            workplace.read("results.jsonl"),
            missing.shown()
        ]
        .join("\n")
    );
}

#[test]
fn nothing_is_written_over_a_journal() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 3);
    workplace.inf(RUN);
    let before = workplace.read("night/journal.jsonl");
    let run = "run pipeline.yaml -i pairs.jsonl -r resources.yaml --checkpoint-dir night";
    for command in [
        &format!("{run} -o"),
        &format!("{run} -o results.jsonl --profile"),
        "journal night export -o",
        "report night -o",
    ] {
        for file in ["journal.jsonl", "lock", "reserve"] {
            let ended = workplace.inf(&format!("{command} night/{file}"));
            assert_eq!(ended.code, Some(2), "{}", ended.stderr);
            assert!(ended.stderr.contains("would be lost"), "{}", ended.stderr);
        }
        assert_eq!(workplace.read("night/journal.jsonl"), before);
    }
}

/// Whoever finds an empty journal wonders what it is of.
#[test]
fn a_run_that_is_refused_leaves_no_new_journal() {
    let workplace = Workplace::new();
    workplace.write_pairs(1);
    let refused = |options: &str| {
        let ended = workplace.inf(&format!("run pipeline.yaml {options}"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(!ended.stderr.contains("Usage"), "{}", ended.stderr);
    };
    refused("-i missing.jsonl --checkpoint-dir new/night");
    refused("-i pairs.jsonl -o new/results.jsonl/x --checkpoint-dir new/night --budget-usd 1");
    assert!(!workplace.path("new").exists());
    // Neither what was there, nor what is used.
    std::fs::create_dir(workplace.path("old")).expect("a folder");
    refused("-i pairs.jsonl --checkpoint-dir old --budget-usd 1");
    assert!(workplace.path("old").exists());
    let ended = workplace
        .inf("run pipeline.yaml -i pairs.jsonl -o results.jsonl --checkpoint-dir new/night");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    refused("-i missing.jsonl --checkpoint-dir new/night");
    assert!(
        workplace
            .inf("journal new/night")
            .stdout
            .contains("calls    3")
    );
}

#[test]
fn damage_is_told_with_its_file_and_not_to_programs() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 3);
    workplace.inf(RUN);
    let file = workplace.read("night/journal.jsonl");
    workplace.write(
        "night/journal.jsonl",
        file.replacen("\"turn\":1", "\"turn\":2", 1),
    );
    let told = workplace.inf(RUN).stderr;
    assert!(
        told.starts_with("warning: night/journal.jsonl: line "),
        "{told}"
    );
    let ended = workplace.inf(&format!("{RUN} --json"));
    let summary: Json = serde_json::from_str(&ended.stderr).expect("one line of JSON");
    // Nothing was waited for.
    assert_eq!(summary["calling_seconds"], 0.0);
    let told = workplace.inf("journal night").stderr;
    assert!(
        told.starts_with("warning: night/journal.jsonl: line "),
        "{told}"
    );
}

#[test]
fn a_cache_answers_the_same_request_of_another_input() {
    let server = Server::start("--answer hash");
    let workplace = Workplace::new();
    workplace.write_resources(&server.url);
    // Of six calls five are different ones.
    let pairs = "{\"a\": \"x\", \"b\": \"y\"}\n{\"a\": \"x\", \"b\": \"z\"}\n";
    workplace.write("pairs.jsonl", pairs);
    workplace.inf(RUN);
    assert_eq!(calls(&server), 6);
    let more = "{\"a\": \"q\", \"b\": \"x\"}\n{\"a\": \"p\", \"b\": \"x\"}\n{\"a\": \"o\", \"b\": \"x\"}\n";
    workplace.write("pairs.jsonl", more);
    let ended = workplace.inf(&format!("{RUN} --cache --json --max-concurrent 1"));
    // It was asked twice before: the third time is a sample of its own.
    assert_eq!(ended.summary()["calls_from_journal"], 2);
    assert_eq!(calls(&server), 6 + 7);
}

/// Kills the run `kills` times, whenever another part of its calls was made, and
/// lets it end. Nothing that the journal had is asked again.
#[cfg(unix)]
fn check_kills(inputs: usize, kills: u64, in_flight: u64) {
    let server = Server::start("--answer hash --latency 3 --latency-spread 0.5");
    let workplace = workplace(&server, inputs);
    let run = format!("{RUN} --quiet --max-concurrent {in_flight}");
    let distinct = 3 * inputs as u64;
    for kill in 1..=kills {
        // Moments that no period of the run comes to.
        let moment = calls(&server) + 1 + (kill * 7919) % (2 * distinct / kills);
        let mut child = workplace
            .command(&run)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        while calls(&server) < moment && child.try_wait().expect("a state").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("an end");
    }
    let ended = workplace.inf(&run);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Each call is in the journal once, so that none that was there was repeated,
    assert_eq!(recorded(&workplace), distinct);
    // and of the others no more than were in flight.
    let paid = calls(&server);
    assert!(
        (distinct..=distinct + kills * in_flight).contains(&paid),
        "{paid} calls were paid for, of {distinct}"
    );
    let lines = results(&workplace.read("results.jsonl"));
    assert_eq!(lines.len(), inputs);
    assert!(
        lines
            .iter()
            .all(|line| line["output"]["comparison"].is_string())
    );
    #[expect(clippy::print_stderr, reason = "the figure of the long one")]
    {
        eprintln!("{kills} kills: {paid} calls were paid for, of {distinct}");
    }
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_without_paying_twice() {
    check_kills(100, 6, 8);
}

/// The long one: `cargo test -p inf-cli --test it -- --ignored killed --nocapture`.
#[cfg(unix)]
#[test]
#[ignore = "takes minutes; the one above is the same, shorter"]
fn a_run_that_is_killed_200_times_goes_on_without_paying_twice() {
    check_kills(3334, 200, 16);
}

/// A small file system in memory, as long as it is kept.
#[cfg(target_os = "linux")]
struct SmallDisk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// `None` where nobody may mount one.
    fn mount(folder: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir(&folder).expect("a folder");
        let options = ["-t", "tmpfs", "-o", "size=1700k", "tmpfs"];
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(options).arg(&folder).stderr(Stdio::null());
        let is_mounted = mounted.status().is_ok_and(|status| status.success());
        is_mounted.then_some(Self(folder))
    }

    fn enlarge(&self) {
        let mut mount = std::process::Command::new("mount");
        let enlarged = mount.args(["-o", "remount,size=20m"]).arg(&self.0);
        assert!(enlarged.status().expect("mount runs").success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

/// Needs the right to mount a file system, and passes without it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let server = Server::start("--answer hash");
    let workplace = workplace(&server, 600);
    let Some(disk) = SmallDisk::mount(workplace.path("disk")) else {
        return;
    };
    let run = RUN.replace("--checkpoint-dir night", "--checkpoint-dir disk/night");
    let stopped = workplace.inf(&run);
    assert_eq!(stopped.code, Some(1), "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains(
            "can't be written: no space is left on the disk; no more calls are made: free some space, then run the \
             same again"
        ),
        "{}",
        stopped.stderr
    );
    let before = calls(&server);
    assert!((100..1800).contains(&before), "{before} calls");
    disk.enlarge();
    let resumed = workplace.inf(&run);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    // What was in flight when it was full was kept, too.
    assert_eq!(calls(&server), 1800);
    assert_eq!(results(&workplace.read("results.jsonl")).len(), 600);
}
