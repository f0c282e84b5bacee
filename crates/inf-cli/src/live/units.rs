//! Numbers for narrow places.

use std::time::Duration;

use crate::console::{compact, grouped};

/// So many a second, to about three digits.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 10.0 {
        format!("{per_second:.1}")
    } else {
        compact(whole(per_second))
    }
}

/// A number without its fraction.
pub(super) fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what does not fit ends at the nearest number that does"
    )]
    let whole = number.round() as u64;
    whole
}

/// A time that is left or has passed, to two units.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds:02} s"),
        (0, ..) => format!("{hours} h {minutes:02} min"),
        _ => format!("{} d {hours:02} h", grouped(days)),
    }
}

/// A latency in at most six characters.
pub(super) fn latency(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        ..0.0095 => format!("{:.1} ms", seconds * 1000.0),
        ..0.9995 => format!("{:.0} ms", seconds * 1000.0),
        ..9.95 => format!("{seconds:.2} s"),
        ..99.95 => format!("{seconds:.1} s"),
        ..9999.5 => format!("{seconds:.0} s"),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_narrow_places() {
        let rates = [0.0, 0.04, 9.94, 10.0, 143.4, 9_999.0, 12_345.0].map(rate);
        assert_eq!(rates, ["0.0", "0.0", "9.9", "10", "143", "9,999", "12.3k"]);
        let times = [5, 65, 3_725, 90_000, 86_400 * 1234]
            .map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(
            times,
            [
                "5 s",
                "1 min 05 s",
                "1 h 02 min",
                "1 d 01 h",
                "1,234 d 00 h"
            ]
        );
        let latencies = [0.0001, 0.412, 0.9999, 1.234, 12.34, 123.4, 12_345.0];
        let latencies = latencies.map(|seconds| latency(Duration::from_secs_f64(seconds)));
        assert_eq!(
            latencies,
            [
                "0.1 ms", "412 ms", "1.00 s", "1.23 s", "12.3 s", "123 s", "3.4 h"
            ]
        );
    }
}
