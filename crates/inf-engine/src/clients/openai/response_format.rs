//! The `response_format` of a request.

use serde::Serialize;
use serde_json::Value;

use crate::clients::OutputSchema;
use crate::clients::structured::{Subset, strict_schema};

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
    /// A schema that can't be enforced is sent all the same: servers that are
    /// not `OpenAI` may know more, and `OpenAI` does its best.
    pub(super) fn new(output: &OutputSchema) -> Self {
        let strict = strict_schema(&output.schema, Subset::OpenAi);
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
