//! Whether data of one schema can stand where another is wanted, as far as
//! that shows before anything runs.

use serde_json::Value as Json;

use super::node_schemas::NodeSchemas;
use super::{GraphError, InferenceGraph};
use crate::document::Problem;
use crate::value::Schema;

impl InferenceGraph {
    /// The schema of the output, as far as the nodes that it is put together
    /// from say what they make.
    pub fn output_schema(&self) -> Schema {
        NodeSchemas::new(self).of_shape(self.output())
    }

    /// The schema of each node's value, as far as it says so.
    pub(crate) fn node_schemas(&self) -> Vec<Schema> {
        NodeSchemas::new(self).into_schemas()
    }

    /// Whether inputs of schema `input` can be what this graph takes, and its
    /// outputs of schema `output`.
    pub(crate) fn check_ends(&self, input: &Schema, output: &Schema) -> Result<(), GraphError> {
        let mut problems = Vec::new();
        let mut check = |place: &str, from: &Schema, to: &Schema| {
            if let Some(misfit) = misfit(from.as_json(), to.as_json(), "") {
                problems.push(Problem::new(place, misfit));
            }
        };
        check("the type of the inputs", input, self.input());
        check("the output of the pipeline", &self.output_schema(), output);
        GraphError::check(problems)
    }
}

/// Why data of schema `from` is not of schema `to`; `None` if it may be. What
/// either leaves open (references, alternatives, further fields) counts as
/// fitting, and fields have the names that the schemas give them.
fn misfit(from: &Json, to: &Json, place: &str) -> Option<String> {
    let kind = |schema: &Json| schema.get("type").and_then(Json::as_str).map(str::to_owned);
    let (made, wanted) = (kind(from)?, kind(to)?);
    let at = if place.is_empty() {
        String::new()
    } else {
        format!(" at `{place}`")
    };
    let is_number = |kind: &str| kind == "integer" || kind == "number";
    if made != wanted && !(is_number(&made) && is_number(&wanted)) {
        return Some(format!("is of type {made}{at} where {wanted} is wanted"));
    }
    if made == "array" {
        return misfit(from.get("items")?, to.get("items")?, place);
    }
    if is_open(from) || is_open(to) {
        return None;
    }
    let has = from.get("properties")?.as_object()?;
    let is_required = |schema: &Json, name: &str| {
        let required = schema.get("required").and_then(Json::as_array);
        required.is_some_and(|names| names.iter().any(|other| other == name))
    };
    for (name, to_field) in to.get("properties")?.as_object()? {
        let required = is_required(to, name);
        let Some(from_field) = has.get(name) else {
            if !required {
                continue;
            }
            let known: Vec<String> = has.keys().map(|name| format!("`{name}`")).collect();
            let known = known.join(", ");
            return Some(format!(
                "has no field `{name}`{at}, which is wanted; it has {known}"
            ));
        };
        // Where both may leave a field out, its type is no reason to refuse.
        if required || is_required(from, name) {
            let inner = if place.is_empty() {
                name.clone()
            } else {
                format!("{place}.{name}")
            };
            if let Some(misfit) = misfit(from_field, to_field, &inner) {
                return Some(misfit);
            }
        }
    }
    None
}

/// Whether a schema of objects allows fields that it does not name.
fn is_open(schema: &Json) -> bool {
    let open = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"];
    let further = schema.get("additionalProperties");
    open.iter().any(|key| schema.get(key).is_some())
        || further.is_some_and(|further| *further != Json::Bool(false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_can_never_fit_is_told() {
        let check = |from: Json, to: Json, expected: Option<&str>| {
            assert_eq!(misfit(&from, &to, "").as_deref(), expected);
        };
        let object = |fields: Json, required: Json| json!({"type": "object", "properties": fields, "required": required});
        let text = || json!({"type": "string"});
        let number = || json!({"type": "number"});
        check(true.into(), text(), None);
        check(text(), text(), None);
        check(json!({"type": "integer"}), number(), None);
        check(number(), json!({"type": "integer"}), None);
        check(
            json!({"type": "object", "properties": {}, "additionalProperties": text()}),
            object(json!({"a": text()}), json!(["a"])),
            None,
        );
        check(
            object(json!({"a": text()}), json!([])),
            object(json!({"a": number()}), json!([])),
            None,
        );
        check(
            text(),
            number(),
            Some("is of type string where number is wanted"),
        );
        check(
            object(json!({"a": text()}), json!([])),
            object(json!({"b": text()}), json!(["b"])),
            Some("has no field `b`, which is wanted; it has `a`"),
        );
        check(
            object(json!({"a": {"type": "array", "items": text()}}), json!([])),
            object(
                json!({"a": {"type": "array", "items": number()}}),
                json!(["a"]),
            ),
            Some("is of type string at `a` where number is wanted"),
        );
        check(
            object(json!({"a": text(), "more": text()}), json!([])),
            object(json!({"a": text(), "maybe": text()}), json!(["a"])),
            None,
        );
    }
}
