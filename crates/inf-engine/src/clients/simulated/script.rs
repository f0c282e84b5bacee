//! Answers written in advance.

use serde::{Deserialize, Serialize};

use super::super::LlmRequest;
use super::tool_use::results;
use super::{InvalidSetting, ScriptedCall};

/// Answers written in advance: the first rule that matches gives its answer.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule};
///
/// let script = Script::new([
///     ScriptRule::containing("weather", "Sunny."),
///     ScriptRule::for_system("calculator", "4"),
/// ])
/// .with_otherwise("I do not know.");
/// # assert_eq!(script.rules.len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The rules, tried from the first to the last.
    pub rules: Vec<ScriptRule>,
    /// The answer where no rule matches and no schema is asked for; by default
    /// the one of [`Answer::default`](super::Answer).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// One answer and when to give it: all conditions that are there must hold,
/// and there must be one. Letter case counts.
///
/// The answer is given as it is written, also where the request has an output
/// schema: this is how a model that breaks its promise is simulated.
///
/// A rule may have tools called. When their results come back, the conversation
/// still ends with the same user message; so that it goes on from there, rules
/// with `tool_calls` hold only before, unless they say what the results contain.
///
/// ```yaml
/// rules:
///   - contains: weather
///     tool_calls: [{ name: get_weather, arguments: { city: Paris } }]
///   - { result_contains: sunny, answer: "Take a hat." }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptRule {
    /// A text that the last user message contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// The last user message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// A text that the system message contains: tells modules apart that send
    /// the same prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_contains: Option<String>,
    /// A text that the results of tools contain, with which the conversation
    /// ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_contains: Option<String>,
    /// What is answered; it may be left out where tools are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Whether the answer is a refusal to answer, which some providers mark as
    /// such; by default it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refusal: bool,
    /// The tools that are called; by default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ScriptedCall>,
}

impl Script {
    /// These rules, tried from the first to the last.
    pub fn new(rules: impl IntoIterator<Item = ScriptRule>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            otherwise: None,
        }
    }

    /// Sets the answer where no rule matches and no schema is asked for.
    #[must_use]
    pub fn with_otherwise(mut self, answer: impl Into<String>) -> Self {
        self.otherwise = Some(answer.into());
        self
    }

    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        for (index, rule) in self.rules.iter().enumerate() {
            let wrong = |problem| Err(InvalidSetting::new(format!("rules[{index}]"), problem));
            let conditions = [
                &rule.contains,
                &rule.equals,
                &rule.system_contains,
                &rule.result_contains,
            ];
            if conditions.iter().all(|condition| condition.is_none()) {
                return wrong(
                    "has no condition: give it `contains`, `equals`, `system_contains` or \
                     `result_contains`, or move its answer to `otherwise`",
                );
            }
            if rule.answer.is_none() && rule.tool_calls.is_empty() {
                return wrong("says nothing: give it an `answer` or `tool_calls`");
            }
            if rule.refusal && (rule.answer.is_none() || !rule.tool_calls.is_empty()) {
                return wrong("refuses: give it an `answer` that says why, and no `tool_calls`");
            }
        }
        Ok(())
    }

    /// The first rule that matches.
    pub(super) fn rule(&self, request: &LlmRequest) -> Option<&ScriptRule> {
        self.rules.iter().find(|rule| rule.matches(request))
    }
}

impl ScriptRule {
    /// `answer` to prompts that contain `text`.
    pub fn containing(text: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            contains: Some(text.into()),
            answer: Some(answer.into()),
            ..Self::default()
        }
    }

    /// `answer` to the prompt `text`.
    pub fn equal_to(text: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            equals: Some(text.into()),
            answer: Some(answer.into()),
            ..Self::default()
        }
    }

    /// `answer` where the system message contains `text`: one for each module.
    pub fn for_system(text: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            system_contains: Some(text.into()),
            answer: Some(answer.into()),
            ..Self::default()
        }
    }

    /// `calls` of tools for prompts that contain `text`.
    pub fn calling(text: impl Into<String>, calls: Vec<ScriptedCall>) -> Self {
        Self {
            contains: Some(text.into()),
            tool_calls: calls,
            ..Self::default()
        }
    }

    fn matches(&self, request: &LlmRequest) -> bool {
        let (prompt, system) = (request.prompt(), request.system().unwrap_or_default());
        let holds =
            |condition: &Option<String>, test: &dyn Fn(&str) -> bool| match condition.as_deref() {
                Some(text) => test(text),
                None => true,
            };
        holds(&self.contains, &|text| prompt.contains(text))
            && holds(&self.equals, &|text| prompt == text)
            && holds(&self.system_contains, &|text| system.contains(text))
            && self.fits_the_turn(request)
    }

    fn fits_the_turn(&self, request: &LlmRequest) -> bool {
        match &self.result_contains {
            Some(text) => results(request).is_some_and(|results| results.contains(text)),
            None => self.tool_calls.is_empty() || results(request).is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Message, Part, Role, ToolResult};
    use super::*;

    #[test]
    fn the_first_rule_whose_conditions_all_hold_answers() {
        let mut critic = ScriptRule::containing("rain", "C");
        critic.system_contains = Some("critic".into());
        let script = Script {
            rules: vec![
                critic,
                ScriptRule::equal_to("rain", "E"),
                ScriptRule::containing("rain", "R"),
            ],
            otherwise: None,
        };
        let check = |system: &str, prompt: &str, expected: Option<&str>| {
            let mut request = LlmRequest::from_prompt(prompt);
            request
                .messages
                .insert(0, Message::new(Role::System, system));
            let rule = script.rule(&request);
            let answer = rule.and_then(|rule| rule.answer.as_deref());
            assert_eq!(answer, expected, "{system} | {prompt}");
        };
        check("", "rain", Some("E"));
        check("", "more rain", Some("R"));
        check("a critic", "more rain", Some("C"));
        check("a critic", "sun", None);
        check("", "RAIN", None);
    }

    #[test]
    fn a_rule_that_calls_tools_holds_until_their_results_are_there() {
        let calls = vec![ScriptedCall {
            name: "look".into(),
            arguments: serde_json::json!({}),
        }];
        let again = ScriptRule {
            result_contains: Some("cloudy".into()),
            ..ScriptRule::calling("rain", calls.clone())
        };
        let rules = vec![again, ScriptRule::calling("rain", calls)];
        let script = Script {
            rules,
            otherwise: None,
        };
        let mut request = LlmRequest::from_prompt("rain");
        let found = |request: &LlmRequest| {
            let found = script.rule(request)?;
            script.rules.iter().position(|rule| rule == found)
        };
        assert_eq!(found(&request), Some(1));
        for (content, expected) in [("cloudy", Some(0)), ("sunny", None)] {
            let result = ToolResult {
                call_id: "1".into(),
                name: "look".into(),
                content: content.into(),
                is_error: false,
            };
            let message = Message::from_parts(Role::Tool, [Part::ToolResult(result)]);
            request.messages.push(message);
            assert_eq!(found(&request), expected, "{content}");
        }
    }
}
