//! Texts as short as a message can bear.

/// `text` on one line, and no longer than `most` characters and a `…`.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let mut short = String::new();
    let mut pending_space = false;
    for (length, character) in text.trim().chars().enumerate() {
        if length == most {
            short.push('…');
            break;
        }
        if character.is_whitespace() || character.is_control() {
            pending_space = true;
            continue;
        }
        if pending_space && !short.is_empty() {
            short.push(' ');
        }
        pending_space = false;
        short.push(character);
    }
    short
}
