//! Where an answer ends, and how many tokens that makes.

use super::super::{FinishReason, LlmRequest, Part};

/// English text has about four characters per token with every common
/// tokenizer; a simulation needs no better.
const CHARACTERS_PER_TOKEN: usize = 4;

/// The tokens of `characters` characters.
fn tokens_of(characters: usize) -> u32 {
    u32::try_from(characters.div_ceil(CHARACTERS_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// The tokens of everything that `request` says.
pub(super) fn input_tokens(request: &LlmRequest) -> u32 {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    tokens_of(parts.map(characters).sum())
}

fn characters(part: &Part) -> usize {
    // What a picture costs depends on its size, which is not looked at.
    const OF_IMAGE: usize = 1000;
    match part {
        Part::Text(text) => text.chars().count(),
        Part::Image(_) => OF_IMAGE,
        Part::Reasoning(reasoning) => reasoning.text.chars().count(),
        Part::ToolCall(call) => call.name.len() + call.arguments.chars().count(),
        Part::ToolResult(result) => result.content.chars().count(),
    }
}

/// An answer as far as the request let it come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) text: String,
    pub(super) finish_reason: FinishReason,
    pub(super) tokens: u32,
}

/// Ends `text` before the first of the request's stop texts, or after
/// `max_tokens`, whichever comes first.
pub(super) fn cut(mut text: String, request: &LlmRequest) -> Cut {
    let stops = request.stop.iter().filter(|stop| !stop.is_empty());
    if let Some(at) = stops.filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(at);
    }
    let mut finish_reason = FinishReason::Stop;
    if let Some(max_tokens) = request.max_tokens {
        let most = usize::try_from(max_tokens)
            .unwrap_or(usize::MAX)
            .saturating_mul(CHARACTERS_PER_TOKEN);
        if let Some((at, _)) = text.char_indices().nth(most) {
            text.truncate(at);
            finish_reason = FinishReason::Length;
        }
    }
    let tokens = tokens_of(text.chars().count());
    Cut {
        text,
        finish_reason,
        tokens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stop: &[&str], max_tokens: Option<u32>, text: &str, reason: FinishReason) {
        let request = LlmRequest {
            stop: stop.iter().map(ToString::to_string).collect(),
            max_tokens,
            ..LlmRequest::default()
        };
        let cut = cut("one two\nthree fouré".into(), &request);
        assert_eq!((cut.text.as_str(), cut.finish_reason), (text, reason));
        assert_eq!(cut.tokens, tokens_of(text.chars().count()));
    }

    #[test]
    fn the_first_limit_that_is_met_ends_the_answer() {
        let whole = "one two\nthree fouré";
        check(&[], None, whole, FinishReason::Stop);
        check(&[""], None, whole, FinishReason::Stop);
        check(&["five"], Some(5), whole, FinishReason::Stop);
        check(&["three", "\n"], None, "one two", FinishReason::Stop);
        check(&["one"], None, "", FinishReason::Stop);
        check(&[], Some(2), "one two\n", FinishReason::Length);
        check(&[], Some(0), "", FinishReason::Length);
        check(&["two"], Some(2), "one ", FinishReason::Stop);
        check(&["three"], Some(1), "one ", FinishReason::Length);
        // The nineteenth character has two bytes: cut between characters.
        check(&["é"], None, "one two\nthree four", FinishReason::Stop);
    }
}
