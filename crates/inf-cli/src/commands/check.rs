//! `inf check`.
use crate::arguments::CheckArguments;
use crate::command_error::CommandError;
use crate::exit_code::Exit;
pub(crate) fn execute(_arguments: &CheckArguments) -> Result<Exit, CommandError> {
    Ok(Exit::Success)
}
