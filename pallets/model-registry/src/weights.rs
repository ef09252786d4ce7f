//! Weights of the calls.
//!
//! Those here are estimates for tests, from the storage that each touches; the runtime has measured ones.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight of each call.
pub trait WeightInfo {
    /// Of `register` with so many parents.
    fn register(parents: u32) -> Weight;
    /// Of `set_royalty`.
    fn set_royalty() -> Weight;
    /// Of `transfer_ownership`.
    fn transfer_ownership() -> Weight;
    /// Of `set_active`.
    fn set_active() -> Weight;
    /// Of `post_price`.
    fn post_price() -> Weight;
    /// Of `withdraw_price`.
    fn withdraw_price() -> Weight;
}

/// Estimates for tests.
impl WeightInfo for () {
    fn register(parents: u32) -> Weight {
        Weight::from_parts(45_000_000, 6_000)
            .saturating_add(Weight::from_parts(2_000_000, 2_700).saturating_mul(parents.into()))
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().reads(1).saturating_mul(parents.into()))
            .saturating_add(RocksDbWeight::get().writes(5))
    }

    fn set_royalty() -> Weight {
        Weight::from_parts(20_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }

    fn transfer_ownership() -> Weight {
        Weight::from_parts(55_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(5))
    }

    fn set_active() -> Weight {
        Weight::from_parts(20_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }

    fn post_price() -> Weight {
        Weight::from_parts(45_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(6))
            .saturating_add(RocksDbWeight::get().writes(4))
    }

    fn withdraw_price() -> Weight {
        Weight::from_parts(40_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(4))
            .saturating_add(RocksDbWeight::get().writes(4))
    }
}
