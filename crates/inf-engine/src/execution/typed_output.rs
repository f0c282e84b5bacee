//! [`TypedOutput`]: asking for JSON of a schema, and reading it.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::answer_json::{self, NoValue};
use crate::clients::{FinishReason, LlmResponse, OutputSchema};
use crate::document::shorten;
use crate::value::{Schema, Value};

/// What a typed call asks for and how its answer is read.
#[derive(Debug)]
pub(super) struct TypedOutput {
    schema: Schema,
    /// What the provider is asked for.
    asked: Arc<OutputSchema>,
    /// Providers want an object; anything else travels as its one field.
    is_wrapped: bool,
}

/// What to do about an answer that is not what was asked for.
const ADVICE: &str = "; try a model that follows JSON schemas, or say the form in the prompt";

/// The field in which a value travels that is no object.
const WRAPPER: &str = "value";

impl TypedOutput {
    pub(super) fn new(node_name: &str, schema: &Schema) -> Self {
        let is_wrapped = schema.as_json().get("type").and_then(Json::as_str) != Some("object");
        let asked = OutputSchema {
            name: schema_name(node_name),
            schema: if is_wrapped {
                wrap(schema.as_json())
            } else {
                schema.as_json().clone()
            },
        };
        Self {
            schema: schema.clone(),
            asked: Arc::new(asked),
            is_wrapped,
        }
    }

    /// The schema to send with the request.
    pub(super) fn asked(&self) -> Arc<OutputSchema> {
        Arc::clone(&self.asked)
    }

    /// The value in an answer, or why there is none.
    pub(super) fn read(&self, response: &LlmResponse) -> Result<Value, Misfit> {
        let is_cut = response.finish_reason == FinishReason::Length;
        let found = answer_json::find(&response.text, is_cut, |json| {
            let json = self.unwrap(json);
            let checked = self.schema.check(&json);
            checked.map_err(|error| error.to_string())?;
            Ok(Value::from(json))
        });
        found.map_err(|no_value| {
            let answer = format!("`{}`", shorten(&response.text, 200));
            let cut = if is_cut {
                " (it was cut off: raise `max_tokens`)"
            } else {
                ""
            };
            let (message, why) = match no_value {
                NoValue::NotJson(error) => (
                    format!("the answer is not JSON{cut}: {error}"),
                    format!("it is not JSON: {error}"),
                ),
                NoValue::Misfit(error) => (
                    format!("the answer is not of the asked type{cut}: {error}"),
                    format!("it is JSON of another form: {error}"),
                ),
            };
            Misfit {
                message: format!("{message}; it was: {answer}{ADVICE}"),
                // Another one would be cut off as well.
                why: Some(why).filter(|_| !is_cut),
            }
        })
    }

    /// The value in its wrapper, or without one if the model left that out.
    fn unwrap(&self, json: Json) -> Json {
        match json {
            Json::Object(mut fields) if self.is_wrapped && fields.len() == 1 => {
                match fields.shift_remove(WRAPPER) {
                    Some(value) => value,
                    None => Json::Object(fields),
                }
            }
            json => json,
        }
    }
}

/// Why there is no value in an answer.
#[derive(Debug)]
pub(super) struct Misfit {
    /// For people.
    pub(super) message: String,
    /// For the model, if it may do better when it is asked again.
    pub(super) why: Option<String>,
}

/// An object with the value as its one field; definitions stay at the root,
/// where references to them point. A schema that refers to itself as the root
/// becomes a definition too.
fn wrap(schema: &Json) -> Json {
    const ROOT: &str = "inf_root";
    let mut inner = schema.clone();
    let definitions = inner
        .as_object_mut()
        .and_then(|inner| inner.shift_remove("$defs"));
    let mut definitions = definitions.unwrap_or_else(|| json!({}));
    let to = format!("#/$defs/{ROOT}");
    let refers_to_root = repoint_root(&mut inner, &to) | repoint_root(&mut definitions, &to);
    if refers_to_root {
        definitions[ROOT] = inner;
        inner = json!({"$ref": to});
    }
    let mut wrapper = json!({
        "type": "object",
        "properties": {WRAPPER: inner},
        "required": [WRAPPER],
    });
    if definitions
        .as_object()
        .is_some_and(|definitions| !definitions.is_empty())
    {
        wrapper["$defs"] = definitions;
    }
    wrapper
}

/// Makes references into the schema itself, but for its definitions, point
/// below `to`; returns whether there were any.
fn repoint_root(json: &mut Json, to: &str) -> bool {
    match json {
        Json::Object(object) => {
            let reference = object.get("$ref").and_then(Json::as_str);
            let inside = reference.and_then(|reference| reference.strip_prefix('#'));
            let inside = inside.filter(|path| !path.starts_with("/$defs/"));
            let repointed = inside.map(|path| format!("{to}{path}"));
            let refers = repointed.is_some();
            if let Some(repointed) = repointed {
                object.insert("$ref".to_owned(), repointed.into());
            }
            let inside = object.values_mut().map(|part| repoint_root(part, to));
            inside.fold(refers, |any, one| any | one)
        }
        Json::Array(parts) => {
            let inside = parts.iter_mut().map(|part| repoint_root(part, to));
            inside.fold(false, |any, one| any | one)
        }
        _ => false,
    }
}

/// Providers allow letters, digits, `_` and `-`, at most 64 of them.
fn schema_name(node_name: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() || "_-".contains(character) {
            character
        } else {
            '_'
        }
    };
    node_name.chars().map(plain).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Json, answer: &str, expected: Result<Json, &str>) {
        let output = TypedOutput::new("node", &Schema::from_json(schema));
        let read = output.read(&LlmResponse::from_text(answer));
        match (read, expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, Value::from(expected)),
            (Err(misfit), Err(expected)) => {
                assert!(misfit.message.contains(expected), "{misfit:?}");
            }
            (read, _) => panic!("{answer}: {read:?}"),
        }
    }

    #[test]
    fn answers_are_read_and_checked() {
        let point = || json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
        check(point(), r#" {"x": 1} "#, Ok(json!({"x": 1})));
        check(point(), "```json\n{\"x\": 1}\n```", Ok(json!({"x": 1})));
        check(point(), "<think>Hm.</think>{\"x\": 1}", Ok(json!({"x": 1})));
        check(
            point(),
            r#"{"x": "one"}"#,
            Err("not of the asked type: at `/x`"),
        );
        check(
            point(),
            "I can't.",
            Err("is not JSON: expected value at line 1 column 1; it was: `I can't.`"),
        );
    }

    #[test]
    fn what_is_no_object_travels_in_one() {
        let list = json!({"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}});
        let output = TypedOutput::new("a b", &Schema::from_json(list.clone()));
        assert_eq!(output.asked().name, "a_b");
        assert!(
            Schema::from_json(output.asked().schema.clone())
                .check(&json!({"value": [1]}))
                .is_ok()
        );
        check(list.clone(), r#"{"value": [1, 2]}"#, Ok(json!([1, 2])));
        check(list, "[3]", Ok(json!([3])));
        let draft_7 = json!({
            "type": "array",
            "items": {"$ref": "#/definitions/n"},
            "definitions": {"n": {"type": "integer"}},
        });
        let output = TypedOutput::new("old", &Schema::from_json(draft_7));
        let asked = Schema::from_json(output.asked().schema.clone());
        assert!(asked.check(&json!({"value": [1]})).is_ok());
        assert!(asked.check(&json!({"value": ["1"]})).is_err());
        // A number, or a list of the same again.
        let nested =
            json!({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]});
        let output = TypedOutput::new("nested", &Schema::from_json(nested.clone()));
        let asked = Schema::from_json(output.asked().schema.clone());
        assert!(asked.check(&json!({"value": [1, [2]]})).is_ok());
        assert!(asked.check(&json!({"value": [1, ["2"]]})).is_err());
        check(nested, r#"{"value": [1, [2]]}"#, Ok(json!([1, [2]])));
    }
}
