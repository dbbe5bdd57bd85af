//! What the kernel says about this process.

use std::path::Path;

/// Reads the number after `key` in a `/proc` file of `key: number` lines.
fn field(file: &str, key: &str) -> u64 {
    std::fs::read_to_string(file)
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with(key))?;
            line[key.len()..].split_whitespace().next()?.parse().ok()
        })
        .unwrap_or(0)
}

/// Resident memory, in MiB.
#[must_use]
pub fn rss_mib() -> u64 {
    field("/proc/self/status", "VmRSS:") / 1_024
}

/// Resident memory that is not backed by files, in MiB.
#[must_use]
pub fn anon_mib() -> u64 {
    field("/proc/self/status", "RssAnon:") / 1_024
}

/// Bytes this process caused to be sent to the disk.
#[must_use]
pub fn write_bytes() -> u64 {
    field("/proc/self/io", "write_bytes:")
}

/// User and system CPU seconds used by this process.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name, is in parentheses and may contain spaces.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// Bytes allocated on disk below a folder, and the number of files.
#[must_use]
pub fn disk_usage(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = std::fs::read_dir(path) else { return (0, 0) };
    let mut sum = (0, 0);
    for entry in entries.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.is_dir() {
            let (bytes, files) = disk_usage(&entry.path());
            sum = (sum.0 + bytes, sum.1 + files);
        } else {
            sum = (sum.0 + meta.blocks() * 512, sum.1 + 1);
        }
    }
    sum
}
