//! Where an answer ends, and how many tokens that makes.

use super::super::{FinishReason, LlmRequest, Message, Part, Role, ToolCall};
use super::answer::Said;

/// English text has about four characters per token with every common
/// tokenizer; a simulation needs no better.
const CHARACTERS_PER_TOKEN: usize = 4;

/// The tokens of `characters` characters.
fn tokens_of(characters: usize) -> u32 {
    u32::try_from(characters.div_ceil(CHARACTERS_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// The tokens of everything that `request` says.
pub(super) fn input_tokens(request: &LlmRequest) -> u32 {
    let tools = request.tools.iter().map(|tool| {
        let schema = tool.parameters.to_string();
        tool.name.len() + tool.description.chars().count() + schema.chars().count()
    });
    tokens_of(characters_of(&request.messages) + tools.sum::<usize>())
}

/// Those of the input tokens that the turn before has left in the provider's
/// cache: all up to the model's last message.
pub(super) fn cached_tokens(request: &LlmRequest) -> u32 {
    let messages = &request.messages;
    let mut from_last = messages.iter().rev();
    match from_last.position(|message| message.role == Role::Assistant) {
        Some(after) => tokens_of(characters_of(&messages[..messages.len() - after - 1])),
        None => 0,
    }
}

fn characters_of(messages: &[Message]) -> usize {
    let parts = messages.iter().flat_map(|message| &message.parts);
    parts.map(characters).sum()
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
    pub(super) thoughts: String,
    pub(super) text: String,
    pub(super) tool_calls: Vec<ToolCall>,
    pub(super) finish_reason: FinishReason,
    /// The stop text that ended it.
    pub(super) stopped_by: Option<String>,
    /// The tokens of all of it.
    pub(super) tokens: u32,
    /// Those of the thoughts.
    pub(super) thought_tokens: u32,
}

/// Ends the answer before the first of the request's stop texts, or after
/// `max_tokens`, whichever comes first. Thoughts are written first and know no
/// stop texts; tools are called last, and not without all of their arguments.
pub(super) fn cut(mut thoughts: String, said: Said, request: &LlmRequest) -> Cut {
    let mut left = request.max_tokens.unwrap_or(u32::MAX);
    let thoughts_are_cut = keep(&mut thoughts, left);
    let thought_tokens = tokens_of(thoughts.chars().count());
    left = left.saturating_sub(thought_tokens);

    let mut text = said.text;
    let stops = request.stop.iter().filter(|stop| !stop.is_empty());
    let found = stops.filter_map(|stop| Some((text.find(stop.as_str())?, stop)));
    let stop = found.min_by_key(|(at, _)| *at);
    if let Some((at, _)) = stop {
        text.truncate(at);
    }
    let mut is_cut = keep(&mut text, left) || thoughts_are_cut;
    let stopped_by = stop.filter(|_| !is_cut).map(|(_, stop)| stop.clone());
    let mut tokens = thought_tokens + tokens_of(text.chars().count());

    let mut tool_calls = said.tool_calls;
    tool_calls.retain(|call| {
        let more = tokens_of(call.name.len() + call.arguments.chars().count());
        is_cut |= more
            > request
                .max_tokens
                .unwrap_or(u32::MAX)
                .saturating_sub(tokens);
        if !is_cut {
            tokens = tokens.saturating_add(more);
        }
        !is_cut
    });
    let finish_reason = match () {
        () if is_cut => FinishReason::Length,
        () if !tool_calls.is_empty() => FinishReason::ToolCalls,
        () if said.refusal => FinishReason::Refusal,
        () => FinishReason::Stop,
    };
    Cut {
        thoughts,
        text,
        tool_calls,
        finish_reason,
        stopped_by,
        tokens,
        thought_tokens,
    }
}

/// Keeps `most` tokens of `text`, and says whether there were more.
fn keep(text: &mut String, most: u32) -> bool {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let most = most.saturating_mul(CHARACTERS_PER_TOKEN);
    // A byte is never more than a character.
    if text.len() <= most {
        return false;
    }
    let end = text.char_indices().nth(most);
    if let Some((at, _)) = end {
        text.truncate(at);
    }
    end.is_some()
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
        let said = Said::text("one two\nthree fouré");
        let cut = cut(String::new(), said, &request);
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

    #[test]
    fn thoughts_come_first_and_tool_calls_last() {
        let check = |max_tokens, expected: (&str, &str, usize, FinishReason, u32)| {
            let request = LlmRequest {
                max_tokens,
                ..LlmRequest::default()
            };
            let said = Said {
                text: "eight ch".into(),
                refusal: false,
                tool_calls: vec![ToolCall {
                    id: "1".into(),
                    name: "tool".into(),
                    arguments: "{  }".into(),
                }],
            };
            let cut = cut("Hmm, so?".into(), said, &request);
            let calls = cut.tool_calls.len();
            let got = (
                &*cut.thoughts,
                &*cut.text,
                calls,
                cut.finish_reason,
                cut.tokens,
            );
            assert_eq!(got, expected, "{max_tokens:?}");
        };
        check(
            None,
            ("Hmm, so?", "eight ch", 1, FinishReason::ToolCalls, 6),
        );
        check(
            Some(6),
            ("Hmm, so?", "eight ch", 1, FinishReason::ToolCalls, 6),
        );
        check(
            Some(5),
            ("Hmm, so?", "eight ch", 0, FinishReason::Length, 4),
        );
        check(Some(3), ("Hmm, so?", "eigh", 0, FinishReason::Length, 3));
        check(Some(1), ("Hmm,", "", 0, FinishReason::Length, 1));
    }

    #[test]
    fn a_stop_text_is_named_unless_the_bound_came_first() {
        let stopped_by = |max_tokens| {
            let request = LlmRequest {
                stop: vec!["four".into(), "three".into()],
                max_tokens,
                ..LlmRequest::default()
            };
            let said = Said::text("one two three four");
            cut(String::new(), said, &request).stopped_by
        };
        assert_eq!(stopped_by(None), Some("three".to_owned()));
        assert_eq!(stopped_by(Some(1)), None);
    }

    #[test]
    fn what_the_turn_before_asked_is_cached() {
        let says = |role, text: &str| Message::new(role, text);
        let mut request = LlmRequest {
            messages: vec![says(Role::System, "four"), says(Role::User, "eight ch")],
            ..LlmRequest::default()
        };
        assert_eq!((input_tokens(&request), cached_tokens(&request)), (3, 0));
        request.messages.push(says(Role::Assistant, "Yes."));
        request.messages.push(says(Role::User, "more"));
        assert_eq!((input_tokens(&request), cached_tokens(&request)), (5, 3));
    }
}
