//! [`ReadError`]: what is wrong with the text of a document.

use std::fmt;

use super::nearest;

/// What is wrong with the text of a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The line, from 1, if it is known.
    pub line: Option<u64>,
    /// The column, from 1, if it is known.
    pub column: Option<u64>,
    /// What is wrong and what to do.
    pub message: String,
}

impl ReadError {
    pub(super) fn new(error: &serde_saphyr::Error) -> Self {
        let plain = error.without_snippet();
        let location = plain.location();
        Self {
            line: location.map(|location| location.line()),
            column: location.map(|location| location.column()),
            message: message(plain),
        }
    }
}

fn message(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::SerdeUnknownField {
        field: invalid,
        expected,
        ..
    } = error
    {
        let hint = match nearest(invalid, expected.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the keys here are `{}`", expected.join("`, `")),
        };
        return format!("unknown key `{invalid}`; {hint}");
    }
    // The place is told apart from the message.
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(formatter, "line {line}, column {column}: ")?;
        }
        formatter.write_str(&self.message)
    }
}
