//! Reading a file from its beginning to its end.

use std::io::{self, Read};

use super::line::Line;
use super::salvage::{Piece, pieces};

/// How much is read at once.
const BLOCK: usize = 1 << 20;

/// Who is told what is in a file.
pub(in crate::journal) trait Visitor {
    /// A line, and where it begins.
    fn line(&mut self, offset: u64, line: Line<'_>);
    /// Something that is no line: where, in bytes and lines (from 1), and how long it is.
    fn damage(&mut self, damage: Damage);
}

/// Something that is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct Damage {
    pub(in crate::journal) line: u64,
    pub(in crate::journal) offset: u64,
    pub(in crate::journal) bytes: u64,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) struct End {
    /// The number of bytes that were read, from the beginning of the file.
    pub(in crate::journal) length: u64,
    /// Where the last stretch begins, if no line break ends it.
    pub(in crate::journal) unended: Option<u64>,
}

/// Tells `visitor` what `source` holds, whose first byte is at `offset`. A last
/// stretch that no line break ends is told only if `takes_unended`.
pub(in crate::journal) fn scan(
    source: &mut impl Read,
    mut offset: u64,
    takes_unended: bool,
    visitor: &mut impl Visitor,
) -> io::Result<End> {
    let mut block = vec![0; BLOCK];
    let mut filled = 0;
    let mut line_number = 1;
    let mut damage: Option<Damage> = None;
    let mut tell = |start: u64, number: u64, stretch: &[u8]| {
        pieces(stretch, |place, piece| {
            let offset = start + place as u64;
            match piece {
                Piece::Line(line) => {
                    if let Some(damage) = damage.take() {
                        visitor.damage(damage);
                    }
                    visitor.line(offset, line);
                }
                Piece::Damaged(bytes) => {
                    let from = damage.map_or(offset, |damage| damage.offset);
                    damage = Some(Damage {
                        line: damage.map_or(number, |damage| damage.line),
                        offset: from,
                        bytes: offset + bytes as u64 - from,
                    });
                }
            }
        });
    };
    loop {
        let read = match source.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let before = filled;
        filled += read;
        let mut start = 0;
        for found in memchr::memchr_iter(b'\n', &block[before..filled]) {
            let end = before + found;
            tell(offset + start as u64, line_number, &block[start..end]);
            line_number += 1;
            start = end + 1;
        }
        block.copy_within(start..filled, 0);
        offset += start as u64;
        filled -= start;
        if filled == block.len() {
            block.resize(2 * filled, 0);
        }
    }
    if takes_unended {
        tell(offset, line_number, &block[..filled]);
    }
    if let Some(damage) = damage {
        visitor.damage(damage);
    }
    Ok(End {
        length: offset + filled as u64,
        unended: (filled > 0).then_some(offset),
    })
}
