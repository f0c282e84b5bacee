//! Optimization, on models that are functions, on a paused clock.

mod backward;
mod evaluation;
mod gepa;
mod losses;
mod model;
mod optimizer;
mod regions;
mod resuming;
mod smooth;
mod training;
mod trap;
