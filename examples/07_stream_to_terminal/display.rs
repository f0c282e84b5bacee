//! [`Display`]: texts that grow, on a terminal or in a pipe.

use std::io::{self, IsTerminal, Stdout, Write};

use inf_engine::execution::TokenEvent;

/// Characters of a column, and between the two of them.
const COLUMN: usize = 34;
const GAP: usize = 4;

/// Shows the texts of nodes as they grow. A terminal is drawn anew with each piece:
/// two texts side by side, and one below. Anything else gets a line for each sentence,
/// as soon as it is whole.
pub struct Display<W> {
    out: W,
    is_terminal: bool,
    texts: [Text; 3],
    /// Lines that the last drawing took.
    drawn: usize,
}

#[derive(Default)]
struct Text {
    node: &'static str,
    said: String,
    /// Bytes of it that were told as lines.
    told: usize,
}

impl Display<Stdout> {
    pub fn on_stdout() -> Self {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        Self::new(out, is_terminal)
    }
}

impl<W: Write> Display<W> {
    #[cfg(test)]
    pub fn lines(out: W) -> Self {
        Self::new(out, false)
    }

    fn new(out: W, is_terminal: bool) -> Self {
        let texts = ["for", "against", "verdict"].map(|node| Text {
            node,
            ..Text::default()
        });
        Self {
            out,
            is_terminal,
            texts,
            drawn: 0,
        }
    }

    /// Shows what came of the answer of `node`.
    pub fn show(&mut self, node: &str, event: &TokenEvent) -> io::Result<()> {
        let Some(shown) = self.texts.iter_mut().find(|text| text.node == node) else {
            return Ok(());
        };
        let mut is_whole = false;
        match event {
            TokenEvent::Text(more) => shown.said.push_str(more),
            TokenEvent::Ended => is_whole = true,
            TokenEvent::Void => {
                if shown.told > 0 && !self.is_terminal {
                    writeln!(self.out, "{:<8} (that failed; once more)", shown.node)?;
                }
                shown.said.clear();
                shown.told = 0;
            }
            _ => {}
        }
        if self.is_terminal {
            self.draw()
        } else {
            shown.tell(is_whole, &mut self.out)
        }
    }

    #[cfg(test)]
    pub fn into_inner(self) -> W {
        self.out
    }

    fn draw(&mut self) -> io::Result<()> {
        let picture = self.picture();
        // Up to where the last drawing began, and clear from there.
        if self.drawn > 0 {
            write!(self.out, "\x1b[{}A", self.drawn)?;
        }
        write!(self.out, "\r\x1b[J")?;
        for line in &picture {
            writeln!(self.out, "{line}")?;
        }
        self.drawn = picture.len();
        self.out.flush()
    }

    fn picture(&self) -> Vec<String> {
        let [left, right, below] = &self.texts;
        let row = |left: &str, right: &str| {
            let row = format!("{left:<COLUMN$}{:GAP$}{right}", "");
            row.trim_end().to_owned()
        };
        let mut picture = vec![row(left.node, right.node)];
        let (left, right) = (wrapped(&left.said, COLUMN), wrapped(&right.said, COLUMN));
        for line in 0..left.len().max(right.len()) {
            let of = |column: &[String]| column.get(line).cloned().unwrap_or_default();
            picture.push(row(&of(&left), &of(&right)));
        }
        if !below.said.is_empty() {
            picture.extend([String::new(), below.node.to_owned()]);
            picture.extend(wrapped(&below.said, 2 * COLUMN + GAP));
        }
        picture
    }
}

impl Text {
    /// Tells the sentences that are whole and were not told; all that is there, if
    /// the text is whole.
    fn tell(&mut self, is_whole: bool, out: &mut impl Write) -> io::Result<()> {
        loop {
            let rest = &self.said[self.told..];
            let (end, next) = match rest.find(". ") {
                Some(dot) => (dot + 1, dot + 2),
                None if is_whole && !rest.is_empty() => (rest.len(), rest.len()),
                None => return out.flush(),
            };
            writeln!(out, "{:<8} {}", self.node, &rest[..end])?;
            self.told += next;
        }
    }
}

/// The lines of `text`, none longer than `width` characters but for words that are.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> TokenEvent {
        TokenEvent::Text(text.to_owned())
    }

    #[test]
    fn a_terminal_is_drawn_anew_and_what_was_void_is_gone() {
        let mut display = Display::new(Vec::new(), true);
        display.show("for", &said("It is wrong")).unwrap();
        display.show("for", &TokenEvent::Void).unwrap();
        let long = "It is a long text of more characters than a column has.";
        display.show("for", &said(long)).unwrap();
        display.show("against", &said("No.")).unwrap();
        display.show("verdict", &said("Take it.")).unwrap();
        let drawn = String::from_utf8(display.into_inner()).unwrap();
        let (before, last) = drawn.rsplit_once("\x1b[J").unwrap();
        assert!(before.ends_with("\x1b[3A\r"), "{drawn:?}");
        let expected = "\
for                                   against
It is a long text of more             No.
characters than a column has.

verdict
Take it.
";
        assert_eq!(last, expected);
    }

    #[test]
    fn a_pipe_gets_sentences_and_is_told_what_was_void() {
        let mut display = Display::lines(Vec::new());
        display.show("for", &said("It is. And")).unwrap();
        display.show("for", &TokenEvent::Void).unwrap();
        display.show("for", &said("It is")).unwrap();
        display.show("for", &said(" not. Or is")).unwrap();
        display.show("for", &said(" it?")).unwrap();
        display.show("for", &TokenEvent::Ended).unwrap();
        let told = String::from_utf8(display.into_inner()).unwrap();
        let expected = "\
for      It is.
for      (that failed; once more)
for      It is not.
for      Or is it?
";
        assert_eq!(told, expected);
    }
}
