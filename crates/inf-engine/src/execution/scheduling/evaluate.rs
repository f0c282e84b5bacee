//! What a node does, given its values: requests made, prompts rendered, host
//! functions called.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::{LlmRequest, Message, Role};
use crate::conversation::Conversation;
use crate::execution::runtime::{WaitsForRun, inline};
use crate::execution::typed_output::TypedOutput;
use crate::execution::{ErrorKind, ExecutionState, Plan};
use crate::graph::{
    HostBody, HostCall, HostError, HostFunction, HostFuture, LlmCall, NodeRef, Operation, Shape,
    Template, TemplatePart,
};
use crate::value::{Data, Value};

/// The texts of a graph's parameters as they were when a run began.
pub(crate) type ParameterTexts = Arc<[Arc<str>]>;

/// Why a node has no value.
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    /// What the model answered, if that is what is wrong.
    pub(crate) answer: Option<Box<str>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            answer: None,
        }
    }

    pub(crate) fn missing(message: String) -> Self {
        Self::new(ErrorKind::MissingValue, message)
    }

    pub(crate) fn invalid_value(message: String) -> Self {
        Self::new(ErrorKind::InvalidValue, message)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::new(ErrorKind::HostFunction, error.to_string())
    }
}

/// What a node that calls no model comes to.
pub(crate) enum Evaluated {
    /// A value, at once.
    Value(Value),
    /// The value of an async host function, which has this name.
    Future(Arc<str>, HostFuture),
    /// The value of a host function that may take long.
    Blocking(HostFunction, Value),
}

/// Does what `node` does, unless it calls a model.
pub(crate) fn evaluate(
    plan: &Plan,
    state: &ExecutionState,
    parameters: &ParameterTexts,
    node: NodeRef,
) -> Result<Evaluated, Failure> {
    let graph = plan.graph();
    let value = match graph.node(node).operation() {
        Operation::Input | Operation::Argument | Operation::Llm(_) => {
            unreachable!("what is given has its value and calls go to an endpoint")
        }
        Operation::Branch(_)
        | Operation::Map(_)
        | Operation::Fold(_)
        | Operation::Repeat(_)
        | Operation::Fallback(_) => {
            unreachable!("control flow runs regions")
        }
        Operation::Prompt(template) => Value::from(render(state, parameters, template)?),
        Operation::Pack(shape) => build(state, shape)?,
        Operation::Compute { function, input } => {
            let input = build(state, input)?;
            function.apply(&input).map_err(Failure::invalid_value)?
        }
        Operation::Host(HostCall { input, function }) => {
            let input = build(state, input)?;
            let Some(function) = graph.host_function(node) else {
                let message = format!("the host function `{function}` is missing");
                return Err(Failure::new(ErrorKind::HostFunction, message));
            };
            return call_host(function, input);
        }
    };
    Ok(Evaluated::Value(value))
}

/// What a host function is given, if what it gives is kept in a journal.
pub(crate) fn recorded_arguments(
    plan: &Plan,
    state: &ExecutionState,
    node: NodeRef,
) -> Option<Value> {
    let graph = plan.graph();
    let function = graph.host_function(node)?;
    let Operation::Host(HostCall { input, .. }) = graph.node(node).operation() else {
        return None;
    };
    let input = function.is_recorded().then_some(input)?;
    // Without them the call fails where it is made.
    build(state, input).ok()
}

/// The request of a call.
pub(crate) fn request(
    plan: &Plan,
    state: &ExecutionState,
    parameters: &ParameterTexts,
    node: NodeRef,
    call: &LlmCall,
) -> Result<LlmRequest, Failure> {
    let mut messages = Vec::with_capacity(2);
    if let Some(system) = &call.system {
        let system = render_shared(state, parameters, system)?;
        messages.push(Message::new(Role::System, system));
    }
    if let Some(earlier) = &call.messages {
        messages.extend(conversation(state, earlier)?);
    }
    // Where there is a conversation, a prompt may be left out.
    if call.messages.is_none() || !call.prompt.parts().is_empty() {
        let prompt = render_shared(state, parameters, &call.prompt)?;
        messages.push(Message::new(Role::User, prompt));
    }
    Ok(LlmRequest {
        messages,
        temperature: call.temperature,
        max_tokens: call.max_tokens,
        stop: call.stop.clone(),
        output_schema: plan.typed_output(node).map(TypedOutput::asked),
        top_p: call.top_p,
        seed: call.seed,
        reasoning_effort: call.reasoning_effort,
        tools: plan.tool_specs(node).to_vec(),
        tool_choice: call.tool_choice.clone(),
        extra: call.extra.clone(),
    })
}

/// What was said before the prompt.
fn conversation(state: &ExecutionState, shape: &Shape) -> Result<Vec<Message>, Failure> {
    let invalid = |why: String| Failure::new(ErrorKind::InvalidInput, why);
    let read = Conversation::from_value(&build(state, shape)?);
    let read = read.map_err(|why| invalid(format!("its `messages` are no conversation: {why}")))?;
    if read.messages.is_empty() {
        let why = "its `messages` are empty: there is nothing to answer";
        return Err(invalid(why.to_owned()));
    }
    Ok(read.messages)
}

/// The output of a finished execution.
pub(crate) fn output(plan: &Plan, state: &ExecutionState) -> Result<Value, Failure> {
    build(state, plan.graph().region(state.region()).output())
}

/// The value of a shape.
pub(crate) fn build(state: &ExecutionState, shape: &Shape) -> Result<Value, Failure> {
    shape.build(&mut |reference| state.read(reference).cloned().map_err(Failure::missing))
}

/// The text of a template, not copied if it is all one parameter or one text.
fn render_shared(
    state: &ExecutionState,
    parameters: &ParameterTexts,
    template: &Template,
) -> Result<Arc<str>, Failure> {
    match template.parts() {
        [TemplatePart::Parameter(parameter)] => Ok(Arc::clone(&parameters[parameter.index()])),
        [TemplatePart::Reference(reference)] => match state.read(reference) {
            Ok(Value::String(text)) => Ok(Arc::clone(text)),
            _ => render(state, parameters, template).map(Arc::from),
        },
        _ => render(state, parameters, template).map(Arc::from),
    }
}

fn render(
    state: &ExecutionState,
    parameters: &ParameterTexts,
    template: &Template,
) -> Result<String, Failure> {
    let mut text = String::with_capacity(length(state, parameters, template));
    for part in template.parts() {
        match part {
            TemplatePart::Text(part) => text.push_str(part),
            TemplatePart::Parameter(parameter) => text.push_str(&parameters[parameter.index()]),
            TemplatePart::Reference(reference) => {
                let value = state.read(reference).map_err(Failure::missing)?;
                // Writing to a `String` can't fail.
                let _ = write!(text, "{value}");
            }
        }
    }
    Ok(text)
}

/// How long a template's text will be, if the values in it are texts.
fn length(state: &ExecutionState, parameters: &ParameterTexts, template: &Template) -> usize {
    let parts = template.parts().iter().map(|part| match part {
        TemplatePart::Text(part) => part.len(),
        TemplatePart::Parameter(parameter) => parameters[parameter.index()].len(),
        TemplatePart::Reference(reference) => match state.read(reference) {
            Ok(Value::String(text)) => text.len(),
            _ => 0,
        },
    });
    parts.sum()
}

fn call_host(function: &HostFunction, input: Value) -> Result<Evaluated, Failure> {
    let called = match function.body() {
        HostBody::Sync(_) if !function.runs_inline() => {
            return Ok(Evaluated::Blocking(function.clone(), input));
        }
        HostBody::Sync(_) => inline(|| call_timed(function, &input).map(Evaluated::Value)),
        HostBody::Async(body) => {
            inline(|| Ok(Evaluated::Future(Arc::clone(function.name()), body(&input))))
        }
    };
    let panic = match called {
        Ok(result) => return Ok(result?),
        Err(panic) => panic,
    };
    match (panic.downcast::<WaitsForRun>(), function.body()) {
        // It would wait forever here, and is begun again where it may wait.
        (Ok(_), HostBody::Sync(_)) => {
            function.note_took(Duration::MAX);
            Ok(Evaluated::Blocking(function.clone(), input))
        }
        (Ok(_), HostBody::Async(_)) => Err(Failure::from(HostError::Failed {
            function: Arc::clone(function.name()),
            reason: "it waits for a run before it returns its future: await the run inside of it"
                .to_owned(),
        })),
        (Err(panic), _) => Err(panicked(function.name(), panic.as_ref())),
    }
}

/// Calls a host function that is not async, and lets it know how long that
/// took: this decides where it runs the next time.
pub(crate) fn call_timed(function: &HostFunction, input: &Value) -> Result<Value, HostError> {
    let HostBody::Sync(body) = function.body() else {
        unreachable!("an async function is awaited");
    };
    // Not the runtime's clock, which tests pause.
    let start = std::time::Instant::now();
    let result = body(input);
    function.note_took(start.elapsed());
    result
}

/// The failure of a host function that panicked.
pub(crate) fn panicked(function: &Arc<str>, panic: &(dyn std::any::Any + Send)) -> Failure {
    Failure::from(HostError::Panicked {
        function: Arc::clone(function),
        reason: panic_text(panic),
    })
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it did not say why".to_owned())
}
