//! How many files may be open: each connection is one.

use crate::Failure;

/// What is open besides connections, generously.
const BESIDES: usize = 64;

/// Fails if the connections of the calls in flight would not all fit. Both
/// sides keep theirs open, and those of one measurement may still be closing
/// when the next begins.
///
/// Where there is no `/proc`, the limit isn't known and nothing is said.
pub(super) fn check(in_flight: &[usize]) -> Result<(), Failure> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    match limit(&limits) {
        Some(limit) => enough(in_flight, limit),
        None => Ok(()),
    }
}

fn enough(in_flight: &[usize], limit: usize) -> Result<(), Failure> {
    let needed = 2 * in_flight.iter().sum::<usize>() + BESIDES;
    if needed <= limit {
        return Ok(());
    }
    let message = format!(
        "this needs up to {needed} open files, and a process may have {limit} here: \
         run `ulimit -n {}` in this shell first, or ask for fewer calls with `--in-flight`",
        needed.next_multiple_of(1024)
    );
    Err(message.into())
}

/// The limit that holds, if there is one.
fn limit(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_soft_one() {
        let check = |limits, expected| assert_eq!(limit(limits), expected);
        check("", None);
        check(
            "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   524288  files\n",
            Some(1024),
        );
        check("Max open files   unlimited   unlimited  files", None);
    }

    #[test]
    fn too_few_files_is_an_error_with_what_to_do() {
        assert!(enough(&[64, 256], 1024).is_ok());
        let error = enough(&[64, 256, 1_000], 1024).expect_err("an error");
        assert_eq!(
            error.to_string(),
            "this needs up to 2704 open files, and a process may have 1024 here: run \
             `ulimit -n 3072` in this shell first, or ask for fewer calls with `--in-flight`"
        );
    }
}
