//! The `response_format` of a request, made once per schema.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use super::strict_schema::strict_schema;
use crate::clients::OutputSchema;

/// The shape that the answer has to have.
#[derive(Debug, Serialize)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    kind: &'static str,
    json_schema: JsonSchemaFormat,
}

#[derive(Debug, Serialize)]
struct JsonSchemaFormat {
    name: String,
    strict: bool,
    schema: Value,
}

impl ResponseFormat {
    pub(super) fn new(output: &OutputSchema) -> Self {
        let strict = strict_schema(&output.schema);
        Self {
            kind: "json_schema",
            json_schema: JsonSchemaFormat {
                name: output.name.clone(),
                strict: strict.is_some(),
                schema: strict.unwrap_or_else(|| output.schema.clone()),
            },
        }
    }
}

/// The formats of the schemas that were used last.
///
/// A node of a graph shares one schema among all of its calls, so that a schema
/// is known by its address; holding it keeps the address from being reused.
#[derive(Debug, Default)]
pub(super) struct ResponseFormats {
    known: Mutex<VecDeque<(Arc<OutputSchema>, Arc<ResponseFormat>)>>,
}

impl ResponseFormats {
    /// More than the nodes of one graph usually ask of one endpoint.
    const MOST_KNOWN: usize = 64;

    pub(super) fn of(&self, schema: &Arc<OutputSchema>) -> Arc<ResponseFormat> {
        // Nothing can panic halfway through a change, so that a poisoned list
        // is as good as any.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, format)) = known.iter().find(|(known, _)| Arc::ptr_eq(known, schema)) {
            return Arc::clone(format);
        }
        let format = Arc::new(ResponseFormat::new(schema));
        if known.len() == Self::MOST_KNOWN {
            known.pop_front();
        }
        known.push_back((Arc::clone(schema), Arc::clone(&format)));
        format
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_format_per_schema_and_no_end_of_schemas() {
        let formats = ResponseFormats::default();
        let schema = || {
            Arc::new(OutputSchema {
                name: "it".to_owned(),
                schema: json!({"type": "object"}),
            })
        };
        let first = schema();
        assert!(Arc::ptr_eq(&formats.of(&first), &formats.of(&first)));
        for _ in 0..200 {
            formats.of(&schema());
        }
        let known = formats.known.lock().expect("no panic");
        assert_eq!(known.len(), ResponseFormats::MOST_KNOWN);
    }
}
