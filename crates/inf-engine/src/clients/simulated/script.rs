//! Answers written in advance.

use serde::{Deserialize, Serialize};

use super::super::LlmRequest;
use super::InvalidSetting;

/// Answers written in advance: the first rule that matches gives its answer.
///
/// ```
/// use inf_engine::clients::simulated::{Script, ScriptRule};
///
/// let script = Script {
///     rules: vec![ScriptRule::containing("weather", "Sunny.")],
///     otherwise: Some("I do not know.".into()),
/// };
/// # assert_eq!(script.rules.len(), 1);
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What is answered.
    pub answer: String,
}

impl Script {
    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.contains.is_none() && rule.equals.is_none() && rule.system_contains.is_none() {
                return Err(InvalidSetting::new(
                    format!("rules[{index}]"),
                    "has no condition: give it `contains`, `equals` or `system_contains`, \
                     or move its answer to `otherwise`",
                ));
            }
        }
        Ok(())
    }

    /// The answer of the first rule that matches.
    pub(super) fn answer(&self, request: &LlmRequest) -> Option<&str> {
        let rule = self.rules.iter().find(|rule| rule.matches(request))?;
        Some(&rule.answer)
    }
}

impl ScriptRule {
    /// `answer` to prompts that contain `text`.
    pub fn containing(text: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            contains: Some(text.into()),
            equals: None,
            system_contains: None,
            answer: answer.into(),
        }
    }

    /// `answer` to the prompt `text`.
    pub fn equal_to(text: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            contains: None,
            equals: Some(text.into()),
            system_contains: None,
            answer: answer.into(),
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
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Message, Role};
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
            assert_eq!(script.answer(&request), expected, "{system} | {prompt}");
        };
        check("", "rain", Some("E"));
        check("", "more rain", Some("R"));
        check("a critic", "more rain", Some("C"));
        check("a critic", "sun", None);
        check("", "RAIN", None);
    }
}
