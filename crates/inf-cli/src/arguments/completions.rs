//! The arguments of `inf completions`.

use clap::Args;
use clap_complete::Shell;

/// Write the completions of a shell, so that Tab completes commands, options and files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf completions bash > ~/.local/share/bash-completion/completions/inf
  inf completions zsh > ~/.zfunc/_inf      # with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  inf completions fish > ~/.config/fish/completions/inf.fish
  inf completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}
