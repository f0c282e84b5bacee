//! `inf-bench`: what the engine costs, measured.
//!
//! Each subcommand is one file or folder: [`nodes`], [`traces`], [`http`],
//! [`limits`], [`makespan`], [`memory`], [`soak`], [`profile`], [`journal`],
//! [`optimize`]. Each returns `Figure`s, which are printed here. What they mean and
//! how to read them is in this crate's README.

mod clock;
mod extract_and_compare;
mod figure;
mod http;
mod journal;
mod limits;
mod load;
mod makespan;
mod memory;
mod nodes;
mod optimize;
mod profile;
mod resident;
mod soak;
#[cfg(feature = "stores")]
mod stores;
mod traces;
mod turns;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::figure::Figure;

/// That of the `inf` command.
#[cfg(not(feature = "system-allocator"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Client CPU and latency of HTTP calls, of the engine and of a bare loop.
    Http {
        #[command(flatten)]
        options: http::Options,
        #[command(flatten)]
        output: Output,
    },
    /// How well limits are found that nobody told.
    Limits {
        #[command(flatten)]
        options: limits::Options,
        #[command(flatten)]
        output: Output,
    },
    /// How close a batch comes to the shortest time possible.
    Makespan {
        #[command(flatten)]
        options: makespan::Options,
        #[command(flatten)]
        output: Output,
    },
    /// The most memory that a run needs, by its inputs.
    Memory {
        #[command(flatten)]
        options: memory::Options,
        #[command(flatten)]
        output: Output,
    },
    /// Whether memory grows in a long run.
    Soak {
        #[command(flatten)]
        options: soak::Options,
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
    /// What it costs to have a journal, and how soon a run goes on with it.
    Journal {
        #[command(flatten)]
        options: journal::Options,
        #[command(flatten)]
        output: Output,
    },
    /// How much sooner an optimization ends whose calls are made at once.
    Optimize {
        #[command(flatten)]
        options: optimize::Options,
        #[command(flatten)]
        output: Output,
    },
    /// The journal's log against an embedded database.
    #[cfg(feature = "stores")]
    Stores {
        #[command(flatten)]
        options: stores::Options,
        #[command(flatten)]
        output: Output,
    },
    /// The loopback server of `http`: prints its address, ends with its stdin.
    #[command(hide = true)]
    Serve(http::ServeOptions),
    /// The run of `memory` and `soak`: prints what was seen of it.
    #[command(hide = true)]
    Load(load::Load),
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
        Command::Limits { options, output } => print(limits::run(&options), &output),
        Command::Makespan { options, output } => print(makespan::run(&options), &output),
        Command::Memory { options, output } => print(memory::run(&options), &output),
        Command::Soak { options, output } => print(soak::run(&options), &output),
        #[cfg(feature = "stores")]
        Command::Stores { options, output } => print(stores::run(&options), &output),
        Command::Serve(options) => http::serve(&options),
        Command::Load(load) => load.run(),
        Command::Journal { options, output } => print(journal::run(&options), &output),
        Command::Optimize { options, output } => print(optimize::run(&options), &output),
        Command::Profile { options, output } => print(profile::run(&options), &output),
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
