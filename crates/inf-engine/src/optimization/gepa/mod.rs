//! GEPA: prompts that evolve by reflection, with a pool in which every candidate
//! that is the best at something is kept.
//!
//! Agrawal et al. 2025, *GEPA: Reflective Prompt Evolution Can Outperform
//! Reinforcement Learning* (arXiv 2507.19457), on an engine that runs what is
//! independent at once. [`Gepa`] says how; `evolution` is the loop; `measurements` has what was measured; `pool` has the candidates and who
//! becomes a parent; `reflection` makes a child; `merging` makes one of two.

mod evolution;
mod gepa_type;
mod measurements;
mod merging;
mod pool;
mod reflection;
mod report;

pub use gepa_type::{Components, Gepa};
pub use report::{CandidateReport, GepaReport, GepaRound};
