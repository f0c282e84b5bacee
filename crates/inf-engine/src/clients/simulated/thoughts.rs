//! What a simulated model thinks before it answers.

use super::super::{LlmRequest, ReasoningEffort};
use super::excerpt::{excerpt, words};

/// The thoughts about `request`: none unless it asks for reasoning, more with
/// more effort, and always the same.
pub(super) fn thoughts(request: &LlmRequest) -> String {
    let sentences = match request.reasoning_effort {
        None | Some(ReasoningEffort::None) => return String::new(),
        Some(ReasoningEffort::Minimal) => 1,
        Some(ReasoningEffort::Low) => 2,
        Some(ReasoningEffort::Medium) => 4,
        Some(ReasoningEffort::High) => 8,
    };
    let prompt = request.prompt();
    let mut thoughts = format!("This is about: {}", excerpt(&prompt));
    let words = words(&prompt);
    let mut words = words.iter().cycle();
    for _ in 1..sentences {
        match words.next() {
            Some(word) => thoughts.extend(["\nWhat matters here is ", word, "."]),
            None => thoughts.push_str("\nThere is little to go by."),
        }
    }
    thoughts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, effort: Option<ReasoningEffort>, expected: &str) {
        let request = LlmRequest {
            reasoning_effort: effort,
            ..LlmRequest::from_prompt(prompt)
        };
        assert_eq!(thoughts(&request), expected);
    }

    #[test]
    fn more_effort_is_more_thoughts() {
        use ReasoningEffort as Effort;
        check("Why?", None, "");
        check("Why?", Some(Effort::None), "");
        check("Why?", Some(Effort::Minimal), "This is about: Why?");
        check(
            "Ripe pears",
            Some(Effort::Medium),
            "This is about: Ripe pears\nWhat matters here is Ripe.\n\
             What matters here is pears.\nWhat matters here is Ripe.",
        );
        check(
            "",
            Some(Effort::Low),
            "This is about: \nThere is little to go by.",
        );
    }
}
