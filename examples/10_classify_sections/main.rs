//! Says which section of the Debian archive a package belongs in, and learns to:
//! the prompt that it begins with does not say which sections there are.
//!
//! ```text
//! cargo run -p inf-examples --example classify_sections
//! cargo run -p inf-examples --example classify_sections -- --gepa
//! ```
//!
//! trains and measures before and after, on packages that nobody saw. Without
//! `--resources` the models are toys in this process, as `toy_models.rs` says. With
//! a real model, here a server on this machine:
//!
//! ```text
//! cargo run -p inf-examples --example classify_sections -- \
//!     --resources examples/10_classify_sections/resources.local.yaml
//! ```
//!
//! The data are packages of Debian 12 (main): name, one-line description, and the
//! first paragraph of the long one, up to 240 characters, with the section that its
//! maintainers filed it under. From 90 packages of each of 12 sections, shuffled, 6
//! are for training, the next 4 for validation and the next 10 for the test; every
//! 12 lines in a row hold each section once.

mod toy_models;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use inf_engine::execution::{Budget, Spent};
use inf_engine::optimization::{
    Comparison, Constraints, Dataset, Evaluation, Example, Gepa, LlmOptimizer, MatchLoss, Reasoner,
    Trainer, evaluate,
};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Listing {
    package: String,
    summary: String,
    description: String,
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(flatten)]
    listing: Listing,
    section: String,
}

#[derive(Module)]
struct ClassifySection {
    label: LlmInference,
}

impl ClassifySection {
    fn new() -> Self {
        let rule = Parameter::new(
            "Name the section of the archive that the package belongs in. Answer with one word.",
        )
        .described("Tells a small model how to name the section that a software package is in.");
        Self {
            label: LlmInference::new("fast")
                .system_prompt(&rule)
                .temperature(0.0)
                .max_tokens(8),
        }
    }
}

impl Forward for ClassifySection {
    type Input = Listing;
    type Output = String;

    fn forward(&self, listing: Proxy<Listing>) -> Proxy<String> {
        self.label.call(prompt!(
            "{listing.package}: {listing.summary}\n\n{listing.description}"
        ))
    }
}

/// Learns to say which section a package belongs in.
#[derive(Parser)]
struct Options {
    /// Endpoints `fast`, which classifies, and `smart`, which rewrites; without
    /// them toys do it.
    #[arg(long, value_name = "FILE")]
    resources: Option<PathBuf>,
    /// Evolve a pool of prompts instead of improving one.
    #[arg(long)]
    gepa: bool,
    /// Have rules asked for before a text, which helps small models.
    #[arg(long)]
    two_calls: bool,
    /// How much of the prompt a rewrite keeps, from 0 to 1; a pool has its own way.
    #[arg(long, default_value_t = 0.5, conflicts_with = "gepa")]
    conservatism: f64,
    /// Packages to learn from, 72 at most.
    #[arg(long, default_value_t = 72)]
    training: usize,
    /// Packages that decide which prompt is better, 48 at most.
    #[arg(long, default_value_t = 48)]
    validation: usize,
    /// Packages that nobody sees before the end, 120 at most.
    #[arg(long, default_value_t = 120)]
    test: usize,
    /// Packages of a step.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// The most calls of the optimization.
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
    /// What orders and draws come from.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to save the prompt, for `inf run --params`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    learn(&Options::parse(), &mut std::io::stdout()).await
}

async fn learn(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let resources = if let Some(file) = &options.resources {
        Arc::new(ResourceManager::new(&ResourceConfig::from_path(file)?)?)
    } else {
        writeln!(
            out,
            "The models are toys that look for words; name real ones with `--resources`.\n"
        )?;
        toy_models::resources()?
    };
    let pipeline = ClassifySection::new().bind(Arc::clone(&resources))?;
    let reasoner = Reasoner::new("smart", resources)?
        .with_temperature(0.7)
        .with_max_tokens(600);
    // Small models write on and on if they may.
    let constraints = Constraints::default().with_max_characters(1_000);
    let loss = MatchLoss::exact().ignoring_case();
    let training = packages("training", options.training)?;
    let validation = packages("validation", options.validation)?;
    let test = packages("test", options.test)?;
    let budget = Budget::calls(options.calls);

    let began = Instant::now();
    let before = evaluate(&pipeline, &test, &loss).await;
    writeln!(out, "test before   {}\n", told(&before))?;

    if options.gepa {
        let gepa = Gepa::new(&loss, &training, &validation, reasoner)
            .with_constraints(constraints)
            .with_two_calls(options.two_calls)
            .with_minibatch(options.batch)
            .with_seed(options.seed)
            .with_budget(&budget);
        let report = gepa.evolve(&pipeline).await;
        let seconds = report.elapsed.as_secs_f64();
        writeln!(out, "{report}\n\ntrained for   {seconds:.1} s\n")?;
    } else {
        let mut optimizer = LlmOptimizer::new(&pipeline, reasoner)
            .with_constraints(constraints)
            .with_conservatism(options.conservatism)
            .with_two_calls(options.two_calls);
        let trainer = Trainer::new(&loss, &training, &validation)
            .with_batch_size(options.batch)
            .with_seed(options.seed)
            .with_budget(&budget)
            // A real model takes its time: who waits sees every step.
            .on_step(|step| eprintln!("{step}"));
        let report = trainer.train(&pipeline, &mut optimizer).await;
        let seconds = report.elapsed.as_secs_f64();
        writeln!(out, "{report}\n\ntrained for   {seconds:.1} s\n")?;
    }

    let after = evaluate(&pipeline, &test, &loss).await;
    let change = Comparison::of(&before, &after);
    writeln!(out, "test before   {}", told(&before))?;
    writeln!(out, "test after    {}", told(&after))?;
    if let Some(interval) = change.interval {
        writeln!(
            out,
            "change        {:+.3} (95 % confidence: {:+.3} to {:+.3}), {} better, {} worse",
            change.mean, interval.low, interval.high, change.better, change.worse
        )?;
    }
    writeln!(out, "in all        {:.1} s", began.elapsed().as_secs_f64())?;
    if let Some(file) = &options.save {
        pipeline.state_dict().save(file)?;
    }
    Ok(())
}

/// How good it was, and what that took.
fn told(evaluation: &Evaluation) -> String {
    let Spent { calls, tokens, .. } = evaluation.spent;
    let seconds = evaluation.elapsed.as_secs_f64();
    format!("{evaluation}; {calls} calls, {tokens} tokens, {seconds:.1} s")
}

/// The first packages of a part of the data.
fn packages(part: &str, most: usize) -> Result<Dataset, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("10_classify_sections");
    let lines = std::fs::read_to_string(folder.join(format!("{part}.jsonl")))?;
    let examples = lines.lines().take(most).map(|line| {
        let Labelled { listing, section } = serde_json::from_str(line)?;
        Ok(Example::typed(&listing, &section)?)
    });
    examples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("10_classify_sections/pipeline.yaml");
        let graph = ClassifySection::new().trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        assert_eq!(InferenceGraph::load(&file).unwrap(), graph);
    }

    #[test]
    fn no_package_is_in_two_parts_and_each_section_in_all() {
        let mut seen = std::collections::HashSet::new();
        for (part, count) in [("training", 72), ("validation", 48), ("test", 120)] {
            let packages = packages(part, usize::MAX).unwrap();
            assert_eq!(packages.len(), count);
            for twelve in packages.examples().chunks(12) {
                let sections = twelve
                    .iter()
                    .map(|example| example.expected.as_ref().unwrap().to_string());
                let sections: std::collections::HashSet<String> = sections.collect();
                assert_eq!(sections.len(), 12, "{part}");
            }
            for example in packages.examples() {
                let name = example.input.get("package").unwrap().to_string();
                assert!(seen.insert(name.clone()), "`{name}` is there twice");
            }
        }
    }

    /// The accuracies on the test that a run tells, before and after.
    async fn accuracies(arguments: &[&str]) -> (f64, f64) {
        let small = ["classify_sections", "--validation=24", "--test=48"];
        let arguments = small.iter().chain(arguments);
        let mut out = Vec::new();
        let options = Options::parse_from(arguments);
        learn(&options, &mut out).await.unwrap();
        let told = String::from_utf8(out).unwrap();
        let accuracy = |label: &str| {
            let (_, after) = told.rsplit_once(label).unwrap();
            after.split_whitespace().next().unwrap().parse().unwrap()
        };
        assert!(told.contains("\n  + "), "no difference is shown: {told}");
        (accuracy("test before"), accuracy("test after"))
    }

    #[tokio::test(start_paused = true)]
    async fn toys_learn_the_sections() {
        for arguments in [
            &["--calls=500"][..],
            &["--calls=500", "--two-calls"],
            &["--calls=600", "--gepa", "--batch=4"],
        ] {
            let (before, after) = accuracies(arguments).await;
            assert!(before < 0.01, "{arguments:?}: {before}");
            assert!(after > 0.5, "{arguments:?}: {after}");
        }
    }
}
