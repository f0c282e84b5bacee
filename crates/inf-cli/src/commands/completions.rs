//! `inf completions`: what a shell completes.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::{Arguments, CompletionsArguments};
use crate::command_error::CommandError;
use crate::exit_code::Exit;

/// Where a word is empty, the script of `clap_complete` gives bash options, and views of a
/// journal before there is one. Bash completes files where a function gives it nothing.
const FILES_IN_BASH: &str = r#"
_inf_or_files() {
    _inf "$@"
    [[ $2 == -* ]] && return
    local place
    for place in "${!COMPREPLY[@]}"; do
        [[ ${COMPREPLY[place]} == -* ]] && unset "COMPREPLY[place]"
    done
    if [[ ${COMP_WORDS[1]} == journal && $COMP_CWORD -eq 2 ]]; then
        COMPREPLY=()
    fi
}
"#;

pub(crate) fn execute(arguments: &CompletionsArguments) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "inf",
        &mut script,
    );
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if arguments.shell == Shell::Bash {
        script = script.replace("complete -F _inf ", "complete -F _inf_or_files ");
        script.push_str(FILES_IN_BASH);
    }
    super::print(&script)
}
