//! Sorts packages by topic and does something else with each: only the chain of
//! the topic that a package has is called and paid for.
//!
//! ```text
//! cargo run -p inf-examples --example route_packages
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let resources = ResourceConfig::from_path(folder.join("03_route_packages/resources.yaml"))?;
    let pipeline = RoutePackage::new().bind(resources)?;

    let lines = std::fs::read_to_string(folder.join("02_describe_packages/packages.jsonl"))?;
    let packages = lines.lines().take(12).map(serde_json::from_str::<Listing>);
    let mut results = pipeline.stream(packages.collect::<Result<Vec<_>, _>>()?);
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Routed { topic, text }) => println!("{} {topic:?}: {text}", result.index),
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
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("03_route_packages/pipeline.yaml");
        let graph = RoutePackage::new().trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        assert_eq!(InferenceGraph::load(&file).unwrap(), graph);
    }
}
