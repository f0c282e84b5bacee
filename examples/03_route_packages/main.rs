//! Sorts packages by topic and treats each topic in its own way: only the calls of
//! the topic that a package has are made and paid for.
//!
//! ```text
//! cargo run -p inf-examples --example route_packages
//! ```
//!
//! It prints the topic of each of five packages and what was written for it. Worth
//! reading:
//!
//! * `LlmInference<Topic>` answers with an enum: no text is compared anywhere.
//! * Each arm of `match_branch` may be a chain of calls. All of them are part of the
//!   graph (`inf graph` draws them), and one of them runs.
//! * The default arm calls nothing: `listing.summary()` is at hand.

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

#[derive(Serialize, Deserialize, JsonSchema, Debug)]
#[serde(rename_all = "snake_case")]
enum Topic {
    Play,
    Study,
    Network,
    Other,
}

#[derive(Serialize, Deserialize, JsonSchema, Record, Debug)]
struct Routed {
    topic: Topic,
    text: String,
}

#[derive(Module)]
struct RoutePackage {
    classify: LlmInference<Topic>,
    tease: LlmInference,
    terms: LlmInference,
    explain: LlmInference,
    risks: LlmInference,
    advise: LlmInference,
}

impl RoutePackage {
    fn new() -> Self {
        Self {
            classify: LlmInference::typed("fast")
                .system_prompt(
                    "What is the package for? `play` is games, music and pictures; `study` is \
                     science, mathematics and electronics; `network` is mail, the web, servers and \
                     databases.",
                )
                .temperature(0.0),
            tease: LlmInference::new("smart").system_prompt("Write a teaser of one sentence."),
            terms: LlmInference::new("fast").system_prompt("List the terms that need explaining."),
            explain: LlmInference::new("smart").system_prompt("Explain it to a newcomer."),
            risks: LlmInference::new("fast").system_prompt("List what may be attacked."),
            advise: LlmInference::new("smart").system_prompt("Advise how to run it safely."),
        }
    }
}

impl Forward for RoutePackage {
    type Input = Listing;
    type Output = Routed;

    fn forward(&self, listing: Proxy<Listing>) -> Proxy<Routed> {
        let about = prompt!("{listing.package}: {listing.summary}\n\n{listing.description}");
        let topic = self.classify.call(about).named("topic");
        let text = match_branch(topic)
            .case(Topic::Play, || self.tease.call(about))
            .case(Topic::Study, || {
                let terms = self.terms.call(about);
                self.explain
                    .call(prompt!("{about}\n\nExplain also: {terms}"))
            })
            .case(Topic::Network, || {
                let risks = self.risks.call(about);
                self.advise
                    .call(prompt!("{listing.package}\n\nRisks: {risks}"))
            })
            .default(|| listing.summary())
            .named("text");
        RoutedProxy { topic, text }.pack()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pipeline = RoutePackage::new().bind(resources("03_route_packages")?)?;

    let packages = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"))?;
    let mut results = pipeline.try_stream(packages.take(5)).in_order();
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Routed { topic, text }) => println!("{} {topic:?}: {text}\n", result.index),
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
        let graph = RoutePackage::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "03_route_packages");
    }

    #[tokio::test(start_paused = true)]
    async fn each_topic_pays_for_its_own_chain() {
        let resources = simulated("03_route_packages").unwrap();
        let pipeline = RoutePackage::new().bind(resources).unwrap();
        let packages = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"));
        let mut results = pipeline.try_stream(packages.unwrap().take(5)).in_order();
        let mut topics = Vec::new();
        while let Some(result) = results.next().await {
            topics.push(result.output.unwrap().topic);
        }
        let told = format!("{topics:?}");
        assert_eq!(told, "[Study, Play, Network, Other, Network]");
        let metrics = pipeline.resources().metrics();
        // Five topics; what comes first in three of the chains; and four texts.
        let calls = (metrics["fast"].requests, metrics["smart"].requests);
        assert_eq!(calls, (5 + 3, 4));
    }
}
