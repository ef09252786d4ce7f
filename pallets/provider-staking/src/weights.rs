//! Weights of the calls.
//!
//! Those here are estimates for tests, from the storage that each touches; the runtime has measured ones.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight of each call.
pub trait WeightInfo {
    /// Of `register` with so many worker keys.
    fn register(workers: u32) -> Weight;
    /// Of `update_metadata`.
    fn update_metadata() -> Weight;
    /// Of `bond_more`.
    fn bond_more() -> Weight;
    /// Of `add_worker`.
    fn add_worker() -> Weight;
    /// Of `remove_worker`.
    fn remove_worker() -> Weight;
    /// Of `unbond`.
    fn unbond() -> Weight;
    /// Of `withdraw_unbonded`.
    fn withdraw_unbonded() -> Weight;
    /// Of `pause`.
    fn pause() -> Weight;
    /// Of `resume`.
    fn resume() -> Weight;
    /// Of `deregister`.
    fn deregister() -> Weight;
}

/// Estimates for tests.
impl WeightInfo for () {
    fn register(workers: u32) -> Weight {
        Weight::from_parts(35_000_000, 6_000)
            .saturating_add(Weight::from_parts(55_000_000, 2_600).saturating_mul(workers.into()))
            .saturating_add(RocksDbWeight::get().reads(6))
            .saturating_add(RocksDbWeight::get().reads(1).saturating_mul(workers.into()))
            .saturating_add(RocksDbWeight::get().writes(6))
            .saturating_add(RocksDbWeight::get().writes(1).saturating_mul(workers.into()))
    }

    fn update_metadata() -> Weight {
        Weight::from_parts(15_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(2))
            .saturating_add(RocksDbWeight::get().writes(1))
    }

    fn bond_more() -> Weight {
        Weight::from_parts(35_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(4))
            .saturating_add(RocksDbWeight::get().writes(4))
    }

    fn add_worker() -> Weight {
        Weight::from_parts(75_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(4))
            .saturating_add(RocksDbWeight::get().writes(2))
    }

    fn remove_worker() -> Weight {
        Weight::from_parts(20_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(2))
            .saturating_add(RocksDbWeight::get().writes(2))
    }

    fn unbond() -> Weight {
        Weight::from_parts(20_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }

    fn withdraw_unbonded() -> Weight {
        Weight::from_parts(40_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(5))
            .saturating_add(RocksDbWeight::get().writes(5))
    }

    fn pause() -> Weight {
        Weight::from_parts(15_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }

    fn resume() -> Weight {
        Weight::from_parts(15_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(1))
            .saturating_add(RocksDbWeight::get().writes(1))
    }

    fn deregister() -> Weight {
        Weight::from_parts(45_000_000, 6_000)
            .saturating_add(RocksDbWeight::get().reads(3))
            .saturating_add(RocksDbWeight::get().writes(19))
    }
}
