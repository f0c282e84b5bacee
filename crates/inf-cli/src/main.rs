//! The `inf` command: run, check and draw pipelines of `inf-engine`, and serve
//! a simulated model.
//!
//! `arguments` are what a person may type, `commands` what becomes of it: one
//! file for each. `inf run` reads `input`, hands it to the engine, shows
//! `progress` or, with `--tui`, a `live` view, writes `output`, serves `metrics` and closes with a `summary`; `inf
//! simulate` serves `simulated_server`.
//!
//! This is the only crate that prints. stdout is data, stderr is for people;
//! [`exit_code`] says how a command ended.

mod arguments;
mod command_error;
mod commands;
mod console;
mod evaluation_report;
mod exit_code;
mod failed_inputs;
mod input;
mod interrupt;
#[cfg(feature = "tui")]
mod live;
mod metrics;
mod node_path;
mod output;
mod progress;
mod report;
mod run_end;
mod simulated_server;
mod summary;

use std::process::ExitCode;

use clap::Parser;

/// A call takes some sixty small blocks of memory, and many are given back by
/// another thread than the one that took them: many allocators have their threads
/// wait for each other then.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::execute(arguments::Arguments::parse().command).into()
}
