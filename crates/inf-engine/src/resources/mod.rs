//! Resources: which endpoint is behind an alias, and what it can take.
//!
//! A [`ResourceConfig`] says, outside the code, what each alias stands for: an
//! [`EndpointConfig`], or several with a [`Strategy`] ([`AliasConfig`]). A
//! [`ResourceManager`] is that configuration made live: for each alias an
//! endpoint with its client, its limits and its [`ResourceMetrics`], shared by
//! all runs that use the manager. It also takes clients of your own
//! ([`OwnClient`]).
//!
//! What calls cost is a [`Cost`] in [`Dollars`], by the [`Price`] of a model;
//! what they will cost is counted with a [`Tokenizer`].
//!
//! ```
//! use inf_engine::prelude::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let resources = ResourceConfig::from_text(r#"
//! endpoints:
//!   fast: { provider: simulated, model: any, max_concurrent: 8 }
//! "#)?;
//! let pipeline = LlmInference::new("fast").bind(resources)?;
//! pipeline.run_blocking("Why is the sky blue?".to_owned())?;
//! assert_eq!(pipeline.resources().metrics()["fast"].limit, 8);
//! # Ok(())
//! # }
//! ```
//!
//! Where to read next: [`clients`](crate::clients), who is asked.

mod alias_config;
mod asked;
mod circuit_breaker;
mod concurrency_limit;
mod dollars;
mod endpoint;
mod endpoint_config;
mod endpoint_group;
mod endpoint_maker;
mod endpoint_report;
mod environment;
mod key_file;
mod learnt_rate;
mod limiter;
mod limiter_registry;
mod list_prices;
mod own_client;
mod pacing;
mod price;
mod rate_estimate;
mod resource_config;
mod resource_error;
mod resource_manager;
mod resource_metrics;
mod token_bucket;
mod token_estimate;
mod tokenizer;
mod traffic;

pub use alias_config::{AliasConfig, EndpointsConfig, Strategy};
pub(crate) use asked::Asked;
pub use dollars::Dollars;
pub use endpoint_config::{EndpointConfig, Provider};
pub(crate) use endpoint_group::{EndpointGroup, EndpointPlace, Permit, Wish};
pub use endpoint_report::EndpointReport;
pub(crate) use limiter::Blocked;
pub use own_client::OwnClient;
pub use price::{Cost, LongPrompt, Price};
pub use resource_config::ResourceConfig;
pub use resource_error::ResourceError;
pub use resource_manager::{IntoResources, ResourceManager};
pub use resource_metrics::{LatencySummary, ResourceMetrics};
pub use tokenizer::Tokenizer;
pub(crate) use tokenizer::{TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, request_tokens};
pub(crate) use traffic::Waiter;
