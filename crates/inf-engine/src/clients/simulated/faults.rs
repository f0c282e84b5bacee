//! How often a simulated call fails, and in which way.

use std::time::Duration;

use rand::RngExt;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::super::{ClientError, ClientErrorKind};
use super::InvalidSetting;
use super::invalid_setting::require_range;

/// How often a call fails, each as a share of the calls that the quota lets
/// through: 0.01 is one in a hundred. By default nothing fails.
///
/// ```
/// use inf_engine::clients::simulated::Faults;
///
/// let faults = Faults { error_ratio: 0.01, ..Faults::default() };
/// assert!(faults.validate().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Calls answered with an internal error of the server (HTTP 500).
    pub error_ratio: f64,
    /// Calls whose connection breaks before there is an answer.
    pub disconnect_ratio: f64,
    /// Calls refused as too many (HTTP 429) without a hint, whatever the quota.
    pub rate_limited_ratio: f64,
}

/// The way in which one call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Error,
    Disconnect,
    RateLimited,
}

impl Faults {
    /// Whether every ratio is between 0 and 1.
    ///
    /// # Errors
    ///
    /// The first one that is not.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        for (key, ratio) in [
            ("error_ratio", self.error_ratio),
            ("disconnect_ratio", self.disconnect_ratio),
            ("rate_limited_ratio", self.rate_limited_ratio),
        ] {
            require_range(key, ratio, 0.0..=1.0, "between 0 and 1")?;
        }
        Ok(())
    }

    /// All ratios together: the share of calls that fail.
    pub(super) fn sum(&self) -> f64 {
        self.error_ratio + self.disconnect_ratio + self.rate_limited_ratio
    }

    /// The fault of one call, if it has one.
    pub(super) fn draw(&self, rng: &mut Pcg64) -> Option<Fault> {
        let at: f64 = rng.random();
        let errors_end = self.error_ratio;
        let disconnects_end = errors_end + self.disconnect_ratio;
        if at < errors_end {
            Some(Fault::Error)
        } else if at < disconnects_end {
            Some(Fault::Disconnect)
        } else if at < self.sum() {
            Some(Fault::RateLimited)
        } else {
            None
        }
    }
}

impl Fault {
    /// When the caller gets to see it, if the answer would start after
    /// `first_byte`: refusing takes no time, failing does.
    pub(super) fn after(self, first_byte: Duration) -> Duration {
        match self {
            Self::Error | Self::Disconnect => first_byte,
            Self::RateLimited => Duration::ZERO,
        }
    }

    /// What the caller gets to see.
    pub(super) fn to_error(self) -> ClientError {
        let (kind, message) = match self {
            Self::Error => (
                ClientErrorKind::Server,
                "the simulated provider failed with an internal error (500)",
            ),
            Self::Disconnect => (
                ClientErrorKind::Unreachable,
                "the simulated provider closed the connection before it answered",
            ),
            Self::RateLimited => (
                ClientErrorKind::RateLimited,
                "the simulated provider refused the call as one too many (429)",
            ),
        };
        ClientError::new(kind, message)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn each_fault_comes_as_often_as_its_ratio_says() {
        let faults = Faults {
            error_ratio: 0.05,
            disconnect_ratio: 0.1,
            rate_limited_ratio: 0.2,
        };
        let mut rng = Pcg64::seed_from_u64(3);
        let drawn: Vec<_> = (0..40_000).map(|_| faults.draw(&mut rng)).collect();
        let share = |fault| {
            let count = drawn.iter().filter(|drawn| **drawn == fault).count();
            f64::from(u32::try_from(count).expect("few")) / 40_000.0
        };
        for (fault, ratio) in [
            (Some(Fault::Error), 0.05),
            (Some(Fault::Disconnect), 0.1),
            (Some(Fault::RateLimited), 0.2),
            (None, 0.65),
        ] {
            assert!((share(fault) - ratio).abs() < 0.01, "{fault:?}");
        }
    }

    #[test]
    fn ratios_of_zero_and_one_are_exact() {
        let mut rng = Pcg64::seed_from_u64(3);
        let always = Faults {
            disconnect_ratio: 1.0,
            ..Faults::default()
        };
        for _ in 0..1000 {
            assert_eq!(Faults::default().draw(&mut rng), None);
            assert_eq!(always.draw(&mut rng), Some(Fault::Disconnect));
        }
    }
}
