//! [`ResourceError`]: everything that is wrong with a configuration, at once.

use std::fmt;

use crate::document::Problem;

/// All the problems of a resource configuration.
///
/// ```
/// use inf_engine::resources::{EndpointConfig, ResourceConfig, ResourceManager};
///
/// let config = ResourceConfig::new()
///     .with_endpoint("fast", EndpointConfig::openai_compatible("localhost:8000", "qwen3-8b"))
///     .with_endpoint("smart", EndpointConfig::openai("gpt-5").with_api_key_env("NO_SUCH_VARIABLE"));
/// let error = ResourceManager::new(&config).unwrap_err();
/// for problem in &error.problems {
///     println!("{}: {}", problem.place, problem.message);
/// }
/// assert_eq!(error.problems.len(), 2);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceError {
    /// Each of them; never empty.
    pub problems: Vec<Problem>,
}

crate::document::debug_as_display!(ResourceError);

impl std::error::Error for ResourceError {}

impl fmt::Display for ResourceError {
    /// One problem on one line, several as a list.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Problem::write_all(&self.problems, formatter)
    }
}
