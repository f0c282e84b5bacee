//! Resident memory of this process.

use crate::Failure;

/// What is resident now, in KiB.
pub(crate) fn now_kib() -> Result<u64, Failure> {
    kib("VmRSS:")
}

/// The most that was resident so far, in KiB.
pub(crate) fn peak_kib() -> Result<u64, Failure> {
    kib("VmHWM:")
}

fn kib(key: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| {
        let message = "resident memory is read from Linux's /proc/self/status, which can't be read";
        format!("{message}: {error}")
    })?;
    let found = read(&status, key);
    Ok(found.ok_or_else(|| format!("`{key}` is missing in /proc/self/status"))?)
}

fn read(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_status_is_kib() {
        let status = "VmPeak:\t  999 kB\nVmHWM:\t    3456 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!(read(status, "VmRSS:"), Some(1234));
        assert_eq!(read(status, "VmHWM:"), Some(3456));
        assert_eq!(read(status, "VmSwap:"), None);
    }
}
