//! A text with placeholders for parts of the request.

/// What a template is filled with.
pub(super) struct Fillings<'a> {
    pub(super) prompt: &'a str,
    pub(super) system: &'a str,
    pub(super) model: &'a str,
    pub(super) hash: &'a str,
    pub(super) excerpt: &'a str,
}

/// A template, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Prompt,
    System,
    Excerpt,
    Model,
    Hash,
}

impl Template {
    /// Reads `{name}` as a placeholder, `{{` and `}}` as one brace.
    ///
    /// An error continues a sentence that starts with the template's key.
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(unescaped) = after.strip_prefix(brace) {
                text.push_str(brace);
                rest = unescaped;
                continue;
            }
            let Some((name, beyond)) = after.split_once('}').filter(|_| brace == "{") else {
                return Err(format!("has a `{brace}` by itself; write `{brace}{brace}`"));
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::named(name)?);
            rest = beyond;
        }
        text.push_str(rest);
        pieces.push(Piece::Text(text));
        Ok(Self { pieces })
    }

    /// A template that is `text`, braces and all.
    pub(super) fn verbatim(text: &str) -> Self {
        Self {
            pieces: vec![Piece::Text(text.to_owned())],
        }
    }

    /// The text with every placeholder filled in.
    pub(super) fn fill(&self, fillings: &Fillings<'_>) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            filled.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Prompt => fillings.prompt,
                Piece::System => fillings.system,
                Piece::Excerpt => fillings.excerpt,
                Piece::Model => fillings.model,
                Piece::Hash => fillings.hash,
            });
        }
        filled
    }
}

impl Piece {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "prompt" => Self::Prompt,
            "system" => Self::System,
            "excerpt" => Self::Excerpt,
            "model" => Self::Model,
            "hash" => Self::Hash,
            json if json.contains(['"', ':']) => {
                return Err(format!(
                    "has `{{{json}}}`, which is no placeholder; where braces are meant, write them \
                     twice: `{{{{{json}}}}}`"
                ));
            }
            unknown => {
                return Err(format!(
                    "has the unknown placeholder `{{{unknown}}}`; \
                     known are {{prompt}}, {{system}}, {{excerpt}}, {{model}}, {{hash}}"
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: &str) {
        let filled = Template::parse(template).map(|template| {
            template.fill(&Fillings {
                prompt: "P{x}",
                system: "S",
                excerpt: "E",
                model: "M",
                hash: "H",
            })
        });
        assert_eq!(filled.unwrap_or_else(|problem| problem), expected);
    }

    #[test]
    fn placeholders_are_filled_and_braces_escaped() {
        check("", "");
        check("plain", "plain");
        check("{prompt}", "P{x}");
        check("<{system}{excerpt} {model}/{hash}>", "<SE M/H>");
        check(r#"{{"answer": "{excerpt}"}}"#, r#"{"answer": "E"}"#);
        check("{{{excerpt}}}", "{E}");
    }

    #[test]
    fn what_can_not_be_filled_is_an_error() {
        let known = "known are {prompt}, {system}, {excerpt}, {model}, {hash}";
        for unknown in ["text", "", " prompt", "Prompt"] {
            check(
                &format!("a {{{unknown}}}"),
                &format!("has the unknown placeholder `{{{unknown}}}`; {known}"),
            );
        }
        check(
            r#"{"k": 1}"#,
            r#"has `{"k": 1}`, which is no placeholder; where braces are meant, write them twice: `{{"k": 1}}`"#,
        );
        check("a { b", "has a `{` by itself; write `{{`");
        check("a } b", "has a `}` by itself; write `}}`");
    }
}
