//! [`Options`]: what the command line says.

use std::path::PathBuf;

use clap::Parser;

/// Learns to say which section a package belongs in.
#[derive(Parser)]
pub struct Options {
    /// Endpoints `fast`, which classifies, and `smart`, which rewrites; without
    /// them toys do it.
    #[arg(long, value_name = "FILE")]
    pub resources: Option<PathBuf>,
    /// Evolve a pool of prompts instead of improving one.
    #[arg(long)]
    pub gepa: bool,
    /// Have rules asked for before a text, which helps small models.
    #[arg(long)]
    pub two_calls: bool,
    /// How much of the prompt a rewrite keeps, from 0 to 1.
    #[arg(long, default_value_t = 0.5)]
    pub conservatism: f64,
    /// Packages to learn from, 72 at most.
    #[arg(long, default_value_t = 72)]
    pub training: usize,
    /// Packages that decide which prompt is better, 48 at most.
    #[arg(long, default_value_t = 48)]
    pub validation: usize,
    /// Packages that nobody sees before the end, 120 at most.
    #[arg(long, default_value_t = 120)]
    pub test: usize,
    /// Packages of a step.
    #[arg(long, default_value_t = 8)]
    pub batch: usize,
    /// The most calls of the optimization.
    #[arg(long, default_value_t = 1_000)]
    pub calls: u64,
    /// What orders and draws come from.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where to save the prompt, for `inf run --params`.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}
