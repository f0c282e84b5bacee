//! Summarizes texts that are too long for one call: in pieces, all at the same time,
//! and then two neighbouring summaries at a time until one is left.
//!
//! ```text
//! cargo run -p inf-examples --example summarize_text
//! ```
//!
//! It prints, for each of six articles, the number of its pieces and a summary.
//! Worth reading:
//!
//! * `map` runs a body for each element of a list whose length nobody knows before
//!   the text is there. The body sees what is around it: `article.title`.
//! * `fold_tree` merges the first two summaries when these are there, and does not
//!   wait for all. For 16 pieces that is four rounds; a fold from left to right has 15.
//! * A piece that fails is tried again by itself.

use std::error::Error;

use inf_engine::files::JsonLines;
use inf_engine::prelude::*;
use inf_examples::{file, resources};

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
    let pipeline = SummarizeText::new().bind(resources("04_summarize_text")?)?;

    let articles = JsonLines::<Article>::open(file("04_summarize_text/articles.jsonl"))?;
    let mut results = pipeline.try_stream(articles);
    while let Some(result) = results.next().await {
        match result.output {
            Ok(Summary { pieces, summary }) => {
                println!("{}, of {pieces} pieces: {summary}\n", result.index);
            }
            Err(error) => println!("{}: {error}\n", result.index),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipeline_file_is_what_this_program_saves() {
        let graph = SummarizeText::new().trace().unwrap();
        inf_examples::assert_saved(&graph, "04_summarize_text");
    }
}
