//! Compares two texts by their facts: two calls that run at the same time, and a
//! third that reads both answers.
//!
//! ```text
//! cargo run -p inf-examples --example extract_and_compare
//! ```
//!
//! It prints the parameters that could be learnt, and a comparison for each of three
//! pairs of Debian packages, in their order. Worth reading:
//!
//! * `forward` is plain code over values that are not there yet. Nothing in it says
//!   what is parallel: the two calls of `extract` need nothing of each other.
//! * `style` is a parameter and not a constant. It can be read, set, saved and
//!   trained, and no code changes.
//! * `fast` and `smart` are names; `resources.yaml` says which models they are.

use std::error::Error;

use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_examples::{file, resources};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Pair {
    a: String,
    b: String,
}

#[derive(Module)]
struct ExtractAndCompare {
    style: Parameter,
    extract: LlmInference,
    compare: LlmInference,
}

impl ExtractAndCompare {
    fn new() -> Self {
        let style = Parameter::new("Highlight the key similarities and differences.")
            .described("Controls the style of the comparison.");
        Self {
            extract: LlmInference::new("fast")
                .system_prompt("List the main facts of the text.")
                .temperature(0.0)
                .max_tokens(300),
            compare: LlmInference::new("smart").system_prompt(&style),
            style,
        }
    }
}

impl Forward for ExtractAndCompare {
    type Input = Pair;
    type Output = String;

    fn forward(&self, pair: Proxy<Pair>) -> Proxy<String> {
        let facts_a = self.extract.call(pair.a());
        let facts_b = self.extract.call(pair.b());
        self.compare
            .call(prompt!("Compare:\n{facts_a}\n\nwith:\n{facts_b}"))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pipeline = ExtractAndCompare::new().bind(resources("01_extract_and_compare")?)?;
    println!("parameters: {:?}", pipeline.named_parameters());

    let pairs = JsonLines::<Pair>::open(file("01_extract_and_compare/pairs.jsonl"))?;
    let pairs = pairs.take(3).collect::<Result<Vec<_>, _>>()?;
    for result in pipeline.run_batch(pairs).await {
        match result.output {
            Ok(comparison) => println!("\n{}: {comparison}", result.index),
            Err(error) => println!("\n{}: {error}", result.index),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let graph = ExtractAndCompare::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "01_extract_and_compare");
    }
}
