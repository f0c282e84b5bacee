//! Turns descriptions of packages into cards with typed fields, and writes a
//! pitch from them.
//!
//! ```text
//! cargo run -p inf-examples --example describe_packages
//! ```

use std::error::Error;
use std::path::Path;

use inf_engine::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Listing {
    package: String,
    summary: String,
    description: String,
}

// What the model is asked for: its answer is checked against this type.
#[derive(Serialize, Deserialize, JsonSchema, Record, Debug)]
struct Card {
    purpose: String,
    features: Vec<String>,
    needs_network: bool,
}

#[derive(Serialize, Deserialize, JsonSchema, Record, Debug)]
struct Described {
    card: Card,
    pitch: String,
}

#[derive(Module)]
struct DescribePackage {
    extract: LlmInference<Card>,
    pitch: LlmInference,
}

impl DescribePackage {
    fn new() -> Self {
        Self {
            extract: LlmInference::typed("fast")
                .system_prompt(
                    "Read the description of a software package. Say its purpose in one sentence, \
                     name up to five features, and whether it needs a network to be of use.",
                )
                .temperature(0.0),
            pitch: LlmInference::new("smart")
                .system_prompt("Write one inviting sentence.")
                .max_tokens(60),
        }
    }
}

impl Forward for DescribePackage {
    type Input = Listing;
    type Output = Described;

    fn forward(&self, listing: Proxy<Listing>) -> Proxy<Described> {
        let card = self.extract.call(prompt!(
            "{listing.package}: {listing.summary}\n\n{listing.description}"
        ));
        let pitch = self.pitch.call(prompt!(
            "The package {listing.package} has the purpose: {card.purpose}\nFeatures: {card.features}"
        ));
        DescribedProxy { card, pitch }.pack()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("02_describe_packages");
    let resources = ResourceConfig::from_path(folder.join("resources.yaml"))?;
    let pipeline = DescribePackage::new().bind(resources)?;

    let lines = std::fs::read_to_string(folder.join("packages.jsonl"))?;
    let packages = lines.lines().take(5).map(serde_json::from_str::<Listing>);
    let mut results = pipeline.stream(packages.collect::<Result<Vec<_>, _>>()?);
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Described { card, pitch }) => println!("{}: {pitch}\n   {card:?}", result.index),
            Err(error) => println!("{}: {error}", result.index),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("02_describe_packages/pipeline.yaml");
        let graph = DescribePackage::new().trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        assert_eq!(InferenceGraph::load(&file).unwrap(), graph);
    }
}
