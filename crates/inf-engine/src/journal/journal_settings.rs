//! [`JournalSettings`]: how much may be lost when the power fails.

use std::time::Duration;

/// How much may be lost when the power fails.
///
/// Records are written at once and made durable in groups. A program that is
/// killed loses only what it handed over in its last instant; a machine that
/// loses its power loses at most `max_unsynced_records`, and none that were handed over longer
/// ago than `max_delay` and the time that the disk takes twice for what is called a sync.
///
/// ```
/// use std::time::Duration;
///
/// use inf_engine::execution::ExecutionSettings;
/// use inf_engine::journal::{Journal, JournalSettings};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// // Fewer syncs of a slow disk: a crash of the machine may cost a second of calls.
/// let rarely = JournalSettings::default().with_max_delay(Duration::from_secs(1));
/// let journal = Journal::open_with(folder, rarely)?;
/// let settings = ExecutionSettings::default().with_journal(&journal);
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalSettings {
    /// The most records that are not yet durable; while there are more, no
    /// calls are made. 1024 unless set; at least 1.
    pub max_unsynced_records: usize,
    /// The longest that a record waits for others before all of them are made
    /// durable. 20 ms unless set.
    pub max_delay: Duration,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            max_unsynced_records: 1024,
            max_delay: Duration::from_millis(20),
        }
    }
}

impl JournalSettings {
    /// Sets the most records that are not yet durable; 0 counts as 1.
    #[must_use]
    pub fn with_max_unsynced_records(mut self, records: usize) -> Self {
        self.max_unsynced_records = records.max(1);
        self
    }

    /// Sets the longest that a record waits for others.
    #[must_use]
    pub fn with_max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }
}
