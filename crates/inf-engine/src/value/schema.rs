//! [`Schema`]: which values are instances of a type.

use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;

/// A JSON schema (draft 2020-12), compiled when it is first checked against.
///
/// Cheap to clone; clones share the compiled form.
///
/// ```
/// use inf_engine::prelude::*;
/// use inf_engine::value::Schema;
///
/// #[derive(JsonSchema)]
/// #[expect(dead_code, reason = "only its schema is used")]
/// struct Facts { facts: Vec<String> }
///
/// let schema = Schema::of::<Facts>();
/// assert!(schema.check(&serde_json::json!({"facts": ["The sky is blue."]})).is_ok());
/// let error = schema.check(&serde_json::json!({"facts": "one"})).unwrap_err();
/// assert!(error.to_string().contains("facts"));
/// ```
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    json: serde_json::Value,
    validator: OnceLock<Result<jsonschema::Validator, String>>,
}

/// Why a value is not an instance of a schema, or a schema is none.
///
/// [`Schema::check`] and [`Schema::validate`] give it; [`Schema`] shows it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);

crate::document::debug_as_display!(SchemaError);

impl Schema {
    /// The schema of a Rust type.
    ///
    /// The name of the type (`title`) and the dialect (`$schema`) are left
    /// out: two types with the same fields have the same schema.
    pub fn of<T: JsonSchema>() -> Self {
        let mut json = serde_json::Value::from(schemars::schema_for!(T));
        if let Some(object) = json.as_object_mut() {
            object.shift_remove("$schema");
            object.shift_remove("title");
            if object.is_empty() {
                json = serde_json::Value::Bool(true);
            }
        }
        drop_number_formats(&mut json);
        Self::from_json(json)
    }

    /// The schema that every value satisfies.
    pub fn any() -> Self {
        Self::from_json(serde_json::Value::Bool(true))
    }

    /// A schema as it stands; [`Schema::validate`] says whether it is one.
    pub fn from_json(json: serde_json::Value) -> Self {
        Self(Arc::new(Inner {
            json,
            validator: OnceLock::new(),
        }))
    }

    /// The schema as JSON.
    pub fn as_json(&self) -> &serde_json::Value {
        &self.0.json
    }

    /// Whether plain text is what this schema asks for.
    pub fn is_string(&self) -> bool {
        self.0.json == serde_json::json!({"type": "string"})
    }

    /// The only values of this schema, if it lists them: `true` and `false`, or
    /// the names of an enum without fields.
    pub(crate) fn alternatives(&self) -> Option<Vec<serde_json::Value>> {
        alternatives(&self.0.json, &self.0.json)
    }

    /// Whether every value satisfies this schema.
    pub fn is_any(&self) -> bool {
        self.0.json == serde_json::Value::Bool(true)
    }

    /// Whether this is a well-formed schema.
    pub fn validate(&self) -> Result<(), SchemaError> {
        self.validator().map(|_| ())
    }

    /// Whether `instance` satisfies this schema; the error names each place
    /// that does not, at most three of them.
    pub fn check(&self, instance: &serde_json::Value) -> Result<(), SchemaError> {
        let validator = self.validator()?;
        if validator.is_valid(instance) {
            return Ok(());
        }
        let mismatches: Vec<String> = validator
            .iter_errors(instance)
            .take(3)
            .map(|error| {
                let place = error.instance_path().to_string();
                let text = shorten(&error.to_string());
                if place.is_empty() {
                    text
                } else {
                    format!("at `{place}`: {text}")
                }
            })
            .collect();
        Err(SchemaError(mismatches.join("; ")))
    }

    fn validator(&self) -> Result<&jsonschema::Validator, SchemaError> {
        let compiled = self.0.validator.get_or_init(|| {
            jsonschema::validator_for(&self.0.json).map_err(|error| {
                let place = error.instance_path().to_string();
                let at = if place.is_empty() {
                    place
                } else {
                    format!("at `{place}`: ")
                };
                format!("{at}{error}")
            })
        });
        compiled
            .as_ref()
            .map_err(|error| SchemaError(format!("the JSON schema is not valid: {error}")))
    }
}

fn alternatives(
    whole: &serde_json::Value,
    part: &serde_json::Value,
) -> Option<Vec<serde_json::Value>> {
    if let Some(name) = part.get("$ref").and_then(serde_json::Value::as_str) {
        let found = whole.pointer(name.strip_prefix('#')?)?;
        // One that stands for itself would never come to an end.
        return match found.get("$ref") {
            None => alternatives(whole, found),
            Some(_) => None,
        };
    }
    if let Some(value) = part.get("const") {
        return Some(vec![value.clone()]);
    }
    if let Some(values) = part.get("enum").and_then(serde_json::Value::as_array) {
        return Some(values.clone());
    }
    if let Some(parts) = part.get("oneOf").and_then(serde_json::Value::as_array) {
        let is_listed =
            |part: &serde_json::Value| part.get("const").is_some() || part.get("enum").is_some();
        let parts = parts.iter().map(|part| {
            let found = is_listed(part).then(|| alternatives(whole, part));
            found.flatten()
        });
        return Some(parts.collect::<Option<Vec<_>>>()?.concat());
    }
    (part.get("type")? == "boolean").then(|| vec![true.into(), false.into()])
}

/// `f64` is a `number` of the format `double`, and so on: that says something of
/// Rust and nothing of the value.
fn drop_number_formats(json: &mut serde_json::Value) {
    const FORMATS: [&str; 12] = [
        "double", "float", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16",
        "uint32", "uint64",
    ];
    match json {
        serde_json::Value::Object(object) => {
            let format = object.get("format").and_then(serde_json::Value::as_str);
            if format.is_some_and(|format| FORMATS.contains(&format)) {
                object.shift_remove("format");
            }
            object.values_mut().for_each(drop_number_formats);
        }
        serde_json::Value::Array(elements) => elements.iter_mut().for_each(drop_number_formats),
        _ => {}
    }
}

/// A validator quotes the whole instance; a person needs its beginning.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 200;
    if message.chars().count() <= LONGEST {
        return message.to_owned();
    }
    let half = LONGEST / 2;
    let start: String = message.chars().take(half).collect();
    let end: Vec<char> = message.chars().rev().take(half).collect();
    let end: String = end.into_iter().rev().collect();
    format!("{start} … {end}")
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.0.json == other.0.json
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Schema({})", self.0.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_where_an_instance_differs() {
        let schema = Schema::from_json(json!({
            "type": "object",
            "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["tags"],
        }));
        assert_eq!(schema.check(&json!({"tags": ["a"]})), Ok(()));
        let error = schema.check(&json!({"tags": ["a", 1]})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "at `/tags/1`: 1 is not of type \"string\""
        );
        let error = schema.check(&json!({})).unwrap_err();
        assert_eq!(error.to_string(), "\"tags\" is a required property");
    }

    #[test]
    fn a_schema_that_is_none_is_an_error() {
        let error = Schema::from_json(json!({"type": "strnig"})).validate();
        assert!(error.unwrap_err().to_string().contains("not valid"));
    }

    #[test]
    fn some_schemas_list_their_values() {
        /// With a documented name, it is written in another way.
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema is of interest")]
        enum Kind {
            /// A bug.
            Bug,
            Praise,
            Question,
        }
        let check = |schema: Schema, expected: Option<serde_json::Value>| {
            let found = schema.alternatives().map(serde_json::Value::from);
            assert_eq!(found, expected);
        };
        check(Schema::of::<bool>(), Some(json!([true, false])));
        check(Schema::of::<String>(), None);
        let kinds = Schema::of::<Kind>().alternatives().unwrap();
        assert!(
            kinds.len() == 3 && kinds.contains(&json!("Bug")),
            "{kinds:?}"
        );
        let referred = json!({"$ref": "#/$defs/K", "$defs": {"K": {"enum": ["a", 1]}}});
        check(Schema::from_json(referred), Some(json!(["a", 1])));
        let endless = json!({"$ref": "#/$defs/K", "$defs": {"K": {"$ref": "#/$defs/K"}}});
        check(Schema::from_json(endless), None);
    }

    #[test]
    fn types_lose_their_name() {
        assert!(Schema::of::<String>().is_string());
        assert!(Schema::of::<crate::Value>().is_any());
        assert_eq!(Schema::of::<f64>().as_json(), &json!({"type": "number"}));
        assert_eq!(
            Schema::of::<Vec<bool>>().as_json(),
            &json!({"type": "array", "items": {"type": "boolean"}})
        );
    }
}
