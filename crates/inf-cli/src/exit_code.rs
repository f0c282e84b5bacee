//! [`Exit`]: how a command ended, for scripts.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every input succeeded, or there was none to run.
    Success,
    /// Some inputs failed or were not read, or not all results could be written.
    SomeFailed,
    /// The command or a file was wrong; nothing was called.
    Wrong,
    /// A budget did not allow all calls; what was done is kept.
    OutOfBudget,
    /// Stopped by Ctrl-C or a request to terminate; what was done is kept.
    Interrupted,
}

impl Exit {
    /// The number that a shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::SomeFailed => 1,
            Self::Wrong => 2,
            Self::OutOfBudget => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
