//! Deterministic simulation: whole scenarios drawn from a seed, played on a
//! paused clock and checked against what the engine promises.
//!
//! A [`scenario`] is several runs of random [`graphs`], with [`flows`] that nest, over shared endpoints,
//! with readers, sources, limits, budgets and endings of all kinds; some aliases
//! have several endpoints and declared rates; models call tools, and
//! answer what was not asked for. The [`stage`] plays
//! it with [`peers`] as providers, whose answers, failures and latencies follow
//! from what they are asked. What happened is a [`record`]; the [`interpreter`]
//! says what every input comes to, one thing after the other; the
//! [`invariants`] compare the two.
//!
//! A seed that fails is named and its scenario printed. `SIMULATION_SEED=n`
//! plays that one alone, `SIMULATION_SEEDS=n` plays as many, and
//! `SIMULATION_FROM=n` says with which to begin.

mod flows;
mod graphs;
mod interpreter;
mod invariants;
mod peers;
mod record;
mod scenario;
mod stage;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use scenario::Scenario;

/// The scenarios of a plain test run.
const SEEDS: u64 = 2_400;

/// Tests, so that as many cores have something to do.
const PARTS: u64 = 4;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Plays every `PARTS`th seed.
fn play_part(part: u64) {
    if let Some(seed) = number("SIMULATION_SEED") {
        if seed % PARTS == part {
            play(seed);
        }
        return;
    }
    let first = number("SIMULATION_FROM").unwrap_or(0);
    let seeds = first..first + number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    for seed in seeds.filter(|seed| seed % PARTS == part) {
        play(seed);
    }
}

fn play(seed: u64) {
    let scenario = Scenario::draw(seed);
    let problems = catch_unwind(AssertUnwindSafe(|| problems_of(&scenario)));
    let problems = problems.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        vec![format!("a panic: {}", text.unwrap_or_default())]
    });
    if problems.is_empty() {
        return;
    }
    let mut text = format!("{scenario:#?}\n\nThe scenario of seed {seed} is above.\n");
    for problem in problems.iter().take(20) {
        let _ = writeln!(text, "  - {problem}");
    }
    panic!("{text}SIMULATION_SEED={seed} plays it again.");
}

/// What is not as promised.
fn problems_of(scenario: &Scenario) -> Vec<String> {
    let first = stage::perform(scenario);
    let mut problems = invariants::check(scenario, &first);
    if problems.is_empty() && scenario.is_played_twice() {
        let second = stage::perform(scenario);
        problems.extend(first.difference(&second));
    }
    problems
}

#[test]
fn scenarios_keep_what_is_promised_part_0() {
    play_part(0);
}

#[test]
fn scenarios_keep_what_is_promised_part_1() {
    play_part(1);
}

#[test]
fn scenarios_keep_what_is_promised_part_2() {
    play_part(2);
}

#[test]
fn scenarios_keep_what_is_promised_part_3() {
    play_part(3);
}
