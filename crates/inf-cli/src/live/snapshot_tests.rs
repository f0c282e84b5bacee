//! The live view as it is seen, at several sizes.

use std::time::Duration;

use inf_engine::resources::{Cost, Dollars};
use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::failures::Failure;
use super::figures::{Calls, EndpointFigures, Figures, Inputs, Spending};
use super::frame::{Palette, draw};

fn cost(dollars: f64) -> Cost {
    let mut cost = Cost::default();
    cost.known = Dollars::new(dollars);
    cost
}

fn endpoint(name: &str, in_flight: usize, limit: usize) -> EndpointFigures {
    EndpointFigures {
        name: name.to_owned(),
        in_flight,
        limit,
        configured: 64,
        waiting: Some(128),
        calls_per_second: 92.1,
        tokens_per_second: 12_345.0,
        refused: 31,
        retries: 7,
        failed: 19,
        latency: Some((Duration::from_millis(412), Duration::from_millis(1234))),
        cost: cost(0.8123),
    }
}

/// A run in the middle.
fn figures() -> Figures {
    let failures = [
        (
            6_102,
            "timeout",
            "node `compare` (alias `smart`): no answer within 60 s (attempt 4 of 4)",
        ),
        (
            5_877,
            "invalid_output",
            "node `facts` (alias `fast`): the answer is not of the asked type: \"topic\" is a required property",
        ),
        (
            12,
            "timeout",
            "node `compare` (alias `smart`): no answer within 60 s (attempt 4 of 4)",
        ),
    ];
    Figures {
        name: "extract_and_compare".into(),
        stops_within: None,
        elapsed: Duration::from_secs(129),
        inputs: Inputs {
            ended: 6_231,
            failed: 12,
            in_flight: 96,
            total: Some(10_000),
            per_second: 48.3,
            time_left: Some(Duration::from_secs(78)),
            ..Inputs::default()
        },
        calls: Calls {
            answered: 18_693,
            retries: 14,
            refused: 31,
            per_second: 143.4,
            input_tokens: 1_234_567,
            output_tokens: 345_678,
            tokens_per_second: 12_345.0,
            ..Calls::default()
        },
        spending: Spending {
            cost: cost(1.234),
            at_the_end: Some(1.98),
            budgets: vec![
                ("$3.77 of $5.00 left".into(), 0.247),
                ("700 of 20,000 calls left".into(), 0.965),
            ],
        },
        endpoints: vec![
            endpoint("fast", 7, 8),
            EndpointFigures {
                refused: 0,
                retries: 0,
                failed: 0,
                cost: Cost::default(),
                ..endpoint("smart[0]", 64, 64)
            },
            EndpointFigures {
                waiting: None,
                latency: None,
                ..endpoint("smart[1]", 0, 64)
            },
        ],
        answers_by_second: (0..129).map(|second| second % 20 * 8).collect(),
        failures_by_kind: vec![("timeout", 9), ("invalid_output", 3)],
        last_failures: failures
            .map(|(index, kind, message)| Failure {
                index,
                kind,
                message: message.into(),
            })
            .into(),
    }
}

fn picture(figures: &Figures, width: u16, height: u16, with_help: bool) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let palette = Palette::coloured();
    let drawn = terminal.draw(|frame| draw(frame, figures, &palette, with_help));
    drawn.expect("a picture");
    terminal.backend().to_string()
}

#[test]
fn on_a_terminal_of_80_columns() {
    assert_snapshot!("live_80x24", picture(&figures(), 80, 24, false));
}

#[test]
fn on_a_narrow_one() {
    assert_snapshot!("live_46x18", picture(&figures(), 46, 18, false));
}

#[test]
fn on_a_large_one() {
    assert_snapshot!("live_120x40", picture(&figures(), 120, 40, false));
}

#[test]
fn with_the_help_over_it() {
    assert_snapshot!("live_help", picture(&figures(), 80, 24, true));
}

/// The inputs are still counted, nothing was answered, nothing costs anything.
#[test]
fn at_the_beginning() {
    let begun = Figures {
        elapsed: Duration::ZERO,
        inputs: Inputs {
            in_flight: 3,
            ..Inputs::default()
        },
        calls: Calls::default(),
        spending: Spending::default(),
        endpoints: vec![EndpointFigures {
            name: "fast".into(),
            in_flight: 3,
            limit: 64,
            configured: 64,
            waiting: Some(0),
            ..EndpointFigures::default()
        }],
        answers_by_second: Vec::new(),
        failures_by_kind: Vec::new(),
        last_failures: Vec::new(),
        ..figures()
    };
    assert_snapshot!("live_begun", picture(&begun, 80, 16, false));
}

/// Stopped, after a resumption from a journal, with more endpoints than there is room
/// for.
#[test]
fn while_it_stops() {
    let mut stopping = figures();
    stopping.stops_within = Some(Duration::from_secs(8));
    stopping.inputs.stopped = 1_024;
    stopping.inputs.from_journal = 2_000;
    stopping.inputs.time_left = None;
    stopping.calls.from_journal = 6_000;
    stopping.endpoints = (0..30)
        .map(|index| endpoint(&format!("fast[{index}]"), index, 64))
        .collect();
    assert_snapshot!("live_stopping", picture(&stopping, 80, 24, false));
}

#[test]
fn no_size_is_too_small() {
    for width in 1..=100 {
        for height in 1..=30 {
            picture(&figures(), width, height, width % 2 == 0);
        }
    }
}

/// What colours say is said without them: the text is the same.
#[test]
fn nothing_is_lost_without_colours() {
    let coloured = picture(&figures(), 80, 24, false);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
    let figures = figures();
    let drawn = terminal.draw(|frame| draw(frame, &figures, &Palette::plain(), false));
    drawn.expect("a picture");
    assert_eq!(terminal.backend().to_string(), coloured);
    for words in [
        "12 failed",
        "31 refused for a limit (429)",
        "7/8↓",
        "14 retries",
    ] {
        assert!(coloured.contains(words), "{words}");
    }
}
