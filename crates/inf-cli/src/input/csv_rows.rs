//! [`RowReader`]: the cells of each row, RFC 4180.
//!
//! Written here, because a reader of CSV for programs takes a quote that is
//! never closed for the beginning of a very long cell, and the rows in it are
//! lost without a word.

use std::io::{self, BufRead, BufReader, Read};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Takes a source apart into rows of cells.
pub(super) struct RowReader {
    bytes: BufReader<Box<dyn Read + Send>>,
    /// The line that is read next, from 1.
    line: u64,
}

/// A row, and the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) cells: Vec<Vec<u8>>,
    pub(super) mistake: Option<QuoteMistake>,
}

/// A quoted cell that goes over several lines and was not meant to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteMistake {
    /// The source ends in it.
    NeverClosed { begin: u64, end: u64 },
    /// Behind the quote that closes it the cell goes on: that quote was to
    /// begin another one.
    ClosedByAnother { begin: u64, end: u64 },
}

impl QuoteMistake {
    /// The line of the quote that began the cell.
    pub(super) fn line(self) -> u64 {
        match self {
            Self::NeverClosed { begin, .. } | Self::ClosedByAnother { begin, .. } => begin,
        }
    }
}

/// Where in a cell the reader is.
#[derive(Debug, Clone, Copy)]
enum State {
    Begin,
    Plain,
    Quoted {
        begin: u64,
    },
    /// After a quote in a quoted cell: its end, or the first of a doubled one.
    Closed {
        begin: u64,
        end: u64,
    },
}

impl RowReader {
    pub(super) fn new(bytes: Box<dyn Read + Send>) -> Self {
        Self {
            bytes: BufReader::with_capacity(64 * 1024, bytes),
            line: 1,
        }
    }

    /// The line that is read next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next row that is not blank; `None` at the end.
    pub(super) fn read(&mut self) -> io::Result<Option<Row>> {
        let mut text = Vec::new();
        loop {
            text.clear();
            if !self.read_line(&mut text)? {
                return Ok(None);
            }
            if !without_line_end(&text).is_empty() {
                return self.read_cells(text).map(Some);
            }
        }
    }

    /// Reads one line without what ends it; whether there was one.
    fn read_line(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        let before = text.len();
        self.bytes.read_until(b'\n', text)?;
        if text.len() == before {
            return Ok(false);
        }
        if self.line == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        self.line += 1;
        Ok(true)
    }

    /// The row that begins with the line in `text`, which has just been read.
    fn read_cells(&mut self, mut text: Vec<u8>) -> io::Result<Row> {
        let first = self.line - 1;
        let mut row = Row {
            line: first,
            cells: Vec::new(),
            mistake: None,
        };
        let mut cell = Vec::new();
        let mut state = State::Begin;
        loop {
            let line = self.line - 1;
            let content = without_line_end(&text);
            for &byte in content {
                state = match (state, byte) {
                    (State::Quoted { begin }, b'"') => State::Closed { begin, end: line },
                    (State::Closed { begin, .. }, b'"') => {
                        cell.push(byte);
                        State::Quoted { begin }
                    }
                    (State::Quoted { .. }, _) => {
                        cell.push(byte);
                        state
                    }
                    (_, b',') => {
                        row.cells.push(std::mem::take(&mut cell));
                        State::Begin
                    }
                    (State::Begin, b'"') => State::Quoted { begin: line },
                    (State::Closed { begin, end }, _) => {
                        cell.push(byte);
                        if begin < end && byte != b' ' {
                            row.mistake
                                .get_or_insert(QuoteMistake::ClosedByAnother { begin, end });
                        }
                        State::Plain
                    }
                    (State::Begin | State::Plain, _) => {
                        cell.push(byte);
                        State::Plain
                    }
                };
            }
            let State::Quoted { begin } = state else {
                row.cells.push(cell);
                return Ok(row);
            };
            // The line break is a part of the cell.
            cell.extend_from_slice(&text[content.len()..]);
            text.clear();
            if !self.read_line(&mut text)? {
                row.cells.push(cell);
                row.mistake = Some(QuoteMistake::NeverClosed { begin, end: line });
                return Ok(row);
            }
        }
    }
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}
