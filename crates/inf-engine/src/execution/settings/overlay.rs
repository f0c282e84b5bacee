//! [`Overlay`]: other texts for parameters, for one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::module::StateDict;
use crate::parameter::ParameterPath;

/// Other texts for parameters, for the runs that are given them: the parameters
/// themselves stay as they are, so that many candidates are tried at once.
///
/// Given to a run with
/// [`ExecutionSettings::with_overlay`](super::ExecutionSettings::with_overlay).
/// Parameters that it has no text for have their own. A path that the pipeline
/// does not have fails every input of the run, with that path in the error: a
/// candidate that changes nothing would look like one that helps nothing.
///
/// Cheap to clone; equal if all paths and texts are.
///
/// ```
/// use inf_engine::execution::Overlay;
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tone = Parameter::new("Be brief.").described("The tone.");
/// let ask = LlmInference::new("fast").system_prompt(&tone);
/// let pipeline = ask.bind(ResourceConfig::simulated(["fast"], &Default::default()))?;
/// let friendly = Overlay::new().with("system_prompt", "Be friendly.");
/// let candidate = pipeline.with_settings(ExecutionSettings::default().with_overlay(&friendly));
/// let (as_it_is, with_it) = tokio::join!(pipeline.run("Hi".to_owned()), candidate.run("Hi".to_owned()));
/// assert!(as_it_is.is_ok() && with_it.is_ok());
/// assert_eq!(&*tone.value(), "Be brief.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Overlay(Arc<BTreeMap<ParameterPath, Arc<str>>>);

impl Overlay {
    /// An overlay without texts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same overlay with `text` for the parameter at `path`.
    #[must_use]
    pub fn with(mut self, path: impl Into<ParameterPath>, text: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.0).insert(path.into(), text.into());
        self
    }

    /// The text for the parameter at `path`, if there is one.
    pub fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.0.get(path)
    }

    /// The texts with their paths, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&ParameterPath, &Arc<str>)> {
        self.0.iter()
    }

    /// Whether it has no texts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Into<Arc<str>>> FromIterator<(ParameterPath, T)> for Overlay {
    fn from_iter<I: IntoIterator<Item = (ParameterPath, T)>>(texts: I) -> Self {
        let texts = texts.into_iter().map(|(path, text)| (path, text.into()));
        Self(Arc::new(texts.collect()))
    }
}

impl From<&StateDict> for Overlay {
    fn from(state: &StateDict) -> Self {
        state
            .iter()
            .map(|(path, text)| (path.clone(), text))
            .collect()
    }
}
