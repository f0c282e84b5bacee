//! One file for each command.

mod check;
mod completions;
mod eval;
mod graph;
mod init;
mod journal;
mod manual;
mod new_folder;
mod preparation;
mod report;
mod run;
mod simulate;

use std::io::{self, Write};

use crate::arguments::Command;
use crate::command_error::CommandError;
use crate::console;
use crate::exit_code::Exit;

/// Does what was asked and tells what is wrong, if something is.
pub(crate) fn execute(command: Command) -> Exit {
    let done = match command {
        Command::Init(arguments) => init::execute(&arguments),
        Command::Run(arguments) => run::execute(&arguments),
        Command::Eval(arguments) => eval::execute(&arguments),
        Command::Check(arguments) => check::execute(&arguments),
        Command::Graph(arguments) => graph::execute(&arguments),
        Command::Simulate(arguments) => simulate::execute(arguments),
        Command::Journal(arguments) => journal::execute(&arguments),
        Command::Report(arguments) => report::execute(&arguments),
        Command::Completions(arguments) => completions::execute(&arguments),
        Command::Man(arguments) => manual::execute(&arguments),
    };
    done.unwrap_or_else(|error: CommandError| {
        console::tell(error);
        Exit::Wrong
    })
}

/// Runs a command that waits. What it leaves running, such as the look-up of a
/// host, is not waited for.
fn block_on<T>(command: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime
        .map_err(|error| CommandError::new(format!("no runtime could be started: {error}")))?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended
}

/// Writes what a command is for to stdout; a reader that has seen enough
/// (`| head`) is no error.
fn print(text: &str) -> Result<Exit, CommandError> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::new(format!("can't write to stdout: {error}")))
        }
        _ => Ok(Exit::Success),
    }
}
