//! Writes a pitch for each package, has it criticized and writes it anew until
//! the critic accepts it, three times at most.
//!
//! ```text
//! cargo run -p inf-examples --example revise_pitch
//! ```

use std::error::Error;
use std::path::Path;

use inf_engine::prelude::*;
use inf_engine::trace::{Stopped, constant};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Listing {
    package: String,
    summary: String,
    description: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Critique {
    accepted: bool,
    advice: String,
}

// What one round hands to the next.
#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Draft {
    text: String,
    accepted: bool,
}

#[derive(Serialize, Deserialize, JsonSchema, Record, Debug)]
struct Pitch {
    text: String,
    rounds: u32,
    stopped: Stopped,
}

#[derive(Module)]
struct RevisePitch {
    write: LlmInference,
    criticize: LlmInference<Critique>,
    rewrite: LlmInference,
}

impl RevisePitch {
    fn new() -> Self {
        Self {
            write: LlmInference::new("fast").system_prompt("Write a pitch of two sentences."),
            criticize: LlmInference::typed("smart").system_prompt(
                "Accept a pitch only if it is true, clear and says whom the package is for. \
                 Otherwise advise how to improve it.",
            ),
            rewrite: LlmInference::new("fast").system_prompt("Improve the pitch as advised."),
        }
    }
}

impl Forward for RevisePitch {
    type Input = Listing;
    type Output = Pitch;

    fn forward(&self, listing: Proxy<Listing>) -> Proxy<Pitch> {
        let about = prompt!("{listing.package}: {listing.summary}\n\n{listing.description}");
        let first = DraftProxy {
            text: self.write.call(about),
            accepted: constant(false),
        };
        let revised = repeat_until(
            first.pack(),
            |draft| {
                let text = draft.text();
                let critique = self.criticize.call(prompt!("{about}\n\nPitch: {text}"));
                let better = branch(
                    critique.accepted(),
                    || text,
                    || {
                        self.rewrite
                            .call(prompt!("Pitch: {text}\n\nAdvice: {critique.advice}"))
                    },
                );
                DraftProxy {
                    text: better.named("better"),
                    accepted: critique.accepted(),
                }
                .pack()
            },
            |draft| draft.accepted(),
            3,
        )
        .named("revised");
        PitchProxy {
            text: revised.state().text(),
            rounds: revised.iterations(),
            stopped: revised.stopped(),
        }
        .pack()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let resources = ResourceConfig::from_path(folder.join("05_revise_pitch/resources.yaml"))?;
    let pipeline = RevisePitch::new().bind(resources)?;

    let lines = std::fs::read_to_string(folder.join("02_describe_packages/packages.jsonl"))?;
    let packages = lines.lines().take(8).map(serde_json::from_str::<Listing>);
    let mut results = pipeline.stream(packages.collect::<Result<Vec<_>, _>>()?);
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Pitch {
                text,
                rounds,
                stopped,
            }) => {
                println!("{}, {rounds} rounds ({stopped:?}): {text}", result.index);
            }
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
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("05_revise_pitch/pipeline.yaml");
        let graph = RevisePitch::new().trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        assert_eq!(InferenceGraph::load(&file).unwrap(), graph);
    }
}
