//! Lines for people, on stderr.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};

/// Writes `text` and a line break to stderr.
///
/// A stderr that nobody reads any more is no reason to stop: what a command is
/// for goes to stdout or to a file.
pub(crate) fn tell(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether stderr is a terminal on which more can be done than to write line by line.
pub(crate) fn can_redraw() -> bool {
    let is_dumb = || env::var_os("TERM").is_some_and(|name| name == "dumb" || name.is_empty());
    io::stderr().is_terminal() && !is_dumb()
}

/// A number with the word for what is counted.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{} {word}", grouped(count))
}

/// A number with commas between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in few characters: to three digits from ten thousand on.
pub(crate) fn compact(number: u64) -> String {
    let (unit, sign) = match number {
        ..10_000 => return grouped(number),
        10_000..1_000_000 => (1_000, 'k'),
        1_000_000..1_000_000_000 => (1_000_000, 'M'),
        _ => (1_000_000_000, 'G'),
    };
    let (whole, tenths) = (number / unit, number % unit * 10 / unit);
    match whole {
        ..100 => format!("{whole}.{tenths}{sign}"),
        _ => format!("{}{sign}", grouped(whole)),
    }
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
    fn numbers_have_commas_and_their_words_a_plural() {
        let numbers = [0, 12, 123, 1234, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "12", "123", "1,234", "1,234,567"]);
        let nodes = [0, 1, 2, 1000].map(|count| counted(count, "node", "nodes"));
        assert_eq!(nodes, ["0 nodes", "1 node", "2 nodes", "1,000 nodes"]);
    }

    #[test]
    fn large_numbers_are_short() {
        let check = |number, expected| assert_eq!(compact(number), expected);
        check(9_999, "9,999");
        check(12_345, "12.3k");
        check(999_999, "999k");
        check(1_000_000, "1.0M");
        check(5_432_100_000_000, "5,432G");
    }

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
