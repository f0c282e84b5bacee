//! [`EndpointReport`]: what one endpoint did, and which one it is.

use super::ResourceMetrics;

/// What one endpoint did since its manager was made.
///
/// ```
/// use inf_engine::clients::simulated::SimulatedSettings;
/// use inf_engine::resources::{ResourceConfig, ResourceManager};
///
/// let config = ResourceConfig::simulated(["fast"], &SimulatedSettings::default());
/// let resources = ResourceManager::new(&config)?;
/// for report in resources.endpoints() {
///     println!("{}: {} requests", report.name, report.metrics.requests);
/// }
/// # Ok::<(), inf_engine::resources::ResourceError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EndpointReport {
    /// The alias that it is behind.
    pub alias: String,
    /// Its own name: the alias, and of several behind one its place as well, from
    /// 0 (`fast[0]`).
    pub name: String,
    /// The model that it is asked for, if its client says which.
    pub model: Option<String>,
    /// What it did.
    pub metrics: ResourceMetrics,
}
