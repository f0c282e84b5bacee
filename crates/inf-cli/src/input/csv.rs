//! Comma-separated values, RFC 4180: the first row names the fields.

use std::io::Read;

use super::csv_rows::{QuoteMistake, Row, RowReader};
use super::records::{RawRecord, Unreadable};
use crate::console::counted;

/// The rows of a source after its header.
pub(super) struct CsvRows {
    reader: RowReader,
    fields: Vec<String>,
    has_failed: bool,
}

impl CsvRows {
    /// Reads the header; the error is a sentence without the file's name. Of an
    /// empty source there are no fields and no rows.
    pub(super) fn new(bytes: Box<dyn Read + Send>) -> Result<Self, String> {
        let mut reader = RowReader::new(bytes);
        let header = reader.read();
        let header = header.map_err(|error| format!("can't be read: {error}"))?;
        let Some(header) = header else {
            return Ok(Self {
                reader,
                fields: Vec::new(),
                has_failed: false,
            });
        };
        if let Some(mistake) = header.mistake {
            return Err(sentence(mistake, "in the header"));
        }
        let mut fields: Vec<String> = Vec::new();
        for (index, name) in header.cells.iter().enumerate() {
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

    fn read(&self, row: Row) -> Result<Vec<String>, Unreadable> {
        if let Some(mistake) = row.mistake {
            return Err(Unreadable::here(sentence(mistake, "here")));
        }
        let (found, expected) = (row.cells.len(), self.fields.len());
        if found != expected {
            let wrong = if found < expected { "few" } else { "many" };
            return Err(Unreadable::here(format!(
                "the row has too {wrong} cells, {found} where the header names {expected}: put \
                 cells that hold commas or line breaks in double quotes"
            )));
        }
        let cells = row.cells.into_iter().zip(&self.fields);
        cells
            .map(|(cell, field)| {
                String::from_utf8(cell).map_err(|_| {
                    Unreadable::here(format!(
                        "the field `{field}` is not valid UTF-8: save the file as UTF-8"
                    ))
                })
            })
            .collect()
    }
}

fn sentence(mistake: QuoteMistake, place: &str) -> String {
    let lost = |count, what: &str| match count {
        0 => String::new(),
        1 => format!("; 1 line {what} was not read"),
        _ => format!("; {} {what} were not read", counted(count, "line", "lines")),
    };
    let (how, lost) = match mistake {
        QuoteMistake::NeverClosed { begin, end } => {
            ("is never closed".to_owned(), lost(end - begin, "after it"))
        }
        QuoteMistake::ClosedByAnother { begin, end } => (
            format!("is closed on line {end}, in the middle of a cell"),
            lost(end - begin, "after it"),
        ),
    };
    format!(
        "the `\"` that begins {place} {how}{lost}: close it, or double it (`\"\"`) if it is part of the text"
    )
}

impl Iterator for CsvRows {
    type Item = RawRecord<Vec<String>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let line = self.reader.line();
        let (line, content) = match self.reader.read() {
            Ok(None) => return None,
            Ok(Some(row)) => {
                // Of a quote that goes wrong, the line where it begins.
                let line = row.mistake.map_or(row.line, QuoteMistake::line);
                (line, self.read(row))
            }
            Err(error) => {
                self.has_failed = true;
                let message =
                    format!("reading stopped here ({error}): this and what follows was not run");
                (line, Err(Unreadable::here(message)))
            }
        };
        Some(RawRecord { line, content })
    }
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
    fn a_quote_that_is_not_closed_is_an_error_of_its_row() {
        let check = |text: &str, expected: &[(u64, &str)]| {
            let found = rows(text.as_bytes()).expect("a header");
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((line, told), (expected_line, expected)) in found.iter().zip(expected) {
                assert_eq!(line, expected_line, "{text}");
                assert!(told.replace('\\', "").contains(expected), "{told}");
            }
        };
        let one = "the `\"` that begins here is never closed: close it, or double it (`\"\"`) if";
        check("a,b\n1,\"2", &[(2, one)]);
        check("a,b\n1,\"2\n", &[(2, one)]);
        let several = "never closed; 2 lines after it were not read: close it";
        check("a,b\n1,\"2\n3,4\n5,6", &[(2, several)]);
        check("a,b\n1,\"2\r\n3,4\r\n5,6\r\n", &[(2, several)]);
        // The row begins before the quote does.
        check("a,b\n\"1\n1\",\"2\n3,4\n5,6\n", &[(3, several)]);
        check("a,b\n1,\"2\"\"\n3,4\n5,6\n", &[(2, several)]);
        // The next quoted cell closes it.
        let closed = "is closed on line 4, in the middle of a cell; 2 lines after it \
                      were not read";
        check(
            "a,b\n1,\"2\n3,4\n5,\"six\"\n7,8\n",
            &[(2, closed), (5, r#"Ok(["7", "8"])"#)],
        );
        // What stands behind a quote on the same line is kept.
        check("a,b\n1,\"2\" tape\n", &[(2, r#"Ok(["1", "2 tape"])"#)]);
        check("a,b\n1,2\" tape\n", &[(2, r#"Ok(["1", "2" tape"])"#)]);
        check("a,b\n1,\"2\n3\" \n", &[(2, r#"Ok(["1", "2n3 "])"#)]);
    }

    #[test]
    fn a_header_that_names_nothing_is_refused() {
        let check = |text: &[u8], expected: &str| {
            let error = rows(text).expect_err("an error");
            assert!(error.contains(expected), "{error}");
        };
        check(
            b"a,\"b\n1,2\n",
            "the `\"` that begins in the header is never closed; 1 line after it was not read",
        );
        check(b"a,,b\n", "column 2 has no name");
        check(b"a,b,a\n", "two columns are named `a`");
    }
}
