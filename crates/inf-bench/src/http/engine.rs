//! [`Engine`]: the calls made by the engine.

use std::sync::Arc;
use std::time::Duration;

use inf_engine::execution::{Bind, ExecutionSettings, Pipeline};
use inf_engine::module::LlmInference;
use inf_engine::resources::{EndpointConfig, ResourceConfig, ResourceManager};

use super::{Load, MODEL, PipelineName, prompt};
use crate::Failure;
use crate::extract_and_compare::{ExtractAndCompare, Pair};

/// A pipeline bound once for each round, so that each round has metrics of its
/// own: its endpoint has an alias of its own, and all share one manager and
/// with it the connections.
#[derive(Debug)]
pub(super) struct Engine {
    resources: Arc<ResourceManager>,
    rounds: Vec<Bound>,
}

#[derive(Debug)]
enum Bound {
    One(Pipeline<String, String>),
    Three(Pipeline<Pair, String>),
}

impl Engine {
    pub(super) fn new(
        base_url: &str,
        pipeline: PipelineName,
        in_flight: usize,
        inputs_in_flight: Option<usize>,
        rounds: usize,
    ) -> Result<Self, Failure> {
        let endpoint =
            EndpointConfig::openai_compatible(base_url, MODEL).with_max_concurrent(in_flight);
        let resources = (0..rounds).fold(ResourceConfig::new(), |resources, round| {
            resources.with_endpoint(alias(round), endpoint.clone())
        });
        let resources = Arc::new(ResourceManager::new(&resources)?);
        let mut settings = ExecutionSettings::default();
        settings.max_inputs_in_flight = inputs_in_flight;
        let bind = |round| {
            let alias = alias(round);
            let settings = settings.clone();
            Ok::<Bound, Failure>(match pipeline {
                PipelineName::One => {
                    let pipeline = LlmInference::new(alias).bind(&resources)?;
                    Bound::One(pipeline.with_settings(settings))
                }
                PipelineName::Three => {
                    let pipeline = ExtractAndCompare::new(&alias, &alias).bind(&resources)?;
                    Bound::Three(pipeline.with_settings(settings))
                }
            })
        };
        let rounds = (0..rounds).map(bind).collect::<Result<_, _>>()?;
        Ok(Self { resources, rounds })
    }

    pub(super) async fn run(&self, load: Load) -> Result<(), Failure> {
        let mut results = match &self.rounds[load.round] {
            Bound::One(pipeline) => pipeline.stream((0..load.inputs).map(prompt)),
            Bound::Three(pipeline) => pipeline.stream((0..load.inputs).map(Pair::of)),
        };
        let mut answers = 0;
        while let Some(result) = results.next().await {
            if result.output?.is_empty() {
                return Err("an answer is empty".into());
            }
            answers += 1;
        }
        assert_eq!(answers, load.inputs, "every input has one result");
        Ok(())
    }

    /// 99 of 100 calls of a round took no longer.
    pub(super) fn p99(&self, round: usize) -> Duration {
        self.resources.metrics()[&alias(round)].latency().p99
    }
}

fn alias(round: usize) -> String {
    format!("round-{round}")
}
