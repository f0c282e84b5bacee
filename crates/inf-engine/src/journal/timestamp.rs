//! [`Timestamp`]: when something was, and how long things took in files.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the beginning of 1970 in UTC.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use inf_engine::journal::Timestamp;
///
/// let moment = Timestamp::from_millis(1_767_225_600_000); // the beginning of 2026
/// let time = SystemTime::UNIX_EPOCH + Duration::from_millis(moment.as_millis());
/// assert_eq!(Timestamp::from(time), moment);
/// assert!(moment < Timestamp::now());
/// ```
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// This moment, by the clock of the machine.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The moment that is so many milliseconds after the beginning of 1970.
    pub fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the beginning of 1970.
    pub fn as_millis(self) -> u64 {
        self.0
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        // A clock that is set to before 1970 tells nothing.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Durations as milliseconds with three decimals: to a microsecond.
pub(super) mod milliseconds {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize, Duration};

    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    pub(in crate::journal) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if microseconds.is_multiple_of(1000) {
            serializer.serialize_u64(microseconds / 1000)
        } else {
            serializer.serialize_f64(microseconds as f64 / 1000.0)
        }
    }

    pub(in crate::journal) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let microseconds = (f64::deserialize(deserializer)? * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is no duration becomes the nearest one"
        )]
        Ok(Duration::from_micros(microseconds as u64))
    }

    /// The same for what may not be known.
    pub(in crate::journal) mod option {
        use serde::{Deserializer, Serialize, Serializer};

        use super::super::{Deserialize, Duration};

        #[derive(Serialize, Deserialize)]
        struct Milliseconds(#[serde(with = "super")] Duration);

        #[expect(clippy::ref_option, reason = "serde passes a reference")]
        pub(in crate::journal) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            duration.map(Milliseconds).serialize(serializer)
        }

        pub(in crate::journal) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            let read = Option::<Milliseconds>::deserialize(deserializer)?;
            Ok(read.map(|Milliseconds(duration)| duration))
        }
    }
}
