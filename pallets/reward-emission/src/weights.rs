//! Weights of calls and hooks.
//!
//! Those here are estimates for tests, from the storage that each touches; the runtime has measured ones.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weights of calls and hooks.
pub trait WeightInfo {
    /// Work of every block.
    fn drip() -> Weight;
    /// Added in the block that closes a round.
    fn close_round() -> Weight;
    /// `claim`, with a closed round that ends with it.
    fn claim() -> Weight;
    /// `claim_for`, with a closed round that ends with it.
    fn claim_for() -> Weight;
}

/// Estimates for tests.
impl WeightInfo for () {
    fn drip() -> Weight {
        Weight::from_parts(20_000_000, 3_000)
            .saturating_add(RocksDbWeight::get().reads(6))
            .saturating_add(RocksDbWeight::get().writes(2))
    }
    fn close_round() -> Weight {
        Weight::from_parts(80_000_000, 9_000)
            .saturating_add(RocksDbWeight::get().reads(9))
            .saturating_add(RocksDbWeight::get().writes(6))
    }
    fn claim() -> Weight {
        Weight::from_parts(60_000_000, 9_000)
            .saturating_add(RocksDbWeight::get().reads(6))
            .saturating_add(RocksDbWeight::get().writes(5))
    }
    fn claim_for() -> Weight {
        Self::claim()
    }
}
