//! [`UnixTime`]: the time of day, as replies write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnixTime(Duration);

impl UnixTime {
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(since.unwrap_or_default())
    }

    pub(super) fn seconds(self) -> u64 {
        self.0.as_secs()
    }

    /// The first whole second at which `wait` is over.
    pub(super) fn after(self, wait: Duration) -> Self {
        let at = self.0.saturating_add(wait);
        let seconds = at.as_secs() + u64::from(at.subsec_nanos() > 0);
        Self(Duration::from_secs(seconds))
    }

    /// The time as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) writes it,
    /// in UTC. It is little enough to need no library.
    pub(super) fn rfc3339(self) -> String {
        let seconds = self.0.as_secs();
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        // The proleptic Gregorian calendar, with years that begin in March
        // (Howard Hinnant, "chrono-compatible low-level date algorithms").
        let days = days + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let year = year + era * 400 + u64::from(month >= 10);
        let month = if month < 10 { month + 3 } else { month - 9 };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_knows_leap_years() {
        let check = |seconds, expected| {
            assert_eq!(UnixTime(Duration::from_secs(seconds)).rfc3339(), expected);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_709_251_199, "2024-02-29T23:59:59Z");
        check(1_709_251_200, "2024-03-01T00:00:00Z");
        check(4_107_542_399, "2100-02-28T23:59:59Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
        check(1_767_225_599, "2025-12-31T23:59:59Z");
    }

    #[test]
    fn a_wait_ends_with_a_whole_second() {
        let now = UnixTime(Duration::from_millis(1_500));
        assert_eq!(now.after(Duration::ZERO).seconds(), 2);
        assert_eq!(now.after(Duration::from_millis(500)).seconds(), 2);
        assert_eq!(now.after(Duration::from_millis(501)).seconds(), 3);
    }
}
