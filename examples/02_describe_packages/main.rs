//! Turns descriptions of packages into cards with typed fields, and writes a pitch
//! from the fields.
//!
//! ```text
//! cargo run -p inf-examples --example describe_packages
//! ```
//!
//! It prints a pitch and a card for each of three packages, as they are done. One card
//! comes as a model may well write it, wrapped in words and with the wrong quotes, and is
//! repaired (`resources.yaml` has it). Worth reading:
//!
//! * `LlmInference<Card>`: the model is given the schema of `Card`, and an answer
//!   that does not fit is repaired or, if it can't be, asked for again.
//! * `card.purpose` in the second prompt is a field of an answer that nobody has
//!   given yet. `Record` makes it, and a field that is not there does not compile.
//! * `try_stream` reads the file line by line, as there is room for more. A line
//!   that is no listing is an error of that input, and the others go on.

use std::error::Error;

use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_examples::{file, resources};

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
    let pipeline = DescribePackage::new().bind(resources("02_describe_packages")?)?;

    let packages = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"))?;
    let mut results = pipeline.try_stream(packages.take(3));
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Described { card, pitch }) => println!("{}: {pitch}\n{card:#?}\n", result.index),
            Err(error) => println!("{}: {error}\n", result.index),
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
        let graph = DescribePackage::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "02_describe_packages");
    }

    #[tokio::test(start_paused = true)]
    async fn a_card_that_is_nearly_one_is_repaired() {
        let resources = simulated("02_describe_packages").unwrap();
        let pipeline = DescribePackage::new().bind(resources).unwrap();
        let packages = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"));
        let mut results = pipeline
            .try_stream(packages.unwrap().skip(2).take(1))
            .in_order();
        let Described { card, pitch } = results.next().await.unwrap().output.unwrap();
        assert_eq!(
            card.features,
            ["no htpasswd file", "any user name is passed on"]
        );
        assert!(card.needs_network);
        assert!(pitch.starts_with("You only log in once"), "{pitch}");
        assert_eq!(pipeline.resources().metrics()["fast"].requests, 1);
    }
}
