//! Weights of calls and hooks.
//!
//! Estimated from the storage that each touches; the runtime replaces them by measured ones.

use core::marker::PhantomData;

use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

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

/// Estimates on the runtime's database weights.
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    /// Reads time, emission, round and three parameters; writes emission and round.
    fn drip() -> Weight {
        Weight::from_parts(20_000_000, 3_000)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    /// Reads emission, round, parameters, issued and two accounts; writes emission, two rounds, issued and two accounts.
    fn close_round() -> Weight {
        Weight::from_parts(80_000_000, 9_000)
            .saturating_add(T::DbWeight::get().reads(9))
            .saturating_add(T::DbWeight::get().writes(6))
    }
    /// Reads and writes account, closed round, forfeited, issued and the provider's balance; reads the round.
    fn claim() -> Weight {
        Weight::from_parts(60_000_000, 9_000)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(5))
    }
    /// As `claim`.
    fn claim_for() -> Weight {
        Self::claim()
    }
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
