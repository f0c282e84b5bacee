//! The guide's commands, as they are printed: all those of a page run in one
//! shell, in a folder of its own, with the files that the page shows. What a
//! block may say is told at `inf_guide::Block`.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use inf_guide::{AROUND, Block, PAGES, Page};

/// How long the commands of a page may take before they are ended.
const LIMIT: Duration = Duration::from_mins(2);

/// Stands before what a block prints, with the block's number behind it.
const MARK: char = '\u{1}';

/// Stands in the place of cargo, so that no page builds anything: `inf` is there
/// already, and the examples are run by `examples/run-all`.
const CARGO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "$*" in
  "run --bin inf -- "*) shift 4; exec inf "$@" ;;
  "run -p inf-examples --example "*)
    grep -q "name = \"$5\"" examples/Cargo.toml || { echo "there is no example $5"; exit 101; } ;;
  *) echo "\`cargo $*\` is not for this test: write \`sh,no_run\`"; exit 101 ;;
esac
"#;

#[test]
fn every_command_does_what_the_page_says() {
    let only = std::env::var("GUIDE_PAGE").ok();
    let guide = PAGES.iter().map(|path| Path::new("docs").join(path));
    let paths = guide.chain(AROUND.iter().map(PathBuf::from));
    let paths = paths.filter(|path| only.as_ref().is_none_or(|only| path.ends_with(only)));
    let pages: Vec<Page> = paths.map(Page::read).collect();
    assert!(!pages.is_empty(), "there is no such page");
    // All pages are done before anything is said: none leaves a server behind.
    let problems: String = thread::scope(|scope| {
        let running: Vec<_> = pages
            .iter()
            .map(|page| scope.spawn(|| problems_of(page)))
            .collect();
        let problems = running.into_iter().map(|page| page.join().expect("ended"));
        problems.collect()
    });
    assert!(problems.is_empty(), "\n{problems}");
}

/// What is wrong with the commands of a page; nothing, if they do as it says.
fn problems_of(page: &Page) -> String {
    let mut problems = String::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = Session::prepare(folder.path(), page);
    let (status, printed) = session.run();
    let printed = by_block(&printed);
    if !status.is_some_and(|status| status.success()) {
        let (block, last) = printed.last().expect("the first is always there");
        let line = page.blocks.get(*block).map_or(1, |block| block.line);
        let how = match status {
            Some(status) => status.to_string(),
            None => format!("still running after {} s", LIMIT.as_secs()),
        };
        let _ = writeln!(problems, "{}: {how}\n{last}", page.at(line));
        return problems;
    }
    for (index, expected) in page.blocks.iter().enumerate() {
        if !expected.is("output") {
            continue;
        }
        let at = page.at(expected.line);
        let before = index.checked_sub(1);
        let before = before.map(|before| (before, &page.blocks[before]));
        let Some((before, _)) = before.filter(|(_, block)| block.language == "sh") else {
            let _ = writeln!(problems, "{at}: no commands stand before it");
            continue;
        };
        if !is_run(&page.blocks[before]) {
            continue;
        }
        let printed = printed.iter().find(|(block, _)| *block == before);
        let (_, printed) = printed.expect("every block that is run has a mark");
        if !fits(printed, &expected.text) {
            let expected = &expected.text;
            let _ = writeln!(
                problems,
                "{at}: the page says\n{expected}\nand this was printed\n{printed}"
            );
        }
    }
    problems
}

/// Whether the commands of a block are run, and not only read.
fn is_run(block: &Block) -> bool {
    !block.is("no_run") && is_possible(block)
}

fn is_possible(block: &Block) -> bool {
    block.value("needs").is_none_or(|program| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output();
        found.is_ok_and(|found| found.status.success())
    })
}

/// The shell of a page.
struct Session {
    /// Where the commands run.
    workplace: PathBuf,
    /// Where they and the files of the page are.
    script: PathBuf,
    /// What is found before other programs.
    programs: PathBuf,
}

impl Session {
    fn prepare(folder: &Path, page: &Page) -> Self {
        let session = Self {
            workplace: folder.join("work"),
            script: folder.join("script"),
            programs: folder.join("programs"),
        };
        fs::create_dir(&session.workplace).expect("writable");
        fs::create_dir(&session.programs).expect("writable");
        let link = |from: &Path, to: PathBuf| std::os::unix::fs::symlink(from, to).expect("a link");
        link(
            &Page::root().join("examples"),
            session.workplace.join("examples"),
        );
        link(
            Path::new(env!("CARGO_BIN_EXE_inf")),
            session.programs.join("inf"),
        );
        write_program(&session.programs.join("cargo"), CARGO);
        let mut script = String::from("exec 2>&1\nset -euo pipefail\n");
        for (index, block) in page.blocks.iter().enumerate() {
            let file = folder.join(index.to_string());
            fs::write(&file, &block.text).expect("writable");
            script.push_str(&step(index, block, &file.display().to_string()));
        }
        fs::write(&session.script, script).expect("writable");
        session
    }

    /// Runs the script to its end, and ends what it left behind. Without a status it
    /// took too long.
    fn run(&self) -> (Option<ExitStatus>, String) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&path));
        let mut child = Command::new("bash")
            .arg(&self.script)
            .current_dir(&self.workplace)
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("COLUMNS", "100")
            .env_remove("OPENAI_API_KEY")
            .env_remove("OPENAI_BASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("bash runs");
        let group = format!("-{}", child.id());
        let mut stdout = child.stdout.take().expect("piped");
        let reading = thread::spawn(move || {
            let mut printed = Vec::new();
            stdout.read_to_end(&mut printed).expect("readable");
            String::from_utf8_lossy(&printed).into_owned()
        });
        let (sender, ended) = mpsc::channel();
        let waiting = thread::spawn(move || {
            // Nobody listens any more if it took too long.
            let _ = sender.send(child.wait().expect("an end"));
        });
        let status = ended.recv_timeout(LIMIT).ok();
        // Servers in the background hold the pipe open.
        let mut kill = Command::new("kill");
        let kill = kill
            .args(["-s", "KILL", "--", &group])
            .stderr(Stdio::null());
        kill.status().expect("`kill` runs");
        waiting.join().expect("ended");
        (status, reading.join().expect("ended"))
    }
}

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).expect("writable");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permitted");
}

/// What the script does for a block, whose text is in `file`.
fn step(index: usize, block: &Block, file: &str) -> String {
    if let Some(name) = block.value("file") {
        return format!("mkdir -p \"$(dirname {name})\"; cp {file} {name}\n");
    }
    if block.language != "sh" {
        return String::new();
    }
    let mark = format!("printf '\\n{MARK}{index}\\n'\n");
    let run = if !is_run(block) {
        return format!("{mark}bash -n {file}\n");
    } else if let Some(code) = block.value("exit") {
        format!(
            "set +e; ( set -euo pipefail; . {file} ); code=$?; set -e\n\
             [ $code = {code} ] || {{ echo \"the exit code is $code and not {code}\"; exit 1; }}\n"
        )
    } else if block.is("background") {
        // The first line is there when a server listens; the rest is read by nobody.
        format!(
            "mkfifo {file}.pipe; ( . {file} ) >{file}.pipe 2>&1 & exec {{pipe}}<{file}.pipe\n\
             read -r line <&$pipe; echo \"$line\"\n"
        )
    } else {
        format!(". {file}\n")
    };
    mark + &run
}

/// What each block printed, in order; what no block printed has the number of none.
fn by_block(printed: &str) -> Vec<(usize, String)> {
    let mark = format!("\n{MARK}");
    let mut parts = printed.split(&mark);
    let first = (usize::MAX, parts.next().unwrap_or_default().to_owned());
    let rest = parts.map(|part| {
        let (number, text) = part.split_once('\n').unwrap_or((part, ""));
        (number.parse().expect("a number"), text.to_owned())
    });
    std::iter::once(first).chain(rest).collect()
}

/// Whether `printed` is what `expected` says: line by line, `…` for any text in a
/// line, and a line of nothing else for any lines.
fn fits(printed: &str, expected: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.trim_end().lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    let (printed, expected) = (lines(printed), lines(expected));
    let printed: Vec<&str> = printed.iter().map(String::as_str).collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    matches(
        &printed,
        &expected,
        |line| line.trim() == "…",
        |printed, expected| {
            let printed: Vec<char> = printed.chars().collect();
            let expected: Vec<char> = expected.chars().collect();
            matches(
                &printed,
                &expected,
                |character| *character == '…',
                |one, other| one == other,
            )
        },
    )
}

/// Whether `found` is `pattern`, in which what `is_any` stands for any number of
/// elements.
fn matches<T>(
    found: &[T],
    pattern: &[T],
    is_any: impl Fn(&T) -> bool,
    is_same: impl Fn(&T, &T) -> bool,
) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last "any" stands, and what it takes so far.
    let mut last_any: Option<(usize, usize)> = None;
    while at < found.len() {
        match pattern.get(in_pattern) {
            Some(part) if is_any(part) => {
                last_any = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(part) if is_same(&found[at], part) => {
                at += 1;
                in_pattern += 1;
            }
            _ => match &mut last_any {
                Some((place, taken)) => {
                    *taken += 1;
                    (in_pattern, at) = (*place + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(is_any)
}

#[test]
fn what_is_printed_is_compared() {
    let printed = "3 inputs\n\ntime  0.3 s\nexit\n";
    for (expected, is_right) in [
        ("3 inputs\n\ntime  0.3 s\nexit", true),
        ("3 inputs\n\ntime  … s\nexit", true),
        ("…\nexit", true),
        ("3 inputs\n…", true),
        ("…\ntime …\n…", true),
        ("3 inputs\n…\nexit\n…", true),
        ("3 inputs", false),
        ("exit", false),
        ("…\ntime … h\n…", false),
        ("4 inputs\n…", false),
        ("", false),
    ] {
        assert_eq!(fits(printed, expected), is_right, "{expected}");
    }
}
