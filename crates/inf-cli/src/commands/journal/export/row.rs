//! The columns of exports, and the rows that records are.

use std::time::Duration;

use inf_engine::clients::{FinishReason, Usage};
use inf_engine::journal::{CallRecord, InputRecord};
use inf_engine::resources::Cost;

/// A column: its name never changes, for other programs read it.
#[cfg_attr(
    not(feature = "parquet"),
    expect(dead_code, reason = "JSON and CSV have no types of columns")
)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What is in a column, besides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Number,
    Text,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Nothing,
    Integer(u64),
    Number(f64),
    Text(String),
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// With three decimals, as the journal has them.
    fn milliseconds(duration: Duration) -> Self {
        Self::Number((duration.as_secs_f64() * 1e6).round() / 1e3)
    }

    fn option(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }
}

const fn integer(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Integer,
    }
}

const fn number(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Number,
    }
}

const fn text(name: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Text,
    }
}

/// The columns of calls.
pub(super) const CALLS: &[Column] = &[
    integer("run"),
    text("input"),
    text("path"),
    integer("turn"),
    text("alias"),
    text("endpoint"),
    text("model"),
    text("text"),
    text("finish_reason"),
    text("tool_calls"),
    text("error_kind"),
    text("error_message"),
    integer("attempts"),
    integer("input_tokens"),
    integer("output_tokens"),
    integer("cached_tokens"),
    integer("reasoning_tokens"),
    number("cost_usd"),
    integer("began_at"),
    number("waited_ms"),
    number("took_ms"),
];

/// The columns of inputs.
pub(super) const INPUTS: &[Column] = &[
    integer("run"),
    text("input"),
    integer("index"),
    text("output"),
    text("error_node"),
    text("error_path"),
    text("error_kind"),
    text("error_message"),
    integer("input_tokens"),
    integer("output_tokens"),
    integer("cached_tokens"),
    integer("reasoning_tokens"),
    number("cost_usd"),
    integer("ended_at"),
    number("took_ms"),
];

pub(super) fn of_call(call: &CallRecord) -> Vec<Cell> {
    let response = call.outcome.as_ref().ok();
    let failure = call.outcome.as_ref().err();
    let mut row = vec![
        Cell::Integer(call.run.get()),
        Cell::text(call.input.to_string()),
        Cell::text(&*call.path),
        Cell::Integer(call.turn.into()),
        Cell::text(&*call.alias),
        Cell::text(&*call.endpoint),
        Cell::text(&*call.model),
        Cell::option(response.map(|response| &*response.text)),
        response.map_or(Cell::Nothing, |response| {
            Cell::text(finish_reason(&response.finish_reason))
        }),
        match response {
            Some(response) if !response.tool_calls.is_empty() => {
                let calls = serde_json::to_string(&response.tool_calls);
                Cell::Text(calls.unwrap_or_default())
            }
            _ => Cell::Nothing,
        },
        Cell::option(failure.map(|failure| &*failure.kind)),
        Cell::option(failure.map(|failure| &*failure.message)),
        Cell::Integer(call.attempts.len() as u64 + 1),
    ];
    row.extend(of_usage(response.map(|response| response.usage)));
    row.extend([
        of_cost(&call.cost),
        Cell::Integer(call.began_at.as_millis()),
        Cell::milliseconds(call.waited),
        Cell::milliseconds(call.took),
    ]);
    row
}

pub(super) fn of_input(input: &InputRecord) -> Vec<Cell> {
    let output = input.outcome.as_ref().ok();
    let failure = input.outcome.as_ref().err();
    let mut row = vec![
        Cell::Integer(input.run.get()),
        Cell::text(input.input.to_string()),
        Cell::Integer(input.index),
        // JSON, also where it is a text: so it can be told from a number.
        output.map_or(Cell::Nothing, |output| Cell::Text(format!("{output:?}"))),
        Cell::option(failure.and_then(|failure| failure.node.as_deref())),
        Cell::option(failure.and_then(|failure| failure.path.as_deref())),
        Cell::option(failure.map(|failure| &*failure.kind)),
        Cell::option(failure.map(|failure| &*failure.message)),
    ];
    row.extend(of_usage(Some(input.usage)));
    row.extend([
        of_cost(&input.cost),
        Cell::Integer(input.at.as_millis()),
        Cell::milliseconds(input.timings.total),
    ]);
    row
}

fn of_usage(usage: Option<Usage>) -> [Cell; 4] {
    let tokens = |of: fn(&Usage) -> u64| {
        usage
            .as_ref()
            .map_or(Cell::Nothing, |usage| Cell::Integer(of(usage)))
    };
    [
        tokens(|usage| usage.input_tokens),
        tokens(|usage| usage.output_tokens),
        tokens(|usage| usage.cached_tokens),
        tokens(|usage| usage.reasoning_tokens),
    ]
}

/// Nothing where it is not known.
fn of_cost(cost: &Cost) -> Cell {
    cost.total()
        .map_or(Cell::Nothing, |total| Cell::Number(total.as_f64()))
}

fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Other(other) => other,
        _ => "other",
    }
}
