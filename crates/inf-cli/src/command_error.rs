//! [`CommandError`]: what is wrong with a command, before anything is called.

use std::fmt;

/// What is wrong with a command or one of its files; nothing was called yet.
#[derive(Debug)]
pub(crate) struct CommandError {
    /// What is wrong, where, and what to do: one sentence each.
    problems: Vec<String>,
}

impl CommandError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self::from(vec![problem.into()])
    }
}

impl From<Vec<String>> for CommandError {
    fn from(problems: Vec<String>) -> Self {
        Self { problems }
    }
}

impl fmt::Display for CommandError {
    /// One line for each problem, and more where one shows a place in a file.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}error: {problem}")?;
        }
        Ok(())
    }
}

/// Why an operation on a file failed, in the words that people use.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "the permission to do so is missing".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::NotADirectory => "a part of its path is a file".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "nothing can be written there".to_owned(),
        ErrorKind::StorageFull => "there is no room left".to_owned(),
        _ => error.to_string(),
    }
}
