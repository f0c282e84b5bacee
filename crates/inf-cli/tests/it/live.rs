//! `inf run --tui`: on a real terminal, and where there is none.
#![cfg(unix)]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Workplace, skipped_without};

/// A run of 500 inputs at some 25 a second.
fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write(
        "one.yaml",
        "version: 1\nname: patience\ninput: any\nnodes:\n  answer: { llm: slow, prompt: \"{input}\" }\noutput: answer\n",
    );
    workplace.write(
        "resources.yaml",
        "endpoints:\n  slow: { provider: simulated, model: m, max_concurrent: 5, price: { input: 1, output: 2 }, \
         simulated: { latency: { median_ms: 200 } } }\n",
    );
    let inputs = (0..500).map(|index| format!("{index}\n"));
    workplace.write("inputs.jsonl", inputs.collect::<String>());
    workplace
}

const RUN: &str = "run one.yaml -i inputs.jsonl -r resources.yaml -o results.jsonl --tui";

/// A terminal of its own, in which a shell waits; it ends with the test.
struct Terminal<'w> {
    workplace: &'w Workplace,
}

impl<'w> Terminal<'w> {
    /// `None` where there is no tmux.
    fn open(workplace: &'w Workplace) -> Option<Self> {
        if Command::new("tmux")
            .arg("-V")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            skipped_without("tmux");
            return None;
        }
        let terminal = Self { workplace };
        terminal.tmux(&[
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "env PS1='ready ' sh",
        ]);
        terminal.wait_for("ready");
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-f", "/dev/null", "-S"])
            .arg(self.workplace.path("tmux"))
            .args(arguments)
            .current_dir(self.workplace.path("."))
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux runs");
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a line into the shell.
    fn enter(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn seen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// What is seen as soon as `text` is.
    fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |seen| seen.contains(text))
    }

    /// What is seen as soon as it is `so`; a minute is taken for never.
    fn wait_until(&self, so: &str, is_so: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let seen = self.seen();
            if is_so(&seen) {
                return seen;
            }
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "no `{so}` in\n{seen}"
            );
            std::thread::yield_now();
        }
    }

    /// Runs `inf`, and says when it has ended, and how it left the terminal.
    fn run(&self, line: &str) {
        let inf = env!("CARGO_BIN_EXE_inf");
        self.enter(&format!(
            "clear; {inf} {line}; echo \"ended: $?\" `stty -a | grep -ow -e '-*icanon' -e '-*echo'`"
        ));
    }

    /// The terminal is as it was: the shell's own screen, a cursor, keys that are seen.
    fn assert_restored(&self, code: u8) -> String {
        let seen = self.wait_for(&format!("ended: {code} "));
        assert!(
            seen.contains(&format!("ended: {code} icanon echo")),
            "{seen}"
        );
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(flags.trim(), "0 1");
        seen
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // It may be gone already.
        let socket = self.workplace.path("tmux");
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .arg("kill-server")
            .output();
    }
}

#[test]
fn a_run_on_a_terminal_stops_at_a_key_and_gives_it_back() {
    let workplace = workplace();
    let Some(terminal) = Terminal::open(&workplace) else {
        return;
    };
    terminal.run(&format!("{RUN} --budget-usd 5"));
    let seen = terminal.wait_for("answers in each of the last 2 seconds");
    for expected in [
        "patience",
        "of 500 inputs",
        "of $5.00 left",
        "slow           5/5",
        "q stop   ? help",
    ] {
        assert!(seen.contains(expected), "{expected}\n{seen}");
    }
    terminal.press("?");
    terminal.wait_for("begin no more inputs and finish those");
    terminal.press("Escape");
    // By itself: at once after it, it would be another key.
    terminal.wait_until("help that is gone", |seen| {
        !seen.contains("begin no more inputs and finish those")
    });
    terminal.press("q");
    let seen = terminal.assert_restored(130);
    // The summary comes after it, as it always does.
    for expected in [
        "0 failed",
        "cancelled), ",
        "not read",
        "results in results.jsonl",
    ] {
        assert!(seen.contains(expected), "{expected}\n{seen}");
    }
    assert!(!seen.contains("q stop"), "{seen}");
}

#[test]
fn a_second_key_exits_at_once_and_gives_it_back() {
    let workplace = workplace();
    workplace.write(
        "resources.yaml",
        "endpoints:\n  slow: { provider: simulated, model: m, max_concurrent: 5, \
         simulated: { latency: { median_ms: 3600000 } } }\n",
    );
    let Some(terminal) = Terminal::open(&workplace) else {
        return;
    };
    terminal.run(RUN);
    terminal.wait_for("5/5");
    terminal.press("C-c");
    terminal.wait_for("being finished, for at most");
    terminal.wait_for("q exit at once");
    terminal.press("q");
    let seen = terminal.assert_restored(130);
    assert!(
        seen.contains("stopped at once: what was in flight was given up"),
        "{seen}"
    );
}

#[test]
fn signals_give_it_back() {
    for (signal, code) in [("QUIT", 131), ("TERM", 130)] {
        let workplace = workplace();
        let Some(terminal) = Terminal::open(&workplace) else {
            return;
        };
        terminal.run(RUN);
        terminal.wait_for("5/5");
        let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
        // It is the only child of that shell.
        let inf = fs::read_to_string(format!("/proc/{0}/task/{0}/children", shell.trim()));
        let Ok(inf) = inf else {
            skipped_without("/proc that tells the children of a process");
            return;
        };
        let sent = Command::new("kill")
            .args(["-s", signal, inf.trim()])
            .status();
        assert!(sent.expect("`kill` runs").success());
        terminal.assert_restored(code);
    }
}

#[test]
fn a_run_that_ends_by_itself_gives_it_back() {
    let workplace = workplace();
    let Some(terminal) = Terminal::open(&workplace) else {
        return;
    };
    terminal.run(&format!("{RUN} --limit 20"));
    let seen = terminal.assert_restored(0);
    assert!(
        seen.contains("inputs   20 (20 succeeded, 0 failed)"),
        "{seen}"
    );
    // Results have the place that they need, or there is no view.
    terminal.run("run one.yaml -i inputs.jsonl -r resources.yaml --tui");
    let seen = terminal.assert_restored(2);
    assert!(seen.contains("--tui takes the whole terminal"), "{seen}");
    // A terminal that can't do more gets lines.
    terminal.enter("TERM=dumb; export TERM");
    terminal.run(&format!("{RUN} --limit 40"));
    let seen = terminal.assert_restored(0);
    assert!(
        seen.contains("inputs   40 (40 succeeded, 0 failed)"),
        "{seen}"
    );
}

#[test]
fn off_the_terminal_nothing_is_drawn() {
    let workplace = workplace();
    let ended = workplace.inf(&format!("{RUN} --limit 3"));
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stderr.starts_with("the result of input"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
    let ended = workplace.inf(&format!("{RUN} --limit 3 --quiet"));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let ended = workplace.inf(&format!("{RUN} --limit 3 --json"));
    assert_eq!(ended.summary()["succeeded"], 3);
}
