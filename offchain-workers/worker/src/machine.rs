//! What the machine has, for defaults.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Threads to compute with when nobody says: one for each physical core, because two on one share its vector units.
pub fn default_threads() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    physical_cores(Path::new("/sys/devices/system/cpu"), logical)
        .unwrap_or(logical)
        .clamp(1, logical)
}

/// Distinct groups of sibling threads among the first `logical` processors, where the system tells.
fn physical_cores(folder: &Path, logical: usize) -> Option<usize> {
    let siblings = |cpu: usize| fs::read_to_string(folder.join(format!("cpu{cpu}/topology/thread_siblings_list"))).ok();
    let groups = (0..logical)
        .map(siblings)
        .collect::<Option<std::collections::BTreeSet<_>>>()?;
    Some(groups.len())
}

/// Memory for caches when nobody says, in bytes: a quarter of the machine's, or of what a container may have of it.
pub fn default_cache_memory() -> usize {
    /// Where the system does not tell.
    const SMALL_MACHINE: usize = 8 << 30;
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_memory(&text));
    // "max" where nothing is limited.
    let allowed = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(allowed).min().unwrap_or(SMALL_MACHINE) / 4
}

/// Where quantised models are kept when nobody says; `None` where no place for such files is known.
pub fn default_model_cache() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("lantern").join("models"))
}

/// Bytes of memory, from the contents of `/proc/meminfo`.
fn total_memory(meminfo: &str) -> Option<usize> {
    let kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"))?;
    kib.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_memory_is_read_in_kib() {
        let meminfo = "MemTotal:       24689764 kB\nMemFree:        17993420 kB\n";
        assert_eq!(total_memory(meminfo), Some(24_689_764 * 1024));
        assert_eq!(total_memory("MemFree: 1 kB"), None);
        assert_eq!(total_memory("MemTotal: many kB"), None);
    }
}
