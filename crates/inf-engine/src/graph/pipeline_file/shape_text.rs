//! Shapes as YAML or JSON: `{title: facts.title, all: [facts_a, facts_b]}`.

use serde_json::{Map, Value as Json};

use super::reference_text::Names;
use crate::graph::reference::is_identifier;
use crate::graph::{InferenceGraph, Shape};
use crate::value::Value;

/// The key that marks a constant.
const VALUE: &str = "$value";

/// Reads a shape.
pub(super) fn parse(json: &Json, names: &Names<'_>) -> Result<Shape, String> {
    match json {
        Json::String(text) => {
            let reference = names.parse(text).map_err(|why| {
                // In a conversation a text is easily taken for what is said; one
                // with a way into a value was not meant so.
                if text.contains('.') && !text.contains(' ') {
                    return why;
                }
                if has_hole(text) {
                    return format!(
                        "{text:?} is a template, and here stands a value: make it a node of its own, \
                         as in `text: {{ prompt: {} }}`, and write that one's name here",
                        Json::from(text.as_str())
                    );
                }
                let constant = Json::from(text.as_str());
                format!("{why} (for a constant write `{{ {VALUE}: {constant} }}`)")
            });
            Ok(Shape::Reference(reference?))
        }
        Json::Array(elements) => {
            let elements = elements.iter().map(|element| parse(element, names));
            Ok(Shape::List(elements.collect::<Result<_, _>>()?))
        }
        Json::Object(entries) => {
            if let (Some(constant), 1) = (entries.get(VALUE), entries.len()) {
                return Ok(Shape::Constant(Value::from(constant.clone())));
            }
            let entries = entries.iter().map(|(key, element)| {
                let key = match key.strip_prefix('$') {
                    Some(escaped) if escaped.starts_with('$') => escaped,
                    Some(_) => {
                        return Err(format!(
                            "`{key}` is no keyword; for a key that begins with `$` write `${key}`"
                        ));
                    }
                    None => key,
                };
                Ok((key.to_owned(), parse(element, names)?))
            });
            Ok(Shape::Map(entries.collect::<Result<_, _>>()?))
        }
        literal => Err(format!(
            "`{literal}` is a literal; write `{{$value: {literal}}}` for a constant, or the name \
             of a node"
        )),
    }
}

/// Whether there is a name in braces in a text, as in `Answer: {a}`.
fn has_hole(text: &str) -> bool {
    text.split('{').skip(1).any(|after| {
        let name = after.split_once('}').map(|(name, _)| name);
        name.and_then(|name| name.split('.').next())
            .is_some_and(is_identifier)
    })
}

impl InferenceGraph {
    /// A shape as it is written in a pipeline file.
    pub(super) fn shape_json(&self, shape: &Shape) -> Json {
        match shape {
            Shape::Reference(reference) => {
                let name = self.node(reference.node).name();
                reference.display(name).to_string().into()
            }
            Shape::Constant(value) => Map::from_iter([(VALUE.to_owned(), value.into())]).into(),
            Shape::List(elements) => elements
                .iter()
                .map(|shape| self.shape_json(shape))
                .collect(),
            Shape::Map(entries) => entries
                .iter()
                .map(|(key, shape)| {
                    let escape = if key.starts_with('$') { "$" } else { "" };
                    (format!("{escape}{key}"), self.shape_json(shape))
                })
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}
