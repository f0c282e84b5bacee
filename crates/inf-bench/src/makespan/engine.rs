//! The engine's program: a pipeline of the shape.

use std::sync::Arc;

use inf_engine::execution::ExecutionSettings;
use inf_engine::prelude::*;
use inf_engine::resources::ResourceManager;
use inf_engine::trace::PromptBuilder;

use super::provider::Provider;
use super::shape::Shape;
use crate::Failure;

/// A call for each of the shape's.
#[derive(Module)]
struct Calls {
    calls: Vec<LlmInference>,
    #[module(skip)]
    shape: Shape,
}

impl Forward for Calls {
    type Input = String;
    type Output = String;

    fn forward(&self, input: Proxy<String>) -> Proxy<String> {
        let mut answers: Vec<Proxy<String>> = Vec::new();
        for (call, reads) in self.calls.iter().zip(self.shape.reads) {
            let read = reads.iter().map(|&read| answers[read]);
            let prompt = read.fold(PromptBuilder::new(), |prompt, answer| {
                prompt.part(&answer).text(" ")
            });
            let prompt = match reads {
                [] => input,
                _ => prompt.finish(),
            };
            answers.push(call.call(prompt));
        }
        *answers.last().expect("a shape has a call")
    }
}

/// The whole batch, with at most so many calls and inputs in flight.
pub(super) async fn run(
    provider: Arc<Provider>,
    in_flight: usize,
    inputs_in_flight: usize,
) -> Result<(), Failure> {
    let shape = provider.latencies().shape();
    let inputs = provider.latencies().inputs();
    let call = |call: usize| LlmInference::new("model").system_prompt(call.to_string());
    let calls = Calls {
        calls: (0..shape.calls()).map(call).collect(),
        shape,
    };
    let resources = ResourceManager::new(&ResourceConfig::new())?;
    let resources = resources.with_client("model", provider, in_flight);
    let settings = ExecutionSettings::default().with_max_inputs_in_flight(inputs_in_flight);
    let pipeline = calls.bind(resources)?.with_settings(settings);
    let mut results = pipeline.stream((0..inputs).map(|input| input.to_string()));
    while let Some(result) = results.next().await {
        if result.output? != result.index.to_string() {
            return Err("an answer is that of another input".into());
        }
    }
    Ok(())
}
