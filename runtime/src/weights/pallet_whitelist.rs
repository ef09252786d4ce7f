//! Weights of `pallet_whitelist`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 20, repeat 10, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_whitelist::WeightInfo for WeightInfo<T> {
    fn whitelist_call() -> Weight {
        // Shortest run: 20_610_000 ps.
        Weight::from_parts(22_313_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    fn remove_whitelisted_call() -> Weight {
        // Shortest run: 19_749_000 ps.
        Weight::from_parts(21_041_000, 3_556)
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().writes(2))
    }
    // `n` from 1 to 10000.
    fn defer_dispatch(n: u32) -> Weight {
        // Shortest run: 15_303_000 ps.
        Weight::from_parts(16_762_963, 3_509)
            .saturating_add(Weight::from_parts(1_583, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(2))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn remove_deferred_dispatch() -> Weight {
        // Shortest run: 13_770_000 ps.
        Weight::from_parts(14_912_000, 3_509)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    // `n` from 1 to 4194294.
    fn dispatch_whitelisted_call(n: u32) -> Weight {
        // Shortest run: 44_316_000 ps.
        Weight::from_parts(127_773_995, 3_778)
            .saturating_add(Weight::from_parts(1_292, 0).saturating_mul(n.into()))
            .saturating_add(Weight::from_parts(0, 1).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(5))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    // `n` from 1 to 10000.
    fn dispatch_whitelisted_call_with_preimage(n: u32) -> Weight {
        // Shortest run: 34_782_000 ps.
        Weight::from_parts(36_971_875, 3_556)
            .saturating_add(Weight::from_parts(1_578, 0).saturating_mul(n.into()))
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(3))
    }
}
