//! Weights of `pallet_model_registry`: written by `scripts/weights`, not by hand.
//!
//! frame-benchmarking-cli 64.0.0, 2026-11-21, steps 50, repeat 20, wasm Compiled, CPU AMD EPYC.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Measured weights on the runtime's database.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_model_registry::WeightInfo for WeightInfo<T> {
    // `p` from 0 to 4.
    fn register(p: u32) -> Weight {
        // Shortest run: 82_322_000 ps.
        Weight::from_parts(89_742_632, 3_878)
            .saturating_add(Weight::from_parts(4_820_343, 0).saturating_mul(p.into()))
            .saturating_add(Weight::from_parts(0, 2_888).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().reads(3))
            .saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
            .saturating_add(T::DbWeight::get().writes(3))
    }
    fn set_royalty() -> Weight {
        // Shortest run: 23_465_000 ps.
        Weight::from_parts(27_811_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn transfer_ownership() -> Weight {
        // Shortest run: 89_713_000 ps.
        Weight::from_parts(95_762_000, 6_398)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn set_active() -> Weight {
        // Shortest run: 21_592_000 ps.
        Weight::from_parts(24_927_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(1))
            .saturating_add(T::DbWeight::get().writes(1))
    }
    fn post_price() -> Weight {
        // Shortest run: 99_968_000 ps.
        Weight::from_parts(109_973_000, 3_878)
            .saturating_add(T::DbWeight::get().reads(6))
            .saturating_add(T::DbWeight::get().writes(4))
    }
    fn withdraw_price() -> Weight {
        // Shortest run: 76_974_000 ps.
        Weight::from_parts(82_603_000, 3_694)
            .saturating_add(T::DbWeight::get().reads(4))
            .saturating_add(T::DbWeight::get().writes(4))
    }
}
