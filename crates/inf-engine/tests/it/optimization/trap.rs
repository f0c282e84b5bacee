//! The trap task: the way to the best text leads through one with a worse mean.
//!
//! There are eight kinds of items. The text begins in state 0, which can the first
//! four; state 1 can only the next three, state 2 five of them, and state 3 all, but
//! for lapses on one item in twenty. A proposer knows the next state only.

use std::sync::Arc;

use inf_engine::clients::LlmRequest;
use inf_engine::optimization::Reasoner;
use inf_engine::prelude::*;
use serde_json::json;

use super::model::{Model, resources};
use super::smooth::draw;

const KINDS: usize = 8;

fn state(text: &str) -> usize {
    let digits = text.strip_prefix("STATE ").and_then(|rest| rest.get(..1));
    digits
        .and_then(|digit| digit.parse().ok())
        .unwrap_or_default()
}

fn answer(text: &str, item: &str) -> &'static str {
    let can: &[usize] = match state(text) {
        0 => &[0, 1, 2, 3],
        1 => &[4, 5, 6],
        2 => &[2, 4, 5, 6, 7],
        _ => &[0, 1, 2, 3, 4, 5, 6, 7],
    };
    let kind = item.parse::<usize>().unwrap() % KINDS;
    if can.contains(&kind) && draw(&[text, item]) >= 0.05 {
        "right"
    } else {
        "wrong"
    }
}

/// Half of the time the next state, else another wording of the same.
fn propose(seed: u64, request: &LlmRequest) -> String {
    let prompt = request.prompt();
    let current = prompt
        .split_once("<current>\n")
        .map_or("", |(_, rest)| rest);
    let (state, luck) = (state(current), draw(&[&seed.to_string(), &prompt]));
    let state = if luck < 0.5 {
        (state + 1).min(3)
    } else {
        state
    };
    // Six digits, so that no two wordings are the same.
    json!({"rules": [], "text": format!("STATE {state} in other words: {luck:.6}")}).to_string()
}

pub(super) struct Trap {
    pub(super) pipeline: Pipeline<String, String>,
    pub(super) reasoner: Reasoner,
    student: Arc<Model>,
    proposer: Arc<Model>,
}

pub(super) fn trap(seed: u64) -> Trap {
    let student =
        Model::new(|request| answer(&request.system().unwrap(), &request.prompt()).to_owned());
    let proposer = Model::new(move |request| propose(seed, request));
    let resources = resources([("student", &student), ("proposer", &proposer)]);
    let text = Parameter::new("STATE 0").described("What to do.");
    let module = LlmInference::new("student").system_prompt(&text);
    Trap {
        pipeline: module.bind(Arc::clone(&resources)).unwrap(),
        reasoner: Reasoner::new("proposer", resources).unwrap(),
        student,
        proposer,
    }
}

impl Trap {
    pub(super) fn is_solved(&self) -> bool {
        state(&self.pipeline.parameters()[0].value()) == 3
    }

    pub(super) fn calls(&self) -> usize {
        self.student.asked().len() + self.proposer.asked().len()
    }
}
