//! What is wrong with a setting, and which one it is.

/// A setting that can't be used; displays as a sentence that names its key.
///
/// ```
/// use inf_engine::clients::simulated::{Faults, SimulatedSettings};
///
/// let mut settings = SimulatedSettings::default();
/// settings.faults.error_ratio = 1.5;
/// assert_eq!(
///     settings.validate().unwrap_err().to_string(),
///     "`faults.error_ratio` must be between 0 and 1, not 1.5",
/// );
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
#[non_exhaustive]
pub struct InvalidSetting {
    /// The path of the key below `simulated`, such as `faults.error_ratio`.
    pub key: String,
    /// The rest of the sentence: what it must be and what it is.
    pub problem: String,
}

crate::document::debug_as_display!(InvalidSetting);

impl InvalidSetting {
    pub(super) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }

    /// The same problem, seen from the section `parent` that holds the key.
    pub(super) fn within(mut self, parent: &str) -> Self {
        self.key = format!("{parent}.{}", self.key);
        self
    }
}

/// Fails unless `value` is in `range`; `in_words` ends "must be …".
///
/// NaN is in no range, so it fails too.
pub(super) fn require_range(
    key: &str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    in_words: &str,
) -> Result<(), InvalidSetting> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::new(
        key,
        format!("must be {in_words}, not {value}"),
    ))
}
