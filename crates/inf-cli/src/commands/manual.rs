//! `inf man`: the manual pages.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::arguments::{Arguments, ManArguments};
use crate::command_error::{CommandError, io_reason};
use crate::console::{counted, tell};
use crate::exit_code::Exit;

pub(crate) fn execute(arguments: &ManArguments) -> Result<Exit, CommandError> {
    let mut command = Arguments::command();
    // Names and synopses of inner commands have what stands before them.
    command.build();
    match &arguments.output {
        Some(folder) => write_all(&command, folder),
        None => super::print(&page(named(&command, &arguments.command)?)),
    }
}

/// The command of these words.
fn named<'c>(root: &'c Command, words: &[String]) -> Result<&'c Command, CommandError> {
    let mut found = root;
    for word in words {
        let Some(inner) = found.find_subcommand(word) else {
            let all: Vec<String> = found
                .get_subcommands()
                .map(|inner| format!("`{}`", inner.get_name()))
                .collect();
            let all = if all.is_empty() {
                "it has none at all".to_owned()
            } else {
                format!("there is {}", all.join(", "))
            };
            let name = qualified(found);
            return Err(CommandError::new(format!(
                "`{name}` has no command `{word}`; {all}"
            )));
        };
        found = inner;
    }
    Ok(found)
}

/// Writes a page for each command.
fn write_all(root: &Command, folder: &Path) -> Result<Exit, CommandError> {
    let mut pages = Vec::new();
    collect(root, &mut pages);
    let wrong = |path: &Path, error: &std::io::Error| {
        CommandError::new(format!(
            "can't write {}: {}",
            path.display(),
            io_reason(error)
        ))
    };
    fs::create_dir_all(folder).map_err(|error| wrong(folder, &error))?;
    for command in pages.iter().copied() {
        let path = folder.join(format!("{}.1", qualified(command).replace(' ', "-")));
        fs::write(&path, page(command)).map_err(|error| wrong(&path, &error))?;
    }
    tell(format_args!(
        "wrote {} to {}",
        counted(pages.len() as u64, "page", "pages"),
        folder.display()
    ));
    Ok(Exit::Success)
}

fn collect<'c>(command: &'c Command, pages: &mut Vec<&'c Command>) {
    pages.push(command);
    for inner in command.get_subcommands() {
        collect(inner, pages);
    }
}

/// The name under which a command is typed.
fn qualified(command: &Command) -> String {
    command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned()
}

fn page(command: &Command) -> String {
    let mut page = Vec::new();
    // Writing to a vector can't fail.
    let _ = Man::new(command.clone()).render(&mut page);
    let page = String::from_utf8_lossy(&page);
    // Its own heading leaves the date out, so that readers take the version for one.
    let heading = format!(
        ".TH \"{}\" \"1\" \"\" \"inf {}\" \"inf-engine\"",
        qualified(command).replace(' ', "-").to_uppercase(),
        env!("CARGO_PKG_VERSION")
    );
    // Its own synopsis has no values, nor what stands before an inner command.
    let synopsis = synopsis(command);
    let mut section = "";
    let lines = page.lines().map(|line| {
        if line.starts_with(".TH ") {
            return heading.as_str();
        }
        if let Some(begun) = line.strip_prefix(".SH ") {
            section = begun;
        } else if section == "SYNOPSIS" {
            return synopsis.as_str();
        }
        line
    });
    lines.flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// How a command is typed, as its help says it: literal words are bold, and what stands for a
/// value is slanted.
fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let words = usage.split_whitespace().map(|word| {
        let name = word
            .trim_start_matches(['<', '['])
            .trim_end_matches(['>', ']', '.']);
        if name.is_empty() {
            return word.to_owned();
        }
        let is_value = name.len() < word.len();
        let styled = format!("\\f{}{name}\\fR", if is_value { 'I' } else { 'B' });
        word.replace(name, &styled).replace('-', "\\-")
    });
    words.collect::<Vec<_>>().join(" ")
}
