//! JSON Lines: one JSON value per line, <https://jsonlines.org>.

use std::io::{self, BufRead, BufReader, Read};

use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::records::{RawRecord, Unreadable};

/// A line that is longer is an error instead of all of the memory.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a source that hold something.
pub(super) struct JsonLines {
    bytes: BufReader<Box<dyn Read + Send>>,
    /// The number of the last line, from 1.
    line: u64,
    longest: usize,
    has_failed: bool,
}

impl JsonLines {
    pub(super) fn new(bytes: Box<dyn Read + Send>) -> Self {
        Self {
            bytes: BufReader::with_capacity(64 * 1024, bytes),
            line: 0,
            longest: LONGEST_LINE,
            has_failed: false,
        }
    }

    /// Reads the next line without its end into `line`; whether there was one.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        let mut read = LineRead::End;
        loop {
            let chunk = match self.bytes.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok(read);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if line.len() + part.len() <= self.longest && read != LineRead::TooLong {
                line.extend_from_slice(part);
                read = LineRead::Whole;
            } else {
                read = LineRead::TooLong;
            }
            let used = part.len() + usize::from(end.is_some());
            self.bytes.consume(used);
            if end.is_some() {
                return Ok(read);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineRead {
    /// There is no further line.
    End,
    Whole,
    /// Its rest was skipped.
    TooLong,
}

impl Iterator for JsonLines {
    type Item = RawRecord<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_failed {
            let mut line = Vec::new();
            let read = self.read_line(&mut line);
            self.line += 1;
            let content = match read {
                Ok(LineRead::End) => return None,
                Ok(LineRead::Whole) => {
                    if self.line == 1 && line.starts_with(BYTE_ORDER_MARK) {
                        line.drain(..BYTE_ORDER_MARK.len());
                    }
                    if line.trim_ascii().is_empty() {
                        continue;
                    }
                    Ok(line)
                }
                Ok(LineRead::TooLong) => Err(Unreadable::here(format!(
                    "the line is longer than {} MiB: split it into several inputs",
                    self.longest / (1024 * 1024),
                ))),
                Err(error) => {
                    self.has_failed = true;
                    Err(Unreadable::here(format!(
                        "reading stopped here ({error}): this and what follows was not run"
                    )))
                }
            };
            return Some(RawRecord {
                line: self.line,
                content,
            });
        }
        None
    }
}

/// The value in a line.
pub(super) fn parse(line: &[u8]) -> Result<Json, Unreadable> {
    let text = std::str::from_utf8(line).map_err(|error| {
        let column = error.valid_up_to() + 1;
        Unreadable::at(column, "not valid UTF-8: save the file as UTF-8")
    })?;
    serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        // The line is always the first one for the parser.
        let what = told
            .rsplit_once(" at line ")
            .map_or(&*told, |(what, _)| what);
        let message = format!("not valid JSON ({what}): write one JSON value per line");
        Unreadable::at(error.column(), message)
    })
}

/// What is wrong with a source whose first line begins a value that goes on: it
/// is one document, and no line of it can be read.
pub(super) fn begins_several_lines(first: &[u8]) -> Option<&'static str> {
    let first = first.trim_ascii();
    let error = serde_json::from_slice::<IgnoredAny>(first).err()?;
    if !error.is_eof() {
        return None;
    }
    if first.starts_with(b"[") {
        Some(
            "looks like one JSON array over several lines: write one object a line, as `jq -c '.[]'` does",
        )
    } else if first == b"{" {
        Some(
            "looks like JSON objects over several lines each: write one object a line, as `jq -c .` does",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[(u64, &str)]) {
        let mut lines = JsonLines::new(Box::new(io::Cursor::new(text.to_vec())));
        lines.longest = 40;
        let found: Vec<(u64, String)> = lines
            .map(|record| {
                let shown = match record.content.and_then(|line| parse(&line)) {
                    Ok(json) => json.to_string(),
                    Err(unreadable) => format!("{unreadable:?}"),
                };
                (record.line, shown)
            })
            .collect();
        let found: Vec<(u64, &str)> = found.iter().map(|(line, text)| (*line, &**text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_in_every_form() {
        check(b"", &[]);
        check(b"\n \r\n\n", &[]);
        check(b"1\n2\n", &[(1, "1"), (2, "2")]);
        check(b"1\n\n2", &[(1, "1"), (3, "2")]);
        check(
            b"\xef\xbb\xbf{\"a\":1}\r\n[2]\r\n",
            &[(1, r#"{"a":1}"#), (2, "[2]")],
        );
    }

    #[test]
    fn a_bad_line_is_one_error_and_the_others_go_on() {
        check(
            b"1\n{\"a\": \n\"\xff\"\n2\n",
            &[
                (1, "1"),
                (
                    2,
                    "Unreadable { column: Some(6), message: \"not valid JSON (EOF while parsing a value): \
                     write one JSON value per line\" }",
                ),
                (
                    3,
                    "Unreadable { column: Some(2), message: \"not valid UTF-8: save the file as UTF-8\" }",
                ),
                (4, "2"),
            ],
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        let text = format!("1\n\"{}\"\n2\n", "x".repeat(100_000));
        let message = "Unreadable { column: None, message: \"the line is longer than 0 MiB: \
                       split it into several inputs\" }";
        check(text.as_bytes(), &[(1, "1"), (2, message), (3, "2")]);
    }
}
