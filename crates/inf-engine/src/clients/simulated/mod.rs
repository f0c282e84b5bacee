//! A provider without a provider: in process, deterministic, as fast or as
//! slow and as unreliable as its settings say.
//!
//! [`SimulatedClient`] is an [`LlmClient`](super::LlmClient) like any other. It
//! answers from the request alone, so a pipeline can be tried before there is
//! a key, tested without a network and loaded without a bill. It waits on the
//! tokio clock: on a paused clock hours of traffic take milliseconds.
//!
//! [`SimulatedSettings`] is the `simulated:` section of a YAML file: which
//! [`Answer`], which [`Latency`], which [`Quota`] and [`TokenQuota`], how many
//! calls at once, which [`Faults`].
//!
//! ```
//! use inf_engine::clients::simulated::{Script, ScriptRule, SimulatedSettings};
//! use inf_engine::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A test of a pipeline, without a network: what models would say is written down.
//! let script = Script::new([ScriptRule::containing("great", "positive")]).with_otherwise("negative");
//! let settings = SimulatedSettings::default().with_answer(script);
//! let classify = LlmInference::new("fast").system_prompt("Positive or negative?");
//! let pipeline = classify.bind(ResourceConfig::simulated(["fast"], &settings))?;
//! assert_eq!(pipeline.run_blocking("It is great!".to_owned())?, "positive");
//! # Ok(())
//! # }
//! ```
//!
//! # What a seed promises
//!
//! The *answer* to a request depends on the seed, the model's name and the
//! request, on nothing else: a pipeline that is interrupted, retried or run in
//! another order gives the same outputs. *Latency and faults* depend on how
//! often this same request was asked before as well, so that a retry is a new
//! draw and can succeed. Neither depends on which request came first, on
//! the time or on the machine. Only quotas and the line of those who wait for a
//! place look at the clock.
//!
//! In the source, `client.rs` is one call from start to end, `answer.rs` what it
//! says, `schema_value.rs` how it fits a JSON schema.

mod answer;
mod bucket;
mod client;
mod cut;
mod excerpt;
mod faults;
mod gate;
mod invalid_setting;
mod latency;
mod occurrences;
mod planned_call;
mod queue;
mod quota;
mod request_digest;
mod schema_generator;
mod schema_merge;
mod schema_number;
mod schema_text;
mod schema_value;
mod script;
mod settings;
mod template;
mod thoughts;
mod token_quota;
mod tool_use;

pub use answer::Answer;
pub use client::SimulatedClient;
pub use faults::Faults;
pub use invalid_setting::InvalidSetting;
pub use latency::Latency;
pub use planned_call::PlannedCall;
pub use quota::Quota;
pub use script::{Script, ScriptRule};
pub use settings::SimulatedSettings;
pub use token_quota::TokenQuota;
pub use tool_use::ScriptedCall;
