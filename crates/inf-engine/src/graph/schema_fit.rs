//! Whether data of one schema can stand where another is wanted, as far as
//! that shows before anything runs.

use serde_json::{Map, Value as Json, json};

use super::{Accessor, GraphError, InferenceGraph, Operation, Problem, Reference, Shape};
use crate::value::Schema;

impl InferenceGraph {
    /// The schema of the output, as far as the nodes that it is put together
    /// from say what they make.
    pub fn output_schema(&self) -> Schema {
        Schema::from_json(self.schema_of_shape(self.output()))
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

    fn schema_of_shape(&self, shape: &Shape) -> Json {
        match shape {
            Shape::Reference(reference) => self.schema_of_reference(reference),
            Shape::Constant(_) => true.into(),
            Shape::List(_) => json!({"type": "array"}),
            Shape::Map(entries) => {
                let properties = entries
                    .iter()
                    .map(|(key, part)| (key.clone(), self.schema_of_shape(part)));
                let properties: Map<String, Json> = properties.collect();
                let required: Vec<&String> = entries.keys().collect();
                json!({"type": "object", "properties": properties, "required": required})
            }
        }
    }

    fn schema_of_reference(&self, reference: &Reference) -> Json {
        let whole = match self.node(reference.node).operation() {
            Operation::Input => self.input().as_json().clone(),
            Operation::Llm(call) => match &call.output {
                Some(output) => output.as_json().clone(),
                None => json!({"type": "string"}),
            },
            Operation::Prompt(_) => json!({"type": "string"}),
            Operation::Pack(shape) => self.schema_of_shape(shape),
            Operation::Host(_) | Operation::Compute { .. } => true.into(),
        };
        let part = reference
            .path
            .iter()
            .try_fold(&whole, |part, accessor| match accessor {
                Accessor::Key(key) => part.get("properties")?.get(&**key),
                Accessor::Index(_) => part.get("items"),
            });
        part.cloned().unwrap_or(Json::Bool(true))
    }
}

/// Why data of schema `from` can never be of schema `to`; `None` if it may be.
/// What either leaves open (references, alternatives) counts as fitting.
fn misfit(from: &Json, to: &Json, place: &str) -> Option<String> {
    let kind = |schema: &Json| schema.get("type").and_then(Json::as_str).map(str::to_owned);
    let (made, wanted) = (kind(from)?, kind(to)?);
    let at = if place.is_empty() {
        String::new()
    } else {
        format!(" at `{place}`")
    };
    if made != wanted && !(made == "integer" && wanted == "number") {
        return Some(format!("is of type {made}{at} where {wanted} is wanted"));
    }
    if made == "array" {
        return misfit(from.get("items")?, to.get("items")?, place);
    }
    let has = from.get("properties")?.as_object()?;
    let required = to.get("required").and_then(Json::as_array);
    for name in required.into_iter().flatten().filter_map(Json::as_str) {
        if !has.contains_key(name) {
            let known: Vec<String> = has.keys().map(|name| format!("`{name}`")).collect();
            let known = known.join(", ");
            return Some(format!(
                "has no field `{name}`{at}, which is wanted; it has {known}"
            ));
        }
    }
    let wants = to.get("properties")?.as_object()?;
    wants.iter().find_map(|(name, to)| {
        let inner = if place.is_empty() {
            name.clone()
        } else {
            format!("{place}.{name}")
        };
        misfit(has.get(name)?, to, &inner)
    })
}

#[cfg(test)]
mod tests {
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
