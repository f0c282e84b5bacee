//! [`Events`]: server-sent events out of pieces of bytes.

use super::line_splitter::LineSplitter;

/// Reads [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation),
/// of which only the data matter here: all formats name the kind of an event in
/// its JSON, too.
///
/// The crate `eventsource-stream` does the same, but looks at an unfinished
/// event anew with each piece that comes, so that a peer that sends one endless
/// line costs time that grows with the square of its length.
#[derive(Debug, Default)]
pub(super) struct Events {
    lines: LineSplitter,
    data: Vec<u8>,
    has_data: bool,
    is_begun: bool,
}

impl Events {
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.lines.add(piece);
    }

    /// The data of the next whole event that has some.
    pub(super) fn next_data(&mut self) -> Option<Vec<u8>> {
        while let Some(line) = self.lines.next_line() {
            let is_first = !std::mem::replace(&mut self.is_begun, true);
            let line = match line.strip_prefix(b"\xef\xbb\xbf") {
                Some(line) if is_first => line,
                _ => line,
            };
            if line.is_empty() {
                if std::mem::take(&mut self.has_data) {
                    return Some(std::mem::take(&mut self.data));
                }
                continue;
            }
            Self::read_line(line, &mut self.data, &mut self.has_data);
        }
        None
    }

    /// The data of an event that the end of the stream cut off: some servers
    /// leave the empty line out that would end the last one.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let line = self.lines.rest();
        Self::read_line(line, &mut self.data, &mut self.has_data);
        std::mem::take(&mut self.has_data).then(|| std::mem::take(&mut self.data))
    }

    /// Comments, names and identifiers are of no use.
    fn read_line(line: &[u8], data: &mut Vec<u8>, has_data: &mut bool) {
        let Some(value) = line.strip_prefix(b"data") else {
            return;
        };
        let value = match value.strip_prefix(b":") {
            Some(value) => value.strip_prefix(b" ").unwrap_or(value),
            None if value.is_empty() => value,
            None => return,
        };
        if std::mem::replace(has_data, true) {
            data.push(b'\n');
        }
        data.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut all = Vec::new();
        for piece in pieces {
            events.add(piece);
            while let Some(data) = events.next_data() {
                all.push(String::from_utf8_lossy(&data).into_owned());
            }
        }
        if let Some(data) = events.rest() {
            all.push(format!("rest: {}", String::from_utf8_lossy(&data)));
        }
        all
    }

    #[test]
    fn events_in_every_form() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(read(&[text.as_bytes()]), expected, "{text:?}");
        };
        check("data: a\n\ndata:b\n\n", &["a", "b"]);
        check("\u{feff}data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]);
        check(
            ": ping\n\nevent: ping\n\nid: 1\nretry: 5\ndata: a\n\n",
            &["a"],
        );
        check("data: a\ndata: b\n\n", &["a\nb"]);
        check("data\n\n", &[""]);
        check("data:  a\n\n", &[" a"]);
        check("database: no\n\n", &[]);
        check("data: a", &["rest: a"]);
        check("data: a\n", &["rest: a"]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_read_alike(
            bytes in prop::collection::vec(
                prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..60),
            cut in 0_usize..60,
        ) {
            let cut = cut % (bytes.len() + 1);
            prop_assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), read(&[&bytes]));
        }
    }
}
