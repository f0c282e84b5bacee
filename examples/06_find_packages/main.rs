//! Finds software for wishes: the model looks it up with tools before it answers.
//!
//! ```text
//! cargo run -p inf-examples --example find_packages
//! ```
//!
//! It prints what the tools are asked for three wishes, all at the same time, and what
//! is recommended. The model is simulated: `resources.yaml` says what it asks for. The
//! tools are real. Worth reading:
//!
//! * A tool is an async function of a type, and the comments on the type's fields are
//!   what the model is told of its arguments.
//! * `Tool::fallible`: an error goes back to the model, which may try something else.
//! * The pipeline file names the tools. A program that loads it brings the code
//!   (`InferenceGraph::with_tools`), and `inf run` says what is missing.

use std::error::Error;
use std::sync::Arc;

use inf_engine::files::JsonLines;
use inf_engine::graph::Tool;
use inf_engine::prelude::*;
use inf_examples::{file, resources};

const WISHES: [&str; 3] = [
    "Something to emulate vinyl records with.",
    "A library for geometry.",
    "A time machine.",
];

#[derive(Deserialize)]
struct Listing {
    package: String,
    summary: String,
    description: String,
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    /// One word that the summary of a package should have.
    word: String,
}

#[derive(Deserialize, JsonSchema)]
struct Details {
    /// The name of a package, as a search gave it.
    package: String,
}

/// The tools, over a catalogue that they share.
fn tools(catalogue: &Arc<[Listing]>) -> [Tool; 2] {
    let listings = Arc::clone(catalogue);
    let search = Tool::new(
        "search_packages",
        "Finds packages by a word; gives their names and summaries.",
        move |ask: Search| {
            println!("   search_packages {:?}", ask.word);
            let word = ask.word.to_lowercase();
            let found = listings
                .iter()
                .filter(|listing| listing.summary.to_lowercase().contains(&word))
                .map(|listing| format!("{}: {}", listing.package, listing.summary));
            let found: Vec<String> = found.take(5).collect();
            async move { found }
        },
    );
    let listings = Arc::clone(catalogue);
    let details = Tool::fallible(
        "package_details",
        "The description of a package.",
        move |ask: Details| {
            println!("   package_details {:?}", ask.package);
            let found = listings
                .iter()
                .find(|listing| listing.package == ask.package)
                .map(|listing| listing.description.clone());
            async move { found.ok_or_else(|| format!("there is no package `{}`", ask.package)) }
        },
    );
    [search, details]
}

fn find_packages(catalogue: &Arc<[Listing]>) -> LlmInference {
    LlmInference::new("fast")
        .system_prompt("Recommend one package for the wish, or say that there is none. Look first.")
        .tools(tools(catalogue))
        .max_turns(6)
}

fn catalogue() -> Result<Arc<[Listing]>, Box<dyn Error>> {
    let listings = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"))?;
    Ok(listings.collect::<Result<Vec<_>, _>>()?.into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pipeline = find_packages(&catalogue()?).bind(resources("06_find_packages")?)?;

    let mut results = pipeline.stream(WISHES.map(str::to_owned));
    while let Some(result) = results.next().await {
        let wish = WISHES[result.index];
        match result.output {
            Ok(answer) => println!("{wish} {answer}"),
            Err(error) => println!("{wish} {error}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use inf_examples::simulated;

    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let catalogue = catalogue().unwrap();
        let graph = find_packages(&catalogue).trace().unwrap();
        inf_examples::assert_saved(&graph, "06_find_packages");
        let read = InferenceGraph::load(file("06_find_packages/pipeline.yaml")).unwrap();
        assert!(!read.missing_tools().is_empty());
        let read = read.with_tools(tools(&catalogue));
        assert!(read.missing_tools().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn wishes_are_looked_up() {
        let resources = simulated("06_find_packages").unwrap();
        let pipeline = find_packages(&catalogue().unwrap())
            .bind(resources)
            .unwrap();
        let results = pipeline.run_batch(WISHES.map(str::to_owned)).await;
        let answers: Vec<String> = results
            .into_iter()
            .map(|result| result.output.unwrap())
            .collect();
        assert!(answers[0].starts_with("xwax"), "{answers:?}");
        assert!(answers[1].starts_with("surf-alggeo-nox"), "{answers:?}");
        assert_eq!(answers[2], "There is none here.");
    }
}
