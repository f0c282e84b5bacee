//! What can still be read of a stretch that is no line as it should be.

use memchr::memmem;

use super::line::{Line, MARKER};

/// How many beginnings of lines further on the end of one is looked for: an
/// answer can have in it what looks like a beginning.
const REACH: usize = 8;

/// A part of a stretch between two line breaks.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::journal) enum Piece<'l> {
    /// A line.
    Line(Line<'l>),
    /// What is none; so many bytes.
    Damaged(usize),
}

/// Tells the pieces of `stretch` and where each begins.
///
/// A line break that became another byte leaves two lines in a stretch; both can
/// be read. What a line begins with is nowhere inside of a text, because quotes
/// have a backslash there, and where it ends its sum is right.
pub(in crate::journal) fn pieces<'l>(stretch: &'l [u8], mut tell: impl FnMut(usize, Piece<'l>)) {
    if stretch.is_empty() {
        return;
    }
    if let Some(line) = Line::read(stretch) {
        return tell(0, Piece::Line(line));
    }
    let mut bounds: Vec<usize> = memmem::find_iter(stretch, MARKER).collect();
    bounds.push(stretch.len());
    let mut damaged_from = 0;
    for (place, &start) in bounds.iter().enumerate() {
        if start < damaged_from {
            continue; // Inside of a line that was read.
        }
        let reach = bounds.get(place + REACH).copied().unwrap_or(stretch.len());
        let line = Line::find_end(&stretch[start..reach]);
        let Some(line) = line else { continue };
        if damaged_from < start {
            tell(damaged_from, Piece::Damaged(start - damaged_from));
        }
        damaged_from = start + line.text.len();
        tell(start, Piece::Line(line));
    }
    if damaged_from < stretch.len() {
        tell(damaged_from, Piece::Damaged(stretch.len() - damaged_from));
    }
}

/// The line that `stretch` begins with.
pub(in crate::journal) fn first_line(stretch: &[u8]) -> Option<Line<'_>> {
    let mut first = None;
    pieces(stretch, |start, piece| {
        if let (0, Piece::Line(line)) = (start, piece) {
            first = Some(line);
        }
    });
    first
}
