//! Templates as text: `Compare {a} with {b.title}, {parameters.style}.`

use std::fmt::Write;

use super::PARAMETERS;
use super::reference_text::Names;
use crate::document::did_you_mean;
use crate::graph::{InferenceGraph, ParameterRef, Template, TemplatePart};

/// Reads a template.
pub(super) fn parse(
    text: &str,
    names: &Names<'_>,
    parameters: &[&str],
) -> Result<Template, String> {
    let mut template = Template::default();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, at_brace) = rest.split_at(brace);
        template.push(TemplatePart::Text(before.to_owned()));
        if let Some(after) = at_brace.strip_prefix("{{") {
            template.push(TemplatePart::Text("{".to_owned()));
            rest = after;
        } else if let Some(after) = at_brace.strip_prefix("}}") {
            template.push(TemplatePart::Text("}".to_owned()));
            rest = after;
        } else if let Some(hole) = at_brace.strip_prefix('{') {
            let Some((inside, after)) = split_hole(hole) else {
                let start: String = at_brace.chars().take(20).collect();
                return Err(format!(
                    "`{start}` is not closed: write `}}`, or `{{{{` for a brace"
                ));
            };
            template.push(part(inside, names, parameters)?);
            rest = after;
        } else {
            return Err("a `}` has no `{` before it: write `}}` for a brace".to_owned());
        }
    }
    template.push(TemplatePart::Text(rest.to_owned()));
    Ok(template)
}

/// Splits at the `}` that closes a hole, which may stand inside quotes.
fn split_hole(hole: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in hole.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some((&hole[..at], &hole[at + 1..])),
            _ => {}
        }
    }
    None
}

fn part(inside: &str, names: &Names<'_>, parameters: &[&str]) -> Result<TemplatePart, String> {
    let name = inside
        .strip_prefix(PARAMETERS)
        .and_then(|rest| rest.strip_prefix('.'));
    let Some(path) = name else {
        let explain = |error| format!("{error} (for a literal brace write `{{{{`)");
        let reference = names.parse(inside).map_err(explain)?;
        return Ok(TemplatePart::Reference(reference));
    };
    let Some(index) = parameters.iter().position(|known| *known == path) else {
        let hint = did_you_mean(path, parameters.iter().copied());
        return Err(format!("there is no parameter `{path}`; {hint}"));
    };
    Ok(TemplatePart::Parameter(ParameterRef::new(index)))
}

impl InferenceGraph {
    /// A template as it is written in a pipeline file.
    pub(crate) fn template_text(&self, template: &Template) -> String {
        // Writing to a `String` can't fail.
        let mut text = String::new();
        for part in template.parts() {
            match part {
                TemplatePart::Text(part) => {
                    text.push_str(&part.replace('{', "{{").replace('}', "}}"));
                }
                TemplatePart::Reference(reference) => {
                    let name = self.node(reference.node).name();
                    let _ = write!(text, "{{{}}}", reference.display(name));
                }
                TemplatePart::Parameter(parameter) => {
                    let path = &self.parameters()[parameter.index()].path;
                    let _ = write!(text, "{{{PARAMETERS}.{path}}}");
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<usize, &str>) {
        let names = Names {
            nodes: vec!["input", "facts"],
        };
        let parsed = parse(text, &names, &["style", "layers.0.tone"]);
        match (parsed, expected) {
            (Ok(template), Ok(parts)) => assert_eq!(template.parts().len(), parts, "{text}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{text}: {error}"),
            (parsed, _) => panic!("{text}: {parsed:?}"),
        }
    }

    #[test]
    fn reads_holes_and_braces() {
        check("", Ok(0));
        check("plain", Ok(1));
        check("{facts}", Ok(1));
        check("a {facts.tags.0} b {parameters.layers.0.tone}", Ok(4));
        check("{{not a hole}}", Ok(1));
        check(r#"{facts."a } b"} c"#, Ok(2));
    }

    #[test]
    fn mistakes_are_told() {
        check("{facts", Err("`{facts` is not closed"));
        check("a } b", Err("a `}` has no `{`"));
        check("{}", Err("is no reference"));
        check("{fact}", Err("did you mean `facts`?"));
        check("{parameters.stile}", Err("did you mean `style`?"));
        check(r#"{"json": 1}"#, Err("for a literal brace write `{{`"));
    }
}
