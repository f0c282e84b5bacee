//! The guide: a book whose code runs.
//!
//! Its pages are the Markdown files beside this one, in the order of
//! `SUMMARY.md`. The Rust programs in them are doctests of this crate
//! (`cargo test -p inf-guide`); the shell commands are run by a test of the
//! `inf` command (`cargo test -p inf-cli --test it guide`); everything else that
//! a page shows is read by what it is for. [`Page`] finds it.

#![cfg_attr(
    doctest,
    expect(
        rustdoc::invalid_codeblock_attributes,
        reason = "blocks that are no Rust have words of ours, such as `file=pipeline.yaml`"
    )
)]

mod page;
#[cfg(test)]
mod tests;

pub use page::{Block, Link, Page};

/// Names the pages, and makes doctests of the programs in them.
macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        /// The pages, by their paths from the guide's folder.
        pub const PAGES: &[&str] = &[$($path),*];
        $(
            #[cfg(doctest)]
            #[doc = include_str!($path)]
            mod $name {}
        )*
    };
}

pages! {
    introduction: "introduction.md",
    getting_started: "getting-started.md",
    modules: "modules.md",
    tracing: "tracing.md",
    running: "running.md",
    control_flow: "control-flow.md",
    limits: "limits.md",
    providers: "providers.md",
    budgets_and_cost: "budgets-and-cost.md",
    checkpoints: "checkpoints.md",
    journal_file: "journal-file.md",
    profiling: "profiling.md",
    report: "report.md",
    optimizing: "optimizing.md",
    command: "command.md",
    pipeline_file: "pipeline-file.md",
    performance: "performance.md",
    testing: "testing.md",
    extending: "extending.md",
    moving: "moving.md",
}

/// Pages with text around the guide, by their paths from the repository's root.
pub const AROUND: &[&str] = &["README.md", "CONTRIBUTING.md", "examples/README.md"];
