//! Lines for people, on stderr.

use std::fmt;
use std::io::{self, Write};

/// Writes `text` and a line break to stderr.
///
/// A stderr that nobody reads any more is no reason to stop: what a command is
/// for goes to stdout or to a file.
pub(crate) fn tell(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The beginning of `text` on one line, at most `longest` characters.
pub(crate) fn shorten(text: &str, longest: usize) -> String {
    let mut short = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let space = usize::from(length > 0);
        let word_length = word.chars().count();
        if length + space + word_length > longest {
            let room = longest.saturating_sub(length + space + 1);
            // A word by itself that is too long is cut; another is left out.
            if length == 0 {
                short.extend(word.chars().take(room));
            }
            short.push('…');
            return short;
        }
        if space > 0 {
            short.push(' ');
        }
        short.push_str(word);
        length += space + word_length;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_words_and_put_on_one_line() {
        let check = |text, longest, expected| assert_eq!(shorten(text, longest), expected);
        check("", 5, "");
        check("one", 5, "one");
        check(" one\n\ttwo ", 7, "one two");
        check("one two three", 8, "one two…");
        check("überlang", 5, "über…");
    }
}
