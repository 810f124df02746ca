//! The memory of this process, as Linux counts it (`proc(5)`). Elsewhere nothing is known.

use std::fs;

/// Begins a new peak: from now on the largest resident set counts. Without effect where the
/// kernel does not allow it; the peak is then that of the whole run so far.
pub(super) fn reset_peak() {
    // "5" resets VmHWM to what is resident now. A kernel without it leaves the older peak.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The largest resident set since [`reset_peak`], in bytes; 0 where it is unknown.
pub(super) fn peak_bytes() -> u64 {
    status("VmHWM:")
}

/// The resident set now, in bytes; 0 where it is unknown.
pub(super) fn resident_bytes() -> u64 {
    status("VmRSS:")
}

fn status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_not_below_what_is_resident_where_both_are_known() {
        reset_peak();
        let (resident, peak) = (resident_bytes(), peak_bytes());
        assert!(peak == 0 || resident > 0);
    }
}
