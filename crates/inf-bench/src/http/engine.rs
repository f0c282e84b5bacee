//! [`Engine`]: the calls made by a pipeline of one node.

use inf_engine::execution::{Bind, ExecutionSettings, Pipeline};
use inf_engine::module::LlmInference;
use inf_engine::resources::{EndpointConfig, ResourceConfig};

use super::{Load, MODEL, prompt};
use crate::Failure;

/// A pipeline that asks the server what its input says.
#[derive(Debug)]
pub(super) struct Engine(Pipeline<String, String>);

impl Engine {
    pub(super) fn new(
        base_url: &str,
        load: Load,
        inputs_in_flight: Option<usize>,
    ) -> Result<Self, Failure> {
        let endpoint =
            EndpointConfig::openai_compatible(base_url, MODEL).with_max_concurrent(load.in_flight);
        let resources = ResourceConfig::new().with_endpoint("fast", endpoint);
        let mut settings = ExecutionSettings::default();
        settings.max_inputs_in_flight = inputs_in_flight;
        Ok(Self(
            LlmInference::new("fast")
                .bind(resources)?
                .with_settings(settings),
        ))
    }

    pub(super) async fn run(&self, load: Load) -> Result<(), Failure> {
        let mut results = self.0.stream((0..load.calls).map(prompt));
        let mut answers = 0;
        while let Some(result) = results.next().await {
            if result.output?.is_empty() {
                return Err("an answer is empty".into());
            }
            answers += 1;
        }
        assert_eq!(answers, load.calls, "every input has one result");
        Ok(())
    }
}
