//! Comma-separated values, RFC 4180: the first row names the fields.

use std::io::{Chain, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::records::{RawRecord, Unreadable};

type CsvReader = Reader<Chain<Box<dyn Read + Send>, &'static [u8]>>;

const LINE_FEED: &[u8] = b"\n";

/// The rows of a source after its header.
pub(super) struct CsvRows {
    reader: CsvReader,
    fields: Vec<String>,
    has_failed: bool,
}

impl CsvRows {
    /// Reads the header; the error is a sentence without the file's name.
    pub(super) fn new(bytes: Box<dyn Read + Send>) -> Result<Self, String> {
        // Rows of another length are told in words of our own. Rows end at line
        // feeds, the last one too: then the line of a row can be told exactly,
        // which the reader's own position does not after CR LF and blank lines.
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(bytes.chain(LINE_FEED));
        let mut header = ByteRecord::new();
        let has_header = read_row(&mut reader, &mut header);
        let has_header = has_header.map_err(|error| format!("can't be read: {error}"))?;
        if !has_header {
            return Err(
                "the file is empty: its first row must name the fields, as in `a,b`".to_owned(),
            );
        }
        let mut fields: Vec<String> = Vec::new();
        for (index, name) in header.iter().enumerate() {
            let number = index + 1;
            let name = std::str::from_utf8(name)
                .map_err(|_| {
                    format!(
                        "the name of column {number} is not valid UTF-8: save the file as UTF-8"
                    )
                })?
                .trim();
            if name.is_empty() {
                return Err(format!(
                    "column {number} has no name in the first row: name every column"
                ));
            }
            if fields.iter().any(|known| known == name) {
                return Err(format!(
                    "two columns are named `{name}`: give each a name of its own"
                ));
            }
            fields.push(name.to_owned());
        }
        Ok(Self {
            reader,
            fields,
            has_failed: false,
        })
    }

    /// The names of the fields.
    pub(super) fn fields(&self) -> &[String] {
        &self.fields
    }

    fn read(&self, row: &ByteRecord) -> Result<Vec<String>, Unreadable> {
        let (found, expected) = (row.len(), self.fields.len());
        if found != expected {
            let wrong = if found < expected { "few" } else { "many" };
            return Err(Unreadable::here(format!(
                "the row has too {wrong} cells, {found} where the header names {expected}: put \
                 cells that hold commas or line breaks in double quotes"
            )));
        }
        let cells = row.iter().zip(&self.fields);
        cells
            .map(|(cell, field)| {
                let text = std::str::from_utf8(cell).map_err(|_| {
                    Unreadable::here(format!(
                        "the field `{field}` is not valid UTF-8: save the file as UTF-8"
                    ))
                })?;
                Ok(text.to_owned())
            })
            .collect()
    }
}

impl Iterator for CsvRows {
    type Item = RawRecord<Vec<String>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let mut row = ByteRecord::new();
        let content = match read_row(&mut self.reader, &mut row) {
            Ok(false) => return None,
            Ok(true) => self.read(&row),
            Err(error) => {
                self.has_failed = true;
                Err(Unreadable::here(format!(
                    "reading stopped here ({error}): this and what follows was not run"
                )))
            }
        };
        let next_line = self.reader.position().line();
        // Line breaks in quoted cells are part of the row.
        let lines = row.as_slice().split(|byte| *byte == b'\n').count() as u64;
        Some(RawRecord {
            line: next_line.saturating_sub(lines).max(1),
            content,
        })
    }
}

/// Reads the next row that is not blank; whether there was one.
fn read_row(reader: &mut CsvReader, row: &mut ByteRecord) -> Result<bool, csv::Error> {
    while reader.read_byte_record(row)? {
        // Of the CR LF that ends a row, the CR is still there.
        let last = row.len().saturating_sub(1);
        if let Some(cell) = row.get(last).and_then(|cell| cell.strip_suffix(b"\r")) {
            if last == 0 && cell.is_empty() {
                continue;
            }
            let cell = cell.to_owned();
            row.truncate(last);
            row.push_field(&cell);
        }
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<(u64, String)>, String> {
        let rows = CsvRows::new(Box::new(std::io::Cursor::new(text.to_vec())))?;
        Ok(rows
            .map(|row| (row.line, format!("{:?}", row.content)))
            .collect())
    }

    fn check(text: &[u8], expected: &[(u64, &str)]) {
        let found = rows(text).expect("a header");
        let found: Vec<(u64, &str)> = found.iter().map(|(line, text)| (*line, &**text)).collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn rows_in_every_form() {
        check(b"a,b\n", &[]);
        check(b"a,b\n1,2", &[(2, r#"Ok(["1", "2"])"#)]);
        check(
            b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n",
            &[(2, r#"Ok(["1", "2"])"#), (3, r#"Ok(["3", "4"])"#)],
        );
        check(
            b"a,b\n\n1,\n\n,\n",
            &[(3, r#"Ok(["1", ""])"#), (5, r#"Ok(["", ""])"#)],
        );
        check(
            b"a,b\n\"x\n\"\"y\"\"\",2\n3,4\n",
            &[(2, r#"Ok(["x\n\"y\"", "2"])"#), (4, r#"Ok(["3", "4"])"#)],
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_name() {
        let text: &[u8] = b"\xef\xbb\xbfa,b\r\n";
        let rows = CsvRows::new(Box::new(text)).expect("a header");
        assert_eq!(rows.fields(), ["a", "b"]);
    }

    #[test]
    fn a_bad_row_is_one_error_and_the_others_go_on() {
        let found = rows(b"a,b\n1,2,3\n4\n\xff,5\n6,7\n").expect("a header");
        let check = |index: usize, line: u64, expected: &str| {
            assert_eq!(found[index].0, line);
            assert!(found[index].1.contains(expected), "{}", found[index].1);
        };
        check(0, 2, "too many cells, 3 where the header names 2");
        check(1, 3, "too few cells, 1 where the header names 2");
        check(2, 4, "the field `a` is not valid UTF-8");
        check(3, 5, r#"Ok(["6", "7"])"#);
    }

    #[test]
    fn a_header_that_names_nothing_is_refused() {
        let check = |text: &[u8], expected: &str| {
            let error = rows(text).expect_err("an error");
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "the file is empty");
        check(b"a,,b\n", "column 2 has no name");
        check(b"a,b,a\n", "two columns are named `a`");
    }
}
