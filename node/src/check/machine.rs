//! Whether the machine gives the node what it needs.

use super::Finding;

/// As the SDK recommends.
const OPEN_FILES: u64 = 10_000;
/// Below this there is hardly room for the caches of the database.
const MEMORY: u64 = 2 << 30;

/// Open files and memory.
pub fn limits() -> Vec<Finding> {
    vec![open_files(), memory()]
}

fn open_files() -> Finding {
    const SUBJECT: &str = "open files";
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes to a value of the type that it expects.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    // The node raises its own limit to the highest that it may have.
    match (result, limit.rlim_max) {
        (0, most @ ..OPEN_FILES) => Finding::warn(
            SUBJECT,
            format!("a process may open {most} files, and the node can need {OPEN_FILES}"),
            "LimitNOFILE=65536 in the systemd unit, or `ulimit -n 65536` before the node is started",
        ),
        (0, _) => Finding::ok(SUBJECT, format!("{OPEN_FILES} and more may be opened")),
        _ => Finding::ok(SUBJECT, "the limit is not known on this system"),
    }
}

/// Bytes of memory of this machine.
pub fn installed_memory() -> Option<u64> {
    // SAFETY: both calls touch no memory of ours.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).ok()?.checked_mul(u64::try_from(size).ok()?)
}

fn memory() -> Finding {
    const SUBJECT: &str = "memory";
    match installed_memory() {
        Some(bytes @ ..MEMORY) => Finding::warn(
            SUBJECT,
            format!("{} MiB is little for a node", bytes >> 20),
            "use a machine with 4 GiB or more, or a smaller cache (--trie-cache-size)",
        ),
        Some(bytes) => Finding::ok(SUBJECT, format!("{} MiB", bytes >> 20)),
        None => Finding::ok(SUBJECT, "its size is not known on this system"),
    }
}

/// What the processor can do for a provider.
pub fn processor() -> Finding {
    const SUBJECT: &str = "processor";
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512vnni") {
            return Finding::ok(SUBJECT, "AVX-512 VNNI");
        }
        if std::is_x86_feature_detected!("avx2") {
            return Finding::ok(SUBJECT, "AVX2");
        }
        Finding::warn(
            SUBJECT,
            "it has no AVX2, so that the worker computes with its slow, portable kernels",
            "serve small models, or use a machine of 2015 or later; a virtual machine may have to pass the processor through",
        )
    }
    #[cfg(not(target_arch = "x86_64"))]
    Finding::ok(SUBJECT, std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn machine_tells_its_memory() {
        assert!(installed_memory().is_some_and(|bytes| bytes > 1 << 28));
    }
}
