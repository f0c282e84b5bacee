//! Resources: which endpoint is behind an alias, and what it can take.
//!
//! A [`ResourceConfig`] says, outside the code, what each alias stands for. A
//! [`ResourceManager`] is that configuration made live: for each alias an
//! endpoint with its client, its limits and its [`ResourceMetrics`], shared by
//! all runs that use the manager.

mod dollars;
mod endpoint;
mod endpoint_config;
mod endpoint_maker;
mod environment;
mod key_file;
mod list_prices;
mod pace;
mod price;
mod resource_config;
mod resource_error;
mod resource_manager;
mod resource_metrics;
mod tokenizer;
mod traffic;

pub use dollars::Dollars;
pub(crate) use endpoint::{Endpoint, Permit};
pub use endpoint_config::{EndpointConfig, Provider};
pub use price::{Cost, LongPrompt, Price};
pub use resource_config::ResourceConfig;
pub use resource_error::ResourceError;
pub use resource_manager::{IntoResources, ResourceManager};
pub use resource_metrics::{LatencySummary, ResourceMetrics};
pub use tokenizer::Tokenizer;
pub(crate) use tokenizer::{TOKENS_PER_MESSAGE, request_tokens};
pub(crate) use traffic::Waiter;
