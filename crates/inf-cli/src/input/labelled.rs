//! Inputs that have the expected answer beside them.

use inf_engine::optimization::{Dataset, Example};
use inf_engine::value::Schema;
use serde_json::{Value as Json, json};

use super::records::check;
use super::{InputSource, Records};

/// The bad records that are told.
const TOLD: usize = 5;

/// Reads all records of a source, up to `limit`. The field `expect` of each is the
/// expected answer; what remains is the input. Where the pipeline takes no object,
/// the input is the field `input_field`, or the only other one.
///
/// The errors are sentences: what can't be read can't be scored, and a score of
/// the rest would be another one.
pub(crate) fn read_labelled(
    source: InputSource,
    schema: &Schema,
    expect: &str,
    input_field: Option<&str>,
    limit: usize,
) -> Result<Dataset, Vec<String>> {
    let takes_fields = schema.as_json().get("type").and_then(Json::as_str) == Some("object");
    let with_answer = if takes_fields && input_field.is_none() {
        with_field(schema.as_json(), expect)
    } else {
        // One property at least, so that a single column is a field and no input by itself.
        json!({"type": "object", "properties": {expect: true}})
    };
    let name = source.name.clone();
    let again = source.reopened();
    let records = Records::new(source, &Schema::from_json(with_answer));
    // What the pipeline takes is checked once the answer is taken away.
    let mut records = records.map_err(|problem| vec![problem])?.unchecked();
    let is_input_too = schema.as_json()["properties"].get(expect).is_some();
    let mut examples = Vec::new();
    let mut problems = Vec::new();
    let mut more = 0;
    for _ in 0..limit {
        let Some(record) = records.next() else { break };
        let example = record.and_then(|record| {
            let example = example(
                Json::from(&record),
                expect,
                input_field,
                schema,
                is_input_too,
            );
            example.map_err(|problem| format!("{}: {problem}", records.place()))
        });
        match example {
            Ok(example) => examples.push(example),
            Err(problem) if problems.len() < TOLD => problems.push(problem),
            Err(_) => more += 1,
        }
    }
    if examples.is_empty()
        && let Some(fields) = again.and_then(fields_of_the_first)
        && !fields.is_empty()
        && !fields.iter().any(|field| field == expect)
    {
        // One sentence for what is wrong with all of them.
        return Err(vec![format!(
            "{name}: the inputs have no field `{expect}`, which `--expect` names; {}",
            instead(expect, &fields)
        )]);
    }
    if more > 0 {
        problems.push(format!("{name}: {more} more inputs can't be scored"));
    }
    if problems.is_empty() {
        Ok(examples.into())
    } else {
        Err(problems)
    }
}

/// The fields of the first record, if it has any.
fn fields_of_the_first(source: InputSource) -> Option<Vec<String>> {
    let first = Records::new(source, &Schema::any()).ok()?.next()?.ok()?;
    match Json::from(&first) {
        Json::Object(fields) => Some(fields.keys().cloned().collect()),
        _ => None,
    }
}

/// What may be meant by a field that there is not.
fn instead(field: &str, fields: &[String]) -> String {
    let likeness = |known: &&String| strsim::jaro_winkler(field, known);
    let nearest = fields
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|nearest| likeness(nearest) > 0.85);
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("there is `{}`", fields.join("`, `")),
    }
}

/// The schema with a field more, of any kind.
fn with_field(schema: &Json, field: &str) -> Json {
    let mut schema = schema.clone();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.entry(field).or_insert(Json::Bool(true));
    } else {
        schema["properties"] = json!({field: true});
    }
    schema
}

fn no_field(option: &str, name: &str, fields: &serde_json::Map<String, Json>) -> String {
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let instead = match &*names {
        [] => "it has no other".to_owned(),
        names => format!("it has `{}`", names.join("`, `")),
    };
    format!("it has no field `{name}`, which {option} names; {instead}")
}

fn example(
    record: Json,
    expect: &str,
    input_field: Option<&str>,
    schema: &Schema,
    is_input_too: bool,
) -> Result<Example, String> {
    let Json::Object(mut fields) = record else {
        return Err(format!("it is no object with the field `{expect}`"));
    };
    let expected = if is_input_too {
        fields.get(expect).cloned()
    } else {
        fields.shift_remove(expect)
    };
    let expected = expected.ok_or_else(|| no_field("--expect", expect, &fields))?;
    let takes_fields = schema.as_json().get("type").and_then(Json::as_str) == Some("object");
    let input = match input_field {
        Some(name) => fields
            .shift_remove(name)
            .ok_or_else(|| no_field("--input-field", name, &fields))?,
        None if takes_fields || schema.is_any() => Json::Object(fields),
        None if fields.len() == 1 => fields
            .into_iter()
            .next()
            .map(|(_, only)| only)
            .unwrap_or_default(),
        None => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            return Err(format!(
                "the pipeline takes one value, and besides `{expect}` there is `{}`: say which is the input with \
                 `--input-field`",
                names.join("`, `")
            ));
        }
    };
    check(&input, schema)?;
    Ok(Example::new(input).expecting(expected))
}
