//! [`StructuredOutput`]: how an answer is made to fit its schema.

use serde::{Deserialize, Serialize};

/// How a model is made to answer in the shape of a schema.
///
/// Whatever the way, the engine checks the answer: ways differ in how often it
/// fits, not in what is accepted.
///
/// ```
/// use inf_engine::clients::StructuredOutput;
/// use inf_engine::resources::{EndpointConfig, ResourceConfig};
///
/// // A server that knows no schemas.
/// let old = EndpointConfig::openai_compatible("http://localhost:8000/v1", "llama-2")
///     .with_structured_output(StructuredOutput::Prompt);
/// let resources = ResourceConfig::new().with_endpoint("fast", old);
/// # let _ = resources;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StructuredOutput {
    /// By the provider's own means, which mostly force the shape while the
    /// model writes.
    #[default]
    Native,
    /// By a tool whose arguments have the shape and that the model has to call;
    /// its arguments become the text. For servers that know tools only.
    Tool,
    /// By asking for it in the system prompt, with the schema. For servers that
    /// know neither.
    Prompt,
}
