//! [`Records`]: one checked input after the other.

use std::iter::Peekable;

use inf_engine::Value;
use inf_engine::value::Schema;
use serde_json::Value as Json;

use super::InputSource;
use super::csv::CsvRows;
use super::csv_cells::Cells;
use super::jsonl::{self, JsonLines};
use crate::arguments::InputFormat;

/// One input: its value, or a sentence that says where and why there is none.
pub(crate) type Record = Result<Value, String>;

/// A record of a source, before it is understood.
pub(super) struct RawRecord<T> {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    pub(super) content: Result<T, Unreadable>,
}

/// Why a record can't be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// The byte of the line, from 1, if that helps.
    column: Option<usize>,
    message: String,
}

impl Unreadable {
    pub(super) fn here(message: impl Into<String>) -> Self {
        Self {
            column: None,
            message: message.into(),
        }
    }

    pub(super) fn at(column: usize, message: impl Into<String>) -> Self {
        Self {
            column: Some(column),
            ..Self::here(message)
        }
    }
}

/// The inputs of a source, checked against the pipeline's input.
pub(crate) struct Records {
    name: String,
    /// Where the record begins that was given last, from 1.
    line: u64,
    format: Format,
    schema: Schema,
}

enum Format {
    Jsonl(Peekable<JsonLines>),
    Csv(Peekable<CsvRows>, Cells),
}

impl Records {
    /// The inputs of `source`, the first of which is read. The error, a
    /// sentence, is one of the source as a whole: that there is none, or that
    /// every one of them would fail for the same reason.
    pub(crate) fn new(source: InputSource, schema: &Schema) -> Result<Self, String> {
        let name = source.name;
        let format = match source.format {
            InputFormat::Jsonl => {
                let mut lines = JsonLines::new(source.bytes).peekable();
                let first = lines
                    .peek()
                    .ok_or_else(|| format!("there are no inputs in {name}: write one a line"))?;
                if let Ok(first) = &first.content
                    && let Some(problem) = jsonl::begins_several_lines(first)
                {
                    return Err(format!("{name} {problem}"));
                }
                Format::Jsonl(lines)
            }
            InputFormat::Csv => {
                let rows =
                    CsvRows::new(source.bytes).map_err(|error| format!("{name}: {error}"))?;
                let fields = rows.fields().to_owned();
                let cells = Cells::new(&fields, schema);
                if let Some(problem) = cells.missing(&fields, schema) {
                    return Err(format!("{name}: {problem}"));
                }
                let mut rows = rows.peekable();
                if rows.peek().is_none() {
                    return Err(format!(
                        "there are no inputs in {name}: write the names of the fields, as in `a,b`, and \
                         below them a row for each input"
                    ));
                }
                Format::Csv(rows, cells)
            }
        };
        Ok(Self {
            name,
            line: 0,
            format,
            schema: schema.clone(),
        })
    }

    /// The same without a check: whoever reads them has one of their own.
    pub(super) fn unchecked(self) -> Self {
        Self {
            schema: Schema::any(),
            ..self
        }
    }

    /// Where the record is that was given last.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.name, self.line)
    }

    /// The number of records, up to `limit`; none is parsed.
    pub(super) fn count_up_to(self, limit: usize) -> u64 {
        let count = match self.format {
            Format::Jsonl(lines) => lines.take(limit).count(),
            Format::Csv(rows, _) => rows.take(limit).count(),
        };
        count as u64
    }

    fn sentence(&self, unreadable: &Unreadable) -> String {
        let Unreadable { column, message } = unreadable;
        let place = self.place();
        match column {
            Some(column) => format!("{place}:{column}: {message}"),
            None => format!("{place}: {message}"),
        }
    }

    fn check(&self, json: Json) -> Result<Value, Unreadable> {
        check(&json, &self.schema).map_err(Unreadable::here)?;
        Ok(json.into())
    }
}

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (line, json) = match &mut self.format {
            Format::Jsonl(lines) => {
                let record = lines.next()?;
                (
                    record.line,
                    record.content.and_then(|line| jsonl::parse(&line)),
                )
            }
            Format::Csv(rows, cells) => {
                let record = rows.next()?;
                (record.line, record.content.map(|row| cells.to_json(row)))
            }
        };
        self.line = line;
        let checked = json.and_then(|json| self.check(json));
        Some(checked.map_err(|unreadable| self.sentence(&unreadable)))
    }
}

/// Whether `input` is what a pipeline takes; if it is not, what it takes.
pub(super) fn check(input: &Json, schema: &Schema) -> Result<(), String> {
    if schema.is_any() {
        return Ok(());
    }
    schema.check(input).map_err(|error| {
        let wanted = wanted(schema);
        format!("the input does not fit the pipeline: {error}; it takes {wanted}")
    })
}

/// What a pipeline takes, in a few words.
fn wanted(schema: &Schema) -> String {
    let json = schema.as_json();
    let kind = match json.get("type").and_then(Json::as_str) {
        Some("string") => "a text",
        Some("integer") => "an integer",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        Some("object") => return wanted_fields(json),
        _ => "what its `input` says",
    };
    kind.to_owned()
}

fn wanted_fields(json: &Json) -> String {
    let required = json.get("required").and_then(Json::as_array);
    let is_required =
        |name: &str| required.is_some_and(|required| required.iter().any(|known| known == name));
    let properties = json.get("properties").and_then(Json::as_object);
    let names: Vec<String> = properties
        .into_iter()
        .flat_map(|properties| properties.keys())
        .map(|name| {
            if is_required(name) {
                format!("`{name}`")
            } else {
                format!("`{name}` (optional)")
            }
        })
        .collect();
    match names.len() {
        0 => "an object".to_owned(),
        1 => format!("an object with the field {}", names[0]),
        _ => format!("an object with the fields {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wanted_is_said_in_a_few_words() {
        let check =
            |schema: Json, expected| assert_eq!(wanted(&Schema::from_json(schema)), expected);
        check(json!({"type": "string"}), "a text");
        check(json!({"anyOf": []}), "what its `input` says");
        check(json!({"type": "object"}), "an object");
        check(
            json!({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}),
            "an object with the fields `a`, `b` (optional)",
        );
    }
}
