//! The page about providers: its examples are configurations that work.

use std::path::Path;

use inf_engine::prelude::*;
use inf_engine::resources::Provider;

#[test]
fn every_example_can_be_read_and_every_provider_is_there() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples = page.split("```yaml\n").skip(1);
    let mut providers = Vec::new();
    for example in examples {
        let (example, _) = example.split_once("```").unwrap();
        let resources = ResourceConfig::from_text(example);
        let resources = resources.unwrap_or_else(|error| panic!("{error}\n{example}"));
        providers.extend(
            resources
                .endpoints
                .values()
                .map(|endpoint| endpoint.provider),
        );
    }
    for provider in [
        Provider::OpenAi,
        Provider::OpenAiResponses,
        Provider::OpenAiCompatible,
        Provider::Anthropic,
        Provider::Ollama,
    ] {
        assert!(providers.contains(&provider), "{provider:?}");
    }
}
