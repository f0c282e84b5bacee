//! `inf-bench`: what the engine costs, measured.
//!
//! Each subcommand is one file or folder: [`nodes`], [`traces`], [`http`],
//! [`profile`]. Each returns `Figure`s, which are printed here. What they mean
//! and how to read them is in this crate's README.

mod clock;
mod figure;
mod http;
mod nodes;
mod profile;
mod traces;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::figure::Figure;

/// Why a benchmark gave no figures.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the engine costs, measured.
#[derive(Debug, Parser)]
#[command(name = "inf-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// CPU time of a graph node that does nothing, in microseconds.
    Nodes {
        #[command(flatten)]
        options: nodes::Options,
        #[command(flatten)]
        output: Output,
    },
    /// Traces a second: from a module to its graph.
    Traces {
        #[command(flatten)]
        options: traces::Options,
        #[command(flatten)]
        output: Output,
    },
    /// Client CPU per HTTP call, of the engine and of a bare loop.
    Http {
        #[command(flatten)]
        options: http::Options,
        #[command(flatten)]
        output: Output,
    },
    /// What it costs to have a profile, at two loads.
    Profile {
        #[command(flatten)]
        options: profile::Options,
        #[command(flatten)]
        output: Output,
    },
    /// The loopback server of `http`: prints its address, ends with its stdin.
    #[command(hide = true)]
    Serve,
}

#[derive(Debug, Args)]
struct Output {
    /// One line of JSON per figure.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Nodes { options, output } => print(nodes::run(&options), &output),
        Command::Traces { options, output } => print(traces::run(&options), &output),
        Command::Http { options, output } => print(http::run(&options), &output),
        Command::Profile { options, output } => print(profile::run(&options), &output),
        Command::Serve => http::serve(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing can be said if stderr is gone, too.
            let _ = writeln!(std::io::stderr(), "inf-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn print(figures: Result<Vec<Figure>, Failure>, output: &Output) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    for figure in figures? {
        if output.json {
            writeln!(stdout, "{}", serde_json::to_string(&figure)?)?;
        } else {
            writeln!(stdout, "{figure}")?;
        }
    }
    Ok(())
}
