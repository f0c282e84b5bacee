//! Pipeline files: a graph as YAML or JSON that people read and write.
//!
//! ```yaml
//! version: 1                         # of this format
//! name: compare
//! input: { a: string, b: string }    # a type, see below
//! parameters:                        # learnable texts
//!   style: { value: Be brief., description: The tone. }
//! nodes:                             # in any order
//!   facts_a: { llm: fast, prompt: "List the facts of {input.a}" }
//!   facts_b: { llm: fast, prompt: "List the facts of {input.b}" }
//!   compare:
//!     llm: smart                     # an alias
//!     system: "{parameters.style}"   # a template
//!     prompt: "Compare {facts_a} with {facts_b}."
//! output: { comparison: compare }    # a shape
//! ```
//!
//! * A **template** is text with holes: `{node}`, `{node.field.0}`,
//!   `{input.a}`, `{parameters.style}`; `{{` and `}}` are braces.
//! * A **shape** is a value put together from others: a text is a reference
//!   (`facts_a`, `input.a.0`) and never a literal; lists and maps nest;
//!   `{$value: …}` is a constant. A key that begins with `$` gets one more.
//! * A **type** is `string`, `integer`, `number`, `boolean`, `any`, a list
//!   `[string]`, a map of fields `{name: string, "tags?": [string]}` where `?`
//!   marks an optional one, or `{$schema: …}` with any JSON schema.
//!
//! `document` is the file as serde sees it, `read` and `write` turn it into a
//! graph and back, and the other files hold one of the small languages each.

mod document;
mod outline;
mod read;
mod read_control_flow;
mod reference_text;
mod shape_text;
mod template_text;
mod type_expression;
mod write;
mod write_control_flow;

pub use read::PipelineFileError;

/// The version of the format that is written; it and older ones are read.
const VERSION: u32 = 1;

/// The name by which templates refer to parameters.
pub(super) const PARAMETERS: &str = "parameters";
