//! [`RunSpans`]: the spans and events of a run.
//!
//! One scheduler works for all runs, so nothing here asks for the current span:
//! each span and event is told its parent. Without a listener a span costs a
//! look at a static, and nothing below is formatted or allocated.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Span, debug, info, info_span, warn};

use super::{PauseReport, Progress, RunId, TaskOutcome, ToolOutcome};
use crate::clients::{
    ClientDescription, ClientErrorKind, FinishReason, Image, LlmRequest, LlmResponse, Part,
    ToolCall,
};
use crate::execution::{ErrorKind, ExecutionError};
use crate::graph::RegionPath;
use crate::journal::JournalError;
use crate::telemetry::names;

/// The target of all spans and events of execution.
pub(super) const TARGET: &str = "inf_engine::execution";

/// The spans and events of one run.
#[derive(Debug)]
pub(crate) struct RunSpans {
    run: RunId,
    /// Where the program began the run.
    caller: Span,
    own: Span,
    /// Whether prompts and answers are recorded.
    content: bool,
}

/// An attempt of a node, for those who watch.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) input: usize,
    pub(crate) node: &'a str,
    /// Where it runs inside of the input.
    pub(crate) region: &'a RegionPath,
    pub(crate) alias: &'a str,
    pub(crate) attempt: u32,
    pub(crate) turn: u32,
    pub(crate) is_hedge: bool,
}

impl About<'_> {
    /// Where the node runs, if a node of control flow runs it.
    fn path(&self) -> Option<impl fmt::Display> {
        let is_inside = !self.region.is_root();
        is_inside
            .then(|| fmt::from_fn(|formatter| write!(formatter, "{}/{}", self.region, self.node)))
    }
}

impl RunSpans {
    /// Opens the span of a run that was begun inside `caller`.
    pub(crate) fn new(
        caller: Span,
        run: RunId,
        graph: &str,
        inputs: Option<usize>,
        content: bool,
    ) -> Self {
        let own = info_span!(
            target: TARGET,
            parent: &caller,
            "run",
            { names::OTEL_NAME } = display(format_args!("run {graph}")),
            { names::RUN } = whole(run.number()),
            { names::GRAPH } = graph,
            { names::INPUTS } = inputs.map(whole),
            { names::INPUTS_SUCCEEDED } = Empty,
            { names::INPUTS_FAILED } = Empty,
        );
        Self {
            run,
            caller,
            own,
            content,
        }
    }

    /// What the parts of the run are in: its span, or, where nobody listens to
    /// that one, what the program began the run in.
    pub(crate) fn around(&self) -> &Span {
        if self.own.is_disabled() {
            &self.caller
        } else {
            &self.own
        }
    }

    /// `span`, or what is around it where nobody listens to it.
    fn at<'a>(&'a self, span: &'a Span) -> &'a Span {
        if span.is_disabled() {
            self.around()
        } else {
            span
        }
    }

    /// The span of an attempt of a call.
    pub(crate) fn call(
        &self,
        about: About<'_>,
        asked: &ClientDescription,
        request: &LlmRequest,
    ) -> CallSpan {
        let model = asked.model.as_deref();
        let span = info_span!(
            target: TARGET,
            parent: self.around(),
            "call",
            { names::OTEL_NAME } = display(SpanName("chat", model)),
            { names::OTEL_KIND } = "client",
            { names::OTEL_STATUS_CODE } = Empty,
            { names::OTEL_STATUS_DESCRIPTION } = Empty,
            { names::RUN } = whole(self.run.number()),
            { names::INPUT } = whole(about.input),
            { names::NODE } = about.node,
            { names::PATH } = about.path().map(display),
            { names::ENDPOINT } = about.alias,
            { names::ATTEMPT } = whole(about.attempt),
            { names::TURN } = whole(about.turn),
            { names::HEDGE } = about.is_hedge,
            { names::OUTCOME } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::OPERATION_NAME } = "chat",
            { names::PROVIDER_NAME } = asked.provider.as_deref(),
            { names::SERVER_ADDRESS } = asked.server.as_deref(),
            { names::SERVER_PORT } = asked.port.map(whole),
            { names::REQUEST_MODEL } = model,
            { names::REQUEST_TEMPERATURE } = request.temperature,
            { names::REQUEST_TOP_P } = request.top_p,
            { names::REQUEST_SEED } = request.seed.map(whole),
            { names::REQUEST_MAX_TOKENS } = request.max_tokens.map(whole),
            { names::REQUEST_STOP_SEQUENCES } = list(&request.stop).map(display),
            { names::OUTPUT_TYPE } = output_type(request),
            { names::RESPONSE_ID } = Empty,
            { names::RESPONSE_MODEL } = Empty,
            { names::RESPONSE_FINISH_REASONS } = Empty,
            { names::USAGE_INPUT_TOKENS } = Empty,
            { names::USAGE_OUTPUT_TOKENS } = Empty,
            { names::USAGE_CACHED_TOKENS } = Empty,
            { names::REQUEST_ID } = Empty,
            { names::INPUT_MESSAGES } = Empty,
            { names::OUTPUT_MESSAGES } = Empty,
        );
        CallSpan {
            span,
            content: self.content,
        }
    }

    /// The span of a host function that does not run on the spot.
    pub(crate) fn host(&self, input: usize, node: &str) -> Span {
        info_span!(
            target: TARGET,
            parent: self.around(),
            "host",
            { names::OTEL_NAME } = display(SpanName("host", Some(node))),
            { names::OTEL_STATUS_CODE } = Empty,
            { names::OTEL_STATUS_DESCRIPTION } = Empty,
            { names::RUN } = whole(self.run.number()),
            { names::INPUT } = whole(input),
            { names::NODE } = node,
            { names::OUTCOME } = Empty,
            { names::ERROR_TYPE } = Empty,
        )
    }

    /// The span of a tool that a model called in `turn`.
    pub(crate) fn tool(&self, input: usize, node: &str, turn: u32, call: &ToolCall) -> ToolSpan {
        let span = info_span!(
            target: TARGET,
            parent: self.around(),
            "tool",
            { names::OTEL_NAME } = display(SpanName("execute_tool", Some(&call.name))),
            { names::OTEL_KIND } = "internal",
            { names::OTEL_STATUS_CODE } = Empty,
            { names::OTEL_STATUS_DESCRIPTION } = Empty,
            { names::RUN } = whole(self.run.number()),
            { names::INPUT } = whole(input),
            { names::NODE } = node,
            { names::TURN } = whole(turn),
            { names::OUTCOME } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::OPERATION_NAME } = "execute_tool",
            { names::TOOL_NAME } = &*call.name,
            { names::TOOL_TYPE } = "function",
            { names::TOOL_CALL_ID } = &*call.id,
            { names::TOOL_CALL_ARGUMENTS } = self.content.then_some(&*call.arguments),
            { names::TOOL_CALL_RESULT } = Empty,
        );
        ToolSpan {
            span,
            content: self.content,
        }
    }

    /// Notes on the span of a tool what became of it.
    pub(crate) fn note_tool_outcome(&self, span: &Span, outcome: ToolOutcome<'_>) {
        if span.is_disabled() {
            return;
        }
        let outcome = match outcome {
            ToolOutcome::Completed => "completed",
            ToolOutcome::Cancelled => "cancelled",
            ToolOutcome::Failed(why) => {
                span.record(names::ERROR_TYPE, "tool");
                span.record(names::OTEL_STATUS_CODE, "ERROR");
                if self.content {
                    span.record(names::OTEL_STATUS_DESCRIPTION, why);
                }
                "failed"
            }
        };
        span.record(names::OUTCOME, outcome);
    }

    /// Notes on the span of an attempt what became of it.
    pub(crate) fn note_outcome(&self, span: &Span, outcome: TaskOutcome<'_>) {
        if span.is_disabled() {
            return;
        }
        let failed = |kind: ErrorKind, message: Option<&str>| {
            span.record(names::ERROR_TYPE, kind.as_str());
            span.record(names::OTEL_STATUS_CODE, "ERROR");
            if let Some(message) = message.and_then(|message| self.tellable(kind, message)) {
                span.record(names::OTEL_STATUS_DESCRIPTION, message);
            }
        };
        let outcome = match outcome {
            TaskOutcome::Completed => "completed",
            TaskOutcome::Failed(error) => {
                failed(error.kind, Some(&error.message));
                "failed"
            }
            TaskOutcome::Retried(attempt) => {
                failed(attempt.kind, Some(&attempt.message));
                "retried"
            }
            TaskOutcome::Reasked(attempt) => {
                failed(attempt.kind, Some(&attempt.message));
                "reasked"
            }
            TaskOutcome::CalledTools => "called_tools",
            TaskOutcome::RateLimited => {
                failed(ErrorKind::Call(ClientErrorKind::RateLimited), None);
                "rate_limited"
            }
            TaskOutcome::Cancelled => "cancelled",
            TaskOutcome::Skipped => "skipped",
        };
        span.record(names::OUTCOME, outcome);
    }

    /// A call failed and will be tried again in `wait`.
    pub(crate) fn tell_retry(
        &self,
        span: &Span,
        about: About<'_>,
        (kind, message): (ErrorKind, &str),
        wait: Duration,
    ) {
        warn!(
            name: "retry",
            target: TARGET,
            parent: self.at(span),
            {
                { names::RUN } = whole(self.run.number()),
                { names::INPUT } = whole(about.input),
                { names::NODE } = about.node,
                { names::ENDPOINT } = about.alias,
                { names::ATTEMPT } = whole(about.attempt),
                { names::WAIT_SECONDS } = wait.as_secs_f64(),
                { names::ERROR_TYPE } = kind.as_str(),
                { names::ERROR_MESSAGE } = self.tellable(kind, message),
            },
            "a call failed and will be tried again"
        );
    }

    /// An answer is not of the asked type, and the model is asked again.
    pub(crate) fn tell_reask(
        &self,
        span: &Span,
        about: About<'_>,
        (kind, message): (ErrorKind, &str),
    ) {
        warn!(
            name: "reask",
            target: TARGET,
            parent: self.at(span),
            {
                { names::RUN } = whole(self.run.number()),
                { names::INPUT } = whole(about.input),
                { names::NODE } = about.node,
                { names::ENDPOINT } = about.alias,
                { names::ATTEMPT } = whole(about.attempt),
                { names::TURN } = whole(about.turn),
                { names::ERROR_TYPE } = kind.as_str(),
                { names::ERROR_MESSAGE } = self.tellable(kind, message),
            },
            "an answer is not of the asked type, and the model is asked again"
        );
    }

    /// A call was refused for a limit; the provider asked to wait `after`.
    pub(crate) fn tell_rate_limited(&self, span: &Span, about: About<'_>, after: Option<Duration>) {
        debug!(
            name: "rate_limited",
            target: TARGET,
            parent: self.at(span),
            {
                { names::RUN } = whole(self.run.number()),
                { names::INPUT } = whole(about.input),
                { names::NODE } = about.node,
                { names::ENDPOINT } = about.alias,
                { names::ATTEMPT } = whole(about.attempt),
                { names::WAIT_SECONDS } = after.map(|after| after.as_secs_f64()),
            },
            "a call was refused for a limit and waits for its turn again"
        );
    }

    /// A second request was sent for a call that takes long.
    pub(crate) fn tell_hedge(&self, span: &Span, about: About<'_>) {
        debug!(
            name: "hedge",
            target: TARGET,
            parent: self.at(span),
            {
                { names::RUN } = whole(self.run.number()),
                { names::INPUT } = whole(about.input),
                { names::NODE } = about.node,
                { names::ENDPOINT } = about.alias,
                { names::ATTEMPT } = whole(about.attempt),
            },
            "a call takes unusually long and is sent a second time"
        );
    }

    /// Nothing is sent to an endpoint for a while.
    pub(crate) fn tell_pause(&self, pause: &PauseReport<'_>) {
        let seconds = |from: Instant, until: Instant| (until - from).as_secs_f64();
        info!(
            name: "endpoint_paused",
            target: TARGET,
            parent: self.around(),
            {
                { names::RUN } = whole(self.run.number()),
                { names::ENDPOINT } = pause.alias,
                { names::WAIT_SECONDS } = seconds(pause.from, pause.until),
            },
            "an endpoint is left alone for a while, as its provider asked or seems to need"
        );
    }

    /// An input ended without an output.
    pub(crate) fn tell_failed(&self, input: usize, error: &ExecutionError) {
        // Many at once, for a reason that was told already.
        if error.was_stopped() {
            debug!(
                name: "input_cancelled",
                target: TARGET,
                parent: self.around(),
                {
                    { names::RUN } = whole(self.run.number()),
                    { names::INPUT } = whole(input),
                },
                "an input was cancelled"
            );
            return;
        }
        warn!(
            name: "input_failed",
            target: TARGET,
            parent: self.around(),
            {
                { names::RUN } = whole(self.run.number()),
                { names::INPUT } = whole(input),
                { names::NODE } = error.node.as_deref(),
                { names::PATH } = error.path.as_deref(),
                { names::ENDPOINT } = error.alias.as_deref(),
                { names::ATTEMPT } = whole(error.attempts()),
                { names::ERROR_TYPE } = error.kind.as_str(),
                { names::ERROR_MESSAGE } = self.tellable(error.kind, &error.message),
            },
            "an input failed"
        );
    }

    /// The run is ended before it is done, or takes no more inputs.
    pub(crate) fn tell_stopped(&self, kind: ErrorKind, why: &str) {
        info!(
            name: "run_stopped",
            target: TARGET,
            parent: self.around(),
            {
                { names::RUN } = whole(self.run.number()),
                { names::ERROR_TYPE } = kind.as_str(),
                { names::ERROR_MESSAGE } = why,
            },
            "a run is ended early"
        );
    }

    /// Not all that `run`, which is over, has finished could be kept.
    pub(crate) fn tell_not_kept(run: RunId, error: &JournalError) {
        warn!(
            name: "run_not_kept",
            target: TARGET,
            {
                { names::RUN } = whole(run.number()),
                { names::ERROR_TYPE } = ErrorKind::Journal.as_str(),
                { names::ERROR_MESSAGE } = display(error),
            },
            "the journal can't be written"
        );
    }

    /// Code of the program panicked, which ends the run.
    pub(crate) fn tell_panicked(&self) {
        self.own.record(names::OTEL_STATUS_CODE, "ERROR");
        warn!(
            name: "run_panicked",
            target: TARGET,
            parent: self.around(),
            {
                { names::RUN } = whole(self.run.number()),
            },
            "a run is ended by a panic in the program"
        );
    }

    /// Every input has its result.
    pub(crate) fn tell_ended(&self, progress: impl FnOnce() -> Progress) {
        if self.around().is_disabled() && !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            return;
        }
        let progress = progress();
        self.own
            .record(names::INPUTS_SUCCEEDED, whole(progress.inputs_succeeded))
            .record(names::INPUTS_FAILED, whole(progress.inputs_failed));
        info!(
            name: "run_ended",
            target: TARGET,
            parent: self.around(),
            {
                { names::RUN } = whole(self.run.number()),
                { names::INPUTS_SUCCEEDED } = whole(progress.inputs_succeeded),
                { names::INPUTS_FAILED } = whole(progress.inputs_failed),
                { names::CALLS } = whole(progress.calls),
                { names::RETRIES } = whole(progress.retries),
                { names::USAGE_INPUT_TOKENS } = whole(progress.usage.input_tokens),
                { names::USAGE_OUTPUT_TOKENS } = whole(progress.usage.output_tokens),
            },
            "a run ended"
        );
    }

    /// The message of an error, unless it may quote what is not recorded.
    fn tellable<'m>(&self, kind: ErrorKind, message: &'m str) -> Option<&'m str> {
        (self.content || !may_quote(kind)).then_some(message)
    }
}

/// Whether messages of such errors may hold what was asked or answered: those
/// about values do, and servers quote requests that they refuse.
fn may_quote(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::InvalidInput
        | ErrorKind::MissingValue
        | ErrorKind::InvalidValue
        | ErrorKind::NoMatch
        | ErrorKind::HostFunction
        | ErrorKind::InvalidOutput
        | ErrorKind::Call(ClientErrorKind::Refused | ClientErrorKind::MalformedReply) => true,
        ErrorKind::Call(
            ClientErrorKind::Unreachable
            | ClientErrorKind::Timeout
            | ClientErrorKind::Authentication
            | ClientErrorKind::RateLimited
            | ClientErrorKind::Server,
        )
        | ErrorKind::UnknownParameter
        | ErrorKind::TooManyTurns
        | ErrorKind::Timeout
        | ErrorKind::Budget
        | ErrorKind::Journal
        | ErrorKind::NotRecorded
        | ErrorKind::Cancelled
        | ErrorKind::Runtime => false,
    }
}

/// The span of an attempt of a call, and what is recorded on it.
#[derive(Clone, Debug)]
pub(crate) struct CallSpan {
    span: Span,
    content: bool,
}

impl CallSpan {
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Notes what is asked, if that is wanted.
    pub(crate) fn note_request(&self, request: &LlmRequest) {
        if !self.content || self.span.is_disabled() {
            return;
        }
        let messages = request.messages.iter().map(|message| {
            let parts: Vec<_> = message.parts.iter().map(part_json).collect();
            json!({"role": message.role.as_str(), "parts": parts})
        });
        let messages: Vec<_> = messages.collect();
        self.span
            .record(names::INPUT_MESSAGES, display(Json(&messages)));
    }

    /// Notes what was answered.
    pub(crate) fn note_response(&self, response: &LlmResponse) {
        if self.span.is_disabled() {
            return;
        }
        let reason = finish_reason(&response.finish_reason);
        self.span
            .record(names::RESPONSE_FINISH_REASONS, display(Json(&[reason])))
            .record(
                names::USAGE_INPUT_TOKENS,
                whole(response.usage.input_tokens),
            )
            .record(
                names::USAGE_OUTPUT_TOKENS,
                whole(response.usage.output_tokens),
            )
            .record(
                names::USAGE_CACHED_TOKENS,
                whole(response.usage.cached_tokens),
            )
            .record(names::RESPONSE_ID, response.id.as_deref())
            .record(names::REQUEST_ID, response.request_id.as_deref());
        if !response.model.is_empty() {
            self.span.record(names::RESPONSE_MODEL, &*response.model);
        }
        if !self.content {
            return;
        }
        let mut parts = Vec::new();
        if !response.text.is_empty() {
            parts.push(json!({"type": "text", "content": response.text}));
        }
        parts.extend(response.tool_calls.iter().map(tool_call_json));
        let messages = json!([{"role": "assistant", "parts": parts, "finish_reason": reason}]);
        self.span
            .record(names::OUTPUT_MESSAGES, display(Json(&messages)));
    }
}

/// The span of a tool, and what is recorded on it.
#[derive(Clone, Debug)]
pub(crate) struct ToolSpan {
    span: Span,
    content: bool,
}

impl ToolSpan {
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Notes what it gave, if that is wanted.
    pub(crate) fn note_given(&self, given: &Result<Arc<str>, String>) {
        if let Ok(given) = given
            && self.content
        {
            self.span.record(names::TOOL_CALL_RESULT, &**given);
        }
    }
}

/// A part of a message as the conventions have it. A picture is only said to be
/// there: it would be larger than all the rest.
fn part_json(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "content": text}),
        Part::Image(Image::Url(url)) if !url.starts_with("data:") => {
            json!({"type": "uri", "modality": "image", "uri": url})
        }
        Part::Image(_) => json!({"type": "blob", "modality": "image"}),
        Part::Reasoning(reasoning) => json!({"type": "reasoning", "content": reasoning.text}),
        Part::ToolCall(call) => tool_call_json(call),
        Part::ToolResult(result) => json!({
            "type": "tool_call_response", "id": result.call_id, "response": result.content,
        }),
    }
}

fn tool_call_json(call: &ToolCall) -> Value {
    json!({"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments})
}

/// The conventions' name for why a model stopped.
fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Other(reason) => reason,
    }
}

fn output_type(request: &LlmRequest) -> &'static str {
    match request.output_schema {
        Some(_) => "json",
        None => "text",
    }
}

fn list(texts: &[String]) -> Option<Json<'_, [String]>> {
    (!texts.is_empty()).then_some(Json(texts))
}

/// A number as `tracing-opentelemetry` knows it: one without a sign would be sent
/// as a text.
fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// What is done, and to what.
struct SpanName<'a>(&'static str, Option<&'a str>);

impl fmt::Display for SpanName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)?;
        match self.1 {
            Some(whom) => write!(formatter, " {whom}"),
            None => Ok(()),
        }
    }
}

/// A value, written as JSON when it is asked for.
struct Json<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> fmt::Display for Json<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}
