//! [`Tokenizer`]: how many tokens a text has, about.

use std::fmt;

use crate::clients::{LlmRequest, Message, Part, ToolSpec};

/// How many tokens a text has.
///
/// The vocabulary `o200k_base` is public, and those models of OpenAI that are
/// known to use it are counted with it, if the crate's feature `tokenizer` is
/// on. For everything else characters are counted: four of ASCII are a token,
/// and so are three bytes of other scripts, as one character of Chinese or
/// Japanese is. Of English text this is right within some ten percent; of code,
/// numbers and other languages it may be off by half.
///
/// ```
/// use inf_engine::resources::Tokenizer;
///
/// let tokenizer = Tokenizer::of_model("qwen3-8b");
/// assert_eq!(tokenizer, Tokenizer::Characters);
/// assert_eq!(tokenizer.count("Why is the sky blue?"), 5);
/// assert_eq!(tokenizer.count("日本"), 2);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tokenizer {
    /// By the number of characters.
    #[default]
    Characters,
    /// By the vocabulary `o200k_base`. It takes a second and 50 MB to load, once.
    #[cfg(feature = "tokenizer")]
    O200kBase,
}

/// The models that use `o200k_base`, by how their names begin; from
/// `tiktoken/model.py` of <https://github.com/openai/tiktoken>, version 0.14.
#[cfg(feature = "tokenizer")]
const O200K_BASE: [&str; 8] = [
    "gpt-5",
    "gpt-4.1",
    "gpt-4o",
    "chatgpt-4o",
    "o1",
    "o3",
    "o4-mini",
    "gpt-oss",
];

/// The tokens that chat formats put around each message: three, and its role.
/// <https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>
pub(crate) const TOKENS_PER_MESSAGE: u64 = 4;

/// What a picture is taken for: large ones cost about this much with the
/// providers that say.
pub(crate) const TOKENS_PER_IMAGE: u64 = 1_500;

impl Tokenizer {
    /// The tokenizer of `model`, as far as it is known.
    pub fn of_model(model: &str) -> Self {
        #[cfg(feature = "tokenizer")]
        if O200K_BASE.iter().any(|known| is_of_family(model, known)) {
            return Self::O200kBase;
        }
        let _ = model;
        Self::Characters
    }

    /// The tokens of `text`.
    pub fn count(self, text: &str) -> u64 {
        match self {
            Self::Characters => {
                let others = text.bytes().filter(|byte| !byte.is_ascii()).count();
                ((text.len() - others).div_ceil(4) + others.div_ceil(3)) as u64
            }
            #[cfg(feature = "tokenizer")]
            Self::O200kBase => tiktoken_rs::o200k_base_singleton().count_ordinary(text) as u64,
        }
    }

    /// The tokens of what a model is told of a tool.
    pub(crate) fn count_tool(self, tool: &ToolSpec) -> u64 {
        let parameters = tool.parameters.to_string();
        self.count(&tool.name) + self.count(&tool.description) + self.count(&parameters)
    }
}

/// Whether `model` is `family` or a variant of it, as `o1-mini` is of `o1`;
/// `o10` is not.
#[cfg(feature = "tokenizer")]
fn is_of_family(model: &str, family: &str) -> bool {
    let rest = model.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

impl fmt::Display for Tokenizer {
    /// What it counts by.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Characters => "characters, about four to a token",
            #[cfg(feature = "tokenizer")]
            Self::O200kBase => "the vocabulary o200k_base",
        })
    }
}

/// About how many tokens a request has, quickly: by its characters.
pub(crate) fn request_tokens(request: &LlmRequest) -> u64 {
    let count = |text: &str| Tokenizer::Characters.count(text);
    let messages = request.messages.iter().map(message_tokens);
    let tools = request.tools.iter();
    let tools = tools.map(|tool| Tokenizer::Characters.count_tool(tool));
    let schema = request.output_schema.as_ref();
    let schema = schema.map_or(0, |schema| count(&schema.schema.to_string()));
    messages.sum::<u64>() + tools.sum::<u64>() + schema
}

fn message_tokens(message: &Message) -> u64 {
    let count = |text: &str| Tokenizer::Characters.count(text);
    let parts = message.parts.iter().map(|part| match part {
        Part::Text(text) => count(text),
        Part::Image(_) => TOKENS_PER_IMAGE,
        Part::Reasoning(reasoning) => count(&reasoning.text),
        Part::ToolCall(call) => count(&call.name) + count(&call.arguments),
        Part::ToolResult(result) => count(&result.content),
    });
    TOKENS_PER_MESSAGE + parts.sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Image, Role};

    #[test]
    fn characters_are_counted_by_their_script() {
        let check = |text, expected| assert_eq!(Tokenizer::Characters.count(text), expected);
        check("", 0);
        check("a", 1);
        check("abcd", 1);
        check("abcde", 2);
        check("é", 1);
        check("これは日本語", 6);
    }

    #[cfg(feature = "tokenizer")]
    #[test]
    fn known_models_are_counted_with_their_vocabulary() {
        for known in ["gpt-5", "gpt-5-mini-2025-08-07", "gpt-4o-mini", "o1"] {
            assert_eq!(Tokenizer::of_model(known), Tokenizer::O200kBase, "{known}");
        }
        for unknown in ["gpt-5.6-sol", "o10", "gpt-4", "claude-opus-5", ""] {
            assert_eq!(
                Tokenizer::of_model(unknown),
                Tokenizer::Characters,
                "{unknown}"
            );
        }
        // As OpenAI's own page for this shows it.
        let count = Tokenizer::O200kBase.count("tiktoken is great!");
        assert_eq!(count, 6);
    }

    #[test]
    fn every_part_of_a_request_counts() {
        let plain = LlmRequest::from_prompt("12345678");
        assert_eq!(request_tokens(&plain), 4 + 2);
        let parts = [
            Part::Text("12345678".into()),
            Part::Image(Image::url("https://h/i.png")),
        ];
        let pictured = LlmRequest {
            messages: vec![Message::from_parts(Role::User, parts)],
            ..LlmRequest::default()
        };
        assert_eq!(request_tokens(&pictured), 4 + 2 + 1_500);
    }
}
