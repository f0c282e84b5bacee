//! What a simulated model says.

use serde::{Deserialize, Serialize};

use super::super::{ClientError, ClientErrorKind, LlmRequest, ToolCall};
use super::excerpt::excerpt;
use super::request_digest::RequestDigest;
use super::schema_value::SchemaAnswers;
use super::template::{Fillings, Template};
use super::tool_use::{required_call, results};
use super::{InvalidSetting, Script};

/// What a simulated model says.
///
/// Where the request has an output schema, the answer is a JSON text that
/// satisfies it, whatever is chosen here; only the rule of a [`Script`] comes
/// first. Where it insists on a tool being called, that tool is, with arguments
/// that satisfy its schema; the answer to the results of tools is about these.
///
/// ```
/// use inf_engine::clients::simulated::Answer;
///
/// let answer = Answer::Template("{model} read: {excerpt}".into());
/// assert_eq!(serde_json::to_string(&Answer::Echo)?, r#""echo""#);
/// # assert_ne!(answer, Answer::default());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The last user message, or what tools gave since, as it is.
    Echo,
    /// Sixteen hexadecimal digits that differ for every seed, model and request.
    Hash,
    /// A text with placeholders: `{prompt}` and `{system}` are the last message
    /// of either kind, `{excerpt}` the first sentence or words of the prompt's
    /// data, `{model}` the model's name, `{hash}` as [`Answer::Hash`]. A brace
    /// is written twice: `{{`.
    Template(String),
    /// Answers written in advance.
    Script(Script),
}

/// The template of [`Answer::default`]. It says that the answer is simulated,
/// so that nobody takes a dry run for a real one.
const DEFAULT_TEMPLATE: &str = "Simulated answer: {excerpt}";

impl Default for Answer {
    /// `Simulated answer: ` and an excerpt of the prompt.
    fn default() -> Self {
        Self::Template(DEFAULT_TEMPLATE.to_owned())
    }
}

impl From<Script> for Answer {
    fn from(script: Script) -> Self {
        Self::Script(script)
    }
}

impl Answer {
    /// Whether templates and scripts make sense.
    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        Answerer::new(self).map(drop)
    }
}

/// What a model says, before any limit cuts it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    /// Whether the text says why there is no answer.
    pub(super) refusal: bool,
    pub(super) tool_calls: Vec<ToolCall>,
}

impl Said {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// An [`Answer`] that is ready to be given.
#[derive(Debug)]
pub(super) struct Answerer {
    script: Option<Script>,
    otherwise: Template,
    schemas: SchemaAnswers,
}

impl Answerer {
    pub(super) fn new(answer: &Answer) -> Result<Self, InvalidSetting> {
        let parse = |template: &str| {
            Template::parse(template)
                .map_err(|problem| InvalidSetting::new("answer.template", problem))
        };
        let mut script = None;
        let otherwise = match answer {
            Answer::Echo => parse("{prompt}")?,
            Answer::Hash => parse("{hash}")?,
            Answer::Template(template) => parse(template)?,
            Answer::Script(rules) => {
                rules
                    .validate()
                    .map_err(|invalid| invalid.within("answer.script"))?;
                script = Some(rules.clone());
                match &rules.otherwise {
                    Some(text) => Template::verbatim(text),
                    None => parse(DEFAULT_TEMPLATE)?,
                }
            }
        };
        Ok(Self {
            script,
            otherwise,
            schemas: SchemaAnswers::default(),
        })
    }

    /// The whole answer to `request`, before any limit cuts it.
    ///
    /// # Errors
    ///
    /// [`ClientErrorKind::Refused`] if a schema can't be satisfied, or a tool is
    /// asked for that is not there.
    pub(super) fn answer(
        &self,
        request: &LlmRequest,
        model: &str,
        digest: &RequestDigest,
    ) -> Result<Said, ClientError> {
        let script = self.script.as_ref();
        if let Some(rule) = script.and_then(|script| script.rule(request)) {
            let calls = rule.tool_calls.iter().zip(0..);
            return Ok(Said {
                text: rule.answer.clone().unwrap_or_default(),
                refusal: rule.refusal,
                tool_calls: calls
                    .map(|(call, index)| call.call(digest.tool_call_id(index)))
                    .collect(),
            });
        }
        if let Some(call) = required_call(request, &self.schemas, digest)? {
            return Ok(Said {
                tool_calls: vec![call],
                ..Said::default()
            });
        }
        let prompt = request.prompt();
        if let Some(output) = &request.output_schema {
            let value = self.schemas.value(&output.schema, &prompt, digest);
            return match value {
                Ok(value) => Ok(Said::text(value.to_string())),
                Err(problem) => {
                    let name = &output.name;
                    let message = format!(
                        "the simulated provider can't answer in the schema `{name}`: {problem}"
                    );
                    Err(ClientError::new(ClientErrorKind::Refused, message))
                }
            };
        }
        // Results are told whole: an answer that leaves one out looks as if it
        // had never come.
        let results = results(request);
        let excerpt = match &results {
            Some(_) => String::new(),
            None => excerpt(&prompt),
        };
        Ok(Said::text(self.otherwise.fill(&Fillings {
            prompt: results.as_deref().unwrap_or(&prompt),
            system: &request.system().unwrap_or_default(),
            model,
            hash: &digest.hex(),
            excerpt: results.as_deref().unwrap_or(&excerpt),
        })))
    }
}
