//! Says which section of the Debian archive a package belongs in, and learns to: the
//! prompt that it begins with does not say which sections there are.
//!
//! ```text
//! cargo run -p inf-examples --example classify_sections
//! cargo run -p inf-examples --example classify_sections -- --gepa
//! ```
//!
//! It measures on packages that nobody saw, trains, shows what became of the prompt and
//! measures again; with `--gepa` it evolves a pool of prompts instead. The models are toys
//! in this process, as `toy_models.rs` says, so what is gained says nothing of real ones.
//! `docs/optimizing.md` has a run with a real model. Worth reading:
//!
//! * `rule` is a `Parameter`, and that is all that makes a prompt learnable. Its
//!   description is what the model that rewrites it is told.
//! * `train` is the whole of it: a loss, data to learn from and data that decide, an
//!   optimizer, a trainer with a budget. `evolve` has the same parts, and other means.
//! * A rewrite is kept only if it does better on the packages of its step, and no worse on
//!   those for validation, which it was not made from. Each step tells.
//!
//! The data are packages of Debian 12 (main): name, one-line description, and the first
//! paragraph of the long one, up to 240 characters, with the section that its maintainers
//! filed it under. From 90 packages of each of 12 sections, shuffled, 6 are for training,
//! the next 4 for validation and the next 10 for the test; every 12 lines in a row hold
//! each section once.

mod options;
mod toy_models;

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use inf_engine::execution::{Budget, Spent};
use inf_engine::files::JsonLines;
use inf_engine::optimization::{
    Comparison, Constraints, Dataset, Evaluation, Example, Gepa, LlmOptimizer, MatchLoss, Reasoner,
    Trainer, evaluate,
};
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_examples::file;

use options::Options;

/// Small models write on and on if they may.
const MOST_CHARACTERS: usize = 1_000;

type Classifier = Pipeline<Listing, String>;

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    learn(&Options::parse(), &mut std::io::stdout()).await
}

/// Measures, learns and measures again.
async fn learn(options: &Options, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let resources = match &options.resources {
        Some(file) => Arc::new(ResourceManager::new(&ResourceConfig::from_path(file)?)?),
        None => toy_models::resources()?,
    };
    let reasoner = Reasoner::new("smart", Arc::clone(&resources))?
        .with_temperature(0.7)
        .with_max_tokens(600);
    let pipeline = ClassifySection::new().bind(resources)?;
    let loss = MatchLoss::exact().ignoring_case();
    let test = packages("test", options.test)?;
    let began = Instant::now();

    let before = evaluate(&pipeline, &test, &loss).await;
    writeln!(out, "test before   {}\n", told(&before))?;
    let report = if options.gepa {
        evolve(&pipeline, &loss, reasoner, options).await?
    } else {
        train(&pipeline, &loss, reasoner, options).await?
    };
    writeln!(out, "{report}\n")?;
    let after = evaluate(&pipeline, &test, &loss).await;

    writeln!(out, "test before   {}", told(&before))?;
    writeln!(out, "test after    {}", told(&after))?;
    let change = Comparison::of(&before, &after);
    if let Some(interval) = change.interval {
        writeln!(
            out,
            "change        {:+.3} (95 % confidence: {:+.3} to {:+.3}), {} better, {} worse",
            change.mean, interval.low, interval.high, change.better, change.worse
        )?;
    }
    writeln!(out, "in all        {:.1} s", began.elapsed().as_secs_f64())?;
    if options.resources.is_none() {
        writeln!(
            out,
            "\nThe models were toys: this says that the loop works, and nothing of models."
        )?;
    }
    if let Some(file) = &options.save {
        pipeline.state_dict().save(file)?;
    }
    Ok(())
}

/// Improves the prompt step by step, from what was wrong with a few outputs.
async fn train(
    pipeline: &Classifier,
    loss: &MatchLoss,
    reasoner: Reasoner,
    options: &Options,
) -> Result<String, Box<dyn Error>> {
    let training = packages("training", options.training)?;
    let validation = packages("validation", options.validation)?;
    let mut optimizer = LlmOptimizer::new(pipeline, reasoner)
        .with_constraints(Constraints::default().with_max_characters(MOST_CHARACTERS))
        .with_conservatism(options.conservatism)
        .with_two_calls(options.two_calls);
    let trainer = Trainer::new(loss, &training, &validation)
        .with_batch_size(options.batch)
        .with_seed(options.seed)
        .with_budget(&Budget::calls(options.calls))
        // A real model takes its time: who waits sees every step.
        .on_step(|step| eprintln!("{step}"));
    let report = trainer.train(pipeline, &mut optimizer).await;
    let seconds = report.elapsed.as_secs_f64();
    Ok(format!("{report}\n\ntrained for   {seconds:.1} s"))
}

/// Breeds a pool of prompts, each of which is the best at something.
async fn evolve(
    pipeline: &Classifier,
    loss: &MatchLoss,
    reasoner: Reasoner,
    options: &Options,
) -> Result<String, Box<dyn Error>> {
    let training = packages("training", options.training)?;
    let validation = packages("validation", options.validation)?;
    let gepa = Gepa::new(loss, &training, &validation, reasoner)
        .with_constraints(Constraints::default().with_max_characters(MOST_CHARACTERS))
        .with_conservatism(options.conservatism)
        .with_two_calls(options.two_calls)
        .with_minibatch(options.batch)
        .with_seed(options.seed)
        .with_budget(&Budget::calls(options.calls))
        .on_round(|round| eprintln!("{round}"));
    let report = gepa.evolve(pipeline).await;
    let seconds = report.elapsed.as_secs_f64();
    Ok(format!("{report}\n\ntrained for   {seconds:.1} s"))
}

/// How good it was, and what that took.
fn told(evaluation: &Evaluation) -> String {
    let Spent { calls, tokens, .. } = evaluation.spent;
    let seconds = evaluation.elapsed.as_secs_f64();
    format!("{evaluation}; {calls} calls, {tokens} tokens, {seconds:.1} s")
}

/// The first packages of a part of the data.
fn packages(part: &str, most: usize) -> Result<Dataset, Box<dyn Error>> {
    let lines = JsonLines::<Labelled>::open(file(format!("10_classify_sections/{part}.jsonl")))?;
    let examples = lines.take(most).map(|line| {
        let Labelled { listing, section } = line?;
        Ok(Example::typed(&listing, &section)?)
    });
    examples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let graph = ClassifySection::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "10_classify_sections");
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
