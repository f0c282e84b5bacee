//! Compares two texts by their facts: two calls in parallel, then a third that
//! reads both answers.
//!
//! ```text
//! cargo run -p inf-examples --example extract_and_compare
//! ```

use std::error::Error;
use std::path::Path;

use inf_engine::prelude::*;

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("01_extract_and_compare");
    let resources = ResourceConfig::from_path(folder.join("resources.yaml"))?;
    let pipeline = ExtractAndCompare::new().bind(resources)?;
    println!("parameters: {:?}", pipeline.named_parameters());

    let lines = std::fs::read_to_string(folder.join("pairs.jsonl"))?;
    let pairs: Vec<Pair> = lines
        .lines()
        .take(5)
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    for result in pipeline.run_batch(pairs).await {
        match result.output {
            Ok(comparison) => println!("{}: {comparison}", result.index),
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
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("01_extract_and_compare/pipeline.yaml");
        let graph = ExtractAndCompare::new().trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        assert_eq!(InferenceGraph::load(&file).unwrap(), graph);
    }
}
