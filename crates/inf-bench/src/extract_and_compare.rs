//! [`ExtractAndCompare`]: the pipeline of `examples/01_extract_and_compare`, which
//! several benchmarks run.

use inf_engine::prelude::*;

/// What the pipeline takes: two texts.
#[derive(Serialize, Deserialize, JsonSchema, Record)]
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) b: String,
}

impl Pair {
    /// Two short texts, different for each index.
    pub(crate) fn of(index: usize) -> Self {
        let text = |name| {
            format!(
                "Package {name}{index} reads and writes JSON. It works without the standard library."
            )
        };
        Self {
            a: text('a'),
            b: text('b'),
        }
    }
}

/// Two calls in parallel, and a third that reads their answers; one parameter.
#[derive(Module)]
pub(crate) struct ExtractAndCompare {
    style: Parameter,
    extract: LlmInference,
    compare: LlmInference,
}

impl ExtractAndCompare {
    pub(crate) const STYLE: &str = "Highlight the key similarities and differences.";
    pub(crate) const EXTRACT: &str = "List the main facts of the text.";
    pub(crate) const TEMPERATURE: f64 = 0.0;
    pub(crate) const MAX_TOKENS: u32 = 300;
    /// Calls that it makes for an input.
    pub(crate) const CALLS: usize = 3;

    /// The aliases of the first two calls, and of the third.
    pub(crate) fn new(extract: &str, compare: &str) -> Self {
        let style = Parameter::new(Self::STYLE).described("Controls the style of the comparison.");
        Self {
            extract: LlmInference::new(extract)
                .system_prompt(Self::EXTRACT)
                .temperature(Self::TEMPERATURE)
                .max_tokens(Self::MAX_TOKENS),
            compare: LlmInference::new(compare).system_prompt(&style),
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
