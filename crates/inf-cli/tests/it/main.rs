//! The `inf` command as people use it: the real binary, real files, real pipes
//! and HTTP on loopback.

mod bad_input;
mod behaviour;
mod budget;
mod check;
mod checkpoint;
mod chosen_calls;
mod command;
mod completions;
mod control_flow;
mod eval;
mod graph;
#[cfg(unix)]
mod guide;
mod hedging;
mod help;
mod init;
mod interrupt;
mod journal;
mod live;
mod manual;
mod metrics;
mod providers;
mod report;
mod run;
mod secrets;
mod simulate;
mod simulate_formats;
