//! [`Answer`]: what an answer of a model means for the node that asked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::evaluate::{Failure, panic_text};
use crate::clients::{ClientErrorKind, FinishReason, LlmResponse};
use crate::execution::{ErrorKind, Plan};
use crate::graph::NodeRef;
use crate::value::Value;

/// What an answer means for the node that asked. It travels with every answer, so
/// that what is rare is boxed.
pub(crate) enum Answer {
    /// The node has its value.
    Value(Value),
    /// The model wants tools to be called, and goes on with what they give.
    CallsTools,
    /// It is not of the asked type. The model may be told `why`, and asked again.
    Misfit {
        failure: Box<Failure>,
        /// A fragment of a sentence for the model.
        why: Box<str>,
    },
    /// The node has no value and will have none.
    Failed(Box<Failure>),
}

impl Answer {
    /// Reads an answer to `node`. It may take a while for a long one, so that
    /// this is for the task of the call and not for the scheduler.
    pub(crate) fn read(plan: &Plan, node: NodeRef, response: &LlmResponse) -> Self {
        // Nobody would hear of a panic there.
        let read = catch_unwind(AssertUnwindSafe(|| read(plan, node, response)));
        read.unwrap_or_else(|panic| {
            let why = panic_text(panic.as_ref());
            let message = format!("reading the answer panicked: {why}");
            Self::Failed(Box::new(failure(
                ErrorKind::InvalidOutput,
                message,
                response,
            )))
        })
    }
}

fn read(plan: &Plan, node: NodeRef, response: &LlmResponse) -> Answer {
    let withheld = match response.finish_reason {
        FinishReason::ContentFilter => Some("the provider withheld the answer"),
        FinishReason::Refusal => Some("the model refused to answer"),
        _ => None,
    };
    if let Some(withheld) = withheld {
        let message = match &*response.text {
            "" => format!("{withheld} and gave no reason"),
            why => format!("{withheld}: {why}"),
        };
        let kind = ErrorKind::Call(ClientErrorKind::Refused);
        return Answer::Failed(Box::new(failure(kind, message, response)));
    }
    if !response.tool_calls.is_empty() && !plan.tool_specs(node).is_empty() {
        return Answer::CallsTools;
    }
    if response.text.is_empty() && response.finish_reason != FinishReason::Stop {
        let why = match &response.finish_reason {
            FinishReason::Length => "it reached its limit of tokens: raise `max_tokens`".to_owned(),
            FinishReason::ToolCalls => "the model called tools, and it was given none".to_owned(),
            other => format!("the provider says it ended with {other:?}"),
        };
        let message = format!("the answer is empty, because {why}");
        let failure = Failure::new(ErrorKind::InvalidOutput, message);
        return Answer::Failed(Box::new(failure));
    }
    let Some(output) = plan.typed_output(node) else {
        return Answer::Value(Value::from(response.text.as_str()));
    };
    match output.read(response) {
        Ok(value) => Answer::Value(value),
        Err(misfit) => {
            let failure = Box::new(failure(ErrorKind::InvalidOutput, misfit.message, response));
            match misfit.why {
                Some(why) => Answer::Misfit {
                    failure,
                    why: why.into(),
                },
                None => Answer::Failed(failure),
            }
        }
    }
}

/// A failure that keeps what was answered.
fn failure(kind: ErrorKind, message: String, response: &LlmResponse) -> Failure {
    Failure {
        answer: kept(&response.text),
        ..Failure::new(kind, message)
    }
}

/// The longest answer that is kept with an error, in bytes.
const LONGEST_KEPT: usize = 256 * 1024;

fn kept(text: &str) -> Option<Box<str>> {
    let end = text.floor_char_boundary(LONGEST_KEPT);
    (end > 0).then(|| text[..end].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_is_bounded_and_whole_characters() {
        assert_eq!(kept(""), None);
        assert_eq!(kept("no").as_deref(), Some("no"));
        let long = "é".repeat(LONGEST_KEPT);
        assert_eq!(kept(&long).map(|kept| kept.len()), Some(LONGEST_KEPT));
        let odd = format!("a{long}");
        assert_eq!(kept(&odd).map(|kept| kept.len()), Some(LONGEST_KEPT - 1));
    }
}
