//! References as text: `facts.tags.0."a key"`.

use crate::document::did_you_mean;
use crate::graph::reference::is_identifier;
use crate::graph::{Accessor, NodeRef, Reference};

/// The names that a file's references may use.
pub(super) struct Names<'n> {
    /// By place: the input, then the nodes in the order of the file.
    pub(super) nodes: Vec<&'n str>,
}

impl Names<'_> {
    /// Reads a reference.
    pub(super) fn parse(&self, text: &str) -> Result<Reference, String> {
        let (name, path) = split(text)?;
        let Some(index) = self.nodes.iter().position(|node| *node == name) else {
            let hint = did_you_mean(name, self.nodes.iter().copied());
            return Err(format!("there is no node `{name}`; {hint}"));
        };
        Ok(Reference {
            node: NodeRef::new(index),
            path,
        })
    }
}

/// Splits `name.a.0."b c"` into the name and the way.
fn split(text: &str) -> Result<(&str, Vec<Accessor>), String> {
    let (name, mut rest) = match text.find('.') {
        Some(dot) => text.split_at(dot),
        None => (text, ""),
    };
    if !is_identifier(name) {
        return Err(format!(
            "`{text}` is no reference: write a node's name and then fields or indices, as in \
             `facts.tags.0`"
        ));
    }
    let mut path = Vec::new();
    while let Some(after_dot) = rest.strip_prefix('.') {
        let (accessor, after) = accessor(after_dot)
            .ok_or_else(|| format!("`{text}` has no field or index after a `.`"))?;
        path.push(accessor);
        rest = after;
    }
    if rest.is_empty() {
        Ok((name, path))
    } else {
        Err(format!(
            "`{text}` goes on with `{rest}` where a `.` was expected"
        ))
    }
}

/// Reads one accessor and returns what follows it.
fn accessor(text: &str) -> Option<(Accessor, &str)> {
    if text.starts_with('"') {
        // A key in quotes, with JSON's escapes.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let key = values.next()?.ok()?;
        let after = &text[values.byte_offset()..];
        return Some((Accessor::Key(key.into()), after));
    }
    let end = text.find('.').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    if let Ok(index) = word.parse::<usize>() {
        return Some((Accessor::Index(index), after));
    }
    is_identifier(word).then(|| (Accessor::Key(word.into()), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_they_are_written() {
        let names = Names {
            nodes: vec!["input", "facts"],
        };
        for text in ["input", "facts.tags.0", r#"facts."a \"b\".c".1.x"#] {
            let reference = names.parse(text).unwrap();
            let name = names.nodes[reference.node.index()];
            assert_eq!(reference.display(name).to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_told() {
        let names = Names {
            nodes: vec!["input", "facts"],
        };
        let check = |text: &str, expected: &str| {
            let error = names.parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check("fact", "there is no node `fact`; did you mean `facts`?");
        check(
            "zebra",
            "there is no node `zebra`; there is `input`, `facts`",
        );
        check("some text", "is no reference");
        check("", "is no reference");
        check("facts.", "no field or index after");
        check("facts.\"open", "no field or index after");
        check("facts.a b", "no field or index after");
        check("facts.\"a\"b", "goes on with `b`");
    }
}
