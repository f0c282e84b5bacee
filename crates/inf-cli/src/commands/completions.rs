//! `inf completions`: what a shell completes.

use clap::CommandFactory;

use crate::arguments::{Arguments, CompletionsArguments};
use crate::command_error::CommandError;
use crate::exit_code::Exit;

pub(crate) fn execute(arguments: &CompletionsArguments) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "inf",
        &mut script,
    );
    super::print(&String::from_utf8_lossy(&script))
}
