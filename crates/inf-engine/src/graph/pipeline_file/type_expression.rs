//! Types in short: `string`, `[string]`, `{name: string, "tags?": [string]}`.

use serde_json::{Map, Value as Json, json};

/// The key under which any JSON schema can stand.
const SCHEMA: &str = "$schema";

const NAMES: [&str; 4] = ["string", "integer", "number", "boolean"];

/// The JSON schema that a type expression means.
pub(super) fn parse(expression: &Json) -> Result<Json, String> {
    match expression {
        Json::String(name) if name == "any" => Ok(true.into()),
        Json::String(name) if NAMES.contains(&name.as_str()) => Ok(json!({"type": name})),
        Json::Array(elements) if elements.len() == 1 => {
            Ok(json!({"type": "array", "items": parse(&elements[0])?}))
        }
        Json::Object(fields) => {
            if let (Some(schema), 1) = (fields.get(SCHEMA), fields.len()) {
                return Ok(schema.clone());
            }
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, field) in fields {
                let schema = parse(field).map_err(|error| format!("field `{name}`: {error}"))?;
                if let Some(name) = name.strip_suffix('?') {
                    properties.insert(name.to_owned(), schema);
                } else {
                    properties.insert(name.clone(), schema);
                    required.push(Json::from(name.as_str()));
                }
            }
            let mut schema = json!({"type": "object", "properties": properties});
            if !required.is_empty() {
                schema["required"] = required.into();
            }
            Ok(schema)
        }
        other => Err(format!(
            "`{other}` is no type: write `string`, `integer`, `number`, `boolean`, `any`, a list \
             as `[string]`, fields as `{{name: string}}`, or `{{$schema: …}}` with a JSON schema"
        )),
    }
}

/// The shortest expression for a JSON schema.
pub(super) fn write(schema: &Json) -> Json {
    shorten(schema).unwrap_or_else(|| Map::from_iter([(SCHEMA.to_owned(), schema.clone())]).into())
}

/// The short form, if it means exactly this schema.
fn shorten(schema: &Json) -> Option<Json> {
    if *schema == Json::Bool(true) {
        return Some("any".into());
    }
    let kind = schema.get("type")?.as_str()?;
    let short = match kind {
        "array" => json!([shorten(schema.get("items")?)?]),
        "object" => {
            let required = schema.get("required").and_then(Json::as_array);
            let is_required =
                |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
            let mut fields = Map::new();
            for (name, field) in schema.get("properties")?.as_object()? {
                let mark = if is_required(name) { "" } else { "?" };
                fields.insert(format!("{name}{mark}"), shorten(field)?);
            }
            fields.into()
        }
        name => Json::from(name),
    };
    // Whatever the short form can't say (bounds, descriptions, …) shows here.
    let means = parse(&short).ok()?;
    (means == *schema).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &Json, schema: &Json) {
        assert_eq!(parse(expression).unwrap(), *schema);
        assert_eq!(write(schema), *expression);
    }

    #[test]
    fn short_forms_mean_schemas() {
        check(&json!("any"), &json!(true));
        check(&json!("integer"), &json!({"type": "integer"}));
        check(
            &json!(["string"]),
            &json!({"type": "array", "items": {"type": "string"}}),
        );
        check(
            &json!({"name": "string", "tags?": ["any"]}),
            &json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "tags": {"type": "array", "items": true},
                },
                "required": ["name"],
            }),
        );
    }

    #[test]
    fn what_has_no_short_form_stays_whole() {
        let bounded = json!({"type": "integer", "minimum": 0});
        check(&json!({"$schema": bounded}), &bounded);
        let described = json!({"type": "object", "properties": {"a": bounded}});
        check(&json!({"$schema": described}), &described);
    }

    #[test]
    fn mistakes_are_told() {
        let error = parse(&json!({"name": "text"})).unwrap_err();
        assert!(
            error.starts_with("field `name`: `\"text\"` is no type: write"),
            "{error}"
        );
        assert!(parse(&json!(["string", "string"])).is_err());
    }
}
