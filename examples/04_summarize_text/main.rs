//! Summarizes long texts: in pieces, all in parallel, and then two summaries at
//! a time until one is left.
//!
//! ```text
//! cargo run -p inf-examples --example summarize_text
//! ```

use std::error::Error;
use std::path::Path;

use inf_engine::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Article {
    title: String,
    text: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record, Debug)]
struct Summary {
    pieces: u64,
    summary: String,
}

#[derive(Module)]
struct SummarizeText {
    style: Parameter,
    summarize: LlmInference,
    merge: LlmInference,
}

impl SummarizeText {
    fn new() -> Self {
        let style = Parameter::new("Write plain sentences. Keep names and numbers.")
            .described("Controls the style of the summaries.");
        Self {
            summarize: LlmInference::new("fast").max_tokens(150),
            merge: LlmInference::new("smart").max_tokens(200),
            style,
        }
    }
}

impl Forward for SummarizeText {
    type Input = Article;
    type Output = Summary;

    fn forward(&self, article: Proxy<Article>) -> Proxy<Summary> {
        // How many there are is known only when the text is there.
        let pieces = article.text().chunks(1_500_u64).named("pieces");
        let summaries = pieces.map(|piece| {
            self.summarize.call(prompt!(
                "{self.style}\n\nSummarize this part of \"{article.title}\":\n\n{piece}"
            ))
        });
        let summary = summaries.named("summaries").fold_tree(|left, right| {
            self.merge.call(prompt!(
                "{self.style}\n\nMake one summary of two neighbouring ones.\n\n{left}\n\n{right}"
            ))
        });
        SummaryProxy {
            pieces: pieces.length(),
            summary: summary.named("summary"),
        }
        .pack()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("04_summarize_text");
    let resources = ResourceConfig::from_path(folder.join("resources.yaml"))?;
    let pipeline = SummarizeText::new().bind(resources)?;

    let lines = std::fs::read_to_string(folder.join("articles.jsonl"))?;
    let articles = lines.lines().map(serde_json::from_str::<Article>);
    let mut results = pipeline.stream(articles.collect::<Result<Vec<_>, _>>()?);
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Summary { pieces, summary }) => {
                println!("{}, of {pieces} pieces: {summary}", result.index);
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
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("04_summarize_text/pipeline.yaml");
        let graph = SummarizeText::new().trace().unwrap();
        if std::env::var_os("UPDATE_PIPELINES").is_some() {
            graph.save(&file).unwrap();
        }
        assert_eq!(InferenceGraph::load(&file).unwrap(), graph);
    }
}
