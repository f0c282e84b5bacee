//! [`ReadError`]: what is wrong with the text of a document.

use std::fmt;

use super::{did_you_mean, nearest};

/// What is wrong with the text of a document, and where.
///
/// ```
/// use inf_engine::prelude::*;
///
/// let error = ResourceConfig::from_text("endpoints:\n  fast: { provider: opanai, model: m }")
///     .unwrap_err();
/// assert_eq!((error.line, error.column), (Some(2), Some(21)));
/// println!("{error}"); // with the line, a mark under it, and what is meant
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadError {
    /// The line, from 1, if it is known.
    pub line: Option<u64>,
    /// The column, from 1, if it is known.
    pub column: Option<u64>,
    /// What is wrong and what to do.
    pub message: String,
}

crate::document::debug_as_display!(ReadError);

impl ReadError {
    pub(super) fn new(error: &serde_saphyr::Error, text: &str) -> Self {
        let plain = error.without_snippet();
        let place = plain
            .location()
            .map(|location| (location.line(), location.column()))
            .filter(|place| is_the_mistake(plain, text, *place));
        let key = place.and_then(|place| key_before(text, place));
        Self {
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: message(plain, text, key),
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

/// Whether the reader's place shows the mistake. What is missing from the whole
/// document stands nowhere; the reader tells its last key then.
fn is_the_mistake(error: &serde_saphyr::Error, text: &str, (_, column): (u64, u64)) -> bool {
    match error {
        serde_saphyr::Error::SerdeMissingField { .. } => column > 1,
        serde_saphyr::Error::Eof { .. } => !is_empty(text),
        _ => true,
    }
}

/// Whether nothing is said: there are comments at most.
fn is_empty(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}

/// The key whose value begins at a place, if they are on the same line: the
/// reader does not tell it.
fn key_before(text: &str, (line, column): (u64, u64)) -> Option<&str> {
    let index = |number: u64| usize::try_from(number.checked_sub(1)?).ok();
    let line = text.lines().nth(index(line)?)?;
    let end = line
        .char_indices()
        .nth(index(column)?)
        .map_or(line.len(), |(end, _)| end);
    let (before, after) = (line[..end].trim_end(), &line[end..]);
    // A value that is missing has the place of the colon.
    let before = match before.strip_suffix(':') {
        Some(before) => before.trim_end(),
        None if after.starts_with(':') => before,
        None => return None,
    };
    for quote in ['"', '\''] {
        if let Some(quoted) = before.strip_suffix(quote) {
            return quoted.rsplit_once(quote).map(|(_, key)| key);
        }
    }
    let key = before.rsplit(['{', ',']).next()?;
    let key = key.trim_start_matches([' ', '-']);
    (!key.is_empty()).then_some(key)
}

fn message(error: &serde_saphyr::Error, text: &str, key: Option<&str>) -> String {
    if let Some(what) = expected(error) {
        return match key {
            Some(key) => format!("`{key}` takes {what}"),
            // Where a comma is in it, one closes it.
            None if what.contains(", ") => format!("{what}, was expected"),
            None => format!("{what} was expected"),
        };
    }
    if let Some(sentence) = sentence(error, text) {
        return sentence;
    }
    // The place is told apart from the message.
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// What should stand at the place, where something else does.
fn expected(error: &serde_saphyr::Error) -> Option<&'static str> {
    use serde_saphyr::Error;
    Some(match error {
        Error::NullIntoString { .. } => "a text, or `\"\"` for an empty one",
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => "a name",
        Error::Unexpected { expected, .. } => match *expected {
            "string scalar" => "a text, in quotes if it begins with `{` or `[`",
            "mapping start" => "a map, as in `key: value`",
            "sequence start" => "a list, as in `[a, b]`",
            other => other,
        },
        Error::InvalidBooleanStrict { .. } => "`true` or `false`",
        Error::InvalidScalar { ty, .. } => match *ty {
            "boolean" => "`true` or `false`",
            "floating point" => "a number",
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
            "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
            other => other,
        },
        _ => return None,
    })
}

/// The other common mistakes; the reader's own words are for those who program
/// it.
fn sentence(error: &serde_saphyr::Error, text: &str) -> Option<String> {
    use serde_saphyr::Error;
    Some(match error {
        Error::Eof { .. } if is_empty(text) => "the file is empty".to_owned(),
        Error::Eof { .. } => "the text ends too early".to_owned(),
        Error::MultipleDocuments { .. } => {
            "a second document begins: keep one and leave out the `---`".to_owned()
        }
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let hint = match nearest(field, expected.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the keys here are `{}`", expected.join("`, `")),
            };
            format!("unknown key `{field}`; {hint}")
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let hint = did_you_mean(variant, expected.iter().copied());
            format!("unknown `{variant}`; {hint}")
        }
        Error::SerdeMissingField { field, location } => {
            let whose = if location.column() > 1 {
                " in this map"
            } else {
                ""
            };
            let example = if *field == "version" { "1" } else { "…" };
            format!("the key `{field}` is missing{whose}: add it, as in `{field}: {example}`")
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` stands here twice: keep one of them")
        }
        Error::Budget {
            breach: serde_saphyr::budget::BudgetBreach::Depth { depth },
            ..
        } => {
            let most = depth - 1;
            format!(
                "it stands deeper than {most} lists and maps in each other, and no deeper is read"
            )
        }
        Error::UnknownAnchor { .. } => "put a text that begins with `*` into quotes".to_owned(),
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => {
            if msg.contains("mapping values are not allowed") {
                "a second `: ` on the line: put a text that has one into quotes".to_owned()
            } else if msg.contains("tabs disallowed") {
                "indent with spaces, not tabs".to_owned()
            } else {
                return None;
            }
        }
        _ => return None,
    })
}

impl std::error::Error for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(formatter, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(formatter, "line {line}: ")?,
            (None, _) => {}
        }
        formatter.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::document::DocumentFormat;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is only read")]
    struct Document {
        version: u32,
        #[serde(default)]
        parts: BTreeMap<String, Part>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is only read")]
    struct Part {
        kind: Kind,
        #[serde(default)]
        name: String,
        #[serde(default)]
        tags: Vec<String>,
        #[serde(default)]
        is_new: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Wheel,
        Engine,
    }

    fn check(text: &str, expected: &str) {
        let error = DocumentFormat::read::<Document>(text).expect_err("an error");
        assert_eq!(error.to_string(), expected, "{text}");
    }

    #[test]
    fn an_empty_document_is_called_empty() {
        check("", "the file is empty");
        check("\n# nothing yet\n", "the file is empty");
    }

    #[test]
    fn what_is_missing_is_not_told_to_be_where_something_else_is() {
        check(
            "parts:\n  a: { kind: wheel }\n",
            "the key `version` is missing: add it, as in `version: 1`",
        );
        check(
            "version: 1\nparts:\n  a:\n    name: x\n",
            "line 4, column 5: the key `kind` is missing in this map: add it, as in `kind: …`",
        );
        check(
            "{\"parts\": {}}",
            "line 1, column 2: the key `version` is missing in this map: add it, as in `version: 1`",
        );
    }

    #[test]
    fn tabs_are_called_by_their_name() {
        check(
            "version: 1\nparts:\n\ta: { kind: wheel }\n",
            "line 3, column 2: indent with spaces, not tabs",
        );
    }

    #[test]
    fn a_misspelt_name_is_corrected() {
        let text = |kind: &str| format!("version: 1\nparts:\n  a: {{ kind: {kind} }}\n");
        check(
            &text("weel"),
            "line 3, column 14: unknown `weel`; did you mean `wheel`?",
        );
        check(
            &text("xyz"),
            "line 3, column 14: unknown `xyz`; there is `wheel`, `engine`",
        );
        check(&text("[wheel]"), "line 3, column 14: `kind` takes a name");
    }

    #[test]
    fn a_wrong_value_is_told_with_its_key() {
        check(
            "version: new\n",
            "line 1, column 10: `version` takes a whole number, 0 or more",
        );
        check(
            "{\"version\": \"new\"}",
            "line 1, column 13: `version` takes a whole number, 0 or more",
        );
        let text = |rest: &str| format!("version: 1\nparts:\n  a: {{ kind: wheel, {rest} }}\n");
        check(
            &text("name: [x]"),
            "line 3, column 27: `name` takes a text, in quotes if it begins with `{` or `[`",
        );
        check(
            &text("'is_new': maybe"),
            "line 3, column 31: `is_new` takes `true` or `false`",
        );
        check(
            &text("tags: x"),
            "line 3, column 27: `tags` takes a list, as in `[a, b]`",
        );
        check(
            "- 1\n",
            "line 1, column 1: a map, as in `key: value`, was expected",
        );
        check(
            "version: 1\nparts:\n  - x\n",
            "line 3, column 3: a map, as in `key: value`, was expected",
        );
    }
}
