//! Optimization, on models that are functions, on a paused clock.

mod evaluation;
mod losses;
mod model;
