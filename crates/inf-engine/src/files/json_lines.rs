//! [`JsonLines`]: inputs from a file with one JSON value a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::{fmt, str};

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::FileError;
use super::file_error::FileErrorKind;
use super::text_file::error_of;
use crate::document::ReadError;

/// A line that is longer is an error instead of all of the memory.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// What a line may take without being given back.
const LONG_LINE: usize = 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The values of a [JSON Lines](https://jsonlines.org) file, read one by one:
/// a source of inputs that may be larger than the memory.
///
/// A line that is no `T` is an error with its place and what is wrong, and the
/// others go on: not JSON, not UTF-8, other data, longer than 64 MiB. When the
/// file can't be read on, that is the last item. Blank lines, a byte order mark
/// and Windows line ends are skipped.
///
/// ```no_run
/// use inf_engine::files::JsonLines;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ask = LlmInference::new("fast");
/// let pipeline = ask.bind(ResourceConfig::from_path("resources.yaml")?)?;
/// let mut results = pipeline.try_stream(JsonLines::open("questions.jsonl")?);
/// while let Some(result) = results.next().await {
///     match result.output {
///         Ok(answer) => println!("{}: {answer}", result.index),
///         // As in `questions.jsonl:7:12: not valid JSON (…): …`.
///         Err(error) => eprintln!("{}: {error}", result.index),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Lines are read where the source is asked for them, so a run waits for them:
/// for milliseconds at most if they come from a disk. Read a slow pipe on a
/// thread of its own, and give the run what that sends.
pub struct JsonLines<T> {
    path: PathBuf,
    bytes: BufReader<Box<dyn Read + Send>>,
    /// The bytes of the last line.
    text: Vec<u8>,
    /// The number of the last line, from 1.
    line: u64,
    longest: usize,
    has_ended: bool,
    item: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    /// Opens a file; the error is that it can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let cannot = |error| error_of(path, FileErrorKind::Read(error));
        let file = File::open(path).map_err(cannot)?;
        // Some systems open a folder like a file.
        if file.metadata().map_err(cannot)?.is_dir() {
            return Err(cannot(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self::from_reader(path, file))
    }

    /// Reads from anything that can be read, such as the standard input;
    /// errors call it by `name`.
    pub fn from_reader(name: impl Into<PathBuf>, reader: impl Read + Send + 'static) -> Self {
        Self {
            path: name.into(),
            bytes: BufReader::with_capacity(64 * 1024, Box::new(reader)),
            text: Vec::new(),
            line: 0,
            longest: LONGEST_LINE,
            has_ended: false,
            item: PhantomData,
        }
    }

    /// Reads the next line into `text`.
    fn read_line(&mut self) -> io::Result<LineRead> {
        self.text.clear();
        // One very long line is no reason to keep its memory for all others.
        self.text.shrink_to(LONG_LINE);
        self.line += 1;
        let with_end = self.longest as u64 + 1;
        let read = Read::take(&mut self.bytes, with_end).read_until(b'\n', &mut self.text)?;
        if read > self.longest && !self.text.ends_with(b"\n") {
            self.bytes.skip_until(b'\n')?;
            return Ok(LineRead::TooLong);
        }
        if self.line == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
            self.text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(match read {
            0 => LineRead::End,
            _ if self.text.trim_ascii().is_empty() => LineRead::Blank,
            _ => LineRead::Text,
        })
    }

    /// The value of the line that was read.
    fn parse(&self) -> Result<T, FileError> {
        let text = str::from_utf8(self.text.trim_ascii_end()).map_err(|error| {
            let valid = String::from_utf8_lossy(&self.text[..error.valid_up_to()]);
            let column = valid.chars().count() + 1;
            self.wrong(Some(column), "not valid UTF-8: save the file as UTF-8")
        })?;
        serde_json::from_str(text).map_err(|error| {
            // The parser takes the line for the first of a document, and counts bytes.
            let told = error.to_string();
            let what = told
                .rsplit_once(" at line ")
                .map_or(&*told, |(what, _)| what);
            let read = &text[..text.ceil_char_boundary(error.column())];
            let message = match error.classify() {
                Category::Data => what.to_owned(),
                _ => format!("not valid JSON ({what}): write one JSON value a line"),
            };
            self.wrong(Some(read.chars().count()), message)
        })
    }

    /// What is wrong with the line that was read; columns are characters.
    fn wrong(&self, column: Option<usize>, message: impl Into<String>) -> FileError {
        let error = ReadError {
            line: Some(self.line),
            column: column.map(|column| column as u64),
            message: message.into(),
        };
        error_of(&self.path, FileErrorKind::Document(error))
    }
}

enum LineRead {
    /// There is no further line.
    End,
    Blank,
    Text,
    /// Its rest was skipped.
    TooLong,
}

impl<T: DeserializeOwned> Iterator for JsonLines<T> {
    type Item = Result<T, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            match self.read_line() {
                Ok(LineRead::Text) => return Some(self.parse()),
                Ok(LineRead::Blank) => {}
                Ok(LineRead::TooLong) => {
                    let message = format!(
                        "the line is longer than {} MiB: split it into several inputs",
                        self.longest / (1024 * 1024)
                    );
                    return Some(Err(self.wrong(None, message)));
                }
                Ok(LineRead::End) => self.has_ended = true,
                Err(error) => {
                    self.has_ended = true;
                    let line = self.line;
                    let kind = FileErrorKind::ReadOn { line, error };
                    return Some(Err(error_of(&self.path, kind)));
                }
            }
        }
        None
    }
}

impl<T> fmt::Debug for JsonLines<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JsonLines")
            .field("path", &self.path)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    /// What is in `bytes`, one item a line; 40 bytes are the longest line.
    #[track_caller]
    fn check<T: DeserializeOwned + fmt::Debug>(bytes: impl Read + Send + 'static, expected: &str) {
        let mut lines = JsonLines::<T>::from_reader("in.jsonl", bytes);
        lines.longest = 40;
        let shown = |item: Result<T, FileError>| match item {
            Ok(value) => format!("{value:?}"),
            Err(error) => error.to_string(),
        };
        let found: Vec<String> = lines.by_ref().map(shown).collect();
        assert_eq!(found.join("\n"), expected);
        assert!(lines.next().is_none(), "it has ended");
    }

    #[test]
    fn lines_in_every_form() {
        let check = |bytes: &'static [u8], expected| check::<Vec<u8>>(bytes, expected);
        check(b"", "");
        check(b"\xef\xbb\xbf", "");
        check(b"\n \r\n\n\t", "");
        check(b"[1]\n[2]\n", "[1]\n[2]");
        check(b"[1]\n\n  [2]", "[1]\n[2]");
        check(b"\xef\xbb\xbf[1]\r\n\r\n[2, 3]\r\n", "[1]\n[2, 3]");
    }

    #[test]
    fn a_bad_line_is_one_error_and_the_others_go_on() {
        check::<Value>(
            &b"1\n\n{\"a\": \n\"\xff\"\n1 2\n\n\xef\xbb\xbf\n2\n"[..],
            "1\n\
             in.jsonl:3:5: not valid JSON (EOF while parsing a value): write one JSON value a line\n\
             in.jsonl:4:2: not valid UTF-8: save the file as UTF-8\n\
             in.jsonl:5:3: not valid JSON (trailing characters): write one JSON value a line\n\
             in.jsonl:7:1: not valid JSON (expected value): write one JSON value a line\n\
             2",
        );
    }

    #[test]
    fn columns_are_characters() {
        check::<Value>(
            &b"{\"\xc3\xa4\xc3\xa4\": x}\n\"\xc3\xa4\xc3\xa4\xff\"\n[1, \xc3\xa4]"[..],
            "in.jsonl:1:8: not valid JSON (expected value): write one JSON value a line\n\
             in.jsonl:2:4: not valid UTF-8: save the file as UTF-8\n\
             in.jsonl:3:5: not valid JSON (expected value): write one JSON value a line",
        );
    }

    #[test]
    fn data_of_another_type_is_told_as_serde_does() {
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "it is only read")]
        struct Pair {
            a: String,
            b: u8,
        }
        check::<Pair>(
            &br#"{"a": "x"}
                {"a": "x", "b": 256}
                {"a": "x", "b": 1}
                "x""#[..],
            "in.jsonl:1:10: missing field `b`\n\
             in.jsonl:2:35: invalid value: integer `256`, expected u8\n\
             Pair { a: \"x\", b: 1 }\n\
             in.jsonl:4:19: invalid type: string \"x\", expected struct Pair",
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        let (fits, long) = ("x".repeat(38), "x".repeat(100_000));
        let text = format!("\"{fits}\"\n\"{fits}y\"\n\"{long}\"\n1\n\"{fits}\"");
        let too_long = "the line is longer than 0 MiB: split it into several inputs";
        check::<Value>(
            io::Cursor::new(text),
            &format!("{fits:?}\nin.jsonl:2: {too_long}\nin.jsonl:3: {too_long}\n1\n{fits:?}"),
        );
        check::<Value>(io::Cursor::new(long), &format!("in.jsonl:1: {too_long}"));
    }

    #[test]
    fn where_reading_fails_is_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        check::<u8>(
            (&b"1\n2\n3"[..]).chain(Broken),
            "1\n2\nin.jsonl:3: can't be read from here on: the disk is gone",
        );
    }
}
