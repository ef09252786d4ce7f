//! Weights of the calls.
//!
//! ESTIMATES, until they are measured with `frame-omni-bencher`: reads and writes are counted from the code, the time of computing is a
//! guess on the safe side.

use core::marker::PhantomData;
use frame_support::{
    traits::Get,
    weights::{constants::RocksDbWeight, Weight},
};

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

/// Weights over the runtime's database.
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
    // Touches the record, its counter and the funds; per parent one look-up.
    fn register(parents: u32) -> Weight {
        Weight::from_parts(45_000_000, 6_000)
            .saturating_add(Weight::from_parts(2_000_000, 2_700).saturating_mul(parents.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(parents.into()))
            .saturating_add(T::DbWeight::get().writes(5))
    }

    // Touches the record.
    fn set_royalty() -> Weight {
        Weight::from_parts(20_000_000, 6_000)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }

    // Touches the record and the funds of both owners.
    fn transfer_ownership() -> Weight {
        Weight::from_parts(55_000_000, 6_000)
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(5))
    }

    // Touches the record.
    fn set_active() -> Weight {
        Weight::from_parts(20_000_000, 6_000)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }

    // Touches the provider's standing, the model, the price, its counter and the funds.
    fn post_price() -> Weight {
        Weight::from_parts(45_000_000, 6_000)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(4))
    }

    // Touches the price, its counter and the funds.
    fn withdraw_price() -> Weight {
        Weight::from_parts(40_000_000, 6_000)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
}

/// For tests.
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
