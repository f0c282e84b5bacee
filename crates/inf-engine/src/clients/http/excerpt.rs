//! A body, as short as a message can bear.

use super::Redaction;
use crate::document;

/// The most characters of a server's text in a message.
const MOST_CHARACTERS: usize = 300;

/// What `body` is, for the end of a sentence: its beginning in backticks, the
/// title of an HTML page, or that it is empty. Holds no secret.
pub(crate) fn excerpt(body: &[u8], redaction: &Redaction) -> String {
    let text = redaction.apply(&String::from_utf8_lossy(body));
    let text = text.trim();
    if text.is_empty() {
        return "an empty body".to_owned();
    }
    if is_html(text) {
        return match html_title(text) {
            Some(title) => format!("an HTML page titled `{}`", shorten(title)),
            None => "an HTML page".to_owned(),
        };
    }
    format!("`{}`", shorten(text))
}

/// `text` on one line and no longer than a message can bear.
pub(crate) fn shorten(text: &str) -> String {
    document::shorten(text, MOST_CHARACTERS)
}

fn is_html(text: &str) -> bool {
    let mut start: String = text.chars().take(200).collect();
    start.make_ascii_lowercase();
    start.starts_with('<') && (start.contains("<!doctype html") || start.contains("<html"))
}

fn html_title(text: &str) -> Option<&str> {
    // ASCII lowercasing keeps every byte where it was, so that the positions
    // hold in the original too.
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let length = lower[start..].find("</title>")?;
    let title = text[start..start + length].trim();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: &str) {
        assert_eq!(excerpt(body, &Redaction::default()), expected);
    }

    #[test]
    fn bodies_are_told_in_a_few_words() {
        check(b"", "an empty body");
        check(b" \r\n", "an empty body");
        check(b"try\r\n\tlater\0", "`try later`");
        check(b"caf\xff", "`caf\u{fffd}`");
        check(b"<!DOCTYPE html><HTML></HTML>", "an HTML page");
        check(
            b"<html>\n<head><Title>502 Bad\nGateway</Title>",
            "an HTML page titled `502 Bad Gateway`",
        );
    }

    #[test]
    fn a_long_body_is_cut() {
        let cut = excerpt("é".repeat(10_000).as_bytes(), &Redaction::default());
        assert_eq!(cut.chars().count(), MOST_CHARACTERS + 3);
        assert!(cut.ends_with("…`"));
    }
}
