//! A record as a line of the file.
//!
//! `{"sum":"89abcdef","kind":"call","previous":4711,"run":1,"input":"…",…}`: the sum is
//! the CRC-32 (that of zlib, gzip and PNG) of the line's bytes after the comma that follows it, without the
//! line break, as eight hexadecimal digits. What is needed to find a record again stands in front, in
//! this order, so that a file is opened without a JSON parser.

use std::io::Write;

use serde::de::DeserializeOwned;

use super::super::InputIdentity;
use super::super::record::{Record, RunNumber};

/// What every line begins with.
pub(in crate::journal) const MARKER: &[u8] = b"{\"sum\":\"";

/// The bytes before those that are summed up.
const SUMMED_FROM: usize = MARKER.len() + 8 + 2;

/// What stands in front of a line, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct Line<'l> {
    /// The kind of record.
    pub(in crate::journal) kind: &'l [u8],
    /// Where the record of the same input is that was written before this one.
    pub(in crate::journal) previous: Option<u64>,
    /// The run that it is part of.
    pub(in crate::journal) run: Option<RunNumber>,
    /// The input that it is about.
    pub(in crate::journal) input: Option<InputIdentity>,
    /// All of it.
    pub(in crate::journal) text: &'l [u8],
}

impl<'l> Line<'l> {
    /// The line that `text` is, if its sum is right; `text` has no line break.
    pub(in crate::journal) fn read(text: &'l [u8]) -> Option<Self> {
        let (front, summed) = text.split_at_checked(SUMMED_FROM)?;
        let digits = front.strip_prefix(MARKER)?.strip_suffix(b"\",")?;
        if *digits != hex(crc32fast::hash(summed)) {
            return None;
        }
        let mut rest = Front(summed);
        let kind = rest.text("\"kind\":\"")?;
        Some(Self {
            kind,
            previous: rest.number(",\"previous\":"),
            run: rest.number(",\"run\":").map(RunNumber::new),
            input: rest.text(",\"input\":\"").and_then(InputIdentity::from_hex),
            text,
        })
    }

    /// The line that `text` begins with, wherever that ends.
    pub(in crate::journal) fn find_end(text: &'l [u8]) -> Option<Self> {
        let (front, summed) = text.split_at_checked(SUMMED_FROM)?;
        let digits = front.strip_prefix(MARKER)?.strip_suffix(b"\",")?;
        let mut hasher = crc32fast::Hasher::new();
        let mut hashed = 0;
        for brace in memchr::memchr_iter(b'}', summed) {
            hasher.update(&summed[hashed..=brace]);
            hashed = brace + 1;
            if *digits == hex(hasher.clone().finalize()) {
                return Self::read(&text[..SUMMED_FROM + hashed]);
            }
        }
        None
    }

    /// The record that it holds: `None` if its kind is not known.
    pub(in crate::journal) fn record(&self) -> serde_json::Result<Option<Record>> {
        Ok(Some(match self.kind {
            b"pipeline" => Record::Pipeline(self.json()?),
            b"parameter" => Record::Parameter(self.json()?),
            b"run" => Record::Run(self.json()?),
            b"call" => Record::Call(self.json()?),
            b"host" => Record::Host(self.json()?),
            b"input" => Record::Input(self.json()?),
            b"end" => Record::End(self.json()?),
            b"step" => Record::Step(self.json()?),
            _ => return Ok(None),
        }))
    }

    /// What it holds, as JSON.
    pub(in crate::journal) fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.text)
    }
}

/// What of the front of a line is still to be read.
struct Front<'l>(&'l [u8]);

impl<'l> Front<'l> {
    /// What stands in quotes after `key`, which ends with the first of them.
    fn text(&mut self, key: &str) -> Option<&'l [u8]> {
        let rest = self.0.strip_prefix(key.as_bytes())?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        self.0 = &rest[end + 1..];
        Some(&rest[..end])
    }

    /// The number after `key`.
    fn number(&mut self, key: &str) -> Option<u64> {
        let rest = self.0.strip_prefix(key.as_bytes())?;
        let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let mut number: u64 = 0;
        for digit in &rest[..end] {
            number = number
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
        }
        self.0 = &rest[end..];
        (end > 0).then_some(number)
    }
}

/// Adds the line of `record` to `lines`, with its line break.
pub(in crate::journal) fn write(record: &Record, previous: Option<u64>, lines: &mut Vec<u8>) {
    write_line(record.kind(), previous, lines, |lines| match record {
        Record::Pipeline(record) => serde_json::to_writer(lines, record),
        Record::Parameter(record) => serde_json::to_writer(lines, record),
        Record::Run(record) => serde_json::to_writer(lines, record),
        Record::Call(record) => serde_json::to_writer(lines, record),
        Record::Host(record) => serde_json::to_writer(lines, record),
        Record::Input(record) => serde_json::to_writer(lines, record),
        Record::End(record) => serde_json::to_writer(lines, record),
        Record::Step(record) => serde_json::to_writer(lines, record),
    });
}

/// Adds a line of `kind` whose fields `fill` writes, as a JSON object that is
/// not empty.
pub(in crate::journal) fn write_line(
    kind: &str,
    previous: Option<u64>,
    lines: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) {
    let start = lines.len();
    lines.extend_from_slice(MARKER);
    lines.extend_from_slice(b"00000000\",\"kind\":\"");
    lines.extend_from_slice(kind.as_bytes());
    lines.push(b'"');
    if let Some(previous) = previous {
        // Writing to a vector can't fail.
        let _ = write!(lines, ",\"previous\":{previous}");
    }
    let object = lines.len();
    // Numbers, texts, lists and maps from text all have a JSON form.
    fill(lines).expect("a record has a JSON form");
    // The object's fields follow those before.
    lines[object] = b',';
    let sum = hex(crc32fast::hash(&lines[start + SUMMED_FROM..]));
    let digits = start + MARKER.len();
    lines[digits..digits + 8].copy_from_slice(&sum);
    lines.push(b'\n');
}

fn hex(sum: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 8];
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = DIGITS[(sum >> (28 - 4 * place)) as usize & 15];
    }
    digits
}
