//! A long run in a process of its own, for [`memory`](crate::memory) and
//! [`soak`](crate::soak): what was resident before must not count, and the
//! most that was ever resident only grows.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use inf_engine::Value;
use inf_engine::clients::simulated::{Latency, SimulatedSettings};
use inf_engine::execution::Bind;
use inf_engine::graph::InferenceGraph;
use inf_engine::resources::{EndpointConfig, ResourceConfig};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use crate::Failure;
use crate::extract_and_compare::{ExtractAndCompare, Pair};
use crate::resident;

/// What is run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Load {
    /// Inputs, of three calls each.
    #[arg(long)]
    pub(crate) inputs: usize,
    /// Calls in flight at once.
    #[arg(long)]
    pub(crate) in_flight: usize,
    /// Instead of that, each input is a list of so many elements, with a call for
    /// each.
    #[arg(long)]
    pub(crate) elements: Option<usize>,
}

/// What was seen of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Resident after each tenth of the inputs.
    pub(crate) resident_kib: Vec<u64>,
    /// The most that was ever resident.
    pub(crate) peak_kib: u64,
    /// How long the run took.
    pub(crate) seconds: f64,
}

impl Load {
    /// Runs it in a new process.
    pub(crate) fn in_its_own_process(self) -> Result<Seen, Failure> {
        let output = Command::new(std::env::current_exe()?)
            .args(["load", "--inputs", &self.inputs.to_string()])
            .args(["--in-flight", &self.in_flight.to_string()])
            .args(
                self.elements
                    .map(|elements| format!("--elements={elements}")),
            )
            .stdin(Stdio::null())
            // What goes wrong there is said there.
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("the process of the run ended with {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Runs it in this process and prints what was seen.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let seen = runtime.block_on(self.run_through())?;
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&seen)?)?;
        Ok(())
    }

    async fn run_through(self) -> Result<Seen, Failure> {
        // The same latency for every call: where latencies are drawn, the
        // provider remembers what it was asked.
        let settings = SimulatedSettings {
            latency: Latency {
                median_ms: 1.0,
                ..Latency::default()
            },
            ..SimulatedSettings::default()
        };
        let endpoint = EndpointConfig::simulated(settings).with_max_concurrent(self.in_flight);
        let resources = ResourceConfig::new().with_endpoint("simulated", endpoint);
        if let Some(elements) = self.elements {
            return self.run_through_lists(elements, resources).await;
        }
        let pipeline = ExtractAndCompare::new("simulated", "simulated").bind(resources)?;

        let start = Instant::now();
        // Made as they are taken, and as many as anyone asks for.
        let mut results = pipeline.stream((0..).map(Pair::of).take(self.inputs));
        let mut resident_kib = Vec::with_capacity(10);
        let mut ended = 0;
        while let Some(result) = results.next().await {
            result.output?;
            ended += 1;
            while ended * 10 >= self.inputs * (resident_kib.len() + 1) {
                resident_kib.push(resident::now_kib()?);
            }
        }
        assert_eq!(ended, self.inputs, "every input has one result");
        Ok(Seen {
            resident_kib,
            peak_kib: resident::peak_kib()?,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

impl Load {
    /// What an element comes to is null: what is resident is what the engine keeps,
    /// and the lists of elements and results themselves.
    async fn run_through_lists(
        self,
        elements: usize,
        resources: ResourceConfig,
    ) -> Result<Seen, Failure> {
        let body =
            "nodes: { asked: { llm: simulated, prompt: '{one}' } }, output: { $value: null }";
        let text = format!(
            "{{ version: 1, name: lists, nodes: {{ all: {{ map: input, as: one, {body} }} }}, output: all }}"
        );
        let pipeline = InferenceGraph::from_text(&text)?.bind(resources)?;
        let start = Instant::now();
        let mut resident_kib = Vec::new();
        for _ in 0..self.inputs {
            let list = (0..elements).map(|number| Value::from(i64::try_from(number).unwrap_or(0)));
            pipeline.run(list.collect()).await?;
            resident_kib.push(resident::now_kib()?);
        }
        Ok(Seen {
            resident_kib,
            peak_kib: resident::peak_kib()?,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

/// KiB in MiB.
#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 KiB")]
pub(crate) fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
