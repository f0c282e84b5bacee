//! `inf run --tui`: a run, live, on the whole terminal.
//!
//! [`LiveView`] gathers `figures` at every tick, with rates from `pace` and what failed
//! last from `failures`; `frame` and its `endpoint_table` draw them, which needs no
//! terminal. `screen` is the terminal and gives it back whatever happens; `keys`
//! reads what is typed.

mod endpoint_table;
mod failures;
mod figures;
mod frame;
mod keys;
mod pace;
mod screen;
#[cfg(test)]
mod snapshot_tests;
mod units;
mod view;

pub(crate) use screen::restore;
pub(crate) use view::LiveView;
