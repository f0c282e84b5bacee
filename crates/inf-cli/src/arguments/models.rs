//! The arguments of commands that call models.

use std::path::PathBuf;

use clap::Args;

use super::heading;

/// Which models answer, and which texts they are given.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Which endpoint each alias stands for, YAML or JSON; without it every alias is the built-in
    /// simulated provider
    #[arg(short, long, value_name = "FILE", help_heading = heading::MODELS)]
    pub(crate) resources: Option<PathBuf>,

    /// Other texts for the pipeline's parameters, by path: YAML or JSON, as an optimization saves them
    #[arg(long, value_name = "FILE", help_heading = heading::MODELS)]
    pub(crate) params: Option<PathBuf>,
}
