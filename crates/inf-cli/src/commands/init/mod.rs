//! `inf init`: write a first pipeline, with resources and inputs.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::arguments::InitArguments;
use crate::command_error::{CommandError, io_reason};
use crate::console::tell;
use crate::exit_code::Exit;

/// The files, each with what is in it and its words for people.
const FILES: [(&str, &str, &str); 3] = [
    (
        "pipeline.yaml",
        include_str!("pipeline.yaml"),
        "three steps, with the format explained",
    ),
    (
        "resources.yaml",
        include_str!("resources.yaml"),
        "simulated models, and real ones to choose from",
    ),
    (
        "inputs.jsonl",
        include_str!("inputs.jsonl"),
        "twelve reviews, each with the sentiment that is expected",
    ),
];

/// What can be done with them, in the order of a first quarter of an hour.
const NEXT: [(&str, &str); 4] = [
    (
        "to see what it will take, before anything is called",
        "inf check pipeline.yaml --input inputs.jsonl --resources resources.yaml",
    ),
    (
        "to run all inputs",
        "inf run pipeline.yaml --input inputs.jsonl --resources resources.yaml --output results.jsonl",
    ),
    (
        "to see how often the first step is right",
        "inf eval pipeline.yaml --input inputs.jsonl --resources resources.yaml --expect sentiment --field sentiment",
    ),
    ("to see the graph", "inf graph pipeline.yaml"),
];

pub(crate) fn execute(arguments: &InitArguments) -> Result<Exit, CommandError> {
    let folder = arguments.folder.as_path();
    if folder.is_file() {
        return Err(CommandError::new(format!(
            "{} is a file: name the folder to write to",
            folder.display()
        )));
    }
    let paths = FILES.map(|(name, ..)| within(folder, name));
    // A link that leads nowhere is a file that is there, too.
    let there = paths.iter().filter(|path| path.symlink_metadata().is_ok());
    let there: Vec<String> = there.map(|path| already_there(path)).collect();
    if !there.is_empty() {
        return Err(there.into());
    }
    fs::create_dir_all(folder).map_err(|error| {
        let reason = io_reason(&error);
        CommandError::new(format!(
            "can't make the folder {}: {reason}",
            folder.display()
        ))
    })?;
    for (path, (_, content, _)) in paths.iter().zip(FILES) {
        write_new(path, content).map_err(CommandError::new)?;
    }
    tell(format_args!("{}", welcome(folder)));
    Ok(Exit::Success)
}

/// Writes a file that is not there, whatever became of it since that was looked up.
fn write_new(path: &Path, content: &str) -> Result<(), String> {
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => already_there(path),
        _ => format!("can't write {}: {}", path.display(), io_reason(&error)),
    })
}

fn already_there(path: &Path) -> String {
    format!(
        "{} is there already and was left as it is: name another folder, as in `inf init demo`, or move it away",
        path.display()
    )
}

/// A file of a folder, as people write it.
fn within(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") {
        name.into()
    } else {
        folder.join(name)
    }
}

/// What was written, and what to do with it.
fn welcome(folder: &Path) -> String {
    let mut lines = Vec::new();
    let longest =
        FILES.map(|(name, ..)| within(folder, name).display().to_string().chars().count());
    let longest = longest.into_iter().max().unwrap_or_default();
    for (name, _, what) in FILES {
        let path = within(folder, name).display().to_string();
        lines.push(format!("wrote {path:<longest$}  {what}"));
    }
    if folder != Path::new(".") {
        let folder = quoted(&folder.display().to_string());
        lines.push(format!("\nto go on\n  cd {folder}"));
    }
    for (what, command) in NEXT {
        lines.push(format!("\n{what}\n  {command}"));
    }
    lines.join("\n")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+~".contains(character);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("a/b-c.d"), "a/b-c.d");
        assert_eq!(quoted("my reviews"), "'my reviews'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
