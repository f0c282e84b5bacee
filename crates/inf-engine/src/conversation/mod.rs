//! Conversations: what is said between a caller and a model, in no provider's
//! format.
//!
//! A [`Message`] has a [`Role`] and [`Part`]s: texts, pictures, and in longer
//! conversations what the model thought and which tools it called. Graphs
//! and clients both speak of these, so they are below both. As data, in
//! inputs and pipeline files, they have a JSON form (`json_form`).
//!
//! ```
//! use inf_engine::conversation::Conversation;
//!
//! let asked = Conversation::new().system("Answer briefly.").user("Why is the sky blue?");
//! let json = serde_json::json!([
//!     {"role": "system", "content": "Answer briefly."},
//!     {"role": "user", "content": "Why is the sky blue?"},
//! ]);
//! assert_eq!(serde_json::to_value(&asked)?, json);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`LlmInference::chat`](crate::module::LlmInference::chat) is the module that goes on with one.

#[expect(
    clippy::module_inception,
    reason = "the file is named for the type in it"
)]
mod conversation;
mod json_form;
mod message;
mod reasoning_effort;
mod tool_call;

pub use conversation::Conversation;
pub use message::{Image, Message, Part, Reasoning, Role, ToolResult};
pub use reasoning_effort::ReasoningEffort;
pub use tool_call::{ToolCall, ToolChoice, ToolSpec};
