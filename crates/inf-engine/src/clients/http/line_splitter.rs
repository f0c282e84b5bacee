//! [`LineSplitter`]: lines out of pieces of bytes.

use std::ops::Range;

/// Takes bytes in pieces of any size and gives whole lines, which end with
/// `\n`, `\r\n` or `\r`.
///
/// Each byte is looked at once however it comes: a line of many megabytes that
/// is sent byte by byte costs no more than one that comes whole.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    bytes: Vec<u8>,
    /// Where the line that is being read begins.
    start: usize,
    /// How far it was searched for its end.
    searched: usize,
}

impl LineSplitter {
    pub(super) fn add(&mut self, piece: &[u8]) {
        // What was given away is dropped when more comes, not line by line.
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next whole line, without its end.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        let range = self.next_range()?;
        self.bytes.get(range)
    }

    /// What is left after the last whole line, at the end of the bytes.
    pub(super) fn rest(&mut self) -> &[u8] {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        rest.strip_suffix(b"\r").unwrap_or(rest)
    }

    fn next_range(&mut self) -> Option<Range<usize>> {
        let unsearched = self.bytes.get(self.searched..)?;
        let found = unsearched
            .iter()
            .position(|&byte| byte == b'\n' || byte == b'\r');
        let Some(found) = found else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + found;
        let next = match (self.bytes[end], self.bytes.get(end + 1)) {
            (b'\n', _) => end + 1,
            (_, Some(b'\n')) => end + 2,
            (_, Some(_)) => end + 1,
            // It may be half of a `\r\n`.
            (_, None) => {
                self.searched = end;
                return None;
            }
        };
        let line = self.start..end;
        self.start = next;
        self.searched = next;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            splitter.add(piece);
            while let Some(line) = splitter.next_line() {
                lines.push(String::from_utf8_lossy(line).into_owned());
            }
        }
        lines.push(String::from_utf8_lossy(splitter.rest()).into_owned());
        lines
    }

    #[test]
    fn every_end_of_a_line_counts_once() {
        assert_eq!(lines(&[b"a\nb\r\nc\rd"]), ["a", "b", "c", "d"]);
        assert_eq!(lines(&[b"a\r", b"\nb\n"]), ["a", "b", ""]);
        assert_eq!(lines(&[b"a\r", b"b"]), ["a", "b"]);
        assert_eq!(lines(&[b"", b"\n\n", b"x\r"]), ["", "", "x"]);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_lines(
            text in "[ab\r\n]{0,40}", cuts in prop::collection::vec(0_usize..40, 0..6)
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(lines(&pieces), lines(&[bytes]));
        }
    }
}
