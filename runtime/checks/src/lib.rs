//! Turns on the pallets' own checks (`try_state`, and what migrations check before and after) in native code. Nothing stands here: the
//! features of the dependencies are what it is for.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// A pallet that the runtime gets must come here too, or the tests would pass it over.
    #[test]
    fn these_are_the_crates_of_the_runtimes_feature() {
        let here: BTreeSet<_> = include_str!("../Cargo.toml")
            .lines()
            .filter(|line| line.contains("\"try-runtime\""))
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
            .collect();
        let there: BTreeSet<_> = include_str!("../../Cargo.toml")
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("/try-runtime\","))
            // The interface for tools outside; it checks nothing.
            .filter(|name| *name != "frame-try-runtime")
            .collect();
        assert!(there.contains("pallet-job-escrow"), "{there:?}");
        assert_eq!(here, there);
    }
}
