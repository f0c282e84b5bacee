//! Shows answers while they are written: two calls speak for and against a package
//! at the same time, and a third weighs what they said.
//!
//! ```text
//! cargo run -p inf-examples --example stream_to_terminal
//! ```
//!
//! On a terminal the texts grow side by side; in a pipe (add `| cat`) each sentence is
//! a line, as soon as it is whole. Worth reading:
//!
//! * `TokenStream` is given to the run and read beside it. The pipeline knows nothing
//!   of it, and nothing waits for a reader that is slow.
//! * A piece says which node, input, attempt and turn it is of, so that several texts
//!   can grow at once.
//! * `TokenEvent::Void`: what came counts for nothing, because the call failed and is
//!   made again. Who shows tokens has to take them back; `display.rs` does.

mod display;

use std::error::Error;

use inf_engine::execution::TokenStream;
use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_examples::{file, resources};

use display::Display;

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Listing {
    package: String,
    summary: String,
    description: String,
}

#[derive(Module)]
struct WeighPackage {
    praise: LlmInference,
    doubt: LlmInference,
    weigh: LlmInference,
}

impl WeighPackage {
    fn new() -> Self {
        Self {
            praise: LlmInference::new("fast").system_prompt("Say what speaks for the package."),
            doubt: LlmInference::new("fast").system_prompt("Say what speaks against the package."),
            weigh: LlmInference::new("fast").system_prompt("Weigh it: who should install it?"),
        }
    }
}

impl Forward for WeighPackage {
    type Input = Listing;
    type Output = String;

    fn forward(&self, listing: Proxy<Listing>) -> Proxy<String> {
        let about = prompt!("{listing.package}: {listing.summary}\n\n{listing.description}");
        let praise = self.praise.call(about).named("for");
        let doubt = self.doubt.call(about).named("against");
        self.weigh
            .call(prompt!("For:\n{praise}\n\nAgainst:\n{doubt}"))
            .named("verdict")
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut tokens = TokenStream::new();
    let pipeline = WeighPackage::new()
        .bind(resources("07_stream_to_terminal")?)?
        .with_settings(ExecutionSettings::default().with_tokens(&tokens));

    let mut packages = JsonLines::<Listing>::open(file("07_stream_to_terminal/package.jsonl"))?;
    let package = packages.next().ok_or("there is no package")??;
    let run = tokio::spawn(pipeline.run(package));

    let mut display = Display::on_stdout();
    while let Some(piece) = tokens.next().await {
        display.show(&piece.node, &piece.event)?;
    }
    run.await??; // its error, if there was one
    Ok(())
}

#[cfg(test)]
mod tests {
    use inf_examples::simulated;

    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let graph = WeighPackage::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "07_stream_to_terminal");
    }

    #[tokio::test(start_paused = true)]
    async fn two_texts_grow_at_once_and_the_third_after_them() {
        let resources = simulated("07_stream_to_terminal").unwrap();
        let mut tokens = TokenStream::new();
        let pipeline = WeighPackage::new()
            .bind(resources)
            .unwrap()
            .with_settings(ExecutionSettings::default().with_tokens(&tokens));
        let packages = file("07_stream_to_terminal/package.jsonl");
        let mut packages = JsonLines::<Listing>::open(packages).unwrap();
        let run = tokio::spawn(pipeline.run(packages.next().unwrap().unwrap()));

        let mut display = Display::lines(Vec::new());
        while let Some(piece) = tokens.next().await {
            display.show(&piece.node, &piece.event).unwrap();
        }
        let told = String::from_utf8(display.into_inner()).unwrap();
        let speakers: Vec<&str> = told
            .lines()
            .map(|line| line.split_whitespace().next().unwrap())
            .collect();
        let first = |name| speakers.iter().position(|speaker| *speaker == name);
        let last = |name| speakers.iter().rposition(|speaker| *speaker == name);
        assert!(first("against") < last("for"), "{told}");
        assert!(
            last("for").max(last("against")) < first("verdict"),
            "{told}"
        );
        let verdict: Vec<&str> = told
            .lines()
            .filter_map(|line| line.strip_prefix("verdict  "))
            .collect();
        assert_eq!(verdict.join(" "), run.await.unwrap().unwrap());
    }
}
