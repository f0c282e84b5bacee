//! Finds software for wishes: the model looks it up with tools, and its answer
//! is shown as it comes.
//!
//! ```text
//! cargo run -p inf-examples --example find_packages
//! FAST_MODEL=gpt-4.1-mini cargo run -p inf-examples --example find_packages   # with OPENAI_API_KEY
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse, Part, Role, ToolCall};
use inf_engine::execution::{ExecutionSettings, TokenEvent, TokenStream};
use inf_engine::graph::Tool;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;

const WISHES: [&str; 3] = [
    "Something to emulate vinyl records with.",
    "A library for geometry.",
    "A time machine.",
];

#[derive(Deserialize, Clone)]
struct Listing {
    package: String,
    summary: String,
    description: String,
}

// What the model is told of a tool's arguments is their names and comments.
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
    let (searched, shown) = (Arc::clone(catalogue), Arc::clone(catalogue));
    let search = Tool::new(
        "search_packages",
        "Finds packages by a word; gives their names and summaries.",
        move |ask: Search| {
            let word = ask.word.to_lowercase();
            let found = searched
                .iter()
                .filter(|listing| listing.summary.to_lowercase().contains(&word));
            let found = found.map(|listing| format!("{}: {}", listing.package, listing.summary));
            let found: Vec<String> = found.take(5).collect();
            async move { found }
        },
    );
    // An error goes back to the model, which may try something else.
    let details = Tool::fallible(
        "package_details",
        "The description of a package.",
        move |ask: Details| {
            let mut listings = shown.iter();
            let found = listings.find(|listing| listing.package == ask.package);
            let found = found.map(|listing| listing.description.clone());
            async move { found.ok_or_else(|| format!("there is no package `{}`", ask.package)) }
        },
    );
    [search, details]
}

fn find_packages(catalogue: &Arc<[Listing]>) -> LlmInference {
    LlmInference::new("fast")
        .system_prompt("Recommend one package for the wish, or say that there is none. Look first.")
        .with_tools(tools(catalogue))
        .max_turns(6)
}

/// Stands for a model where there is none: it searches for the last word of the
/// wish, and recommends what it finds first.
struct Librarian;

impl LlmClient for Librarian {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        let found = request
            .messages
            .iter()
            .rev()
            .flat_map(|message| &message.parts);
        let found = found.filter_map(|part| match part {
            Part::ToolResult(result) => serde_json::from_str::<Vec<String>>(&result.content).ok(),
            _ => None,
        });
        let found: Vec<Vec<String>> = found.collect();
        let wish = request
            .messages
            .iter()
            .find(|message| message.role == Role::User);
        let wish = wish
            .map(|message| message.text().into_owned())
            .unwrap_or_default();
        let words = wish.split(|character: char| !character.is_alphanumeric());
        let word = words.filter(|word| word.len() > 3).nth(found.len() + 1);
        let mut answer = LlmResponse::from_text("");
        match (found.iter().flatten().next(), word) {
            (Some(found), _) => answer.text = format!("I recommend {found}."),
            (None, Some(word)) => answer.tool_calls.push(ToolCall {
                id: format!("search-{}", found.len()),
                name: "search_packages".to_owned(),
                arguments: serde_json::json!({ "word": word }).to_string(),
            }),
            (None, None) => "There is none.".clone_into(&mut answer.text),
        }
        Box::pin(async move { Ok(answer) })
    }
}

fn catalogue() -> Result<Arc<[Listing]>, Box<dyn Error>> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(examples.join("02_describe_packages/packages.jsonl"))?;
    let listings = lines.lines().map(serde_json::from_str::<Listing>);
    Ok(listings.collect::<Result<Vec<_>, _>>()?.into())
}

fn pipeline() -> Result<Pipeline<String, String>, Box<dyn Error>> {
    let module = find_packages(&catalogue()?);
    let resources = if std::env::var_os("FAST_MODEL").is_some() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
        let config =
            ResourceConfig::from_path(examples.join("02_describe_packages/resources.openai.yaml"))?;
        ResourceManager::new(&config)?
    } else {
        ResourceManager::new(&ResourceConfig::new())?.with_client("fast", Arc::new(Librarian), 4)
    };
    Ok(module.bind(Arc::new(resources))?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut tokens = TokenStream::new();
    let pipeline = pipeline()?.with_settings(ExecutionSettings::default().with_tokens(&tokens));
    let run = tokio::spawn(pipeline.run_batch(WISHES.map(str::to_owned)));
    while let Some(piece) = tokens.next().await {
        let wish = WISHES[piece.input];
        match piece.event {
            TokenEvent::Text(text) => println!("[{wish}] {text}"),
            TokenEvent::TurnEnded => println!("[{wish}] … looks something up"),
            _ => {}
        }
    }
    for result in run.await? {
        if let Err(error) = result.output {
            println!("{}: {error}", result.index);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("06_find_packages/pipeline.yaml");
        let tools_of = catalogue().unwrap();
        let graph = find_packages(&tools_of).trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        let read = InferenceGraph::load(&file).unwrap();
        assert_eq!(read, graph);
        assert!(read.with_tools(tools(&tools_of)).missing_tools().is_empty());
    }

    #[test]
    fn wishes_are_looked_up() {
        if std::env::var_os("FAST_MODEL").is_some() {
            return;
        }
        let wishes = WISHES.map(str::to_owned);
        let results = pipeline().unwrap().run_batch_blocking(wishes).unwrap();
        let answers: Vec<String> = results
            .into_iter()
            .map(|result| result.output.unwrap())
            .collect();
        assert!(answers[0].starts_with("I recommend xwax:"), "{answers:?}");
        assert_eq!(answers[2], "There is none.");
    }
}
