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

    /// Whether the text could not be taken apart, whatever it should say.
    pub(super) fn is_of_characters(error: &serde_saphyr::Error) -> bool {
        let plain = error.without_snippet();
        matches!(
            plain,
            serde_saphyr::Error::ExternalMessage { .. } | serde_saphyr::Error::Message { .. }
        )
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
    if let Some(sentence) = sentence(error) {
        return sentence;
    }
    // The place is told apart from the message.
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// The common mistakes; the reader's own words are for those who program it.
fn sentence(error: &serde_saphyr::Error) -> Option<String> {
    use serde_saphyr::Error;
    let expected = |what: &str| Some(format!("{what} was expected"));
    match error {
        Error::Eof { .. } => Some("the text ends too early".to_owned()),
        Error::MultipleDocuments { .. } => {
            Some("a second document begins: keep one and leave out the `---`".to_owned())
        }
        Error::NullIntoString { .. } => expected("a text, or `\"\"` for an empty one,"),
        Error::Unexpected { expected: what, .. } => match *what {
            "string scalar" => expected("a text, in quotes if it begins with `{` or `[`,"),
            "mapping start" => expected("a map, as in `key: value`,"),
            "sequence start" => expected("a list, as in `[a, b]`,"),
            other => expected(other),
        },
        Error::InvalidScalar { ty, .. } => match *ty {
            "boolean" => expected("`true` or `false`"),
            "floating point" => expected("a number"),
            "u8" | "u16" | "u32" | "u64" | "usize" => expected("a whole number, 0 or more,"),
            "i8" | "i16" | "i32" | "i64" | "isize" => expected("a whole number"),
            other => expected(other),
        },
        Error::SerdeMissingField { field, .. } => Some(format!("the key `{field}` is missing")),
        Error::DuplicateMappingKey { key: Some(key), .. } => Some(format!(
            "the key `{key}` stands here twice: keep one of them"
        )),
        Error::UnknownAnchor { .. } => {
            Some("put a text that begins with `*` into quotes".to_owned())
        }
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. }
            if msg.contains("mapping values are not allowed") =>
        {
            Some("a second `: ` on the line: put a text that has one into quotes".to_owned())
        }
        _ => None,
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
