//! Which schemas a provider can enforce, and how it wants them written.
//!
//! [`OpenAI`][openai] and [Anthropic][anthropic] know a subset of JSON schema:
//! the root is an object, objects are closed, and few keywords exist. A schema
//! that needs more can't be enforced.
//!
//! What is rewritten here never forbids an answer that the original wants. It
//! may permit more (`oneOf` becomes `anyOf`, exotic formats are dropped), which
//! is harmless because an answer is checked against the original anyway.
//!
//! [openai]: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
//! [anthropic]: https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations

use serde_json::{Map, Value, json};

/// Whose subset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subset {
    /// `OpenAI`'s: all properties are required.
    OpenAi,
    /// Anthropic's: properties may be left out, but nothing refers to itself and
    /// numbers, texts and lists have no bounds; what bounds there are is left to
    /// the check of the answer.
    Anthropic,
}

/// `schema` as the provider wants it, or `None` if it can't have it.
pub(crate) fn strict_schema(schema: &Value, subset: Subset) -> Option<Value> {
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    if !is_object || (subset == Subset::Anthropic && is_recursive(schema)) {
        return None;
    }
    close(schema, subset)
}

/// Whether a definition of `schema` reaches itself, or the root is referred to.
fn is_recursive(schema: &Value) -> bool {
    let mut search = Search {
        root: schema,
        under_way: Vec::new(),
        cleared: Vec::new(),
    };
    search.reaches_itself(schema)
}

/// A walk along references.
struct Search<'s> {
    root: &'s Value,
    under_way: Vec<&'s str>,
    /// Those that lead nowhere near themselves; each is followed once.
    cleared: Vec<&'s str>,
}

impl<'s> Search<'s> {
    fn reaches_itself(&mut self, value: &'s Value) -> bool {
        let fields = match value {
            Value::Array(list) => return list.iter().any(|value| self.reaches_itself(value)),
            Value::Object(fields) => fields,
            _ => return false,
        };
        fields.iter().any(|(name, value)| {
            let Some(reference) = value.as_str().filter(|_| name == "$ref") else {
                // Definitions are looked at where they are used.
                let is_definition = name == "$defs" || name == "definitions";
                return !is_definition && self.reaches_itself(value);
            };
            if reference == "#" || self.under_way.contains(&reference) {
                return true;
            }
            let target = reference.strip_prefix('#');
            let target = target.and_then(|path| self.root.pointer(path));
            let Some(target) = target.filter(|_| !self.cleared.contains(&reference)) else {
                return false;
            };
            self.under_way.push(reference);
            let found = self.reaches_itself(target);
            self.under_way.pop();
            self.cleared.push(reference);
            found
        })
    }
}

/// The formats of strings that strict mode knows.
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

fn close(schema: &Value, subset: Subset) -> Option<Value> {
    let original = schema.as_object()?;
    if !says_what_it_is(original) {
        return None;
    }
    let mut closed = Map::new();
    for (keyword, value) in original {
        match keyword.as_str() {
            "title" | "description" | "type" | "enum" | "const" => {
                closed.insert(keyword.clone(), value.clone());
            }
            "pattern" | "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum"
            | "multipleOf" | "minItems" | "maxItems" => {
                if subset == Subset::OpenAi {
                    closed.insert(keyword.clone(), value.clone());
                }
            }
            "minLength" | "maxLength" | "uniqueItems" if subset == Subset::Anthropic => {}
            // Remarks that strict mode refuses, and what is written anew below.
            "$schema" | "$id" | "$comment" | "default" | "examples" | "deprecated" | "readOnly"
            | "writeOnly" | "required" => {}
            // schemars writes Rust's integer types here (`uint32`).
            "format" => {
                if value
                    .as_str()
                    .is_some_and(|format| FORMATS.contains(&format))
                {
                    closed.insert(keyword.clone(), value.clone());
                }
            }
            "$ref" => {
                value
                    .as_str()
                    .filter(|reference| reference.starts_with('#'))?;
                closed.insert(keyword.clone(), value.clone());
            }
            "items" => {
                closed.insert(keyword.clone(), close(value, subset)?);
            }
            "anyOf" => {
                closed.insert(keyword.clone(), close_list(value, subset)?);
            }
            "oneOf" if !original.contains_key("anyOf") => {
                closed.insert("anyOf".to_owned(), close_list(value, subset)?);
            }
            "properties" | "$defs" | "definitions" => {
                closed.insert(keyword.clone(), close_map(value, subset)?);
            }
            "additionalProperties" if *value == Value::Bool(false) => {}
            _ => return None,
        }
    }
    if is_object(original) {
        close_object(original, &mut closed, subset)?;
    }
    Some(alone_if_reference(closed))
}

/// Forbids all properties but those that are named and, where the subset wants
/// that, requires them.
fn close_object(
    original: &Map<String, Value>,
    closed: &mut Map<String, Value>,
    subset: Subset,
) -> Option<()> {
    let none = json!({});
    let properties = original.get("properties").or_else(|| {
        // An object of anything, unless it is closed by itself.
        original.get("additionalProperties")?;
        closed.insert("properties".to_owned(), none.clone());
        Some(&none)
    });
    let properties = properties?.as_object()?;
    let required: Vec<&Value> = match original.get("required") {
        Some(required) => required.as_array()?.iter().collect(),
        None => Vec::new(),
    };
    closed.insert("additionalProperties".to_owned(), Value::Bool(false));
    if subset == Subset::Anthropic {
        closed.insert("required".to_owned(), json!(required));
        return Some(());
    }
    for (name, schema) in properties {
        // What may be left out may as well be said to be null, if it may be.
        let is_required = required.iter().any(|known| *known == name);
        if !is_required && !takes_null(schema) {
            return None;
        }
    }
    let names: Vec<&String> = properties.keys().collect();
    closed.insert("required".to_owned(), json!(names));
    Some(())
}

fn close_list(schemas: &Value, subset: Subset) -> Option<Value> {
    let schemas = schemas.as_array()?.iter();
    let closed: Option<Vec<Value>> = schemas.map(|schema| close(schema, subset)).collect();
    closed.map(Value::Array)
}

fn close_map(schemas: &Value, subset: Subset) -> Option<Value> {
    let mut closed = Map::new();
    for (name, schema) in schemas.as_object()? {
        closed.insert(name.clone(), close(schema, subset)?);
    }
    Some(Value::Object(closed))
}

/// Strict mode wants `$ref` to have no neighbours, such as a description.
fn alone_if_reference(mut schema: Map<String, Value>) -> Value {
    if schema.len() > 1
        && let Some(reference) = schema.shift_remove("$ref")
    {
        // A schema with both would need `allOf`; no generator writes it.
        let reference = json!({ "$ref": reference });
        schema.entry("anyOf").or_insert_with(|| json!([reference]));
    }
    Value::Object(schema)
}

fn is_object(schema: &Map<String, Value>) -> bool {
    schema.contains_key("properties") || has_type(schema, "object")
}

fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

/// Whether `schema` is more than "anything", which strict mode can't have.
fn says_what_it_is(schema: &Map<String, Value>) -> bool {
    let is_open_list = has_type(schema, "array") && !schema.contains_key("items");
    let says = ["type", "$ref", "anyOf", "oneOf", "enum", "const"];
    !is_open_list && says.iter().any(|keyword| schema.contains_key(*keyword))
}

fn takes_null(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return false;
    };
    let among = |keyword: &str, accepts: fn(&Value) -> bool| {
        schema
            .get(keyword)
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(accepts))
    };
    // An enumeration overrides what the type permits.
    if schema.contains_key("enum") {
        return among("enum", Value::is_null);
    }
    has_type(schema, "null") || among("anyOf", takes_null) || among("oneOf", takes_null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &Value, expected: Option<&Value>) {
        assert_eq!(strict_schema(schema, Subset::OpenAi).as_ref(), expected);
    }

    fn object_of(property: &Value) -> Value {
        json!({"type": "object", "properties": {"it": property}, "required": ["it"]})
    }

    /// The closed object's only property, or `None` if it can't be closed.
    fn closed(property: &Value) -> Option<Value> {
        let closed = strict_schema(&object_of(property), Subset::OpenAi)?;
        assert_eq!(closed["additionalProperties"], false);
        Some(closed["properties"]["it"].clone())
    }

    #[test]
    fn objects_are_closed_at_every_depth() {
        let inner =
            json!({"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]});
        let inner_closed = json!({
            "type": "object", "properties": {"b": {"type": "string"}},
            "required": ["b"], "additionalProperties": false
        });
        let list = json!({"type": "array", "items": inner});
        assert_eq!(closed(&inner), Some(inner_closed.clone()));
        assert_eq!(
            closed(&list),
            Some(json!({"type": "array", "items": inner_closed}))
        );
        let one_of = closed(&json!({"oneOf": [inner, {"type": "null"}]}));
        assert_eq!(
            one_of,
            Some(json!({"anyOf": [inner_closed, {"type": "null"}]}))
        );
    }

    #[test]
    fn what_is_optional_is_required_if_it_may_be_null() {
        let optional = json!({"type": "object", "properties": {
            "a": {"type": ["string", "null"]},
            "b": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]}
        }});
        let closed = strict_schema(&optional, Subset::OpenAi).expect("enforceable");
        assert_eq!(closed["required"], json!(["a", "b"]));
        check(
            &json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            None,
        );
    }

    #[test]
    fn a_described_reference_is_wrapped() {
        assert_eq!(
            closed(&json!({"$ref": "#/$defs/B", "description": "The B."})),
            Some(json!({"description": "The B.", "anyOf": [{"$ref": "#/$defs/B"}]}))
        );
        let alone = json!({"$ref": "#/$defs/B"});
        assert_eq!(closed(&alone), Some(alone));
    }

    #[test]
    fn remarks_and_unknown_formats_are_dropped() {
        let number = json!({"type": "integer", "format": "uint32", "minimum": 0, "default": 3});
        assert_eq!(
            closed(&number),
            Some(json!({"type": "integer", "minimum": 0}))
        );
        let date = json!({"type": "string", "format": "date"});
        assert_eq!(closed(&date), Some(date));
    }

    #[test]
    fn what_strict_mode_cannot_have() {
        check(&json!({"type": "string"}), None);
        check(&json!({"anyOf": [{"type": "string"}]}), None);
        check(&json!(true), None);
        for property in [
            json!(true),
            json!({}),
            json!({"description": "anything"}),
            json!({"type": "array"}),
            json!({"type": "object"}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "string", "minLength": 1}),
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false}),
            json!({"allOf": [{"type": "string"}]}),
            json!({"$ref": "other.json"}),
        ] {
            assert_eq!(closed(&property), None, "{property}");
        }
    }

    #[test]
    fn derived_schemas_can_be_enforced() {
        /// How it sounds.
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        enum Tone {
            /// Kind.
            Warm,
            /// Not so kind.
            Cold,
        }
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Review {
            /// From 1 to 5.
            stars: u8,
            /// The tone.
            tone: Tone,
            remark: Option<String>,
            others: Vec<Review>,
        }
        let schema = schemars::schema_for!(Review).to_value();
        let strict = strict_schema(&schema, Subset::OpenAi).expect("enforceable");
        assert_eq!(
            strict["required"],
            json!(["stars", "tone", "remark", "others"])
        );
        let text = strict.to_string();
        for refused in ["oneOf", "uint8", "$schema"] {
            assert!(!text.contains(refused), "{text}");
        }
    }

    #[test]
    fn anthropic_knows_no_bounds_and_no_recursion() {
        let strict = |schema: Value| strict_schema(&schema, Subset::Anthropic);
        let closed = strict(json!({
            "type": "object",
            "properties": {
                "stars": {"type": "integer", "minimum": 1},
                "name": {"type": "string", "minLength": 1},
                "other": {"$ref": "#/$defs/Other"}
            },
            "required": ["stars"],
            "$defs": {"Other": {"type": "string"}}
        }));
        let expected = json!({
            "type": "object",
            "properties": {
                "stars": {"type": "integer"},
                "name": {"type": "string"},
                "other": {"$ref": "#/$defs/Other"}
            },
            "$defs": {"Other": {"type": "string"}},
            "additionalProperties": false,
            "required": ["stars"]
        });
        assert_eq!(closed, Some(expected));
        for recursive in [
            json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
            json!({
                "type": "object", "properties": {"a": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"type": "array", "items": {"$ref": "#/$defs/A"}}}
            }),
        ] {
            assert_eq!(strict(recursive.clone()), None, "{recursive}");
        }
    }
}
