//! [`PartSize`]: how much of a value that is not there yet its parts are.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::counter::Counter;
use crate::graph::Accessor;
use crate::value::{Schema, Value};

/// What lies deeper in a schema, or comes after so many parts, is taken as a whole: a
/// schema may be a part of itself.
const DEEPEST: usize = 8;
const MOST_PARTS: usize = 1_000;

/// The tokens of a number, if its digits are not bounded.
const TOKENS_PER_NUMBER: u64 = 4;

/// How much of a value of some schema its parts are.
///
/// A boolean, a number or one of listed values is as long as it can be at most; what is left
/// of the value is shared among all that may be of any length: texts and lists.
#[derive(Debug, Clone, Default)]
pub(super) struct PartSize {
    /// The tokens of what can only be so long.
    bounded: u64,
    /// The parts that may be of any length.
    free: u64,
    /// The fields of an object.
    fields: HashMap<Box<str>, PartSize>,
}

impl PartSize {
    pub(super) fn new(schema: &Schema, counter: &Counter) -> Self {
        let mut reader = Reader {
            root: schema.as_json(),
            counter,
            parts: 0,
        };
        reader.read(schema.as_json(), 0)
    }

    /// The most tokens that a value can have, if there is a most.
    pub(super) fn most(&self) -> Option<u64> {
        (self.free == 0).then_some(self.bounded)
    }

    /// The tokens of the part at `path` of a value that has `whole` tokens.
    pub(super) fn part(&self, path: &[Accessor], whole: u64) -> u64 {
        let found = path.iter().try_fold(self, |size, accessor| match accessor {
            Accessor::Key(key) => size.fields.get(&**key).ok_or(size),
            // Of a list it is not known how many share it.
            Accessor::Index(_) => Err(size),
        });
        let (Ok(part) | Err(part)) = found;
        let left = whole.saturating_sub(self.bounded);
        let shared = match self.free {
            0 => 0,
            all => left.saturating_mul(part.free).div_ceil(all),
        };
        part.bounded.saturating_add(shared).min(whole)
    }

    fn free() -> Self {
        Self {
            free: 1,
            ..Self::default()
        }
    }

    fn bounded(tokens: u64) -> Self {
        Self {
            bounded: tokens,
            ..Self::default()
        }
    }
}

struct Reader<'r> {
    root: &'r Json,
    counter: &'r Counter,
    parts: usize,
}

impl Reader<'_> {
    fn read(&mut self, schema: &Json, depth: usize) -> PartSize {
        self.parts += 1;
        if depth > DEEPEST || self.parts > MOST_PARTS {
            return PartSize::free();
        }
        let refers = schema.get("$ref").and_then(Json::as_str);
        let refers = refers.and_then(|name| self.root.pointer(name.strip_prefix('#')?));
        if let Some(found) = refers {
            return self.read(found, depth + 1);
        }
        if let Some(Json::Array(values)) = schema.get("enum") {
            return self.longest(values);
        }
        if let Some(value) = schema.get("const") {
            return self.longest(std::slice::from_ref(value));
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        if let Some(Json::Array(alternatives)) = alternatives {
            return self.any_of(alternatives, depth);
        }
        match schema.get("type").and_then(Json::as_str) {
            Some("boolean") => self.longest(&[true.into(), false.into()]),
            Some("null") => self.longest(&[Json::Null]),
            Some("integer") => match (schema.get("minimum"), schema.get("maximum")) {
                (Some(least), Some(most)) => self.longest(&[least.clone(), most.clone()]),
                _ => PartSize::bounded(TOKENS_PER_NUMBER),
            },
            // Between two bounds there may be more digits than they have.
            Some("number") => PartSize::bounded(TOKENS_PER_NUMBER),
            Some("object") => self.object(schema, depth),
            _ => PartSize::free(),
        }
    }

    /// An object: its fields, and room for others where it may have them.
    fn object(&mut self, schema: &Json, depth: usize) -> PartSize {
        let Some(Json::Object(properties)) = schema.get("properties") else {
            return PartSize::free();
        };
        let mut whole = PartSize::default();
        for (key, field) in properties {
            let field = self.read(field, depth + 1);
            whole.bounded = whole.bounded.saturating_add(field.bounded);
            // Around a key are quotes and a colon.
            let key_tokens = self.counter.tokenizer.count(key) + 1;
            whole.bounded = whole.bounded.saturating_add(key_tokens);
            whole.free = whole.free.saturating_add(field.free);
            whole.fields.insert(key.as_str().into(), field);
        }
        // Others than those that are named: a map beside them.
        let more = schema.get("additionalProperties");
        if properties.is_empty() || more.is_some_and(|more| *more != Json::Bool(false)) {
            whole.free = whole.free.saturating_add(1);
        }
        whole
    }

    /// The longest of several; one that may be missing has the fields that it may have.
    fn any_of(&mut self, alternatives: &[Json], depth: usize) -> PartSize {
        let read = |one| self.read(one, depth + 1);
        let sizes: Vec<PartSize> = alternatives.iter().map(read).collect();
        let by_length = |size: &PartSize| (size.free, size.bounded);
        let longest = sizes.into_iter().max_by_key(by_length);
        longest.unwrap_or_else(PartSize::free)
    }

    fn longest(&self, values: &[Json]) -> PartSize {
        let tokens = values.iter().map(|value| {
            let value = Value::from(value.clone());
            self.counter.text_of(&value)
        });
        tokens.max().map_or_else(PartSize::free, PartSize::bounded)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::InferenceGraph;
    use crate::resources::Tokenizer;

    fn size(schema: Json) -> PartSize {
        let empty = "version: 1\nname: none\nnodes: {}\noutput: input\n";
        let graph = InferenceGraph::from_text(empty).expect("a graph");
        let counter = Counter::new(&graph, Tokenizer::Characters);
        PartSize::new(&Schema::from_json(schema), &counter)
    }

    fn at(path: &[&str]) -> Vec<Accessor> {
        path.iter()
            .map(|key| Accessor::Key((*key).into()))
            .collect()
    }

    #[test]
    fn bounded_fields_are_as_long_as_they_can_be_and_texts_share_the_rest() {
        let triage = json!({"type": "object", "properties": {
            "yes": {"type": "boolean"},
            "kind": {"$ref": "#/$defs/Kind"},
            "byte": {"type": "integer", "minimum": 0, "maximum": 255},
            "why": {"type": "string"},
            "what": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        }, "$defs": {"Kind": {"enum": ["bug", "something else"]}}});
        let size = size(triage);
        let part = |path: &[&str]| size.part(&at(path), 200);
        assert_eq!(
            (part(&["yes"]), part(&["kind"]), part(&["byte"])),
            (2, 4, 1)
        );
        // Five keys of 2 tokens, and 7 of their values, leave 183 for two texts.
        assert_eq!((part(&["why"]), part(&["what"])), (92, 92));
        assert_eq!((part(&[]), part(&["why", "length"])), (200, 92));
        assert_eq!(size.most(), None);
        // A short answer has no part that is longer.
        assert_eq!(size.part(&at(&["kind"]), 3), 3);
    }

    #[test]
    fn what_only_has_bounded_parts_is_bounded() {
        let flags = json!({"type": "boolean"});
        let flags = json!({"type": "object", "properties": {"a": flags, "b": flags}});
        assert_eq!(size(flags).most(), Some(2 * (2 + 2)));
        let share = json!({"type": "number", "minimum": 0, "maximum": 1});
        assert_eq!(size(share).most(), Some(TOKENS_PER_NUMBER));
        assert_eq!(
            size(json!({"type": "array", "items": {"type": "boolean"}})).most(),
            None
        );
        assert_eq!(size(json!(true)).most(), None);
    }

    #[test]
    fn a_schema_that_is_a_part_of_itself_comes_to_an_end() {
        let tree = json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "properties": {
            "left": {"$ref": "#/$defs/Tree"}, "right": {"$ref": "#/$defs/Tree"},
        }}}});
        assert!(size(tree).part(&at(&["left"]), 200) <= 200);
        let itself = json!({"$ref": "#"});
        assert_eq!(size(itself).part(&at(&["left"]), 200), 200);
    }
}
