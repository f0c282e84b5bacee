//! Writes a pitch for each package, has it criticized and writes it anew until the
//! critic accepts it, three times at most.
//!
//! ```text
//! cargo run -p inf-examples --example revise_pitch
//! ```
//!
//! It prints the pitches of three packages, how many rounds each took and why it ended:
//! one is accepted at once, one in the second round, and one never. Worth reading:
//!
//! * `repeat_until` is a loop in the graph: a state (`Draft`), a body, a condition
//!   and a maximum. Packages are in different rounds at the same time.
//! * `branch` inside of the loop: a pitch that was accepted is not rewritten, and the
//!   rewriting is not paid.
//! * `stopped` says whether the condition or the maximum ended the loop, so that a
//!   pitch that nobody accepted is not taken for a good one.

use std::error::Error;

use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_engine::trace::{Stopped, constant};
use inf_examples::{file, resources};

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
    let pipeline = RevisePitch::new().bind(resources("05_revise_pitch")?)?;

    let packages = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"))?;
    let mut results = pipeline.try_stream(packages.take(3));
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Pitch {
                text,
                rounds,
                stopped,
            }) => {
                println!("{}: {text}", result.index);
                println!("   rounds: {rounds}, ended by: {stopped:?}\n");
            }
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
        let graph = RevisePitch::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "05_revise_pitch");
    }

    #[tokio::test(start_paused = true)]
    async fn pitches_take_one_round_two_and_too_many() {
        let resources = simulated("05_revise_pitch").unwrap();
        let pipeline = RevisePitch::new().bind(resources).unwrap();
        let packages = JsonLines::<Listing>::open(file("02_describe_packages/packages.jsonl"));
        let mut results = pipeline.try_stream(packages.unwrap().take(3)).in_order();
        let mut ended = Vec::new();
        while let Some(result) = results.next().await {
            let pitch = result.output.unwrap();
            ended.push((pitch.rounds, pitch.stopped));
        }
        let (done, given_up) = (Stopped::Condition, Stopped::Max);
        assert_eq!(ended, [(1, done), (2, done), (3, given_up)]);
    }
}
