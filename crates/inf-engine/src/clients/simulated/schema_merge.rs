//! Two JSON schemas as one that asks for both.

use serde_json::{Map, Value, json};

/// Keywords that say nothing about values; left out of merged schemas, which
/// keeps a root's definitions from being copied along.
const SILENT: [&str; 7] = [
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
];

/// `map` without `keyword` and without the keywords that say nothing.
pub(super) fn without(map: &Map<String, Value>, keyword: &str) -> Map<String, Value> {
    map.iter()
        .filter(|(key, _)| *key != keyword && !SILENT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// A schema that asks for what both ask for, or `None` if nothing can be both.
///
/// Close rather than exact: of two patterns, say, it keeps one. Whoever makes
/// a value of it has to check that value against the original schema.
pub(super) fn merge(mut one: Map<String, Value>, other: &Value) -> Option<Value> {
    match other {
        Value::Bool(true) => {}
        Value::Object(other) => {
            for (keyword, asked) in other {
                if !SILENT.contains(&keyword.as_str()) {
                    merge_keyword(&mut one, keyword, asked)?;
                }
            }
        }
        // `false` allows nothing, and anything else is no schema.
        _ => return None,
    }
    Some(Value::Object(one))
}

fn merge_keyword(one: &mut Map<String, Value>, keyword: &str, asked: &Value) -> Option<()> {
    let Some(had) = one.get(keyword) else {
        one.insert(keyword.to_owned(), asked.clone());
        return Some(());
    };
    if had == asked {
        return Some(());
    }
    let merged = match keyword {
        "properties" | "patternProperties" => merge_properties(had, asked),
        "items" | "additionalProperties" | "propertyNames" | "contains" => {
            json!({ "allOf": [had, asked] })
        }
        "required" => union(had, asked),
        "type" => merge_types(had, asked)?,
        "enum" => {
            let both = |value: &&Value| list(asked).contains(value);
            Value::Array(list(had).iter().filter(both).cloned().collect())
        }
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            larger(had, asked).clone()
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            if larger(had, asked) == had {
                asked
            } else {
                had
            }
            .clone()
        }
        "uniqueItems" => Value::Bool(true),
        "const" => return None,
        "allOf" => Value::Array(list(had).iter().chain(list(asked)).cloned().collect()),
        // Two of these can't be one keyword; each is resolved by itself later.
        "$ref" | "anyOf" | "oneOf" => {
            let mut later = Map::new();
            later.insert(keyword.to_owned(), asked.clone());
            return merge_keyword(one, "allOf", &json!([later]));
        }
        // `format`, `pattern`, `multipleOf`, annotations: keep the first.
        _ => return Some(()),
    };
    one.insert(keyword.to_owned(), merged);
    Some(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn union(one: &Value, other: &Value) -> Value {
    let mut all = list(one).to_vec();
    all.extend(
        list(other)
            .iter()
            .filter(|name| !list(one).contains(name))
            .cloned(),
    );
    Value::Array(all)
}

fn larger<'a>(one: &'a Value, other: &'a Value) -> &'a Value {
    if other.as_f64() > one.as_f64() {
        other
    } else {
        one
    }
}

fn merge_properties(one: &Value, other: &Value) -> Value {
    let mut all = one.as_object().cloned().unwrap_or_default();
    for (name, schema) in other.as_object().into_iter().flatten() {
        let both = match all.get(name) {
            Some(had) if had != schema => json!({ "allOf": [had, schema] }),
            _ => schema.clone(),
        };
        all.insert(name.clone(), both);
    }
    Value::Object(all)
}

fn merge_types(one: &Value, other: &Value) -> Option<Value> {
    let (one, other) = (types(one), types(other));
    let mut both: Vec<&str> = Vec::new();
    for name in &one {
        if other.contains(name) || (*name == "integer" && other.contains(&"number")) {
            both.push(name);
        } else if *name == "number" && other.contains(&"integer") {
            both.push("integer");
        }
    }
    (!both.is_empty()).then(|| json!(both))
}

/// The names in a `type` keyword: one or a list.
pub(super) fn types(value: &Value) -> Vec<&str> {
    match value {
        Value::String(name) => vec![name],
        _ => list(value).iter().filter_map(Value::as_str).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: &Value, other: &Value, expected: &Value) {
        let merged = merge(one.as_object().expect("an object").clone(), other);
        assert_eq!(&merged.unwrap_or(Value::Bool(false)), expected);
    }

    #[test]
    fn what_both_ask_for_is_asked_for() {
        check(
            &json!({ "type": "string" }),
            &json!(true),
            &json!({ "type": "string" }),
        );
        check(&json!({ "type": "string" }), &json!(false), &json!(false));
        check(
            &json!({ "type": "string" }),
            &json!({ "type": "null" }),
            &json!(false),
        );
        check(
            &json!({ "type": ["number", "null"], "minimum": 1, "maximum": 9 }),
            &json!({ "type": ["integer", "string"], "minimum": 2, "maximum": 10 }),
            &json!({ "type": ["integer"], "minimum": 2, "maximum": 9 }),
        );
        check(
            &json!({ "required": ["a", "b"], "properties": { "a": { "type": "string" } } }),
            &json!({ "required": ["b", "c"], "properties": { "a": { "minLength": 1 }, "b": true } }),
            &json!({
                "required": ["a", "b", "c"],
                "properties": {
                    "a": { "allOf": [{ "type": "string" }, { "minLength": 1 }] },
                    "b": true,
                },
            }),
        );
        check(
            &json!({ "enum": [1, 2, 3] }),
            &json!({ "enum": [3, 1] }),
            &json!({ "enum": [1, 3] }),
        );
        check(
            &json!({ "allOf": [{ "minimum": 1 }] }),
            &json!({ "allOf": [{ "maximum": 2 }], "title": "T" }),
            &json!({ "allOf": [{ "minimum": 1 }, { "maximum": 2 }] }),
        );
        check(
            &json!({ "$ref": "#/a" }),
            &json!({ "$ref": "#/b" }),
            &json!({ "$ref": "#/a", "allOf": [{ "$ref": "#/b" }] }),
        );
    }
}
