//! What a simulated model says.

use serde::{Deserialize, Serialize};

use super::super::{ClientError, ClientErrorKind, LlmRequest};
use super::excerpt::excerpt;
use super::request_digest::RequestDigest;
use super::schema_value::SchemaAnswers;
use super::template::{Fillings, Template};
use super::{InvalidSetting, Script};

/// What a simulated model says.
///
/// Where the request has an output schema, the answer is a JSON text that
/// satisfies it, whatever is chosen here; only the rule of a [`Script`] comes
/// first.
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
    /// The last user message, as it is.
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

impl Answer {
    /// Whether templates and scripts make sense.
    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        Answerer::new(self).map(drop)
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
    /// [`ClientErrorKind::Refused`] if the schema can't be satisfied.
    pub(super) fn answer(
        &self,
        request: &LlmRequest,
        model: &str,
        digest: &RequestDigest,
    ) -> Result<String, ClientError> {
        let script = self.script.as_ref();
        if let Some(answer) = script.and_then(|script| script.answer(request)) {
            return Ok(answer.to_owned());
        }
        let prompt = request.prompt();
        if let Some(output) = &request.output_schema {
            let value = self.schemas.value(&output.schema, &prompt, digest);
            return value.map(|value| value.to_string()).map_err(|problem| {
                let name = &output.name;
                let message = format!(
                    "the simulated provider can't answer in the schema `{name}`: {problem}"
                );
                ClientError::new(ClientErrorKind::Refused, message)
            });
        }
        Ok(self.otherwise.fill(&Fillings {
            prompt: &prompt,
            system: &request.system().unwrap_or_default(),
            model,
            hash: &digest.hex(),
            excerpt: &excerpt(&prompt),
        }))
    }
}
